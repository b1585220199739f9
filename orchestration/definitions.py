"""The Dagster code location. Importing it parses nothing and opens nothing; Dagster calls `defs` when it loads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from orchestration.settings import Settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """Gather the definitions by concept, for one set of settings."""
    from orchestration.defs import audit, automation, cadence, ingestion, notification, publication, transformation
    from orchestration.defs.resources import resources
    from orchestration.defs.step_logger import step_logger
    from orchestration.run_history import write_without_waiting

    write_without_waiting()
    return dg.Definitions.merge(
        dg.Definitions(resources=resources(settings), loggers={"steps": step_logger}),
        ingestion.definitions(settings),
        transformation.definitions(settings),
        audit.definitions(settings),
        publication.definitions(settings),
        notification.definitions(settings),
        automation.definitions(settings),
        cadence.definitions(settings),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions for the settings of the environment."""
    from orchestration.settings import load_settings

    return build_definitions(load_settings())
