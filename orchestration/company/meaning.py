"""Errors of meaning that the definitions alone show: what dangles, has no owner, or does not add up.

Such a company loads, and the integrity rules act on it once the data is there. This module says the same earlier, to
the person who is writing; the rule in each finding is the one that will act, and the rules stay the judge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from orchestration.company.records import DefinitionRecord, Row
from orchestration.company.sheets import sheets
from orchestration.names import Names

STATUS_RULES: Final = "status_rules"
FEEDS: Final = "feeds"

# Table -> (column in the lake, field as the files write it, table of the ids that it names).
REFERENCES: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "company": (("status_rule", "status_rule", STATUS_RULES),),
    "units": (("parent_unit_id", "parent", "units"), ("head_person_id", "head", "people")),
    "people": (("unit_id", "unit", "units"),),
    "cycles": (("status_rule", "status_rule", STATUS_RULES),),
    "feeds": (("owner_id", "owner", "people"), ("steward_id", "steward", "people")),
    "kpis": (
        ("org_unit_id", "org_unit", "units"),
        ("feed_id", "feed", FEEDS),
        ("constraint_owner_id", "constraint.owner", "people"),
        ("cost_volume_kpi_id", "cost.volume_kpi", "kpis"),
    ),
    "kpi_owners": (("person_id", "person", "people"), ("delegated_from_id", "delegated_from", "people")),
    "kpi_inputs": (
        ("controlled_by_unit_id", "controlled_by_unit", "units"),
        ("controlled_by_person_id", "controlled_by_person", "people"),
    ),
    "kpi_drivers": (("driver_kpi_id", "kpi", "kpis"),),
    "objectives": (
        ("cycle_id", "cycle", "cycles"),
        ("org_unit_id", "unit", "units"),
        ("owner_id", "owner", "people"),
        ("sponsor_id", "sponsor", "people"),
        ("supports_id", "supports", "objectives"),
    ),
    "key_results": (
        ("champion_id", "champion", "people"),
        ("reviewer_id", "reviewer", "people"),
        ("status_rule", "status_rule", STATUS_RULES),
        ("attested_by_id", "attestation.by", "people"),
    ),
    "key_result_links": (("kpi_id", "kpi", "kpis"), ("approver_id", "approver", "people")),
    "key_result_demand": (("unit_id", "unit", "units"),),
    "waivers": (("approved_by_id", "approved_by", "people"),),
    "change_requests": (("requested_by_id", "requested_by", "people"), ("approved_by_id", "approved_by", "people")),
    "capacity": (("unit_id", "unit", "units"), ("cycle_id", "cycle", "cycles")),
    "dependencies": (
        ("key_result_id", "key_result", "key_results"),
        ("provider_unit_id", "provider_unit", "units"),
        ("confirmed_by_id", "confirmed_by", "people"),
        ("risk_owner_id", "risk_owner", "people"),
    ),
    "escalations": (("by_id", "by", "people"),),
    "decisions": (
        ("kpi_id", "kpi", "kpis"),
        ("key_result_id", "key_result", "key_results"),
        ("decided_by_id", "decided_by", "people"),
    ),
    "check_ins": (("key_result_id", "key_result", "key_results"), ("by_id", "by", "people")),
}
_SUBJECTS: Final = {
    "kpi": "kpis",
    "key_result": "key_results",
    "objective": "objectives",
    "feed": FEEDS,
    "person": "people",
    "unit": "units",
    "cycle": "cycles",
}
"""Kind of subject that a waiver or change request names -> table of its ids."""
_WORDS: Final = {table: word.replace("_", " ").replace("kpi", "KPI") for word, table in _SUBJECTS.items()}
_WORDS[STATUS_RULES] = "status rule"
_EXACT: Final = 1e-6
"""By how much weights may miss 1, as rule MAP-04 has it."""


@dataclass(frozen=True)
class Finding:
    """One error of meaning.

    Attributes:
        rule_id: the integrity rule that will act on it.
        record: the definition.
        message: what is wrong.
        field: the field at fault, as files write it; None when it is the record as a whole.
        child: table and position of the child row that has the field, None when the record itself has it.
        found: what stands there.
        remedy: what to do.
    """

    rule_id: str
    record: DefinitionRecord
    message: str
    field: str | None = None
    child: tuple[str, int] | None = None
    found: str | None = None
    remedy: str | None = None


def find_errors_of_meaning(
    records: Iterable[DefinitionRecord], *, as_of: date, status_rules: Collection[str] | None, has_feeds: bool = True
) -> Iterator[Finding]:
    """Yield the errors of meaning of every version that holds on a day or later.

    Args:
        records: every definition; with the feeds, when they could be read.
        as_of: the day.
        status_rules: ids of the status rules; None when unknown: references to them then count as right.
        has_feeds: whether the feeds are among the records.
    """
    records = list(records)
    ids: dict[str, set[str]] = defaultdict(set)
    for record in records:
        ids[record.table].add(str(next(iter(record.columns.values()))))
    if status_rules is not None:
        ids[STATUS_RULES] = set(status_rules)
    known = defaultdict(Names, {table: Names(names) for table, names in ids.items()})
    unknown = {
        table for table, is_known in ((STATUS_RULES, status_rules is not None), (FEEDS, has_feeds)) if not is_known
    }
    living = list(_living(records, as_of))
    units = {record.natural_id: record.columns["unit"] for record in living if record.table == "kpis"}
    for record in living:
        yield from _dangling(record, known, unknown)
        if record.table == "key_results" and record.columns["state"] == "committed":
            yield from _key_result(record, units)
        elif record.table == "kpis" and record.columns["lifecycle"] == "active":
            yield from _kpi(record, max(as_of, record.effective_from or as_of))


def _living(records: Iterable[DefinitionRecord], as_of: date) -> Iterator[DefinitionRecord]:
    """Yield the records that no later version of theirs has replaced by the day."""
    versions: dict[tuple[str, str], list[DefinitionRecord]] = defaultdict(list)
    for record in records:
        versions[record.table, record.natural_id].append(record)
    for of_one in versions.values():
        of_one.sort(key=lambda record: record.effective_from or date.min)
        begun = [record for record in of_one if (record.effective_from or date.min) <= as_of]
        yield from of_one[max(len(begun) - 1, 0) :]


def _dangling(record: DefinitionRecord, known: Mapping[str, Names], unknown: Collection[str]) -> Iterator[Finding]:
    for column, field, table in REFERENCES.get(record.table, ()):
        yield from _reference(record, record.columns, column, field, table, known, unknown)
    subject_type = record.columns.get("subject_type")
    if record.table in ("waivers", "change_requests") and subject_type in _SUBJECTS:
        table = _SUBJECTS[subject_type]
        yield from _reference(record, record.columns, "subject_id", "subject", table, known, unknown)
    for child, rows in record.children.items():
        for position, row in enumerate(rows):
            for column, field, table in REFERENCES.get(child, ()):
                place = child, position
                yield from _reference(record, row, column, field, table, known, unknown, place)


def _reference(
    record: DefinitionRecord,
    row: Row,
    column: str,
    field: str,
    table: str,
    known: Mapping[str, Names],
    unknown: Collection[str],
    child: tuple[str, int] | None = None,
) -> Iterator[Finding]:
    name = row.get(column)
    if name is None or table in unknown or name in known[table]:
        return
    close = known[table].nearest(name)
    remedy = f"write {close}" if close else f"correct the id, or define the {_WORDS[table]}"
    yield Finding("MAP-03", record, f"no {_WORDS[table]} has this id", field, child, name, remedy)


def _key_result(record: DefinitionRecord, kpi_units: Mapping[str, Any]) -> Iterator[Finding]:
    links = list(enumerate(record.children.get("key_result_links", ())))
    measuring = [(position, link) for position, link in links if link["link_type"] == "measures"]
    if record.columns["type"] == "milestone":
        if len(measuring) == len(links):
            message = "no KPI is linked that its work drives, impacts or guards"
            yield Finding("MAP-01", record, message, "links", remedy="link the KPIs that the work touches")
    elif not measuring:
        remedy = "add to its links the KPI that measures it"
        yield Finding("MAP-01", record, "no KPI measures it", "links", remedy=remedy)
    yield from _weights(record, [link["weight"] for _, link in measuring])
    known = [kpi_units[link["kpi_id"]] for _, link in measuring if link["kpi_id"] in kpi_units]
    own = record.columns["unit"] or min(known, default=None)
    for position, link in measuring:
        unit = kpi_units.get(link["kpi_id"], own)
        if unit != own:
            message = f"the key result counts in {own}, its KPI {link['kpi_id']} in {unit}"
            place = "key_result_links", position
            yield Finding("MAP-04", record, message, "kpi", place, remedy="give both the same unit")
    champion, reviewer = record.columns["champion_id"], record.columns["reviewer_id"]
    for role, person in (("champion", champion), ("reviewer", reviewer)):
        if person is None:
            yield Finding("OWN-01", record, f"no {role} is named", role, remedy=f"name the {role}")
    if champion is not None and champion == reviewer:
        message = "the champion is the reviewer too"
        yield Finding("OWN-01", record, message, "reviewer", found=reviewer, remedy="name another person")


def _weights(record: DefinitionRecord, weights: list[float | None]) -> Iterator[Finding]:
    """Yield what is wrong with the weights of the links that measure; none at all means equal ones."""
    stated = [weight for weight in weights if weight is not None]
    if not stated:
        return
    if len(stated) < len(weights):
        message = f"{len(weights) - len(stated)} of its measuring KPIs have no weight, the others do"
    elif min(stated) <= 0:
        message = f"a measuring KPI has the weight {min(stated):g}, expected more than 0"
    elif abs(sum(stated) - 1) > _EXACT:
        message = f"the weights of its measuring KPIs sum to {sum(stated):.6g}, expected 1"
    else:
        return
    yield Finding("MAP-04", record, message, "links", remedy="let the weights of the measures links sum to 1")


def _kpi(record: DefinitionRecord, on: date) -> Iterator[Finding]:
    owners = {
        row["person_id"]
        for row in record.children.get("kpi_owners", ())
        if row["role"] == "accountable_owner"
        and row["person_id"] is not None
        and (row["owned_from"] or on) <= on <= (row["owned_to"] or on)
    }
    if not owners:
        remedy = "add to its owners a person with the role accountable_owner"
        yield Finding("OWN-02", record, f"nobody is its accountable owner on {on}", "owners", remedy=remedy)
    elif len(owners) > 1:
        message = f"{len(owners)} people are its accountable owner on {on}"
        found = ", ".join(sorted(owners))
        yield Finding("OWN-02", record, message, "owners", found=found, remedy="leave one of them for that day")


def list_field(child_table: str) -> str:
    """Return the field of a record that holds the rows of a child table: owners for kpi_owners."""
    return sheets()[child_table].field
