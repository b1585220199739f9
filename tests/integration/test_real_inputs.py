"""Public data that nobody on this project wrote, through the whole pipeline. Each docstring is the failure it prevents.

One company holds all of it: two registries read by the mappings in tests/real, the public strings that break software
as KPI ids and names, and a KPI for each hospital. Everything is configuration: nothing is prepared before it is read.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import unicodedata
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import markupsafe
import pytest
import yaml

from orchestration.company.loader import load_company
from orchestration.ingestion.mapping.apply import build
from orchestration.ingestion.mapping.contract import load_mappings
from orchestration.ingestion.mapping.source import read_records
from orchestration.ingestion.sources import Delivery
from orchestration.settings import PROJECT_ROOT, load_settings

pytestmark = [pytest.mark.real]
MAPPINGS = PROJECT_ROOT / "tests" / "real"
UNIT = "as published"

COMPANY: dict[str, Any] = {
    "organization.yml": {
        "company": {"id": "world", "name": "World", "time_zone": "UTC"},
        "units": [
            {"id": "world", "name": "World"},
            *({"id": one, "name": one.upper(), "parent": "world"} for one in ("mcc", "nhs")),
        ],
        "people": [],
    },
    "cycles.yml": {
        "cycles": [
            {
                "id": "quarter",
                "name": "Q4 2012",
                "starts_on": "2012-07-01",
                "ends_on": "2012-09-30",
                "closes_on": "2012-11-10",
            },
            {
                "id": "2018-19",
                "name": "2018/19",
                "starts_on": "2018-04-01",
                "ends_on": "2019-03-31",
                "closes_on": "2019-05-01",
            },
        ]
    },
    "feeds.yml": {
        "feeds": [
            {
                "id": "actuals",
                "name": "Actuals of the country programmes",
                "source": {"type": "file", "path": "mcc/kpis.csv"},
                "format": "csv",
                "encoding": "cp1252",
                "thousands_mark": ",",
                "null_tokens": ["", "Pending", "TBD", "N/A", "No target", "#DIV/0!", "Date"],
                "columns": {
                    "kpi": {"template": "{country|slug}/{project|hash}/{activity|hash}/{kpi|slug}"},
                    "value": {"column": "actual", "pattern": r"\$?(?P<value>.*?) ?%?"},
                },
                "constants": {"period": "2012-07-01"},
                "ignored_columns": ["baseline", "target", "percent"],
                "max_quarantine_share": 0.25,  # of what is not there yet, the source says so in words
            },
            {
                "id": "attendances",
                "name": "Attendances of emergency departments",
                "source": {"type": "file", "path": "nhs_ae/ae_attendances.csv"},
                "format": "csv",
                "columns": {
                    "kpi": {"template": "seen-within-four-hours/{org_code}"},
                    "period": "period",
                    "value": {"ratio": ["breaches", "attendances"], "complement": True, "sum_over": ["type"]},
                },
                "ignored_columns": ["admissions"],
            },
        ]
    },
}
EXTRA = """
  - id: naughty
    name: Strings that break software
    source: {type: file, path: naughty.json}
    format: json
    targets:
      - kind: kpis
        id: "{text}"
        fields: {name: {column: text}, unit: orders, org_unit: world, feed: actuals, direction: increase, grain: day,
                 aggregation: mean, category: health, indicator: lagging, tier: output}
  - id: hospitals
    name: Hospitals, as the attendances name them
    source: {type: file, path: nhs_ae/ae_attendances.csv}
    format: csv
    targets:
      - kind: kpis
        id: "seen-within-four-hours/{org_code}"
        fields: {name: {template: "Seen within four hours at {org_code}"}, unit: share, org_unit: nhs,
                 feed: attendances, direction: increase, grain: month, aggregation: mean, target: 0.95,
                 category: outcome, indicator: lagging, tier: outcome, valid_range: {min: 0, max: 1}}
      - kind: objectives
        id: "nhs"
        cycle: "2018-19"
        fields: {title: Nobody waits, unit: nhs}
      - kind: key_results
        id: "four-hours/{org_code}"
        cycle: "2018-19"
        objective: "nhs"
        fields: {title: {template: "95 % within four hours at {org_code}"}, type: control, direction: stay_above,
                 unit: share, target: 0.95,
                 links: [{kpi: {template: "seen-within-four-hours/{org_code}"}, type: measures}]}
