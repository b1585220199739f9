"""A warehouse and a lake after an audit, made by hand: enough for a release and a governance site.

The warehouse's tables get their columns and comments from the dbt project's own yml files, so that a renamed column
fails here. The audits are real, with rules that find what the test says.
"""

from __future__ import annotations

import copy
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from expectations.catalogue import CATALOGUE, Catalogue
from expectations.rule import Check, Stage
from expectations.suites import violations_query
from orchestration.audit.evaluate import Evaluation
from orchestration.audit.gate import Verdict
from orchestration.audit.outcomes import newest_audits
from orchestration.audit.run import AuditReport, run_audit
from orchestration.audit.session import AuditSession
from orchestration.audit.verdict import decide_and_record, verdict_to_dict
from orchestration.company.tables import TABLES as COMPANY_TABLES
from orchestration.ingestion.tables import QUARANTINE
from orchestration.lake.store import Lake
from orchestration.publication.manifest import collect_manifest_inputs
from orchestration.publication.release import Release, publish_release
from orchestration.publication.site import SiteFacts, build_site
from orchestration.settings import PROJECT_ROOT
from orchestration.tables import LAKE_TABLES

AS_OF = date(2026, 2, 15)
KNOWN_AT = datetime(2026, 2, 15, 8, 0)
YESTERDAY = datetime(2026, 2, 14, 9, 0, tzinfo=UTC)
NOW = datetime(2026, 2, 15, 9, 0, tzinfo=UTC)
OPEN_END = date(9999, 12, 31)
FIRST = date(1900, 1, 1)
STATUSES = ("on_track", "at_risk", "off_track", "achieved", "not_assessable", "withheld")
PEOPLE = {"ana": "Ana Reyes", "bo": "Bo Lindqvist", "chi": "Chi Okafor", "dee": "Dee Marchetti"}

_TYPES = {"string": "varchar", "int": "integer"}

Finding = tuple[str, str, str, str]  # rule, subject type, subject, what was found


