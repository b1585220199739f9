"""The rhythm of a cycle: plan, lock, weekly review, close, with schedules from the company's `cycles.yml`."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import dagster as dg

from orchestration.defs.partitions import ONE_DAY_A_RUN, as_of, business_days, company_time_zone, current_as_of
from orchestration.defs.publication import RELEASE
from orchestration.defs.resources import ProjectResource
from orchestration.defs.transformation import WAREHOUSE_POOL
from orchestration.errors import LosError
from orchestration.planning.cycles import Cycle, read_cycles, to_close, to_lock, to_plan, to_review
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.planning.plan import PlanReport

CLOSED_CYCLES = dg.AssetKey(["releases", "closed_cycles"])
PLAN, LOCK, REVIEW, CLOSE = "plan_cycle", "lock_cycle", "weekly_review", "close_cycle"


class CycleDay(dg.Config):
    """Which cycle, on which business date (YYYY-MM-DD; empty means that of the run)."""

    cycle: str
    as_of: str = ""


@dg.op
def judge_plan(context: dg.OpExecutionContext, config: CycleDay, project: ProjectResource) -> None:
    """Judge the plan and write its page. A plan that is not ready yet is news, and no failure of the run."""
    from orchestration.publication.pages.planning import summary

    report = _judged(config, project.settings)
    context.log.info(report.as_text())
    context.add_output_metadata(
        {
            "verdict": summary(report.facts),
            "is_ready": report.facts.is_ready,
            "to_do": len(report.facts.to_do),
            "page": dg.MetadataValue.path(report.page),
        }
    )


@dg.op
def judge_lock(context: dg.OpExecutionContext, config: CycleDay, project: ProjectResource) -> None:
    """Say what was locked, and fail when some of it is no plan: the lock itself is a day and needs nobody."""
    from orchestration.publication.pages.planning import summary

    report = _judged(config, project.settings)
    context.add_output_metadata({"verdict": summary(report.facts), "page": dg.MetadataValue.path(report.page)})
    if not report.facts.is_ready:
        raise dg.Failure(
            description=f"{config.cycle} was locked without a plan: {summary(report.facts)} do: let each be committed "
            f"as type baseline, or abandoned; {report.page} says who must do what",
            allow_retries=False,
        )


@dg.job(name=PLAN, executor_def=dg.in_process_executor)
def plan_cycle_job() -> None:
    """Judge the plan of a cycle, on a lake of its own; nothing that is published is touched."""
    judge_plan()


@dg.job(name=LOCK, executor_def=dg.in_process_executor)
def lock_cycle_job() -> None:
    """Judge the plan of a cycle as it is locked, and fail when it is none."""
    judge_lock()


def _judged(config: CycleDay, settings: Settings) -> "PlanReport":
    from orchestration.planning.plan import plan_cycle

    day = date.fromisoformat(config.as_of) if config.as_of else current_as_of(settings)
    try:
        return plan_cycle(settings, config.cycle, as_of=day)
    except LosError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def definitions(settings: Settings) -> dg.Definitions:
    """The record of closed cycles, and the jobs and schedules of the rhythm."""
    time_zone = company_time_zone(settings)
    starts_itself = settings.environment == "production"
    status = dg.DefaultScheduleStatus.RUNNING if starts_itself else dg.DefaultScheduleStatus.STOPPED

    @dg.asset(
        key=CLOSED_CYCLES,
        group_name="releases",
        deps=[RELEASE],
        partitions_def=business_days(settings),
        backfill_policy=ONE_DAY_A_RUN,
        pool=WAREHOUSE_POOL,
        kinds={"parquet"},
    )
    def closed_cycles(context: dg.AssetExecutionContext, project: ProjectResource) -> dg.MaterializeResult[None]:
        """Scores of cycles that have closed, appended to the lake as they were published; never changed again."""
        from orchestration.planning.close import record_scores

        current = project.settings
        if current.known_at is not None:
            return dg.MaterializeResult(metadata={"scores": 0, "why": "a report built again writes nothing down"})
        try:
            report = record_scores(
                warehouse=current.warehouse_path,
                lake=project.lake,
                as_of=as_of(context),
                run_id=context.run.run_id,
                clock=current.clock(),
            )
        except LosError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        for cycle, count in sorted(report.scores.items()):
            context.log.info(f"{cycle} is closed: {count} scores are written down")
        return dg.MaterializeResult(
            metadata={"scores": sum(report.scores.values()), "load_id": report.load_id or "unchanged"}
        )

    everything = dg.AssetSelection.all()
    weekly_review = dg.define_asset_job(
        REVIEW,
        selection=everything,
        executor_def=dg.in_process_executor,
        description="Publish the report of the day, with the page that the weekly review works from.",
    )
    close_cycle = dg.define_asset_job(
        CLOSE,
        selection=everything,
        executor_def=dg.in_process_executor,
        description="Publish the report of the day on which a cycle closes, and write its scores down.",
    )

    def on_days(
        name: str, job: str | dg.JobDefinition, cron: str, due: Callable[[list[Cycle], date], list[Cycle]], what: str
    ) -> dg.ScheduleDefinition:
        """Make a schedule that asks the company's cycles at each tick whether there is anything to do."""

        @dg.schedule(
            name=name, job_name=job if isinstance(job, str) else job.name, cron_schedule=cron,
            execution_timezone=time_zone, default_status=status, description=what,
        )  # fmt: skip
        def tick(
            context: dg.ScheduleEvaluationContext, project: ProjectResource
        ) -> Iterator[dg.RunRequest | dg.SkipReason]:
            day = context.scheduled_execution_time.astimezone(ZoneInfo(time_zone)).date()
            try:
                found = due(read_cycles(project.settings.company_dir), day)
            except LosError as error:
                raise dg.Failure(description=str(error), allow_retries=False) from error
            if not found:
                yield dg.SkipReason(f"no cycle asks for it on {day}")
            elif isinstance(job, dg.JobDefinition):
                for cycle in found:
                    config = {"ops": {job.nodes[0].name: {"config": {"cycle": cycle.id, "as_of": day.isoformat()}}}}
                    yield dg.RunRequest(
                        run_key=f"{name}-{cycle.id}-{day}",
                        run_config=config,
                        tags={"cycle": cycle.id, "as_of": day.isoformat()},
                    )
            else:
                names = ",".join(cycle.id for cycle in found)
                yield dg.RunRequest(
                    run_key=f"{name}-{day}",
                    partition_key=day.isoformat(),
                    tags={"cycle": names, "as_of": day.isoformat()},
                )

        return tick

    return dg.Definitions(
        assets=[closed_cycles],
        jobs=[plan_cycle_job, lock_cycle_job, weekly_review, close_cycle],
        schedules=[
            on_days("plan_until_the_lock", plan_cycle_job, "0 6 * * *", to_plan,
                    "Judge the plans of coming cycles every morning, from four weeks before they are due."),
            on_days("lock_on_its_day", lock_cycle_job, "30 6 * * *", to_lock,
                    "On the day on which targets freeze, say what was frozen."),
            on_days("review_every_monday", REVIEW, "30 7 * * 1", to_review,
                    "Every Monday of a cycle, the report that the weekly review works from."),
            on_days("close_on_its_day", CLOSE, "30 8 * * *", to_close,
                    "On the day on which a cycle closes, its last report; then the scores are written down."),
        ],
    )  # fmt: skip
