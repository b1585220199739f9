from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import yaml

from expectations.catalogue import CATALOGUE, Catalogue
from expectations.grains import GRAINS, REFERENCES
from expectations.rule import FINDING_COLUMNS, Check, Rule
from expectations.suites import GX_SEVERITY, expectation_query, violations_query
from orchestration.settings import PROJECT_ROOT

SEVERITIES = {
    "OWN-01": "withhold",
    "OWN-02": "withhold",
    "OWN-03": "withhold",
    "OWN-04": "withhold",
    "OWN-05": "withhold",
    "OWN-06": "warn",
    "OWN-07": "warn",
    "MAP-01": "withhold",
    "MAP-02": "withhold",
    "MAP-03": "withhold",
    "MAP-04": "withhold",
    "MAP-05": "block",
    "DAT-01": "block",
    "DAT-02": "block",
    "DAT-03": "withhold",
    "DAT-04": "withhold",
    "DAT-05": "withhold",
    "DAT-06": "block",
    "DAT-07": "warn",
    "DAT-08": "warn",
    "DAT-09": "warn",
    "CHG-01": "warn",
    "CHG-02": "warn",
    "CHG-03": "warn",
    "POL-01": "warn",
    "POL-02": "warn",
    "POL-03": "warn",
    "RPT-01": "warn",
    "RPT-02": "block",
    "RPT-03": "block",
    "GOV-01": "warn",
}
MARTS = {
    *("OWN-01", "OWN-02", "OWN-03", "OWN-04", "OWN-05", "OWN-06", "OWN-07"),
    *("MAP-01", "MAP-02", "MAP-03", "MAP-04", "MAP-05"),
    *("DAT-01", "DAT-02", "DAT-03", "DAT-04", "DAT-05", "DAT-06", "DAT-07", "DAT-08", "DAT-09"),
    *("CHG-01", "CHG-02", "CHG-03"),
    *("POL-01", "POL-02", "POL-03"),
    "GOV-01",
}
REPORTS = {"DAT-02", "DAT-06", "RPT-01", "RPT-02", "RPT-03"}


def make_rule(**changes) -> Rule:
    rule = Rule(
        id="OWN-01",
        slug="something_is_true",
        title="Something is true",
        why="Because.",
        subject_type="kpi",
        severity="block",
        owner_role="champion",
        remedy="Mend it.",
    )
    return replace(rule, **changes)


def test_the_catalogue_holds_every_rule_of_the_design_and_no_other():
    """A rule that vanishes, or is quietly softened, must fail here."""
    assert {rule.id: rule.severity for rule in CATALOGUE.rules} == SEVERITIES


def test_exactly_these_rules_are_checked():
    assert {rule.id for rule in CATALOGUE.active("marts")} == MARTS
    assert {rule.id for rule in CATALOGUE.active("reports")} == REPORTS


@pytest.mark.parametrize("rule", CATALOGUE.rules, ids=lambda rule: rule.id)
def test_a_rule_tells_people_what_to_do(rule):
    for text in (rule.title, rule.why, rule.remedy):
        assert text == text.strip()
        assert len(text) > 20
    assert not rule.title.endswith(".")
    assert rule.why.endswith(".")
    assert rule.remedy.endswith(".")
    assert (PROJECT_ROOT / "expectations" / "rules" / f"{rule.check_name}.py").is_file()


def test_every_published_model_has_a_declared_grain():
    models = PROJECT_ROOT / "dbt_project" / "models"
    for stage in ("marts", "reports"):
        # What starts with int_ is a step towards a model, and has no table of its own.
        names = {path.stem for path in (models / stage).rglob("*.sql") if not path.stem.startswith("int_")}
        published = {f"{stage}.{name}" for name in names}
        assert published == {grain.table for grain in GRAINS[stage]}


