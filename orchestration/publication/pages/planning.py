"""Planning: is it a plan, and what must whom do by when before it is one."""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.publication.pages.cells import badge, count_column, words
from orchestration.publication.pages.model import Page
from orchestration.publication.pages.sections import TEMPLATE, Section
from orchestration.publication.plan_facts import PlanFacts
from orchestration.publication.tables import Cell, Column, Row, Table
from orchestration.publication.text import figure, moment, percent
from orchestration.wording import counted


def planning_page(facts: PlanFacts, *, file: str = "planning.html", name: str = "Planning") -> Page:
    """Return the page of one cycle's plan."""
    title = f"Is {facts.cycle['cycle_name']} a plan?"
    return Page(file, name, title, TEMPLATE, {"sentences": _answer(facts), "sections": _sections(facts)})


def summary(facts: PlanFacts) -> str:
    """Return the verdict on the plan in one sentence."""
    ready, total = facts.count("ready"), len(facts.key_results)
    said = f"{ready:,} of {counted(total, 'key result')} {'is' if ready == 1 else 'are'} ready"
    for verdict, phrase in (("baseline_only", "may only measure a baseline"), ("not_a_plan", "no plan")):
        count = facts.count(verdict)
        if count:
            verb = "" if verdict == "baseline_only" else ("is " if count == 1 else "are ")
            said += f"; {count:,} {verb}{phrase}"
    for unit in facts.overloaded:
        said += f"; {unit['org_unit_name']} is asked for {percent(unit['load_share'])} of its capacity"
    return f"{said}."


def _answer(facts: PlanFacts) -> list[str]:
    cycle = facts.cycle
    if not facts.key_results:
        return ["No key result is planned for this cycle."]
    judged = max(row["judged_on"] for row in facts.key_results)
    locked = all(row["is_locked"] for row in facts.key_results)
    due, freeze = moment(cycle["readiness_due_on"] or cycle["starts_on"]), moment(cycle["locks_on"])
    when = (
        f"Judged as it was locked on {moment(judged)}: what came later changes nothing here."
        if locked
        else f"Judged on {moment(judged)}. It must be ready by {due}, and targets freeze on {freeze}."
    )
    return [summary(facts), when]


def _sections(facts: PlanFacts) -> list[Section]:
    must = [row for row in facts.to_do if row["needed_for"] != "decision"]
    decide = [row for row in facts.to_do if row["needed_for"] == "decision"]
    sections = [
        Section(
            "to-do",
            "What must be done",
            [],
            [_to_do("open-criteria", "Criteria that are not met", must, "Every criterion of a plan is met.")],
        ),
        Section(
            "decisions",
            "What must be decided",
            ["What was never done before may still be right. Its sponsor must say so."] if decide else [],
            [_to_do("open-decisions", "Promises beyond what was ever done", decide, "Nothing asks for a decision.")],
        ),
        Section("verdicts", "Key results", [], [_verdicts(facts.key_results)]),
        Section("units", "Units", [], [_units(facts.units)]),
        Section("shared", "Shared KPIs", [], [_shared(facts.shared)]),
        Section("feasibility", "Was it ever done", [], [_feasibility(facts.feasibility)]),
        Section("dependencies", "Dependencies", [], [_dependencies(facts.dependencies)]),
    ]
    if facts.uncovered:
        sections.append(Section("classes", "Blind spots", [], [_classes(facts.uncovered)]))
    return sections


def _to_do(id_: str, caption: str, rows: Sequence[Row], empty: str) -> Table:
    return Table(
        id_,
        caption,
        [
            Column("Who", lambda row: Cell(row["owner_name"], words(row["owner_role"])), is_facet=True),
            Column("To do", lambda row: Cell(row["action"]), width=25),
            Column("By", lambda row: _by(row)),
            Column("Key result", lambda row: Cell(row["key_result_title"], row["key_result_id"]), width=20),
            Column("Criterion", lambda row: Cell(words(row["criterion"])), is_facet=True),
            Column("What was found", lambda row: Cell(row["evidence"], f"expected: {row['expected']}"), width=25),
        ],
        rows,
        download=f"{id_}.csv",
        empty=empty,
    )


def _by(row: Row) -> Cell:
    return Cell(moment(row["due_on"]), "overdue" if row["is_overdue"] else "", sort=moment(row["due_on"]))


def _verdicts(rows: Sequence[Row]) -> Table:
    return Table(
        "plan-verdicts",
        "Key results and what they may be committed as",
        [
            Column("Key result", lambda row: Cell(row["subject_name"], row["subject_id"]), width=35),
            Column("Verdict", lambda row: badge(row["verdict"]), is_facet=True),
            Column("Unit", lambda row: Cell(row["org_unit_name"]), is_facet=True),
            Column("Not met", lambda row: Cell(words(row["failed_criteria"]))),
        ],
        rows,
        download="plan-verdicts.csv",
        empty="No key result is planned.",
    )