"""


class World:
    """The company after one run."""

    def __init__(self, root: Path, real: Path) -> None:
        self.root, self.real = root, real
        self.company, self.landing = root / "company", root / "landing"
        for name, content in COMPANY.items():
            path = self.company / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(content, sort_keys=False))
        parts = [(MAPPINGS / name / "mappings.yml").read_text() for name in ("gitlab", "mcc")]
        (self.company / "mappings.yml").write_text(
            "mappings:\n" + "".join(p.split("mappings:\n")[1] for p in parts) + EXTRA
        )
        for name in ("gitlab", "mcc", "nhs_ae"):
            shutil.copytree(real / name, self.landing / name)
        self.strings: list[str] = json.loads((real / "naughty" / "blns.json").read_text())
        (self.landing / "naughty.json").write_text(
            "[" + ",\n".join(json.dumps({"text": text}) for text in self.strings) + "]"
        )
        self.programme = self._actuals()
        self.hospitals = self._attendances()

    def _actuals(self) -> list[tuple[int, str, list[float | None]]]:
        """Return (line, key result, [baseline, target, actual, percent]) of every row that has an id."""
        (mapping,) = [one for one in load_mappings(self.company) if one.id == "mcc"]
        target = next(one for one in mapping.targets if one.kind == "key_results")
        found = []
        for row in read_records(Delivery("mcc/kpis.csv", self.landing / "mcc/kpis.csv"), mapping):
            built = build(row, target, mapping, "mcc/kpis.csv")
            if built.record is None:
                continue
            figures = [_figure(row.fields[name]) for name in ("baseline", "target", "actual", "percent")]
            found.append((row.line, built.record.natural_id, figures))
        return found

    def _attendances(self) -> dict[tuple[str, str], float]:
        """Return (hospital, month) -> share seen within four hours, of the months that it reported."""
        sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
        text = (self.real / "nhs_ae" / "ae_attendances.csv").read_text()
        for row in csv.DictReader(io.StringIO(text)):
            sums[row["org_code"], row["period"]][0] += float(row["attendances"])
            sums[row["org_code"], row["period"]][1] += float(row["breaches"])
        return {key: 1 - breaches / seen for key, (seen, breaches) in sums.items() if seen}

    def run(self) -> World:
        from orchestration.cli import _dagster_home
        from orchestration.pipeline import run_pipeline

        settings = load_settings(
            {
                "LOS_COMPANY_DIR": str(self.company),
                "LOS_LANDING_DIR": str(self.landing),
                "LOS_DATA_DIR": str(self.root / "data"),
                "LOS_AS_OF": "2019-05-15",
                "LOS_FIRST_AS_OF": "2019-05-01",
                "LOS_DUCKDB_MEMORY_LIMIT": "1GB",
            }
        )
        _dagster_home(settings)
        self.exit_code = run_pipeline(settings, as_of=None, publish=True)
        return self

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.root / "data/warehouse/warehouse.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def failing(self, rule: str) -> dict[str, str]:
        return dict(
            self.rows(f"select subject_id, detail from reports.rpt_integrity_failures where rule_id = '{rule}'")
        )

    def quarantine(self, feed: str) -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            return connection.execute(
                "select source_file, source_row, reason_code, column_name, raw_value, message "
                f"from read_parquet('{self.root}/data/lake/quarantine/**/*.parquet', union_by_name = true) "
                "where source_feed = ? order by 1, 2",
                [feed],
            ).fetchall()


def _figure(text: str) -> float | None:
    match = re.fullmatch(r"\$?(-?[0-9.,]+) ?%?", text.strip())
    return float(match[1].replace(",", "")) if match else None


@pytest.fixture(scope="module")
def world(real: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"), real).run()


def test_the_company_of_public_data_loads_and_runs(world: World) -> None:
    """What was tried on made-up data breaks on the first real file."""
    assert load_company(world.company).records
    assert world.exit_code in (0, 2)
    assert world.rows("select count(*) from reports.rpt_integrity_failures")[0][0] > 0


def test_programme_progress_is_the_publishers_percent(world: World) -> None:
    """Progress is computed otherwise than whoever published the figures computes it."""
    computed = dict(world.rows("select key_result_id, progress_raw from marts.fct_key_result_daily where is_latest"))
    whole = [row for row in world.programme if None not in row[2]]
    others = {
        line: (round(computed[name] * 100, 1), figures[3])
        for line, name, figures in whole
        if abs(computed[name] * 100 - figures[3]) > 1
    }
    assert len(whole) == 271
    # Errors of the publisher: of each row the four numbers contradict each other.
    assert others == {
        67: (20.0, 22.0),
        90: (177.5, 56.0),
        98: (65.0, 100.0),
        100: (85.4, 73.2),
        105: (96.0, 84.47),
    }


def test_programme_rows_without_numbers_have_no_figure_and_a_reason(world: World) -> None:
    """Pending counts as 0, a date as a number, or the row is gone."""
    assert {(row[1], row[2], row[4]) for row in world.quarantine("mcc")} == {
        (22, "not_a_number", "50% reduction"),
        (121, "not_a_number", "12-Jan"),
        (122, "not_a_number", "11-Jun"),
        (130, "not_a_number", "11-Apr"),
        (131, "not_a_number", "11-Feb"),
        (136, "not_a_number", "11-Aug"),
        (137, "not_a_number", "11-Jun"),
        (157, "not_a_number", "1-Mar-10"),
        (212, "not_a_number", "31-Oct-10"),
        (239, "not_a_number", "1-Nov-12"),
        (336, "missing_value", None),
    }
    lacking = [name for _, name, figures in world.programme if None in figures[:3]]
    found = dict(world.rows("select key_result_id, null_reason from marts.fct_key_result_daily where is_latest"))
    assert lacking
    assert {found[name] for name in lacking} <= {"no_data", "no_target", "no_baseline", "degenerate_range"}
    assert world.rows(
        "select rows_read, rows_accepted, rows_quarantined, rows_collapsed from marts.fct_feed_load "
        "where source_feed = 'mcc'"
    ) == [(4 * 351, 4 * 351 - 2, 2, 703)]


def test_programme_actuals_are_read_by_the_feed_or_quarantined(world: World) -> None:
    """The id that the feed composes is not the one that the registry's mapping made, or a text counts as a number."""
    found = dict(
        world.rows("select kpi_id, value from marts.fct_kpi_observation where is_current and source_feed = 'actuals'")
    )
    assert found == {name: figures[2] for _, name, figures in world.programme if figures[2] is not None}
    kept = {row[1]: row[2:5] for row in world.quarantine("actuals")}
    assert kept.pop(336) == ("missing_value", "kpi", "")
    assert set(kept) == {line for line, _, figures in world.programme if figures[2] is None}
    assert {row for row in kept.values() if row[2] == "Pending"} == {("missing_value", "actual", "Pending")}
    numbers = (f"{number} (Q13-Q16)" for number in ("25.43", "16.57", "119", "92"))
    assert {row[2]: row[:2] for row in kept.values() if row[2] != "Pending"} == dict.fromkeys(
        ("11-Sep", "12-Apr", "11-Mar", "11-Oct", "11-Aug", "14-Sep-10", *numbers),
        ("not_a_number", "actual"),
    )