class ReviewedCompany:
    """A lake and a warehouse below one folder.

    Args:
        root: The folder.
        key_results: How many.
        titles: Of the key results and their KPIs, instead of made up ones; for hostile text.
        ids: Of the key results and their KPIs, instead of made up ones.
        failures: What the newest audit of the marts finds; waiver W-1 covers OWN-01 for kr_01.
        before: What the audit of the day before found; None for no such audit.
        reports_failures: What the newest audit of the reports finds.
        company_name: Of the company.
        feed: Id of the first feed.
    """

    def __init__(
        self,
        root: Path,
        *,
        key_results: int = 12,
        titles: Sequence[str] = (),
        ids: Sequence[str] = (),
        failures: Sequence[Finding] = (),
        before: Sequence[Finding] | None = (),
        reports_failures: Sequence[Finding] = (),
        company_name: str = "Acme Logistics",
        feed: str = "desk",
    ) -> None:
        self.root = root
        self.lake = Lake(root / "lake")
        self.lake.ensure(LAKE_TABLES)
        self.warehouse = root / "warehouse.duckdb"
        self.count = key_results
        self.titles = titles
        self.ids = ids
        self.name = company_name
        self.feed = feed
        with duckdb.connect(str(self.warehouse)) as self._open:
            self._create()
            self._define()
            self._load()
            self._fill_marts()
        self.catalogue = _catalogue(marts=failures, reports=reports_failures)
        if before is not None:
            day_before = AS_OF - timedelta(days=1)
            self.run("update intermediate.int_run__context set as_of = $1", [day_before])
            self._audit("marts", YESTERDAY, _catalogue(marts=before, reports=()), as_of=day_before)
            self.run("update intermediate.int_run__context set as_of = $1", [AS_OF])
        audit = self._audit("marts", NOW, self.catalogue)
        with duckdb.connect(str(self.warehouse)) as self._open:
            self._fill_reports(audit)
        self._audit("reports", NOW + timedelta(minutes=1), self.catalogue)

    def copied(self, root: Path) -> ReviewedCompany:
        """Return the same company in a folder of its own."""
        shutil.copytree(self.root, root)
        other = copy.copy(self)
        other.root, other.lake, other.warehouse = root, Lake(root / "lake"), root / "warehouse.duckdb"
        return other

    def run(self, sql: str, parameters: list[Any] | None = None) -> None:
        """Change the warehouse."""
        with duckdb.connect(str(self.warehouse)) as connection:
            for statement in connection.extract_statements(sql):
                connection.execute(statement, parameters)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def verdict(self, mode: str = "standard", as_of: date = AS_OF) -> Verdict:
        """Let the gate decide on what is there."""
        return decide_and_record(
            warehouse=self.warehouse,
            lake=self.lake,
            as_of=as_of,
            run_id="run-1",
            mode=mode,
            clock=lambda: NOW,
            catalogue=self.catalogue,
        )

    def publish(self, release_id: str = "r1", **changes: Any) -> Release:
        """Publish what is there into `releases`."""
        given: dict[str, Any] = {
            "warehouse": self.warehouse,
            "releases_dir": self.root / "releases",
            "as_of": AS_OF,
            "release_id": release_id,
            "verdict_dict": verdict_to_dict(self.verdict()),
            "manifest_inputs": collect_manifest_inputs(self.warehouse, self.outcomes()),
            "site_dir": None,
            "clock": lambda: NOW,
            "keep": 10,
        }
        return publish_release(**given | changes)

    def write_site(self, verdict: Verdict | None = None, **facts: Any) -> Path:
        """Write the governance site into `governance`."""
        return build_site(
            out_dir=self.root / "governance",
            warehouse=self.warehouse,
            lake=self.lake,
            verdict=verdict or self.verdict(),
            outcomes=self.outcomes(),
            run=SiteFacts(**{"code_version": "0.1.0", "written_at": NOW} | facts),
            catalogue=self.catalogue,
        )

    def audit_again(self) -> None:
        """Audit what the warehouse holds now, both stages."""
        self._audit("marts", NOW + timedelta(minutes=2), self.catalogue)
        self._audit("reports", NOW + timedelta(minutes=3), self.catalogue)

    def clock(self) -> datetime:
        return NOW

    def outcomes(self) -> list[Any]:
        return [entry for audit in newest_audits(self.lake, AS_OF).values() for entry in audit.outcomes]

    # --- how it is made ---------------------------------------------------------------------------------------------

    def _create(self) -> None:
        models = PROJECT_ROOT / "dbt_project" / "models"
        statements = [
            "create schema intermediate; create schema marts; create schema reports",
            "create table intermediate.int_run__context "
            "(as_of date, known_at timestamp, run_id varchar, audit_id varchar)",
        ]
        for layer in ("marts", "reports"):
            for path in sorted((models / layer).rglob("*.yml")):
                for model in (yaml.safe_load(path.read_text()) or {}).get("models", []):
                    if "data_type" not in model.get("columns", [{}])[0]:
                        continue  # a model that has no contract is no table of the layer
                    name = f"{layer}.{model['name']}"
                    columns = ", ".join(f"{column['name']} {_type(column)}" for column in model["columns"])
                    statements.append(f"create table {name} ({columns})")
                    if layer == "reports":
                        statements.append(f"comment on table {name} is {_quoted(model['description'])}")
                        statements += [
                            f"comment on column {name}.{column['name']} is {_quoted(column['description'])}"
                            for column in model["columns"]
                        ]
        for statement in self._open.extract_statements(";".join(statements)):
            self._open.execute(statement)
        self._insert(
            "intermediate.int_run__context",
            [{"as_of": AS_OF, "known_at": KNOWN_AT, "run_id": "run-1", "audit_id": None}],
        )

    def _insert(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        types = dict(self._columns(table))
        arrow = pa.table({name: _array([row[name] for row in rows], types[name]) for name in rows[0]})
        self._open.register("arrived", arrow)
        self._open.execute(f"insert into {table} by name select * from arrived")

    def _columns(self, table: str) -> list[tuple[str, str]]:
        return self._open.execute(
            "select column_name, data_type from duckdb_columns() where schema_name || '.' || table_name = ?", [table]
        ).fetchall()

    def _define(self) -> None:
        self._record("company", [{"company_id": "acme", "name": self.name, "currency": "EUR"}])
        self._record(
            "people",
            [{"person_id": person, "name": name, "email": f"{person}@example.com"} for person, name in PEOPLE.items()],
        )
        self._record(
            "feeds",
            [
                {"feed_id": feed, "name": name, "owner_id": owner, "steward_id": "dee", "agreed_offset_days": 1.0}
                for feed, name, owner in ((self.feed, "Service desk", "ana"), ("ledger", "General ledger", "bo"))
            ],
        )
        self._record(
            "waivers",
            [
                {
                    "waiver_id": "W-1",
                    "rule_id": "OWN-01",
                    "subject_type": "key_result",
                    "subject_id": "kr_01",
                    "reason": "Reviewer is on leave until the end of the month",
                    "approved_by_id": "dee",
                    "approved_on": date(2026, 2, 1),
                    "expires_on": date(2026, 3, 1),
                }
            ],
        )

    def _record(self, entity: str, rows: Sequence[dict[str, Any]]) -> None:
        with self.lake.begin(datetime(2026, 1, 1, 6, tzinfo=UTC), _digest(entity)) as load:
            lineage = {"is_deleted": False, "load_id": load.load_id, "loaded_at": load.loaded_at}
            table = pa.Table.from_pylist(
                [lineage | row for row in rows], schema=COMPANY_TABLES[f"definitions/{entity}"]
            )
            load.write(f"definitions/{entity}", table)
            load.commit(
                {
                    "kind": "definitions",
                    "source_feed": entity,
                    "source_file": f"{entity}.yml",
                    "status": "loaded",
                    "file_sha256": _digest(entity),
                    "rows_read": len(rows),
                    "rows_accepted": len(rows),
                    "rows_quarantined": 0,
                }
            )

    def _load(self) -> None:
        loads = []
        for feed, file, read, bad, newest, status in (
            (self.feed, "desk/2026-02-13.csv", 1200, 0, date(2026, 2, 13), "loaded"),
            (self.feed, "desk/2026-02-14.csv", 1250, 3, date(2026, 2, 14), "loaded"),
            ("ledger", "ledger/january.parquet", 310, 0, date(2026, 1, 31), "loaded"),
            ("ledger", "ledger/february.csv", 1, 1, None, "rejected"),
        ):
            with self.lake.begin(datetime(2026, 2, 15, 6, tzinfo=UTC), _digest(file)) as load:
                refused = [
                    {
                        "reason_code": "not_a_number" if status == "loaded" else "unreadable_file",
                        "column_name": "value" if status == "loaded" else None,
                        "raw_value": "n/a",
                        "raw_text": "2026-02-14,latency,n/a,someone@example.com",
                        "message": "expected a number",
                        "load_id": load.load_id,
                        "loaded_at": load.loaded_at,
                        "source_feed": feed,
                        "source_file": file,
                        "source_row": number + 2,
                    }
                    for number in range(bad)
                ]
                load.write("quarantine", pa.Table.from_pylist(refused, schema=QUARANTINE), subject=feed)
                facts = {
                    "kind": "feed",
                    "source_feed": feed,
                    "source_file": file,
                    "file_sha256": _digest("bytes", file),
                    "status": status,
                    "reason_code": "unreadable_file" if status == "rejected" else None,
                    "message": "the file is not CSV" if status == "rejected" else None,
                    "rows_read": read,
                    "rows_accepted": read - bad,
                    "rows_quarantined": bad,
                    "rows_collapsed": 0,
                    "oldest_period_on": newest and newest.replace(day=1),
                    "newest_period_on": newest,
                    "duration_seconds": 0.25,
                }
                load.commit(facts)
            names = [name for name, _ in self._columns("marts.fct_feed_load")]
            whole = facts | {"load_id": load.load_id, "loaded_at": load.loaded_at, "quarantined_share": bad / read}
            loads.append({name: whole.get(name) for name in names})
        definitions = dict.fromkeys(loads[0]) | {
            "load_id": "definitions",
            "kind": "definitions",
            "source_feed": "company",
            "file_sha256": _digest("company"),
            "status": "loaded",
            "rows_read": 9,
            "rows_accepted": 9,
            "rows_quarantined": 0,
            "loaded_at": KNOWN_AT,
        }
        self._insert("marts.fct_feed_load", [*loads, definitions])

    def _fill_marts(self) -> None:
        version = {"valid_from": FIRST, "valid_to": OPEN_END, "is_current": True}
        self._insert(
            "marts.dim_person",
            [
                {"person_id": person, "person_name": name, "org_unit_id": "ops", **version}
                for person, name in PEOPLE.items()
            ]
            + [{"person_id": "(unowned)", "person_name": "(unowned)", "org_unit_id": "(unknown)", **version}],
        )
        self._insert(
            "marts.dim_org_unit",
            [
                {
                    "org_unit_id": unit,
                    "org_unit_name": unit.title(),
                    "parent_org_unit_id": parent,
                    "head_person_id": "dee",
                    **version,
                }
                for unit, parent in (("group", None), ("ops", "group"), ("sales", "group"))
            ],
        )
        self._insert(
            "marts.dim_kpi",
            [
                {
                    "kpi_id": self._kpi(number),
                    "kpi_name": self._kpi_name(number),
                    "description": "From the order's arrival until it leaves the house.",
                    "unit": "minutes",
                    "direction": "decrease",
                    "grain": "day",
                    "org_unit_id": "ops",
                    "feed_id": "desk",
                    "source_file": "kpis/ops.yml",
                    "source_row": number + 3,
                    **version,
                }
                for number in range(self.count)
            ],
        )
        self._insert(
            "marts.dim_ownership",
            [
                {
                    "subject_type": "kpi",
                    "subject_id": self._kpi(number),
                    "role": role,
                    "person_id": list(PEOPLE)[(number + place) % 4],
                    "controlled_input_share": 0.4,
                    "levers_elsewhere": "the carrier's planning (Sales)",
                    "is_current": True,
                    "owned_from": date(2025, 12, 1),
                    "source_file": "kpis/ops.yml",
                    "source_row": number + 9,
                }
                for number in range(self.count)
                for place, role in ((1, "accountable_owner"), (3, "data_steward"))
            ],
        )
        self._insert(
            "marts.fct_kpi_line_of_sight",
            [
                {
                    "kpi_id": self._kpi(number),
                    "line_of_sight": f"{self._kpi_name(number)} -> measures -> KR {self._title(number)}"
                    if number % 2
                    else None,
                    "path_count": 1,
                    "has_line_of_sight": bool(number % 2),
                }
                for number in range(self.count)
            ],
        )
        self._insert(
            "marts.fct_kpi_observation",
            [
                {
                    "kpi_observation_key": f"{number}|{day}",
                    "kpi_id": self._kpi(number),
                    "value": 30.0 + number,
                    "is_current": True,
                    "period_start_on": AS_OF - timedelta(days=day),
                    "vintage_at": KNOWN_AT,
                    "source_feed": "desk",
                    "source_file": "desk/2026-02-14.csv",
                    "source_row": number + 2,
                    "source_type": "system",
                }
                for number in range(self.count)
                for day in (1, 2)
            ],
        )
        self._insert(
            "marts.dim_cycle",
            [{"cycle_key": "2026-Q1", "cycle_id": "2026-Q1", "cycle_name": "Q1 2026", "state": "active"}],
        )
        self._insert(
            "marts.dim_objective",
            [
                {
                    "objective_id": "faster",
                    "title": "Orders leave the house faster",
                    "org_unit_id": "ops",
                    "owner_id": "bo",
                    **version,
                }
            ],
        )
        self._insert(
            "marts.dim_key_result",
            [
                {
                    "key_result_id": self._key_result(number),
                    "title": self._title(number),
                    "objective_id": "faster",
                    "champion_id": list(PEOPLE)[number % 4],
                    "cycle_id": "2026-Q1",
                    "source_file": "okrs/2026-Q1/ops.yml",
                    "source_row": number + 12,
                    **version,
                }
                for number in range(self.count)
            ],
        )
        self._insert(
            "marts.fct_key_result_daily",
            [
                {
                    "key_result_day_key": f"{self._key_result(number)}|{day}",
                    "as_of": day,
                    "key_result_id": self._key_result(number),
                    "status": _true_status(number) if day == AS_OF or number % 4 else "on_track",
                    "progress": 0.3,
                    "expected_progress": 0.5,
                    "is_latest": day == AS_OF,
                }
                for number in range(self.count)
                for day in (AS_OF - timedelta(days=1), AS_OF)
            ],
        )

    def _fill_reports(self, audit: AuditReport) -> None:
        scorecard, links = [], []
        people = list(PEOPLE.items())
        for number in range(self.count):
            status = _status(number)
            is_withheld = status == "withheld"
            has_figures = not is_withheld and status != "not_assessable"
            progress = None if not has_figures else min(1.0, 0.15 + (number * 7 % 13) / 13)
            champion, owner = people[number % 4], people[(number + 1) % 4]
            reason = f"OWN-01: it has no reviewer, expected one; {self._title(number)}" if is_withheld else None
            identity = {
                "as_of": AS_OF,
                "key_result_id": self._key_result(number),
                "key_result_title": self._title(number),
                "objective_id": "faster",
                "objective_title": "Orders leave the house faster",
                "cycle_id": "2026-Q1",
                "champion_id": champion[0],
                "champion_name": champion[1],
                "unit": "minutes" if number % 2 else "share",
                "status": status,
                "status_rule_id": "pace_gap",
                "null_reason": "no_data" if status == "not_assessable" else None,
                "withheld_reason": reason,
                "is_withheld": is_withheld,
                "progress": progress,
                "progress_raw": progress,
                "expected_progress": 0.5 if progress is not None else None,
                "baseline": None if is_withheld else 0.7,
                "target": None if is_withheld else 0.9,
                "measured_value": None if not has_figures else 0.7 + 0.2 * (progress or 0),
                "data_age_days": number % 5 + 1 if has_figures else None,
            }
            scorecard.append(
                identity
                | {
                    "cycle_name": "Q1 2026",
                    "cycle_state": "active",
                    "org_unit_id": "ops" if number % 3 else "sales",
                    "org_unit_name": "Operations" if number % 3 else "Sales",
                    "main_kpi_id": self._kpi(number),
                    "main_kpi_name": self._kpi_name(number),
                    "main_kpi_owner_id": owner[0],
                    "main_kpi_owner_name": owner[1],
                    "type": "metric",
                    "direction": "increase",
                    "is_latest": True,
                    "starts_on": date(2026, 1, 1),
                    "due_on": date(2026, 3, 31),
                }
            )
            links.append(
                identity
                | {
                    "key_result_kpi_day_key": f"{self._key_result(number)}|measures",
                    "kpi_id": self._kpi(number),
                    "kpi_name": self._kpi_name(number),
                    "kpi_owner_id": owner[0],
                    "kpi_owner_name": owner[1],
                    "kpi_org_unit_name": "Operations",
                    "key_result_org_unit_name": "Operations",
                    "link_type": "measures",
                    "kpi_value": identity["measured_value"],
                    "kpi_source_file": "desk/2026-02-14.csv",
                    "kpi_source_row": number + 2,
                    "kpi_period_start_on": AS_OF - timedelta(days=number % 5 + 1) if has_figures else None,
                }
            )
        self._insert("reports.rpt_okr_scorecard", scorecard)
        self._insert("reports.rpt_key_result_kpi", links)
        self._fill_charts()
        self._fill_goals()
        self._fill_escalations()
        self._fill_signals()
        names = self._names()
        self._insert(
            "reports.rpt_integrity_failures",
            [
                asdict(finding)
                | {
                    "as_of": AS_OF,
                    "integrity_failure_key": f"{finding.rule_id}|{finding.subject_id}",
                    "subject_name": names.get(finding.subject_id, finding.subject_id),
                    "owner_name": PEOPLE[finding.owner_id],
                    "age_days": 0,
                    "first_seen_at": audit.audited_at,
                }
                for finding in audit.failures
            ],
        )

    def _fill_charts(self) -> None:
        """Thirty days of each KPI: of one in three the newest is far outside, of one in six it is withheld."""
        for number in range(self.count):
            is_withheld = _status(number) == "withheld"
            rows = []
            for day in range(30):
                is_last = day == 29
                cause = "outside_limits" if is_last and number % 3 == 0 else "shift" if 10 <= day < 17 else None
                figures = {
                    "special_cause": cause,
                    "variation": "concern" if cause == "outside_limits" else "improvement" if cause else "common_cause",
                    "assurance": "inconsistent",
                    "value": 90.0 if cause == "outside_limits" else 30.0 + day % 4 - (4.0 if cause else 0.0),
                    "centre": 31.0,
                    "lower_process_limit": 25.0,
                    "upper_process_limit": 37.0,
                    "target": 30.0,
                }
                rows.append(
                    {
                        "kpi_control_chart_key": f"{number}|{day}",
                        "as_of": AS_OF,
                        "kpi_id": self._kpi(number),
                        "kpi_name": self._kpi_name(number),
                        "unit": "minutes",
                        "segment_number": 1,
                        "has_trial_limits": False,
                        "withheld_reason": "OWN-02: nobody answers for it" if is_withheld else None,
                        "is_withheld": is_withheld,
                        "is_latest": is_last,
                        "period_start_on": AS_OF - timedelta(days=30 - day),
                        "period_end_on": AS_OF - timedelta(days=30 - day),
                    }
                    | (dict.fromkeys(figures) if is_withheld else figures)
                )
            self._insert("reports.rpt_kpi_control_chart", rows)

    def _fill_escalations(self) -> None:
        """One that is overdue with the head of the unit, one of a key result, one waived, one that ended."""
        if self.count < 3:
            return
        kinds = (
            ("failed_rule", "OWN-02", "withhold", "kpi", self._kpi(0), "open", 1, True, "dee", None),
            ("off_track", None, None, "key_result", self._key_result(2), "decided", 0, False, "chi", "Hire drivers"),
            ("failed_rule", "OWN-01", "withhold", "key_result", self._key_result(1), "waived", 0, False, "bo", None),
            ("failed_rule", "MAP-04", "withhold", "key_result", self._key_result(2), "resolved", 0, False, "bo", None),
        )
        self._insert(
            "reports.rpt_escalation",
            [
                {
                    "escalation_key": f"{trigger}|{rule}|{subject}",
                    "as_of": AS_OF,
                    "escalation_id": f"{rule or trigger}:{kind}:{subject}",
                    "trigger_type": trigger,
                    "rule_id": rule,
                    "severity": severity,
                    "subject_type": kind,
                    "subject_id": subject,
                    "subject_name": self._kpi_name(0) if kind == "kpi" else self._names()[subject],
                    "org_unit_id": "ops",
                    "org_unit_name": "Ops",
                    "detail": "off track: progress 0.4, expected 0.5" if rule is None else "what was found",
                    "state": state,
                    "level_role": "unit_head" if level else "owner",
                    "owner_id": person,
                    "owner_name": PEOPLE[person],
                    "next_action": action,
                    "level": level,
                    "age_days": 3 if level else 1,
                    "is_open": state != "resolved",
                    "is_overdue": is_overdue,
                    "opened_on": AS_OF - timedelta(days=3 if level else 1),
                    "due_on": AS_OF + timedelta(days=0 if is_overdue else 6),
                    "resolved_on": AS_OF if state == "resolved" else None,
                }
                for place, (
                    trigger,
                    rule,
                    severity,
                    kind,
                    subject,
                    state,
                    level,
                    is_overdue,
                    person,
                    action,
                ) in enumerate(kinds)
            ],
        )
        self._insert(
            "reports.rpt_integrity_history",
            [
                {
                    "integrity_history_key": dimension,
                    "as_of": AS_OF,
                    "dimension": dimension,
                    "dimension_id": identity,
                    "dimension_name": name,
                    "mean_days_to_repair": 4.5,
                    "open_count": 2,
                    "new_count": 1,
                    "repaired_count": 3,
                    "reopened_count": 1,
                    "oldest_open_days": 12,
                    "first_seen_on": date(2026, 2, 1),
                    "last_repaired_on": date(2026, 2, 9),
                }
                for dimension, identity, name in (
                    ("rule", "OWN-02", "OWN-02"), ("unit", "ops", "Ops"), ("owner", "bo", "Bo Lindqvist"),
                    ("feed", "ledger", "General ledger"),
                )
            ],
        )  # fmt: skip

    def _fill_signals(self) -> None:
        if self.count < 4:
            return
        self._insert(
            "reports.rpt_silo_conflict",
            [
                {
                    "silo_conflict_key": "kr_02|latency_03",
                    "key_result_id": self._key_result(2),
                    "key_result_title": self._title(2),
                    "kpi_id": self._kpi(3),
                    "kpi_name": self._kpi_name(3),
                    "champion_id": "chi",
                    "champion_name": PEOPLE["chi"],
                    "key_result_org_unit_id": "sales",
                    "key_result_org_unit_name": "Sales",
                    "kpi_owner_id": "ana",
                    "kpi_owner_name": PEOPLE["ana"],
                    "kpi_org_unit_id": "ops",
                    "kpi_org_unit_name": "Ops",
                    "key_result_status": "on_track",
                    "link_type": "impacts",
                    "event_title": "Portal released",
                    "attribution": "single",
                    "unit": "minutes",
                    "grain": "day",
                    "method": "placebo",
                    "cost_basis": "effect_x_volume",
                    "currency": "EUR",
                    "cost_volume_kpi_id": self._kpi(1),
                    "finding": "three minutes longer since the release",
                    "disproof": "It is disproved if it stays where it is after the release is taken back.",
                    "baseline_level": 31.0,
                    "level_after": 34.0,
                    "effect": 3.0,
                    "effect_margin": 0.8,
                    "statistic": 2.5,
                    "p_value": 0.004,
                    "minimum_effect": 0.5,
                    "cost_per_unit_amount": 2.0,
                    "volume_to_date": 41_200 / 6,
                    "cost_to_date_amount": 41_200.0,
                    "remaining_cost_amount": 358_800.0,
                    "projected_cost_amount": 400_000.0,
                    "history_count": 240,
                    "effect_period_count": 17,
                    "delay_days": 4,
                    "is_open": True,
                    "is_withheld": False,
                    "event_on": date(2026, 1, 30),
                    "detected_on": date(2026, 2, 3),
                    "opened_on": date(2026, 2, 3),
                    "effect_from_on": date(2026, 1, 30),
                    "effect_until_on": date(2026, 2, 15),
                }
            ],
        )

    def _fill_goals(self) -> None:
        if self.count < 3:
            return
        self._insert(
            "reports.rpt_goalpost_ledger",
            [
                {
                    "goal_change_key": "key_result|kr_02|target",
                    "as_of": AS_OF,
                    "subject_type": "key_result",
                    "subject_id": self._key_result(2),
                    "subject_name": self._title(2),
                    "field": "target",
                    "kind": "change",
                    "owner_id": "chi",
                    "owner_name": PEOPLE["chi"],
                    "unit": "share",
                    "old_number": 0.95,
                    "new_number": 0.9,
                    "difficulty": "easier",
                    "not_permitted_reason": "no_request",
                    "attainment_vs_locked": 0.3,
                    "attainment_vs_current": 0.4,
                    "attainment_drift": 0.1,
                    "is_after_lock": True,
                    "is_permitted": False,
                    "changed_on": date(2026, 2, 10),
                    "changed_at": KNOWN_AT,
                }
            ],
        )
        self._insert(
            "reports.rpt_objective_scorecard",
            [
                {
                    "as_of": AS_OF,
                    "objective_id": "faster",
                    "objective_title": "Orders leave the house faster",
                    "cycle_id": "2026-Q1",
                    "cycle_name": "Q1 2026",
                    "org_unit_id": "ops",
                    "org_unit_name": "Ops",
                    "owner_id": "bo",
                    "owner_name": PEOPLE["bo"],
                    "status": "off_track",
                    "progress": 0.4,
                }
            ],
        )
        self._insert(
            "reports.rpt_owner_calibration",
            [{"champion_id": "bo", "champion_name": PEOPLE["bo"], "compared_count": 6, "optimistic_count": 4,
              "pessimistic_count": 1}],
        )  # fmt: skip

    def _audit(self, stage: Stage, at: datetime, catalogue: Catalogue, as_of: date = AS_OF) -> AuditReport:
        return run_audit(
            warehouse=self.warehouse,
            lake=self.lake,
            stage=stage,
            as_of=as_of,
            run_id="run-1",
            clock=lambda: at,
            catalogue=catalogue,
            evaluator=_count,
        )

    def _names(self) -> dict[str, str]:
        return {self._key_result(number): self._title(number) for number in range(self.count)}

    def _key_result(self, number: int) -> str:
        return self.ids[number] if number < len(self.ids) else f"kr_{number:02d}"

    def _kpi(self, number: int) -> str:
        return self.ids[number] if number < len(self.ids) else f"latency_{number:02d}"

    def _kpi_name(self, number: int) -> str:
        return self.titles[number] if number < len(self.titles) else f"Order latency, line {number:02d}"

    def _title(self, number: int) -> str:
        if number < len(self.titles):
            return self.titles[number]
        return f"Orders of line {number:02d} leave within the hour of arrival"


def _catalogue(*, marts: Sequence[Finding], reports: Sequence[Finding]) -> Catalogue:
    """Return the rules, each with a query that finds what is to be found, and nothing else."""
    findings: dict[Stage, Sequence[Finding]] = {"marts": marts, "reports": reports}
    rules = []
    for rule in CATALOGUE.rules:
        checks = {stage: _check([row for row in findings[stage] if row[0] == rule.id]) for stage in rule.checks}
        rules.append(replace(rule, checks=checks))
    return Catalogue(tuple(rules))


def _check(findings: Sequence[Finding]) -> Check:
    no_row = "('', '', '')"
    rows = [f"({_quoted(kind)}, {_quoted(subject)}, {_quoted(detail)})" for _, kind, subject, detail in findings]
    return Check(
        violations="select subject_type, subject_id, detail, 'okrs/2026-Q1/ops.yml' as source_file, "
        "12::bigint as source_row, 'load' as load_id "
        f"from (values {', '.join(rows or [no_row])}) as found (subject_type, subject_id, detail) "
        "where subject_type <> ''",
        judged="select 40",
    )


def _count(session: AuditSession, catalogue: Catalogue, stage: Stage) -> list[Evaluation]:
    """Evaluate without Great Expectations: a second instead of five, for what is not under test here."""
    return [
        Evaluation(rule.id, len(session.ask(violations_query(rule.id, rule.checks[stage])).rows), None)
        for rule in catalogue.active(stage)
    ]


def _true_status(number: int) -> str:
    status = _status(number)
    return "on_track" if status == "withheld" else status


def _status(number: int) -> str:
    return STATUSES[number % len(STATUSES)]


def _type(column: dict[str, Any]) -> str:
    return _TYPES.get(column["data_type"], column["data_type"])


def _array(values: list[Any], type_: str) -> pa.Array:
    arrow = {"VARCHAR": pa.string(), "DOUBLE": pa.float64(), "BIGINT": pa.int64(), "INTEGER": pa.int32()}
    return pa.array(values, arrow.get(type_))


def _digest(*content: object) -> str:
    return hashlib.sha256(repr(content).encode("utf-8", "surrogatepass")).hexdigest()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
