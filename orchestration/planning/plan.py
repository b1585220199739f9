"""`los plan`: judge the plan of a cycle as a company directory has it, before anything of it is published.

The draft's definitions go into a lake of their own, beside hard links to the observations of the real one; only the
models that the verdict needs are built on it. Lake, warehouse, releases and governance site stay as they are.

    <data>/plan/lake, warehouse, dbt     what the last plan was judged on; made anew each time
    <data>/plan/<cycle>/index.html       the page
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from orchestration.audit.session import read_only
from orchestration.company.loader import Company, load_company
from orchestration.company.publish import write_definitions
from orchestration.dbt_process import dbt_process, started_early
from orchestration.errors import EXIT_GATE_CLOSED, LosError, PublicationError, nearest
from orchestration.ingestion.contracts import feed_records, load_contracts
from orchestration.ingestion.key_results import registry_for
from orchestration.ingestion.load import ingest_feed
from orchestration.ingestion.mapping.contract import load_mappings
from orchestration.ingestion.mapping.load import read_mapped_definitions
from orchestration.lake.store import SCHEMA_FILE, Lake
from orchestration.planning.cycles import Cycle, cycles_of
from orchestration.publication import durable_files
from orchestration.publication.manifest import code_version
from orchestration.publication.pages.planning import planning_page, summary
from orchestration.publication.plan_facts import PlanFacts, read_plan
from orchestration.publication.site import write_pages
from orchestration.publication.text import moment
from orchestration.settings import Settings
from orchestration.tables import LAKE_TABLES
from orchestration.transformation import prepare, run_variables

SELECTED = (
    "+fct_plan_verdict", "+fct_objective_kpi_class", "+dim_cycle", "+dim_key_result", "+dim_org_unit", "+dim_person",
)  # fmt: skip
_LINKED = ("observations", "loads")
"""What a plan needs of the real lake: its definitions are the draft's."""


@dataclass(frozen=True)
class PlanReport:
    """What was judged, and where to read it."""

    facts: PlanFacts
    page: Path

    def exit_code(self) -> int:
        """Return 0 when every key result is ready and every unit can carry its load, else 2, as of a closed gate."""
        return 0 if self.facts.is_ready else EXIT_GATE_CLOSED

    def as_text(self) -> str:
        """Return the verdicts, then what each owner must do, then the sum of it."""
        lines = [_verdict_line(row) for row in self.facts.key_results]
        lines += [
            f"{row['capacity_verdict']:<13} unit {row['org_unit_id']}: load {row['load_share']:.2f}, cut first: "
            f"{row['cut_first']}"
            for row in self.facts.units
            if row["capacity_verdict"] in ("tight", "exceeds")
        ]
        for heading, decides in (("To do", False), ("To decide", True)):
            rows = [row for row in self.facts.to_do if (row["needed_for"] == "decision") == decides]
            if rows:
                lines.append(f"{heading}:")
            for row in rows:
                late = ", overdue" if row["is_overdue"] else ""
                lines.append(f"  {row['owner_name']} by {moment(row['due_on'])}{late}: {row['action']}")
                lines.append(f"    {row['key_result_id']}, {row['criterion']}: {row['evidence']}")
        return "\n".join([*lines, summary(self.facts), f"page: {self.page}"])

    def as_json(self) -> str:
        """Return the same for programs."""
        facts = self.facts
        return json.dumps(
            {
                "cycle": facts.cycle["cycle_id"],
                "as_of": facts.as_of,
                "is_ready": facts.is_ready,
                "key_results": facts.key_results,
                "units": facts.units,
                "to_do": facts.to_do,
                "page": str(self.page),
            },
            default=str,
            indent=2,
        )


def _verdict_line(row: Any) -> str:
    failed = f": {row['failed_criteria']}" if row["failed_criteria"] else ""
    return f"{row['verdict']:<13} {row['subject_id']}{failed}"


