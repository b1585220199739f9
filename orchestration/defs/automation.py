"""Jobs, the daily schedule, and the sensor on the feeds' folder."""

import hashlib
import time

import dagster as dg

from orchestration.defs.notification import NOTIFICATIONS
from orchestration.defs.partitions import company_time_zone, current_as_of
from orchestration.defs.resources import ProjectResource
from orchestration.settings import Settings

PUBLISH_REPORTS = "publish_reports"
AUDIT_ONLY = "audit_without_publishing"


def definitions(settings: Settings) -> dg.Definitions:
    """The jobs run in one process, since one process writes the DuckDB file."""
    time_zone = company_time_zone(settings)
    starts_itself = settings.environment == "production"
    everything = dg.AssetSelection.all()

    publish_reports = dg.define_asset_job(
        PUBLISH_REPORTS,
        selection=everything,
        executor_def=dg.in_process_executor,
        description="Ingest, model, audit and publish the report of one business date.",
    )
    audit_without_publishing = dg.define_asset_job(
        AUDIT_ONLY,
        selection=everything - dg.AssetSelection.groups("releases") - dg.AssetSelection.assets(NOTIFICATIONS),
        executor_def=dg.in_process_executor,
        description="Dry run: everything up to the verdict and the governance site; nothing is published.",
    )

    @dg.schedule(
        job=publish_reports,
        cron_schedule="0 7 * * *",
        execution_timezone=time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING if starts_itself else dg.DefaultScheduleStatus.STOPPED,
    )
    def daily_report(project: ProjectResource) -> dg.RunRequest:
        """Publish today's report every morning at seven, company time."""
        day = current_as_of(project.settings)
        return dg.RunRequest(partition_key=day.isoformat(), tags={"as_of": day.isoformat()})

    @dg.sensor(
        job=publish_reports,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING if starts_itself else dg.DefaultSensorStatus.STOPPED,
    )
    def feed_files(context: dg.SensorEvaluationContext, project: ProjectResource) -> dg.RunRequest | dg.SkipReason:
        """Publish again when a file in the feeds' folder is new or changed, once it has settled for a minute."""
        current = project.settings
        if not current.landing.is_dir():
            return dg.SkipReason(f"there is no folder {current.landing}")
        digest = hashlib.sha256()
        newest = 0.0
        files = 0
        for path in sorted(current.landing.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                state = path.stat()
                digest.update(f"{path.relative_to(current.landing)}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
                newest = max(newest, state.st_mtime)
                files += 1
        fingerprint = digest.hexdigest()
        if files == 0 or fingerprint == context.cursor:
            return dg.SkipReason(f"nothing new among {files} files")
        if time.time() - newest < 60:
            return dg.SkipReason("files are still arriving")
        context.update_cursor(fingerprint)
        day = current_as_of(current).isoformat()
        return dg.RunRequest(run_key=fingerprint, partition_key=day, tags={"as_of": day})

    return dg.Definitions(
        jobs=[publish_reports, audit_without_publishing], schedules=[daily_report], sensors=[feed_files]
    )