def test_handbook_indicators_load_and_the_unowned_are_withheld(world: World) -> None:
    """An indicator of nobody is reported like any other."""
    kpis = "select kpi_id from marts.dim_kpi where is_current and source_file like 'gitlab/%'"
    loaded = {name for (name,) in world.rows(kpis)}
    owned = {
        name
        for (name,) in world.rows(
            "select subject_id from marts.dim_ownership where role = 'accountable_owner' and is_current "
            "and person_id <> '(unowned)'"
        )
    }
    assert len(loaded) == 229
    assert len(loaded & owned) == 22
    assert loaded & set(world.failing("OWN-02")) == loaded - owned


def test_handbook_parents_that_dangle_are_named(world: World) -> None:
    """A parent that was renamed is a parent no more, and nobody is told."""
    dangling = world.rows(
        "select distinct subject_id from intermediate.int_definitions__references "
        "where reference = 'drivers.kpi' and not is_resolved and source_file like 'gitlab/%'"
    )
    assert len(dangling) == 18
    assert {name for (name,) in dangling} <= set(world.failing("MAP-03"))


def test_handbook_targets_in_prose_are_read_or_quarantined(world: World) -> None:
    """A target in words is guessed; of two targets for one indicator the last wins."""
    found = world.rows(
        "select name_, direction, target, unit from (select kpi_name as name_, * from marts.dim_kpi where is_current) "
        "where source_file = 'gitlab/development_department.yml' and name_ like 'Past Due %' order by name_"
    )
    assert found == [
        ("Past Due InfraDev Issues", "decrease", 5.0, "issues"),
        ("Past Due Security Issues", "decrease", 20.0, "issues"),
    ]
    kept = world.quarantine("handbook")
    unread = [row for row in kept if row[3] == "target"]
    with_target = world.rows(
        "select count(target) from marts.dim_kpi where is_current and source_file like 'gitlab/%'"
    )[0][0]
    stated = sum(
        record.get("target") is not None
        for path in (world.real / "gitlab").glob("*.yml")
        for record in yaml.safe_load(path.read_text())
    )
    assert len(unread) + with_target == stated == 143
    conflicts = [row for row in kept if row[2] == "duplicate_in_file"]
    assert [row[:2] for row in conflicts] == [
        ("gitlab/community_relations_department.yml", 86),
        ("gitlab/quality_department.yml", 8),
    ]


