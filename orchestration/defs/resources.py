"""What assets are handed: the settings and the lake of the run, and dbt."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import dagster as dg
from dagster_dbt import DagsterDbtTranslator
from dagster_dbt.asset_utils import get_updated_cli_invocation_params_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage
from pydantic import PrivateAttr

from orchestration.dbt_process import DbtProcess, dbt_process
from orchestration.lake.store import Lake
from orchestration.settings import Settings, load_settings
from orchestration.tables import LAKE_TABLES


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


class DbtResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """dbt for one run: its process starts with the run, and builds what Dagster selected."""

    overrides: dict[str, str] = {}  # noqa: RUF012 - Dagster reads the default from the class
    _process: DbtProcess = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Self]:
        """Hold the process for as long as the run needs the resource."""
        with dbt_process(load_settings({**os.environ, **self.overrides})) as process:
            self._process = process
            yield self

    def build(self, context: dg.AssetExecutionContext, environment: Mapping[str, str]) -> Iterator[Any]:
        """Run `dbt build` over what Dagster selected of these assets; yield an output for each that was built.

        Raises:
            DbtError: A model failed, or dbt itself.
        """
        selected = get_updated_cli_invocation_params_for_context(context, {}, DagsterDbtTranslator())
        arguments = ["build", "--no-write-json"]
        for resource_type in ("test", "unit_test"):
            arguments += ["--exclude-resource-type", resource_type]
        for event in self._process.run([*arguments, *selected.selection_args], environment):
            print(event["info"]["msg"])  # noqa: T201 - Dagster shows what a step prints
            yield from DbtCoreCliEventMessage(raw_event=event, event_history_metadata={}).to_default_asset_events(
                selected.manifest, selected.dagster_dbt_translator, context
            )


def resources(settings: Settings) -> dict[str, Any]:
    """The resources by the names that assets ask for."""
    return {
        "project": ProjectResource(overrides=settings.variables()),
        "dbt": DbtResource(overrides=settings.variables()),
    }
