"""One audit of one stage: every rule put to the data, every offending subject written to the lake with its owner."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from expectations.catalogue import CATALOGUE, Catalogue
from expectations.rule import Rule, Stage
from orchestration.audit import findings
from orchestration.audit.evaluate import Evaluation, evaluate
from orchestration.audit.fingerprint import DataFingerprint, fingerprint_stage
from orchestration.audit.outcomes import Finding, FindingTotals, RuleOutcome, total_findings
from orchestration.audit.session import RULE_SECONDS, AuditSession, first_line, open_session
from orchestration.audit.tables import INTEGRITY_RESULTS, RULE_OUTCOMES
from orchestration.errors import AuditError
from orchestration.lake.store import Lake

Evaluator = Callable[[AuditSession, Catalogue, Stage], Sequence[Evaluation]]


@dataclass(frozen=True)
class AuditReport:
    """What an audit found.

    Attributes:
        audit_id: Also the load under which its results stand in the lake.
        outcomes: One per rule of the stage, planned ones included as `excluded`.
        results: All findings, as in the lake's `integrity_results`.
        fingerprint: Of the data that was audited.
        seconds: Wall time by step: `open`, `fingerprint`, `rules`, `findings`, `record`.
    """

    audit_id: str
    run_id: str
    stage: Stage
    as_of: date
    known_at: datetime
    audited_at: datetime
    catalogue_hash: str
    fingerprint: DataFingerprint
    outcomes: tuple[RuleOutcome, ...]
    results: pa.Table = field(repr=False)
    seconds: dict[str, float] = field(default_factory=dict)

    @cached_property
    def failures(self) -> tuple[Finding, ...]:
        """The findings as objects, waived ones included."""
        names = list(Finding.__dataclass_fields__)
        columns = [self.results.column(name).to_pylist() for name in names]
        return tuple(Finding(*row) for row in zip(*columns, strict=True))

    def outcome(self, rule_id: str) -> RuleOutcome:
        """Return the outcome of one rule.

        Raises:
            KeyError: The rule is not of this stage.
        """
        for entry in self.outcomes:
            if entry.rule_id == rule_id:
                return entry
        raise KeyError(rule_id)


def run_audit(
    *,
    warehouse: Path,
    lake: Lake,
    stage: Stage,
    as_of: date,
    run_id: str,
    clock: Callable[[], datetime],
    known_at: datetime | None = None,
    catalogue: Catalogue = CATALOGUE,
    evaluator: Evaluator = evaluate,
    seconds_allowed: float = RULE_SECONDS,
    threads: int | None = None,
    memory_limit: str | None = None,
) -> AuditReport:
    """Put the rules of a stage to the warehouse, and append outcomes and findings to the lake in one load.

    A rule that fails does not raise; it is an outcome. Whatever keeps a rule from being evaluated is one too.

    Args:
        warehouse: DuckDB file; opened read-only, and by nobody for writing meanwhile.
        lake: Read for reconciliation, owners and waivers; the results are appended to it.
        stage: `marts`, before the reports are built, or `reports`, before they are published.
        as_of: Business date; a warehouse that was built for another one is not evaluated.
        run_id: The run that asks.
        clock: The time, aware.
        known_at: The same for what was known when, aware; None accepts what the warehouse was built for.
        catalogue: The rules.
        evaluator: How they are evaluated; Great Expectations.
        seconds_allowed: Longest that one rule may take.
        threads: Of DuckDB; its default when None.
        memory_limit: Of DuckDB, such as `2GB`; its default when None.

    Raises:
        AuditError: There is nothing to audit, or the results could not be written: then there is no verdict either.
        LakeError: The lake could not be written.
    """
    started_at = clock()
    watch = _Watch()
    with open_session(
        warehouse,
        lake,
        stage=stage,
        run_id=run_id,
        as_of=as_of,
        seconds_allowed=seconds_allowed,
        threads=threads,
        memory_limit=memory_limit,
    ) as session:
        watch.lap("open")
        try:
            fingerprint = fingerprint_stage(session.connection, stage)
        except duckdb.Error as error:
            raise AuditError(f"the data cannot be fingerprinted: {first_line(error)}", file=warehouse) from error
        watch.lap("fingerprint")
        evaluations = _evaluate(session, catalogue, evaluator, known_at)
        watch.lap("rules")
        evaluations, results = findings.gather(session, catalogue, stage, evaluations)
        watch.lap("findings")
        examined = _Examined(catalogue, fingerprint, {entry.rule_id: entry for entry in evaluations}, results)
        return _record(session, lake, examined, started_at, watch)


@dataclass(frozen=True)
class _Examined:
    """All that an audit found, before it is written down."""

    catalogue: Catalogue
    fingerprint: DataFingerprint
    evaluations: Mapping[str, Evaluation]
    results: pa.Table


def _evaluate(
    session: AuditSession, catalogue: Catalogue, evaluator: Evaluator, known_at: datetime | None
) -> list[Evaluation]:
    """Evaluate the rules of the session's stage, each with the number of subjects that it was put to."""
    stage = session.context.stage
    rules = catalogue.active(stage)
    refusal = _refusal(session, known_at)
    if refusal:
        return [Evaluation(rule.id, None, refusal) for rule in rules]
    return [
        _require_subjects(session, catalogue.rule(entry.rule_id), entry)
        for entry in _one_each(evaluator(session, catalogue, stage), rules)
    ]