def test_hospital_months_that_were_not_reported_are_missing_and_not_zero(world: World) -> None:
    """Silence is a breach of nothing, or of everything."""
    observed = {
        (kpi.removeprefix("seen-within-four-hours/"), on.isoformat()): value
        for kpi, on, value in world.rows(
            "select kpi_id, period_start_on, value from marts.fct_kpi_observation "
            "where is_current and source_feed = 'attendances'"
        )
    }
    assert observed == pytest.approx(world.hospitals)
    months = [date(2018 + (3 + n) // 12, (3 + n) % 12 + 1, 1).isoformat() for n in range(12)]
    found = world.rows(
        "select key_result_id, progress_raw, null_reason from marts.fct_key_result_daily "
        "where is_latest and key_result_id like 'four-hours/%'"
    )
    assert len(found) == 274
    silent = 0
    for name, progress, reason in found:
        shares = [world.hospitals.get((name.removeprefix("four-hours/"), month)) for month in months]
        if shares[-2:] == [None, None]:  # March is not due on its own last day, February is
            assert (progress, reason) in {(None, "stale"), (None, "no_data")}, name
            continue
        due = shares if shares[-1] is not None else shares[:-1]
        silent += None in due
        assert progress == pytest.approx(sum(one is not None and one >= 0.95 for one in due) / len(due)), name
    assert silent > 0


def test_naughty_strings_survive_from_definition_to_site_escaped(world: World) -> None:
    """A name runs as a script, breaks a page, or comes out as another name."""
    names = {name for (name,) in world.rows("select kpi_name from marts.dim_kpi where source_file = 'naughty.json'")}
    refused = {row[1] for row in world.quarantine("naughty")}
    for line, text in enumerate(world.strings, start=1):
        assert unicodedata.normalize("NFC", text.strip()) in names or line in refused, text
    assert len(names) + len(refused) <= len(world.strings)
    assert len(names) > 450
    pages = {path.name: path.read_text() for path in (world.root / "data/governance/current").rglob("*.html")}
    whole = "\n".join(pages.values())
    marked = [name for name in names if "<" in name]
    assert len(marked) > 200
    # A page shows so many rows of a rule and no more; every one that it shows is text.
    assert not [name for name in marked if name in whole]
    assert sum(str(markupsafe.escape(name)) in whole for name in marked) > 40
    listed = {name for (name,) in world.rows("select subject_name from reports.rpt_integrity_failures")}
    assert names <= listed
