"""What an audit says of each rule, and how that is read back from the lake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from expectations.rule import Severity, Stage
from orchestration.errors import AuditError
from orchestration.lake.store import Lake

RECONCILING_RULES = ("DAT-02", "DAT-06")
"""Rules that hold the facts to the lake."""


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One rule in one audit; columns of the lake's `rule_outcomes`, times in naive UTC."""

    audit_id: str
    run_id: str
    stage: Stage
    as_of: date
    known_at: datetime
    audited_at: datetime
    rule_id: str
    severity: Severity
    outcome: str  # passed | failed | waived | not_evaluated | excluded
    judged_count: int | None
    failed_count: int
    waived_count: int
    warned_count: int  # of those that failed: subjects that a rule which withholds only lists
    findings_checksum: str
    duration_ms: float
    error_message: str | None
    catalogue_hash: str
    data_fingerprint: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One offending subject of one rule; columns of the lake's `integrity_results` less those of the run."""

    rule_id: str
    severity: Severity
    outcome: str  # failed | waived
    subject_type: str
    subject_id: str
    detail: str | None
    owner_role: str
    owner_id: str
    owner_source: str
    waiver_id: str | None
    source_file: str | None
    source_row: int | None
    source_load_id: str | None


@dataclass(frozen=True, slots=True)
class FindingTotals:
    """The findings of one rule.

    Attributes:
        failed: Subjects that are not waived.
        waived: Subjects that are.
        warned: Of those that failed, the ones that are only listed.
        checksum: Order-free, over all of them.
    """

    failed: int = 0
    waived: int = 0
    warned: int = 0
    checksum: str = "0"


@dataclass(frozen=True, slots=True)
class RecordedAudit:
    """An audit as the lake holds it.

    Attributes:
        outcomes: In the order of their rule ids.
        findings: Totals of the recorded findings by rule; a rule without findings is absent.
    """

    audit_id: str
    outcomes: tuple[RuleOutcome, ...]
    findings: Mapping[str, FindingTotals]


def total_findings(connection: duckdb.DuckDBPyConnection, findings: str) -> dict[str, FindingTotals]:
    """Add up findings by rule.

    Args:
        connection: Where they are.
        findings: What to select them from: a table, or a call with a condition.
    """
    columns = ", ".join(sorted(Finding.__dataclass_fields__))
    rows = connection.execute(
        f"""
        select
            rule_id,
            count(*) filter (where outcome = 'failed'),
            count(*) filter (where outcome = 'waived'),
            count(*) filter (where outcome = 'failed' and severity = 'warn'),
            sum(hash({columns}))::varchar
        from {findings}
        group by rule_id
        """
    ).fetchall()
    return {rule_id: FindingTotals(*totals) for rule_id, *totals in rows}


def newest_audits(lake: Lake, as_of: date) -> dict[Stage, RecordedAudit]:
    """Read the newest committed audit of each stage, for one business date, back from the lake.

    Raises:
        AuditError: The lake cannot be read.
    """
    # Outcomes of before a rule could warn in part have no such column filled.
    names = ", ".join(RuleOutcome.__dataclass_fields__).replace(
        "warned_count", "coalesce(warned_count, 0) as warned_count"
    )
    with _reading(lake) as connection:
        connection.execute(
            f"""
            create table outcomes as
            select {names}
            from {_files(lake, "rule_outcomes")}
            where as_of = ? and audit_id in (select load_id from {_files(lake, "loads")})
            """,
            [as_of],
        )
        newest = connection.execute("select stage, max(audit_id) from outcomes group by stage").fetchall()
        connection.execute(
            f"""
            create table findings as
            select *
            from {_files(lake, "integrity_results")}
            where audit_id in (select max(audit_id) from outcomes group by stage)
            """
        )
        audits: dict[Stage, RecordedAudit] = {}
        for stage, audit_id in newest:
            rows = connection.execute(
                f"select {names} from outcomes where audit_id = ? order by rule_id", [audit_id]
            ).fetchall()
            totals = total_findings(connection, f"findings where audit_id = '{audit_id}'")
            audits[stage] = RecordedAudit(audit_id, tuple(RuleOutcome(*row) for row in rows), totals)
        return audits


def facts_not_reconciled(lake: Lake) -> list[str]:
    """Return the rules that hold the facts to the lake, and did not in the newest audit of the marts.

    One that was not evaluated, or waived, did not hold. Before the first audit there is none.

    Raises:
        AuditError: The lake cannot be read.
    """
    with _reading(lake) as connection:
        rows = connection.execute(
            f"""
            with outcomes as (
                select audit_id, rule_id, outcome
                from {_files(lake, "rule_outcomes")}
                where stage = 'marts' and audit_id in (select load_id from {_files(lake, "loads")})
            )
            select rule_id
            from outcomes
            where
                audit_id = (select max(audit_id) from outcomes)
                and list_contains(?, rule_id)
                and outcome <> 'passed'
            order by rule_id
            """,
            [list(RECONCILING_RULES)],
        ).fetchall()
    return [rule_id for (rule_id,) in rows]


@contextmanager
def _reading(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection for queries of the lake; what it cannot read is an error of the audits."""
    try:
        with duckdb.connect() as connection:
            yield connection
    except duckdb.Error as error:
        raise AuditError(
            "the results of the audits cannot be read", file=lake.root, found=str(error).splitlines()[0]
        ) from error


def _files(lake: Lake, entity: str) -> str:
    escaped = lake.glob(entity).replace("'", "''")
    return f"read_parquet('{escaped}', union_by_name = true)"