def test_every_reference_that_dbt_tests_in_ci_is_audited_in_each_run():
    """The pipeline leaves dbt's tests out: what they hold is then held by nobody."""
    models = PROJECT_ROOT / "dbt_project" / "models"
    for stage in ("marts", "reports"):
        tested, kinds = set(), set()
        for path in (models / stage).rglob("*.yml"):
            for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
                tests = [(None, test) for test in model.get("data_tests", [])]
                for column in model.get("columns", []):
                    tests += [(column["name"], test) for test in column.get("data_tests", [])]
                for column, test in tests:
                    ((kind, options),) = test.items()
                    kinds.add(kind)
                    if kind == "relationships":
                        to = options["arguments"]["to"].removeprefix("ref('").removesuffix("')")
                        assert options["arguments"]["field"] == column
                        tested.add((f"{stage}.{model['name']}", column, f"{stage}.{to}"))
        assert tested == {(one.table, one.column, one.to) for one in REFERENCES[stage]}
        assert kinds <= {"key_identifies_one_row", "relationships"}, f"DAT-02 does not audit what {kinds} hold"


def test_a_missing_rule_file_leaves_a_gap_that_is_refused():
    with pytest.raises(ValueError, match=r"numbered \[1, 3"):
        Catalogue(tuple(rule for rule in CATALOGUE.rules if rule.id != "OWN-02"))


def test_a_doubled_id_is_refused():
    with pytest.raises(ValueError, match="missing or doubled"):
        Catalogue((*CATALOGUE.rules, make_rule()))


def test_the_hash_changes_with_anything_that_decides():
    check = Check(violations="select 1", judged="select 1")
    hashes = {
        Catalogue((rule,)).hash
        for rule in (
            make_rule(),
            make_rule(severity="warn"),
            make_rule(owner_role="reviewer"),
            make_rule(stages=("reports",)),
            make_rule(checks={"marts": check}),
            make_rule(checks={"marts": replace(check, violations="select 2")}),
            make_rule(checks={"marts": replace(check, judged="select 2")}),
            make_rule(checks={"marts": replace(check, may_judge_nothing=True)}),
        )
    }

    assert len(hashes) == 8


def test_the_hash_does_not_change_with_prose_or_order():
    assert Catalogue((make_rule(),)).hash == Catalogue((make_rule(why="For another reason."),)).hash
    assert Catalogue(tuple(reversed(CATALOGUE.rules))).hash == CATALOGUE.hash


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "ABC-01"}, "expected one of OWN"),
        ({"id": "OWN-1"}, "expected one of OWN"),
        ({"slug": "Has Blanks"}, "lower case words"),
        ({"stages": ()}, "stages must be some of"),
        ({"stages": ("staging",)}, "stages must be some of"),
        (
            {"stages": ("marts", "reports"), "checks": {"marts": Check("select 1", "select 1")}},
            "needs a check for each of its stages",
        ),
    ],
)
def test_a_rule_that_is_not_whole_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_rule(**changes)


def test_the_query_of_a_rule_names_the_rule_and_returns_the_columns_of_a_finding():
    query = violations_query("OWN-01", Check("select 1 as x", "select 1"))

    assert query.startswith("select /* OWN-01 */ finding.subject_type")
    assert all(f"finding.{column}" in query for column in FINDING_COLUMNS)


def test_braces_colons_and_comments_survive_great_expectations():
    written = "select regexp_matches(x, '\\d{4}') as a, 'at :noon' as b, y::date as c -- why"

    query = expectation_query("OWN-01", Check(written, "select 1"))

    assert "\\d{{4}}" in query
    assert "at \\:noon" in query
    assert "y::date" in query
    assert query.format(batch="(select 1)").count("-- why\n)") == 1


def test_every_severity_has_one_in_great_expectations():
    assert set(GX_SEVERITY) == {rule.severity for rule in CATALOGUE.rules}


def test_importing_the_rules_and_the_audit_imports_neither_great_expectations_nor_dbt():
    modules = "expectations.catalogue, expectations.suites, orchestration.audit.run, orchestration.audit.verdict"
    heavy = "{'great_expectations', 'sqlalchemy', 'pandas', 'dbt', 'dagster'}"
    program = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"

    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert finished.stdout.strip() == "[]"
