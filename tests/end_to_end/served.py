"""The golden company, published to a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lkml
import psycopg
import pytest
import yaml

from orchestration.publication.catalog import Catalog, read_catalog
from tests.conftest import GoldenProject
from tests.golden.defects import kpi_without_owner
from tests.real_postgresql import real_postgresql


class Served:
    """A release, and the schema that shows it.

    Args:
        project: Whose run it was.
        uri: Of the database, as its superuser.
    """

    def __init__(self, project: GoldenProject, uri: str) -> None:
        self.project = project
        self.uri = uri
        self.release = project.root / "data" / "releases" / "current"
        self.catalog: Catalog = read_catalog(self.release)
        self.manifest = json.loads((project.root / "data" / "dbt" / "manifest.json").read_bytes())

    @property
    def reader(self) -> str:
        """URL of a login that has the BI role and nothing else."""
        return self.uri.replace("postgres:@", "looker:@")

    def run(self, **settings: str) -> int:
        """Run the pipeline again."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LOS_POSTGRES_URL", self.uri)
            return self.project.run(LOS_POSTGRES="url", **settings)

    def sql(self, statement: str) -> list[tuple]:
        """Ask as a BI tool does."""
        with psycopg.connect(self.reader) as connection:
            return connection.execute(statement).fetchall()

    def number(self, statement: str) -> float | None:
        """Ask for one number."""
        value = self.sql(statement)[0][0]
        return None if value is None else float(value)

    def view(self, name: str) -> dict:
        """Return a LookML view of the release."""
        return lkml.load((self.release / "bi" / "looker" / "views" / f"{name}.view.lkml").read_text())["views"][0]

    def card(self, name: str) -> dict:
        """Return a Metabase card of the release."""
        folder = self.release / "bi" / "metabase" / "collections" / "main" / "line_of_sight"
        return yaml.safe_load((folder / f"{name}.yaml").read_text())


@contextmanager
def served_company(root: Path) -> Iterator[Served]:
    """Run the golden company once, with a defect so that something is withheld and found."""
    project = GoldenProject(root / "golden")
    kpi_without_owner(project)
    with real_postgresql() as uri:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LOS_POSTGRES_URL", uri)
            assert project.run(LOS_POSTGRES="url") == 0
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("create role looker login in role los_bi")
        yield Served(project, uri)
