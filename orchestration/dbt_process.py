"""One dbt process for all that a run builds, started before it is needed.

dbt takes seconds to start. Its process starts with the run, imports and parses on another core while the feeds load,
and then builds the models and, after the audit, the reports. The warehouse is closed after each build.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from orchestration.errors import LosError
from orchestration.settings import Settings
from orchestration.transformation import DBT_PROJECT_DIR, location_variables, run_target

_SECONDS_TO_CANCEL = 25
_LINES_KEPT = 20
_EXCERPT = re.compile(r"\s*\n\s*LINE \d+: .*\n\s*\^+")
_TELLING = ("RunResultError", "GenericExceptionOnRun", "MainEncounteredError")
"""dbt's events that name a node and what is wrong with it; the others of level error announce or count them."""


class DbtError(LosError):
    """dbt could not do what it was asked."""


class DbtProcess:
    """A dbt process that waits for commands."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        target = run_target(settings).resolve()
        folders = {
            "DBT_PROJECT_DIR": str(DBT_PROJECT_DIR),
            "DBT_TARGET_PATH": str(target),
            "DBT_LOG_PATH": str(target),
            "DBT_LOG_FORMAT": "json",
            # Debug lines cost a run seconds; the SQL of each model lies in the target folder.
            "DBT_LOG_LEVEL_FILE": "info",
            "DBT_USE_COLORS": "false",
            "DBT_USE_COLORS_FILE": "false",
            "PYTHONUNBUFFERED": "1",
        }
        self._log = target / "dbt.log"
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "orchestration.dbt_worker"],
            cwd=DBT_PROJECT_DIR,
            env={**os.environ, **location_variables(settings), **folders},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    @property
    def is_running(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Run a dbt command and yield its log, event by event; the warehouse is closed when it ends.

        Raises:
            DbtError: A node failed, the command is wrong, or the process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told: list[str] = []
        errors: list[str] = []
        others: list[str] = []
        finished = False
        try:
            with suppress(BrokenPipeError):
                request = json.dumps({"arguments": list(arguments), "environment": dict(environment)})
                self._process.stdin.write(request + "\n")
                self._process.stdin.flush()
            for line in self._process.stdout:
                event = _event(line)
                if event is None:
                    others = [*others[-_LINES_KEPT:], line.rstrip()]
                elif "exit_code" in event:
                    finished = True
                    if event["exit_code"] != 0:
                        wrong = told or errors or [event["error"] or "dbt did not say what is wrong"]
                        raise DbtError("\n".join(wrong), remedy=f"see {self._log}")
                    return
                else:
                    info = event["info"]
                    if info["level"] == "error":
                        (told if info["name"] in _TELLING else errors).append(_one_line(info["msg"]))
                    yield event
            code = self._process.wait()
            raise DbtError(
                f"dbt's process ended with code {code} before it was done",
                found="\n".join(told or errors or others) or None,
                remedy=f"see {self._log}",
            )
        finally:
            if not finished:
                self._cancel()

    def close(self) -> None:
        """End the process; it holds nothing between two commands."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()

    def _cancel(self) -> None:
        """Let dbt cancel its queries; then end it."""
        if self.is_running:
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.communicate(timeout=_SECONDS_TO_CANCEL)


def _one_line(message: str) -> str:
    """Put the kind of error and the node before what is wrong, where dbt breaks the line; keep tables below.

    DuckDB's excerpt of the statement is left out: dbt puts a comment before each, and it shows another place.
    """
    message = _EXCERPT.sub("", message)
    first, _, rest = message.strip().removeprefix("Encountered an error:").strip().partition("\n")
    return f"{first}: {rest.strip()}" if rest.strip() else first


def _event(line: str) -> dict[str, Any] | None:
    """Return a line of dbt's log or the end of an answer; None when it is neither."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and ("info" in event or "exit_code" in event) else None


_early: list[DbtProcess] = []


@contextmanager
def started_early(settings: Settings) -> Iterator[None]:
    """Start dbt now, for the run that this block will make."""
    process = DbtProcess(settings)
    _early.append(process)
    try:
        yield
    finally:
        if process in _early:
            _early.remove(process)
            process.close()


@contextmanager
def dbt_process(settings: Settings) -> Iterator[DbtProcess]:
    """Give the process that was started early for these folders, or a new one; ended with the block."""
    wanted = location_variables(settings)
    waiting = [one for one in _early if one.is_running and location_variables(one.settings) == wanted]
    process = waiting[0] if waiting else DbtProcess(settings)
    if waiting:
        _early.remove(process)
    try:
        yield process
    finally:
        process.close()
