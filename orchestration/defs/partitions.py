"""The business date as Dagster's partition."""

from datetime import date
from zoneinfo import ZoneInfo

import dagster as dg

from orchestration.company.loader import read_profile
from orchestration.errors import LosError
from orchestration.settings import Settings

ONE_DAY_A_RUN = dg.BackfillPolicy.multi_run(max_partitions_per_run=1)
"""A backfill is a run for each business date: the warehouse holds one date at a time."""


def company_time_zone(settings: Settings) -> str:
    """Return the company's time zone, and UTC while organization.yml cannot be read.

    The code location must load even then, so that the asset `okr_definitions` can say what is wrong.
    """
    try:
        return read_profile(settings.company_dir).time_zone
    except LosError:
        return "UTC"


def business_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """One partition for each `as_of`, today included, in the company's time zone."""
    return dg.DailyPartitionsDefinition(
        start_date=settings.first_as_of.isoformat(), timezone=company_time_zone(settings), end_offset=1
    )


def current_as_of(settings: Settings) -> date:
    """Return the business date of a run that names none: the setting, else today at the company."""
    return settings.as_of or settings.clock().astimezone(ZoneInfo(company_time_zone(settings))).date()


def as_of(context: dg.AssetExecutionContext) -> date:
    """Return the business date that the run is for."""
    return date.fromisoformat(context.partition_key)