def _record(session: AuditSession, lake: Lake, examined: _Examined, started_at: datetime, watch: _Watch) -> AuditReport:
    """Append outcomes and findings to the lake, in one load whose name is the audit's."""
    context, catalogue, fingerprint = session.context, examined.catalogue, examined.fingerprint
    content = hashlib.sha256(
        f"{context.run_id}\0{context.stage}\0{catalogue.hash}\0{fingerprint.value}".encode()
    ).hexdigest()
    totals = total_findings(session.connection, findings.RESULTS)
    with lake.exclusive(), lake.begin(_after_every_audit(session, lake, started_at), content) as load:
        run: dict[str, Any] = {
            "audit_id": load.load_id,
            "run_id": context.run_id,
            "stage": context.stage,
            "as_of": context.as_of,
            "known_at": context.known_at,
            "audited_at": load.loaded_at,
        }
        outcomes = tuple(
            RuleOutcome(
                **run,
                **_outcome(rule, examined.evaluations.get(rule.id), totals.get(rule.id, FindingTotals())),
                catalogue_hash=catalogue.hash,
                data_fingerprint=fingerprint.value,
            )
            for rule in catalogue.at(context.stage)
        )
        results = _with_run(examined.results, run)
        rows = pa.Table.from_pylist([asdict(entry) for entry in outcomes], schema=RULE_OUTCOMES)
        load.write("rule_outcomes", rows, subject=context.stage)
        load.write("integrity_results", results, subject=context.stage)
        load.commit(
            {
                "kind": "audit",
                "status": "loaded",
                "rows_read": results.num_rows,
                "rows_accepted": results.num_rows,
                "rows_quarantined": 0,
                "rows_collapsed": 0,
                "contract_hash": catalogue.hash,
                "started_at": _naive(started_at),
                "duration_seconds": watch.total(),
            }
        )
    watch.lap("record")
    return AuditReport(
        **run,
        catalogue_hash=catalogue.hash,
        fingerprint=fingerprint,
        outcomes=outcomes,
        results=results,
        seconds=watch.laps,
    )


def _refusal(session: AuditSession, known_at: datetime | None) -> str | None:
    """Say why nothing can be evaluated on this warehouse, or None."""
    context = session.context
    if context.built_for != context.as_of:
        return f"the warehouse was built for {context.built_for}, the audit is of {context.as_of}"
    if known_at is not None and _naive(known_at) != context.known_at:
        return f"the warehouse was built from what was known at {context.known_at}, the audit asks for {known_at}"
    if context.stage == "reports" and context.marts_audit_id is None:
        return "the marts were never audited: there is nothing that says what is to be withheld"
    return None


