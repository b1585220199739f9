"""The audit as Dagster assets and checks: the rules on the marts, then on the reports, then the gate's verdict."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from expectations.catalogue import CATALOGUE
from expectations.rule import Rule, Stage
from orchestration.audit.run import AuditReport, run_audit
from orchestration.audit.verdict import decide_and_record
from orchestration.defs.partitions import ONE_DAY_A_RUN, as_of, business_days
from orchestration.defs.resources import ProjectResource
from orchestration.defs.transformation import WAREHOUSE_POOL
from orchestration.errors import LosError
from orchestration.settings import Settings
from orchestration.transformation import model_keys

GROUP = "governance"
INTEGRITY_RESULTS = dg.AssetKey([GROUP, "integrity_results"])
VERDICT = dg.AssetKey([GROUP, "verdict"])
_SHOWN = 20


def _check_specs(stage: Stage, asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            name=rule.check_name,
            asset=asset,
            description=f"{rule.id} ({rule.severity}): {rule.title}. {rule.why}",
            metadata={"rule": rule.id, "severity": rule.severity, "remedy": rule.remedy},
        )
        for rule in CATALOGUE.active(stage)
    ]


def _check_results(report: AuditReport, stage: Stage, asset: dg.AssetKey) -> Iterator[dg.AssetCheckResult]:
    for rule in CATALOGUE.active(stage):
        yield dg.AssetCheckResult(
            asset_key=asset,
            check_name=rule.check_name,
            passed=report.outcome(rule.id).outcome in {"passed", "waived"},
            severity=dg.AssetCheckSeverity.WARN if rule.severity == "warn" else dg.AssetCheckSeverity.ERROR,
            metadata=_check_metadata(report, rule),
        )


def _check_metadata(report: AuditReport, rule: Rule) -> dict[str, dg.MetadataValue]:
    outcome = report.outcome(rule.id)
    failures = [row for row in report.failures if row.rule_id == rule.id]
    metadata: dict[str, dg.MetadataValue] = {
        "rule": dg.MetadataValue.text(rule.id),
        "severity": dg.MetadataValue.text(rule.severity),
        "outcome": dg.MetadataValue.text(outcome.outcome),
        "offending_subjects": dg.MetadataValue.int(outcome.failed_count),
        "waived": dg.MetadataValue.int(outcome.waived_count),
    }
    if failures:
        lines = [f"- `{row.subject_id}` ({row.owner_id}): {row.detail}" for row in failures[:_SHOWN]]
        more = [f"- and {len(failures) - _SHOWN} more"] if len(failures) > _SHOWN else []
        metadata["subjects"] = dg.MetadataValue.md("\n".join([*lines, *more]))
        metadata["remedy"] = dg.MetadataValue.text(rule.remedy)
    if outcome.error_message:
        metadata["error"] = dg.MetadataValue.text(outcome.error_message)
    return metadata


def definitions(settings: Settings) -> dg.Definitions:
    """The audit of each stage."""
    days = business_days(settings)
    audited = [dg.AssetKey(list(key)) for key in model_keys(settings, "marts")]
    reported = [dg.AssetKey(list(key)) for key in model_keys(settings, "reports")]

    def _audit(context: dg.AssetExecutionContext, project: ProjectResource, *, stage: Stage) -> AuditReport:
        current = project.settings
        try:
            return run_audit(
                warehouse=current.warehouse_path,
                lake=project.lake,
                stage=stage,
                as_of=as_of(context),
                run_id=context.run.run_id,
                clock=current.clock,
                threads=current.duckdb_threads,
                memory_limit=current.duckdb_memory_limit,
            )
        except LosError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error

    @dg.asset(
        key=INTEGRITY_RESULTS,
        group_name=GROUP,
        deps=audited,
        check_specs=_check_specs("marts", INTEGRITY_RESULTS),
        partitions_def=days,
        backfill_policy=ONE_DAY_A_RUN,
        pool=WAREHOUSE_POOL,
        kinds={"greatexpectations", "duckdb", "parquet"},
    )
    def integrity_results(context: dg.AssetExecutionContext, project: ProjectResource) -> Iterator[Any]:
        """Every offending subject of every rule on the marts, with its owner, appended to the lake."""
        report = _audit(context, project, stage="marts")
        yield dg.MaterializeResult(asset_key=INTEGRITY_RESULTS, metadata=_metadata(report))
        yield from _check_results(report, "marts", INTEGRITY_RESULTS)

    @dg.asset(
        key=VERDICT,
        group_name=GROUP,
        deps=[INTEGRITY_RESULTS, *reported],
        check_specs=[
            *_check_specs("reports", VERDICT),
            dg.AssetCheckSpec(
                "gate_is_open", asset=VERDICT, description="Every rule that must hold for a release holds."
            ),
        ],
        partitions_def=days,
        backfill_policy=ONE_DAY_A_RUN,
        pool=WAREHOUSE_POOL,
        kinds={"greatexpectations", "duckdb"},
    )
    def verdict(context: dg.AssetExecutionContext, project: ProjectResource) -> Iterator[Any]:
        """Gate's verdict for exactly the marts and reports at hand, after the rules on the reports."""
        report = _audit(context, project, stage="reports")
        current = project.settings
        decision = decide_and_record(
            warehouse=current.warehouse_path,
            lake=project.lake,
            as_of=as_of(context),
            run_id=context.run.run_id,
            mode=current.gate,
            clock=current.clock,
        )
        for reason in decision.reasons:
            context.log.warning(reason)
        yield dg.MaterializeResult(
            asset_key=VERDICT,
            metadata={**_metadata(report), "verdict": "open" if decision.passing else "closed", "mode": current.gate},
        )
        yield from _check_results(report, "reports", VERDICT)
        yield dg.AssetCheckResult(
            asset_key=VERDICT,
            check_name="gate_is_open",
            passed=decision.passing,
            metadata={
                "reasons": dg.MetadataValue.md("\n".join(f"- {reason}" for reason in decision.reasons) or "none")
            },
        )

    return dg.Definitions(assets=[integrity_results, verdict])


def _metadata(report: AuditReport) -> dict[str, dg.MetadataValue]:
    return {
        "dagster/row_count": dg.MetadataValue.int(len(report.failures)),
        "rules_passed": dg.MetadataValue.int(sum(entry.outcome == "passed" for entry in report.outcomes)),
        "rules_failed": dg.MetadataValue.int(sum(entry.outcome == "failed" for entry in report.outcomes)),
        "rules_not_evaluated": dg.MetadataValue.int(sum(entry.outcome == "not_evaluated" for entry in report.outcomes)),
        "audit_id": dg.MetadataValue.text(report.audit_id),
    }
