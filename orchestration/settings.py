"""Every knob of the system, typed, read from the environment.

A variable that starts with `LOS_` and is not a setting is an error: a typo must not fall back to a default unseen.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from orchestration.errors import SettingsError, nearest

PREFIX = "LOS_"
PROJECT_ROOT = Path(__file__).resolve().parent.parent
"""The checkout: dbt_project/ and examples/ stand beside the packages."""

# Variables that we hand to dbt, or that its profile for Spark reads; none is a knob of ours.
HANDED_TO_DBT = frozenset(
    {
        "LOS_LAKE_DIR",
        "LOS_WAREHOUSE_PATH",
        "LOS_RUN_ID",
        "LOS_AUDIT_ID",
        "LOS_SPARK_DIR",
        "LOS_SPARK_MASTER",
        "LOS_SPARK_MEMORY",
        "LOS_SPARK_PARTITIONS",
    }
)

NOTIFY_OWNERS = "LOS_NOTIFY_URLS"
NOTIFY_OPERATORS = "LOS_NOTIFY_OPERATORS"
POSTGRES_URL = "LOS_POSTGRES_URL"
SECRETS = frozenset({NOTIFY_OWNERS, NOTIFY_OPERATORS, POSTGRES_URL})
"""Variables that hold tokens or passwords. They are read where they are used: settings are shown in Dagster's UI."""


class Settings(BaseModel):
    """The settings of one process."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: Literal["development", "ci", "production"] = Field(
        "development", description="Where this runs. Schedules and sensors start by themselves only in production."
    )
    company_dir: Path = Field(
        PROJECT_ROOT / "examples" / "flights" / "company", description="The company directory: definitions as code."
    )
    data_dir: Path = Field(PROJECT_ROOT / "data", description="Lake, warehouse, releases and governance site.")
    landing_dir: Path | None = Field(None, description="Root of the feeds' files; default: `landing` in data_dir.")
    as_of: date | None = Field(None, description="Business date of the report; default: today at the company.")
    known_at: datetime | None = Field(
        None, description="Use only what was known then, ISO 8601 with an offset; default: now."
    )
    now: datetime | None = Field(
        None, description="Clock for replaying history, ISO 8601 with an offset; default: the real one."
    )
    gate: Literal["standard", "strict"] = Field("standard", description="`strict` turns every withhold into a block.")
    first_as_of: date = Field(date(2013, 1, 1), description="First day that `publish_reports` can be backfilled for.")
    keep_releases: int = Field(10, ge=2, description="How many releases stay on disk.")
    site_url: str | None = Field(
        None, pattern=r"^https?://\S+$", description="Where readers open the governance site, for links in messages."
    )
    duckdb_threads: int = Field(2, ge=1, description="Threads of each DuckDB connection.")
    duckdb_memory_limit: str = Field(
        "2GB", pattern=r"^\d+(\.\d+)?\s?(MB|GB|MiB|GiB)$", description="Of each connection."
    )
    postgres: Literal["off", "url", "embedded"] = Field(
        "off",
        description="Whether releases also go to PostgreSQL: to the server of LOS_POSTGRES_URL, which is also the "
        "default when that is set, or to one that comes with a package and keeps its files in data_dir.",
    )
    postgres_schema: str = Field(
        "reports", pattern=r"^[a-z_][a-z0-9_]{0,62}$", description="Schema that holds what is published."
    )
    postgres_bi_role: str = Field(
        "los_bi", pattern=r"^[a-z_][a-z0-9_]{0,62}$", description="Role that may read it; made when missing."
    )

    @model_validator(mode="after")
    def _zones_are_stated(self) -> Self:
        for name in ("known_at", "now"):
            moment = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{name} needs an offset, as in 2026-01-31T06:00:00+00:00")
        return self

    @property
    def landing(self) -> Path:
        """Root of the feeds' files."""
        return self.landing_dir or self.data_dir / "landing"

    @property
    def lake_dir(self) -> Path:
        """Root of the lake."""
        return self.data_dir / "lake"

    @property
    def warehouse_path(self) -> Path:
        """The private DuckDB file that dbt writes."""
        return self.data_dir / "warehouse" / "warehouse.duckdb"

    @property
    def releases_dir(self) -> Path:
        """Published releases and the link `current`."""
        return self.data_dir / "releases"

    @property
    def governance_dir(self) -> Path:
        """Governance sites, written whatever the verdict."""
        return self.data_dir / "governance"

    def variables(self) -> dict[str, str]:
        """Return the settings that were given, as environment variables."""
        given = self.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in given.items()}

    def clock(self) -> datetime:
        """Return the time of the run: the override, else now, in UTC."""
        return (self.now or datetime.now(UTC)).astimezone(UTC)


def load_settings(environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the settings.

    Args:
        environment: Variables to read; default: those of the process.
        overrides: Settings that win over the environment.

    Raises:
        SettingsError: A variable is unknown or its value is not of the setting's type; all of them at once.
    """
    variables = dict(os.environ if environment is None else environment)
    names = {f"{PREFIX}{name.upper()}": name for name in Settings.model_fields}
    given = {
        key: value for key, value in variables.items() if key.startswith(PREFIX) and key not in HANDED_TO_DBT | SECRETS
    }
    problems = []
    for key in sorted(set(given) - set(names)):
        close = nearest(key, names)
        hint = f"; did you mean {close}?" if close else f"; the settings are {', '.join(sorted(names))}"
        problems.append(f"unknown setting {key}{hint}")
    values: dict[str, Any] = {names[key]: value for key, value in given.items() if key in names and value != ""}
    if problems:
        raise SettingsError("\n".join(problems), remedy="correct the variable or unset it")
    if variables.get(POSTGRES_URL, "").strip():
        values.setdefault("postgres", "url")
    try:
        return Settings.model_validate(values | overrides)
    except ValidationError as error:
        for entry in error.errors():
            field = ".".join(str(part) for part in entry["loc"]) or "settings"
            problems.append(f"{PREFIX}{field.upper()}: {entry['msg']}; found {entry.get('input')!r}")
        raise SettingsError("\n".join(problems), remedy="correct the variable or unset it") from error


def read_settings_file(path: Path) -> dict[str, str]:
    """Read `NAME=value` lines, as the examples keep them; relative folders count from the project's root.

    Raises:
        SettingsError: A line is not of that form, or the file is absent.
    """
    if not path.is_file():
        raise SettingsError("there is no settings file", file=path)
    values: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, separator, value = text.partition("=")
        if not separator:
            raise SettingsError("not a setting", file=path, line=number, expected="NAME=value", found=text)
        name, value = name.strip(), value.strip()
        if name.endswith("_DIR") and not Path(value).is_absolute():
            value = str(PROJECT_ROOT / value)
        values[name] = value
    return values