def _one_each(evaluations: Sequence[Evaluation], rules: Sequence[Rule]) -> list[Evaluation]:
    """Return one evaluation per rule; none, several, or one of a rule that was not asked for, is not evaluated."""
    found: dict[str, list[Evaluation]] = {}
    for entry in evaluations:
        found.setdefault(entry.rule_id, []).append(entry)
    return [
        found[rule.id][0]
        if len(found.get(rule.id, [])) == 1
        else Evaluation(rule.id, None, f"evaluated {len(found.get(rule.id, []))} times, expected once")
        for rule in rules
    ]


def _require_subjects(session: AuditSession, rule: Rule, evaluation: Evaluation) -> Evaluation:
    """Add the number of subjects that a rule was put to. A rule that was put to nothing proves nothing."""
    if evaluation.error:
        return evaluation
    check = rule.checks[session.context.stage]
    answer = session.ask(check.judged)
    if answer.error or len(answer.rows) != 1 or not isinstance(answer.rows[0][0], int):
        return replace(evaluation, violations=None, error="the subjects that it judges cannot be counted")
    count = answer.rows[0][0]
    if count == 0 and not evaluation.violations and not check.may_judge_nothing:
        return replace(evaluation, judged=0, violations=None, error=f"there is no {rule.subject_type} to judge")
    return replace(evaluation, judged=count)


def _outcome(rule: Rule, evaluation: Evaluation | None, totals: FindingTotals) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "rule_id": rule.id,
        "severity": rule.severity,
        "judged_count": evaluation.judged if evaluation else None,
        "failed_count": totals.failed,
        "waived_count": totals.waived,
        "warned_count": totals.warned,
        "findings_checksum": totals.checksum,
        "duration_ms": round(evaluation.seconds * 1000, 3) if evaluation else 0.0,
        "error_message": evaluation.error if evaluation else None,
    }
    if rule.status == "planned":
        return facts | {"outcome": "excluded"}
    if evaluation is None or evaluation.violations is None:
        return facts | {"outcome": "not_evaluated"}
    if totals.failed:
        return facts | {"outcome": "failed"}
    return facts | {"outcome": "waived" if totals.waived else "passed"}


def _with_run(results: pa.Table, run: dict[str, Any]) -> pa.Table:
    """Put the columns of the run before those of the findings, typed as the lake has them."""
    columns = [
        pa.array([run[name]] * results.num_rows, type_) if name in run else results.column(name).cast(type_)
        for name, type_ in zip(INTEGRITY_RESULTS.names, INTEGRITY_RESULTS.types, strict=True)
    ]
    return pa.table(columns, schema=INTEGRITY_RESULTS)


def _after_every_audit(session: AuditSession, lake: Lake, moment: datetime) -> datetime:
    """Return the time, or the next microsecond after the newest audit when that is later.

    The newest audit decides what is withheld and what may be published, so two must never tie, and a clock that was
    set back, or replays history, must not make an old audit the newest. Call it while holding the lake's lock.
    """
    pattern = str(Lake(lake.root.resolve()).glob("rule_outcomes")).replace("'", "''")
    newest = session.value(f"select max(audited_at) from read_parquet('{pattern}', union_by_name = true)")
    return moment if newest is None else max(moment, newest.replace(tzinfo=UTC) + timedelta(microseconds=1))


def _naive(moment: datetime) -> datetime:
    """Return an aware time as the lake stores it: UTC, without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


class _Watch:
    """Wall time by step."""

    def __init__(self) -> None:
        self._started = self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, step: str) -> None:
        now = time.perf_counter()
        self.laps[step] = now - self._last
        self._last = now

    def total(self) -> float:
        return time.perf_counter() - self._started
