"""Apache Superset on this machine: started from its own environment, asked over its REST API."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestration.settings import PROJECT_ROOT

BIN = PROJECT_ROOT / ".venv-superset" / "bin"
CONFIGURATION = """
SECRET_KEY = "only for a test on this machine, gone afterwards"
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/superset.db"
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
RATELIMIT_ENABLED = False
FILTER_STATE_CACHE_CONFIG = EXPLORE_FORM_DATA_CACHE_CONFIG = {{"CACHE_TYPE": "SimpleCache"}}
"""
USER = {"username": "admin", "password": "admin"}


class Superset:
    """A session with a running server."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._token = ""
        self._token = self.ask("POST", "security/login", {**USER, "provider": "db", "refresh": True})["access_token"]

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """Send a request to the API; raises for an answer that is an error."""
        address = f"{self.address}/api/v1/{path}"
        if query:
            address += "?" + urllib.parse.urlencode(query)
        request = urllib.request.Request(
            address,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()[:500]}") from error


@contextmanager
def running_superset(folder: Path) -> Iterator[Superset]:
    """Make Superset's own database, start it on a free port of this machine, and stop it in the end."""
    (folder / "superset_config.py").write_text(CONFIGURATION.format(folder=folder))
    environment = {
        "HOME": str(folder),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "SUPERSET_HOME": str(folder),
        "SUPERSET_CONFIG_PATH": str(folder / "superset_config.py"),
        "FLASK_APP": "superset",
    }
    person = ["--firstname", "A", "--lastname", "B", "--email", "a@example.com"]
    for command in (
        ["db", "upgrade"],
        ["fab", "create-admin", "--username", USER["username"], "--password", USER["password"], *person],
        ["init"],
    ):
        done = subprocess.run(
            [BIN / "superset", *command], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [BIN / "superset", "run", "-h", "127.0.0.1", "-p", str(port)], env=environment, stdout=log, stderr=log
        )
        try:
            address = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 180
            while True:
                try:
                    urllib.request.urlopen(f"{address}/health", timeout=5).close()
                    break
                except OSError:
                    assert server.poll() is None, (folder / "server.log").read_text()[-2000:]
                    assert time.monotonic() < deadline, "Superset does not answer"
                    time.sleep(1)
            yield Superset(address)
        finally:
            server.terminate()
            server.wait(timeout=30)