def _units(rows: Sequence[Row]) -> Table:
    def load(row: Row) -> Cell:
        if row["load_share"] is None:
            return Cell(words(row["null_reason"]) or "not declared", sort="")
        asked, of = row["business_as_usual"] + row["demand"], row["capacity"]
        return Cell(percent(row["load_share"]), f"{asked:,.0f} of {of:,.0f} {row['measure']}", sort=row["load_share"])

    def promises(row: Row) -> Cell:
        if not row["promised"]:
            return Cell()
        text = f"{row['confirmed']:,} of {row['promised']:,} confirmed, {row['delivered']:,} delivered"
        return Cell(text, f"{row['overdue']:,} overdue" if row["overdue"] else "")

    return Table(
        "plan-units",
        "Units by load; what is to be cut first is worth least for what it takes",
        [
            Column("Unit", lambda row: Cell(row["org_unit_name"], row["head_name"])),
            Column("Plan", lambda row: badge(row["plan_verdict"]) if row["plan_verdict"] else Cell(), is_facet=True),
            Column("Capacity", lambda row: badge(row["capacity_verdict"]) if row["capacity_verdict"] else Cell()),
            Column("Load", load, is_number=True),
            Column("Cut first", lambda row: Cell(row["cut_first"] or ""), width=25),
            Column("Owes to others", promises),
        ],
        rows,
        download="plan-units.csv",
        empty="No unit declares capacity or is asked for some.",
    )


def _shared(rows: Sequence[Row]) -> Table:
    def acknowledged(row: Row) -> Cell:
        if row["acknowledged_on"] is None:
            return Cell(words(row["acknowledged_null_reason"]))
        late = "" if row["is_acknowledged_in_time"] else "not before the cycle starts"
        return Cell(moment(row["acknowledged_on"]), late)

    return Table(
        "shared-kpis",
        "KPIs that key results of several units read, and who answers for their data",
        [
            Column("KPI", lambda row: Cell(row["kpi_name"], row["kpi_id"])),
            Column("Units", lambda row: Cell(row["org_unit_ids"])),
            Column("Data steward", lambda row: Cell(row["data_steward_name"]), is_facet=True),
            Column("Acknowledged", acknowledged),
            Column(
                "Independent",
                lambda row: Cell("yes" if row["is_steward_independent"] else "no: champions what it measures"),
            ),
        ],
        rows,
        download="shared-kpis.csv",
        empty="No KPI is read by more than one unit.",
    )


def _feasibility(rows: Sequence[Row]) -> Table:
    def ratio(row: Row) -> Cell:
        if row["feasibility_ratio"] is None:
            return Cell(words(row["null_reason"]), sort="")
        note = "" if row["is_done_before"] else "never done before"
        return Cell(f"{row['feasibility_ratio']:.2f}", note, sort=row["feasibility_ratio"])

    return Table(
        "plan-feasibility",
        "What is asked, against the best that as many periods ever brought",
        [
            Column("Key result", lambda row: Cell(row["key_result_title"], row["kpi_name"]), width=30),
            Column("Asked", lambda row: Cell(figure(row["required_move"], row["move_unit"])), is_number=True),
            Column(
                "Best ever",
                lambda row: Cell(
                    figure(row["best_move"], row["move_unit"]),
                    f"to {moment(row['best_move_ended_on'])}" if row["best_move_ended_on"] else "",
                ),
                is_number=True,
            ),
            Column("Asked / best", ratio, is_number=True),
            count_column("Periods", "horizon_periods"),
            count_column("Values known", "observation_count"),
            Column("In time", lambda row: Cell(percent(row["fresh_share"])), is_number=True),
        ],
        rows,
        download="plan-feasibility.csv",
        empty="No key result is measured by a KPI.",
    )


def _dependencies(rows: Sequence[Row]) -> Table:
    return Table(
        "plan-dependencies",
        "What key results need of other units",
        [
            Column(
                "Needed", lambda row: Cell(row["description"] or row["dependency_id"], row["dependency_id"]), width=30
            ),
            Column("For", lambda row: Cell(row["key_result_title"])),
            Column("From", lambda row: Cell(row["provider_name"], row["provider_head_name"]), is_facet=True),
            Column("State", lambda row: badge(row["state"]), is_facet=True),
            Column("By", lambda row: Cell(moment(row["needed_by"]), sort=moment(row["needed_by"]))),
        ],
        rows,
        download="plan-dependencies.csv",
        empty="No key result needs anything of another unit.",
    )


def _classes(rows: Sequence[Row]) -> Table:
    return Table(
        "plan-classes",
        "Objectives whose KPIs leave health, efficiency or risk out of sight",
        [
            Column("Objective", lambda row: Cell(row["objective_id"])),
            Column("Unit", lambda row: Cell(row["org_unit_name"]), is_facet=True),
            Column("No KPI of", lambda row: Cell(", ".join(row["missing_classes"].split()))),
            count_column("KPIs", "kpi_count"),
        ],
        rows,
        download="plan-classes.csv",
    )
