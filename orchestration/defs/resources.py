"""What assets are handed: the settings and the lake of the run, and dbt."""

import importlib.metadata
import os
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource
from packaging.version import Version

from orchestration.lake.store import Lake
from orchestration.settings import Settings, load_settings
from orchestration.tables import LAKE_TABLES
from orchestration.transformation import DBT_PROJECT_DIR, dbt_executable


class ProjectResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The project of this run: settings from the environment, and the lake below them."""

    overrides: dict[str, str] = {}  # noqa: RUF012 - Dagster reads the default from the class

    @property
    def settings(self) -> Settings:
        """The settings, read when they are used and not when the code location loads."""
        return load_settings({**os.environ, **self.overrides})

    @property
    def lake(self) -> Lake:
        """The lake, every table of it readable."""
        lake = Lake(self.settings.lake_dir)
        lake.ensure(LAKE_TABLES)
        return lake


class QuickDbtCliResource(DbtCliResource):
    """dagster-dbt's resource without its two extra starts of dbt for each invocation.

    The original runs `dbt --version` in a process of its own and builds an adapter in ours, which loads dbt and all
    its macros: some four seconds for what the installed distribution says at once, and for a feature
    (`fetch_row_counts`) that we do by one query.
    """

    @property
    def _cli_version(self) -> Version:
        return Version(importlib.metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Any) -> None:
        return None


def resources(settings: Settings) -> dict[str, Any]:
    """The resources by the names that assets ask for."""
    return {
        "project": ProjectResource(overrides=settings.variables()),
        "dbt": QuickDbtCliResource(
            project_dir=str(DBT_PROJECT_DIR), profiles_dir=str(DBT_PROJECT_DIR), dbt_executable=dbt_executable()
        ),
    }
