"""Messages: digests after a run, and a word to operators when one breaks."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from orchestration.defs.audit import VERDICT
from orchestration.defs.partitions import ONE_DAY_A_RUN, as_of, business_days
from orchestration.defs.publication import SITE
from orchestration.defs.resources import ProjectResource
from orchestration.defs.transformation import WAREHOUSE_POOL
from orchestration.errors import LosError
from orchestration.settings import Settings

NOTIFICATIONS = dg.AssetKey(["governance", "notifications"])
DELIVERED = "every_message_was_delivered"


def definitions(settings: Settings) -> dg.Definitions:
    """The asset comes after the site, so that a link in a message leads to what the message tells of."""

    @dg.asset(
        key=NOTIFICATIONS,
        group_name="governance",
        deps=[SITE, VERDICT, dg.AssetKey(["reports", "rpt_escalation"])],
        check_specs=[
            dg.AssetCheckSpec(
                DELIVERED, asset=NOTIFICATIONS, description="Nothing waits in <data>/notifications/dead_letters."
            )
        ],
        partitions_def=business_days(settings),
        backfill_policy=ONE_DAY_A_RUN,
        pool=WAREHOUSE_POOL,
        kinds={"apprise"},
    )
    def notifications(context: dg.AssetExecutionContext, project: ProjectResource) -> Iterator[Any]:
        """Digest for each person whom an escalation asks, and for operators when the gate is closed."""
        from orchestration.notification.notify import notify

        try:
            delivery = notify(project.settings, project.lake, as_of=as_of(context))
        except LosError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        for reason in delivery.reasons:
            context.log.warning(reason)
        yield dg.MaterializeResult(
            asset_key=NOTIFICATIONS,
            metadata={"sent": delivery.sent, "unchanged": delivery.unchanged, "dead_letters": delivery.dead},
        )
        reasons = "\n".join(f"- {reason}" for reason in delivery.reasons)
        yield dg.AssetCheckResult(
            asset_key=NOTIFICATIONS,
            check_name=DELIVERED,
            passed=not delivery.dead,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"reasons": dg.MetadataValue.md(reasons or "none")},
        )

    @dg.run_failure_sensor(
        name="run_failed",
        monitor_all_code_locations=False,
        default_status=dg.DefaultSensorStatus.RUNNING
        if settings.environment == "production"
        else dg.DefaultSensorStatus.STOPPED,
    )
    def run_failed(context: dg.RunFailureSensorContext, project: ProjectResource) -> None:
        """Tell operators that a run broke, and why."""
        from orchestration.notification.notify import notify_of_failure

        notify_of_failure(project.settings, job=context.dagster_run.job_name, error=context.failure_event.message or "")

    return dg.Definitions(assets=[notifications], sensors=[run_failed])
