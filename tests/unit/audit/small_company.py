"""A company of three people, three KPIs and three key results, as a lake and a warehouse in which every rule holds.

The warehouse's tables get their columns from the dbt project's own yml files, so a renamed column fails here. Rows are
written straight into them: what is tested is the audit, not the models.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from orchestration.audit.run import AuditReport
from orchestration.company.tables import TABLES as COMPANY_TABLES
from orchestration.ingestion.tables import OBSERVATIONS, QUARANTINE
from orchestration.lake.store import Lake
from orchestration.settings import PROJECT_ROOT
from orchestration.tables import LAKE_TABLES

AS_OF = date(2026, 2, 15)
LOADED_AT = datetime(2026, 2, 15, 6, 0, tzinfo=UTC)
KNOWN_AT = datetime(2026, 2, 15, 8, 0)
NOW = datetime(2026, 2, 15, 9, 0, tzinfo=UTC)
OPEN_END = date(9999, 12, 31)
FIRST = date(1900, 1, 1)

_TYPES = {"string": "varchar", "int": "integer"}
_INTERMEDIATE = """
create table intermediate.int_run__context (as_of date, known_at timestamp, run_id varchar);
create table intermediate.int_definitions__references (
    subject_type varchar, subject_id varchar, reference varchar, referenced_type varchar, referenced_id varchar,
    is_resolved boolean, source_file varchar, source_row bigint
);
"""


class SmallCompany:
    """A lake and a warehouse below one folder.

    `add(table, ...)` writes a row, `run(sql)` changes the warehouse, `load(...)` appends observations to the lake.
    """

    def __init__(self, root: Path) -> None:
        self.lake = Lake(root / "lake")
        self.warehouse = root / "warehouse.duckdb"
        self._drafts: list[tuple[str, dict[str, Any]]] = []
        self._is_drafting = False

    @classmethod
    def create(cls, root: Path) -> SmallCompany:
        """Make the lake, the warehouse and its reports."""
        company = cls(root)
        company.lake.ensure(LAKE_TABLES)
        company._create()
        company._is_drafting = True
        company._define()
        company._is_drafting = False
        company._file_drafts(LOADED_AT)
        company._observe()
        company._report()
        return company

    # --- what a test does -------------------------------------------------------------------------------------------

    def run(self, sql: str, parameters: list[Any] | None = None) -> None:
        """Change the warehouse."""
        with duckdb.connect(str(self.warehouse)) as connection:
            for statement in connection.extract_statements(sql):
                connection.execute(statement, parameters)

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def add(self, table: str, **values: Any) -> None:
        """Insert one row."""
        names = ", ".join(values)
        self.run(f"insert into {table} ({names}) values ({', '.join('?' * len(values))})", list(values.values()))

    def add_kpi(self, kpi_id: str, owner: str | None = "olga", **values: Any) -> None:
        """Define an active KPI everywhere that one stands."""
        facts = {
            "kpi_key": f"{kpi_id}|1",
            "kpi_id": kpi_id,
            "kpi_name": kpi_id,
            "unit": "minutes",
            "org_unit_id": "ops",
            "feed_id": "desk",
            "grain": "day",
            "lifecycle": "active",
            "agreed_offset_days": 1,
            "is_shared": False,
            "decision_threshold": "above 30",
            "decision": "call for help",
            "decision_forum": "daily stand-up",
        }
        self.add("marts.dim_kpi", **facts | _version("kpis/ops.yml") | values)
        self.add("marts.fct_kpi_line_of_sight", kpi_id=kpi_id, path_count=1, has_line_of_sight=True)
        self.define("kpis", kpi_id=kpi_id)
        if owner:
            self.add_owner("kpi", kpi_id, "accountable_owner", owner)

    def add_owner(self, subject_type: str, subject_id: str, role: str, person: str, **values: Any) -> None:
        """Let a person hold a role, since ever and without end unless `values` say otherwise."""
        owned = {"owned_from": FIRST, "owned_to": OPEN_END, "is_current": True} | values
        key = f"{subject_id}|{role}|{person}|{owned['owned_from']}"
        self.add(
            "marts.dim_ownership",
            ownership_key=key,
            subject_type=subject_type,
            subject_id=subject_id,
            role=role,
            person_id=person,
            org_unit_id="ops",
            **owned,
        )

    def add_key_result(self, key_result_id: str, links: dict[str, str] | None = None, **values: Any) -> None:
        """Define a committed key result of the first quarter; `links` maps link type to KPI."""
        facts = {
            "key_result_key": f"{key_result_id}|1",
            "key_result_id": key_result_id,
            "objective_id": "faster",
            "cycle_id": "2026-Q1",
            "title": key_result_id,
            "champion_id": "carl",
            "reviewer_id": "olga",
            "type": "metric",
            "direction": "decrease",
            "unit": "minutes",
            "state": "committed",
            "starts_on": date(2026, 2, 5),  # the first day of which there are observations
            "due_on": date(2026, 3, 31),
            "is_locked_version": True,
            "attestation_statement": "No other KPI is touched.",
            "attested_by_id": "carl",
            "attested_on": date(2026, 1, 5),
        }
        facts |= _version("okrs/2026-Q1/ops.yml") | values
        self.add("marts.dim_key_result", **facts)
        self.define("key_results", key_result_id=key_result_id)
        for role in ("champion", "reviewer"):
            if facts[f"{role}_id"]:
                self.add_owner("key_result", key_result_id, role, facts[f"{role}_id"])
        for link_type, kpi_id in (links or {}).items():
            self.add_link(key_result_id, kpi_id, link_type)

    def add_link(self, key_result_id: str, kpi_id: str, link_type: str, **values: Any) -> None:
        facts = {
            "key_result_kpi_key": f"{key_result_id}|{kpi_id}|{link_type}",
            "key_result_id": key_result_id,
            "kpi_id": kpi_id,
            "link_type": link_type,
            "cycle_id": "2026-Q1",
            "weight": 1.0 if link_type == "measures" else None,
        }
        self.add("marts.bridge_key_result_kpi", **facts | _version("okrs/2026-Q1/ops.yml") | values)

    def define(self, entity: str, *, at: datetime = LOADED_AT, **values: Any) -> None:
        """Append one record of definitions to the lake."""
        self._drafts.append((entity, values))
        if not self._is_drafting:
            self._file_drafts(at)

    def _file_drafts(self, at: datetime) -> None:
        """Append everything that was defined in one load: copying a company costs by the file."""
        drafts, self._drafts = self._drafts, []
        with self.lake.begin(at, _digest(drafts)) as load:
            common = {"is_deleted": False, "load_id": load.load_id, "loaded_at": load.loaded_at}
            for entity in {entity for entity, _ in drafts}:
                rows = [common | values for name, values in drafts if name == entity]
                schema = COMPANY_TABLES[f"definitions/{entity}"]
                load.write(f"definitions/{entity}", pa.Table.from_pylist(rows, schema=schema))
            count = len(drafts)
            counts = {"rows_read": count, "rows_accepted": count, "rows_quarantined": 0}
            load.commit({"kind": "definitions", "status": "loaded", **counts})

    def load(
        self,
        rows: list[dict[str, Any]],
        *,
        quarantined: int = 0,
        at: datetime = LOADED_AT,
        content: str = "feed",
        into_mart: bool = True,
        **ledger: Any,
    ) -> str:
        """Append observations (kpi_id, day, value) to the lake, and to the fact; returns the load's id."""
        with self.lake.begin(at, _digest(content)) as load:
            lineage = {
                "load_id": load.load_id,
                "loaded_at": load.loaded_at,
                "source_feed": "desk",
                "source_file": "desk.csv",
            }
            observed = [
                {
                    "kpi_id": row["kpi_id"],
                    "period_start_on": row["day"],
                    "value": row["value"],
                    "unit": "minutes",
                    "obs_status": "A",
                    "source_type": "system",
                    "vintage_at": row.get("vintage_at", load.loaded_at),
                    "source_row": number,
                    **lineage,
                }
                for number, row in enumerate(rows, 2)
            ]
            refused = [
                {"reason_code": "not_a_number", "source_row": number, **lineage} for number in range(quarantined)
            ]
            load.write("observations", pa.Table.from_pylist(observed, schema=OBSERVATIONS), subject="desk")
            load.write("quarantine", pa.Table.from_pylist(refused, schema=QUARANTINE), subject="desk")
            counts = {
                "kind": "feed",
                "source_feed": "desk",
                "source_file": "desk.csv",
                "status": "loaded",
                "rows_read": len(rows) + quarantined,
                "rows_accepted": len(rows),
                "rows_quarantined": quarantined,
                "rows_collapsed": 0,
            }
            load.commit(counts | ledger)
            if into_mart:
                self._insert_observations(observed)
        return load.load_id

    def forget(self, kpi_id: str, *, newer_than: date) -> None:
        """Remove the newest observations of a KPI from the lake's facts and from what was made of them."""
        self.run("delete from marts.fct_kpi_observation where kpi_id = ? and period_start_on > ?", [kpi_id, newer_than])
        self.run("delete from marts.fct_key_result_kpi where kpi_id = ?", [kpi_id])

    def withhold(self, key_result_id: str, report: AuditReport) -> None:
        """Blank a key result in the reports and list what the audit found, as the models do."""
        self.run(
            f"""
            update reports.rpt_okr_scorecard set status = 'withheld', is_withheld = true, withheld_reason = 'because',
                progress = null, progress_raw = null, measured_value = null
            where key_result_id = '{key_result_id}';
            update reports.rpt_key_result_kpi set status = 'withheld', is_withheld = true, withheld_reason = 'because',
                kpi_value = null, progress = null, progress_raw = null, measured_value = null
            where key_result_id = '{key_result_id}'
            """
        )
        for finding in report.failures:
            self.add(
                "reports.rpt_integrity_failures",
                rule_id=finding.rule_id,
                outcome=finding.outcome,
                subject_type=finding.subject_type,
                subject_id=finding.subject_id,
            )

    def escalate(self) -> None:
        """Open an escalation for whatever the newest audit found and for every red line, as the models do."""
        self.run("delete from reports.rpt_escalation")
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute(
                f"""
                create temp table found as
                select rule_id || ':' || subject_type || ':' || subject_id as escalation_id, rule_id, subject_type,
                    subject_id, outcome, owner_id
                from read_parquet('{self.lake.glob("integrity_results")}', union_by_name = true)
                where audit_id = (
                    select max(audit_id)
                    from read_parquet('{self.lake.glob("rule_outcomes")}', union_by_name = true)
                    where stage = 'marts'
                )
                union all
                select 'off_track:' || key_result_id, null, 'key_result', key_result_id, 'failed', 'olga'
                from reports.rpt_okr_scorecard where status = 'off_track'
                union all
                select 'RPT-01:key_result:' || key_result_id, 'RPT-01', 'key_result', key_result_id, 'failed', 'olga'
                from reports.rpt_okr_scorecard where abs(divergence) > 1;
                insert into reports.rpt_escalation (
                    escalation_key, escalation_id, trigger_type, rule_id, subject_type, subject_id, state, owner_id,
                    is_open, opened_on, due_on
                )
                select escalation_id, escalation_id, 'failed_rule', rule_id, subject_type, subject_id,
                    if(outcome = 'waived', 'waived', 'open'), owner_id, true, date '{AS_OF}', date '{AS_OF}' + 1
                from found
                """
            )

    @staticmethod
    def days(count: int) -> list[date]:
        """The days before the business date, newest first."""
        return [AS_OF - timedelta(days=age) for age in range(1, count + 1)]

    # --- how it is made ---------------------------------------------------------------------------------------------

    def _create(self) -> None:
        models = PROJECT_ROOT / "dbt_project" / "models"
        statements = ["create schema intermediate", "create schema marts", "create schema reports", _INTERMEDIATE]
        for layer in ("marts", "reports"):
            for path in sorted((models / layer).rglob("*.yml")):
                for model in yaml.safe_load(path.read_text()).get("models", []):
                    if model["name"].startswith("int_"):
                        continue
                    columns = ", ".join(
                        f"{column['name']} {_TYPES.get(column['data_type'], column['data_type'])}"
                        for column in model["columns"]
                    )
                    statements.append(f"create table {layer}.{model['name']} ({columns})")
        self.run(";".join(statements))
        self.add("intermediate.int_run__context", as_of=AS_OF, known_at=KNOWN_AT, run_id="build")

    def _define(self) -> None:
        for unit, parent, head in (("group", None, "gina"), ("ops", "group", "olga")):
            self.add(
                "marts.dim_org_unit",
                org_unit_id=unit,
                org_unit_name=unit,
                parent_org_unit_id=parent,
                head_person_id=head,
                **_version("organization.yml"),
            )
            self.define("units", unit_id=unit)
        for person, unit in (("gina", "group"), ("olga", "ops"), ("carl", "ops"), ("fred", "ops")):
            self.add(
                "marts.dim_person", person_id=person, person_name=person.title(), org_unit_id=unit, **_version("o.yml")
            )
            self.define("people", person_id=person)
        self.define("feeds", feed_id="desk", owner_id="fred", steward_id="fred")
        self.add(
            "marts.dim_cycle",
            cycle_key="2026-Q1",
            cycle_id="2026-Q1",
            cycle_name="Q1 2026",
            state="active",
            starts_on=date(2026, 1, 1),
            ends_on=date(2026, 3, 31),
            locks_on=date(2026, 1, 7),
            closes_on=date(2026, 4, 10),
        )
        self.run(
            """
            insert into marts.dim_date (
                date_key, date_on, is_working_day, week_starts_on, month_starts_on, quarter_starts_on,
                next_working_day_on
            )
            select
                day, day, isodow(day) < 6, date_trunc('week', day), date_trunc('month', day),
                date_trunc('quarter', day), day + case isodow(day) when 5 then 3 when 6 then 2 else 1 end
            from (
                select cast(moment as date) as day
                from range(date '2026-01-01', date '2026-04-01', interval 1 day) as moments (moment)
            )
            """
        )
        self.add(
            "marts.dim_objective",
            objective_id="faster",
            cycle_id="2026-Q1",
            title="Faster",
            org_unit_id="ops",
            owner_id="olga",
            sponsor_id="gina",
            state="committed",
            **_version("okrs/2026-Q1/ops.yml"),
        )
        self.define("objectives", objective_id="faster")
        self.add_owner("objective", "faster", "owner", "olga")
        self.add_kpi("latency")
        self.add_kpi("errors")
        self.add_kpi("backlog")
        self.add_key_result("kr_latency", {"measures": "latency", "guardrail": "errors"})
        self.add_key_result("kr_errors", {"measures": "errors"})
        self.add_key_result("kr_portal", {"impacts": "latency"}, type="milestone", direction="milestone", unit=None)
        self.add(
            "intermediate.int_definitions__references",
            subject_type="key_result",
            subject_id="kr_latency",
            reference="links.kpi",
            referenced_type="kpi",
            referenced_id="latency",
            is_resolved=True,
            source_file="okrs/2026-Q1/ops.yml",
            source_row=7,
        )

    def _observe(self) -> None:
        self.load(
            [
                {"kpi_id": kpi_id, "day": AS_OF - timedelta(days=age), "value": base + age}
                for kpi_id, base in (("latency", 10.0), ("errors", 20.0), ("backlog", 30.0))
                for age in range(1, 11)
            ],
            quarantined=2,
        )
        self.run(
            """
            insert into marts.fct_feed_load (load_id, kind, source_feed) select distinct load_id, 'feed', source_feed
            from marts.fct_kpi_observation;
            insert into marts.fct_key_result_kpi (
                key_result_kpi_day_key, as_of, key_result_id, key_result_key, kpi_id, kpi_key, link_type, kpi_value,
                measured_value, unit, status, kpi_period_start_on, kpi_vintage_at, progress_raw, progress, is_latest
            )
            select
                bridge.key_result_kpi_key, date '2026-02-15', bridge.key_result_id, bridge.key_result_id || '|1',
                bridge.kpi_id, bridge.kpi_id || '|1', bridge.link_type, fact.value, fact.value, fact.unit, 'on_track',
                fact.period_start_on, fact.vintage_at, 0.5, 0.5, true
            from marts.bridge_key_result_kpi as bridge
            inner join marts.fct_kpi_observation as fact
                on fact.kpi_id = bridge.kpi_id and fact.period_start_on = date '2026-02-14';
            insert into marts.fct_key_result_daily (
                key_result_day_key, as_of, key_result_id, key_result_key, status, progress_raw, progress, is_latest
            )
            select key_result_id, date '2026-02-15', key_result_id, key_result_key, 'on_track', 0.5, 0.5, true
            from marts.dim_key_result
            """
        )

    def _report(self) -> None:
        self.run(
            """
            insert into reports.rpt_okr_scorecard (
                as_of, key_result_id, key_result_title, objective_id, cycle_id, status, progress_raw, progress,
                is_withheld
            )
            select as_of, key_result_id, key_result_id, 'faster', '2026-Q1', status, progress_raw, progress, false
            from marts.fct_key_result_daily;
            insert into reports.rpt_objective_scorecard (
                as_of, objective_id, status, key_result_count, achieved_count, on_track_count, at_risk_count,
                off_track_count, not_assessable_count, withheld_count
            )
            select date '2026-02-15', 'faster', 'on_track', count(*), 0, count(*), 0, 0, 0, 0
            from marts.fct_key_result_daily;
            insert into reports.rpt_key_result_kpi (
                key_result_kpi_day_key, as_of, key_result_id, kpi_id, link_type, status, kpi_value, measured_value,
                progress_raw, progress, is_withheld, kpi_period_start_on, kpi_vintage_at
            )
            select
                key_result_kpi_day_key, as_of, key_result_id, kpi_id, link_type, status, kpi_value, measured_value,
                progress_raw, progress, false, kpi_period_start_on, kpi_vintage_at
            from marts.fct_key_result_kpi
            """
        )

    def _insert_observations(self, rows: list[dict[str, Any]]) -> None:
        table = pa.Table.from_pylist(rows, schema=OBSERVATIONS)
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.register("observed", table)
            connection.execute(
                """
                insert into marts.fct_kpi_observation (
                    kpi_observation_key, kpi_id, unit, obs_status, source_type, source_feed, source_file, source_row,
                    load_id, value, is_current, period_start_on, period_end_on, vintage_at, loaded_at
                )
                select
                    kpi_id || '|' || period_start_on || '|' || vintage_at, kpi_id, unit, obs_status, source_type,
                    source_feed, source_file, source_row, load_id, value, true, period_start_on, period_start_on,
                    vintage_at, loaded_at
                from observed;
                update marts.fct_kpi_observation as older set is_current = false
                where exists (
                    select 1 from marts.fct_kpi_observation as newer
                    where newer.kpi_id = older.kpi_id and newer.period_start_on = older.period_start_on
                        and newer.vintage_at > older.vintage_at
                )
                """
            )


def _digest(*content: object) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()


def _version(file: str) -> dict[str, Any]:
    return {
        "valid_from": FIRST,
        "valid_to": OPEN_END,
        "is_current": True,
        "source_file": file,
        "source_row": 1,
        "load_id": "definitions",
    }


def failing(report: Any) -> dict[str, set[str]]:
    """Subjects by failed rule; a rule that was not evaluated stands there with its error."""
    failed: dict[str, set[str]] = {}
    for finding in report.failures:
        failed.setdefault(finding.rule_id, set()).add(finding.subject_id)
    for entry in report.outcomes if hasattr(report, "outcomes") else report.evaluations:
        message = entry.error_message if hasattr(entry, "error_message") else entry.error
        if message:
            failed[entry.rule_id] = {f"not evaluated: {message}"}
    return failed