def plan_cycle(
    settings: Settings,
    cycle: str,
    *,
    as_of: date | None = None,
    company_dir: Path | None = None,
    landing: Path | None = None,
) -> PlanReport:
    """Judge the plan of a cycle and write its page.

    Args:
        settings: Of the company whose lake is used.
        cycle: Id of the cycle.
        as_of: Business date; default: that of the settings, else today at the company. From the cycle's lock on the
            plan is judged as of the lock.
        company_dir: The draft; default: the company directory of the settings.
        landing: Folder of the feeds' files; they are read for this plan alone. None judges by what the lake has.

    Raises:
        LosError: The company files cannot be read, do not have the cycle, the models cannot be built, or the page
            cannot be written.
    """
    directory = company_dir or settings.company_dir
    company = load_company(directory)
    known = cycles_of(company)
    if cycle not in {entry.id for entry in known}:
        raise _no_cycle(directory, cycle, known)
    day = as_of or settings.as_of or settings.clock().astimezone(company.time_zone).date()
    folder = settings.data_dir / "plan"
    # What became known up to now counts: a plan is about what is to come.
    scratch = settings.model_copy(
        update={"data_dir": folder, "company_dir": directory, "landing_dir": landing, "known_at": None}
    )
    with durable_files.exclusive(folder):  # one plan at a time uses the folder
        prepare(scratch)
        with started_early(scratch):
            lake = _scratch_lake(settings, scratch)
            _load(scratch, lake, company, landing=landing)
            _build(scratch, day)
        with read_only(scratch.warehouse_path) as connection:
            facts = read_plan(connection, cycle)
        if facts is None:
            raise _no_cycle(directory, cycle, known)
        return PlanReport(facts, _write_page(folder / cycle, facts, company, settings))


def _no_cycle(directory: Path, cycle: str, known: Sequence[Cycle]) -> LosError:
    names = [entry.id for entry in known]
    close = nearest(cycle, names)
    return LosError(
        "there is no such cycle",
        file=directory,
        found=cycle,
        expected=f"one of {', '.join(names)}" if names else "a cycle in cycles.yml",
        remedy=f"did you mean {close}?" if close else "add it to cycles.yml",
    )


def _scratch_lake(settings: Settings, scratch: Settings) -> Lake:
    """Make the scratch lake anew: links to what was observed, and no definitions yet."""
    shutil.rmtree(scratch.lake_dir, ignore_errors=True)
    for database in scratch.warehouse_path.parent.glob(f"{scratch.warehouse_path.name}*"):
        database.unlink()
    for entity in _LINKED:
        source = settings.lake_dir / entity
        for path in source.rglob("*.parquet"):
            target = scratch.lake_dir / entity / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                # Files of the lake are never written again, so that a link is as good as a copy.
                os.link(path, target)
            except FileNotFoundError:
                continue  # compaction has put it together with others, which are linked too
            except OSError:
                shutil.copyfile(path, target)
    for schema_file in scratch.lake_dir.rglob(SCHEMA_FILE):
        schema_file.unlink()  # a schema that gained columns is written over; never through a link
    lake = Lake(scratch.lake_dir)
    lake.ensure(LAKE_TABLES)
    return lake


def _load(scratch: Settings, lake: Lake, company: Company, *, landing: Path | None) -> None:
    contracts = load_contracts(scratch.company_dir / "feeds.yml")
    mapped = read_mapped_definitions(load_mappings(scratch.company_dir), landing_dir=scratch.landing, company=company)
    clock = scratch.clock()
    write_definitions(lake, [*company.records, *mapped.records, *feed_records(contracts)], clock=clock)
    if landing is None:
        return
    for contract in contracts:
        if not contract.source.is_remote:
            registry = registry_for(contract, lake)
            ingest_feed(contract, landing_dir=landing, lake=lake, registry=registry, clock=clock)


def _build(scratch: Settings, as_of: date) -> None:
    arguments = ["run", "--no-write-json", "--select", *SELECTED]
    with dbt_process(scratch) as process:
        for _ in process.run(arguments, run_variables(scratch, as_of=as_of, run_id="plan")):
            pass


def _write_page(folder: Path, facts: PlanFacts, company: Company, settings: Settings) -> Path:
    names = [record.columns.get("name") for record in company.records if record.table == "company"]
    frame = {
        "company_name": next(iter(names), None) or "The company",
        "as_of": moment(facts.as_of),
        "audit_id": "none: a plan is judged before it is audited",
        "code_version": code_version(),
        "written_at": moment(settings.clock()),
    }
    building = folder.with_name(f".{folder.name}.building")
    try:
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        write_pages(building, [planning_page(facts, file="index.html")], frame)
        shutil.rmtree(folder, ignore_errors=True)
        building.replace(folder)
    except OSError as error:
        raise PublicationError(
            f"the planning page could not be written: {error.strerror or error}",
            file=error.filename or folder,
            remedy="free disk space or mend the permissions",
        ) from error
    return folder / "index.html"
