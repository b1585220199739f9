"""dbt as a process that stays: many builds of one project, parsed once, for tests that build again and again.

Run as a program it reads one JSON object per line (environment and arguments) and answers with one per line.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from orchestration.settings import PROJECT_ROOT

DBT_PROJECT = PROJECT_ROOT / "dbt_project"


class DbtProcess:
    """dbt on one lake and one warehouse file; other files can be put in their place between two builds.

    Args:
        lake: folder of the lake.
        warehouse: the DuckDB file.
        target: where dbt may write.
    """

    def __init__(self, lake: Path, warehouse: Path, target: Path) -> None:
        self.warehouse = warehouse
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("LOS_", "DBT_"))}
        environment |= {
            "LOS_LAKE_DIR": str(lake),
            "LOS_WAREHOUSE_PATH": str(warehouse),
            "DBT_PROFILES_DIR": str(DBT_PROJECT),
            "DBT_TARGET_PATH": str(target),
            "DBT_LOG_PATH": str(target),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.dbt_in_one_process"],
            cwd=PROJECT_ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(timeout=60)

    def run(self, *arguments: str, **variables: str) -> tuple[bool, str]:
        """Run one dbt command; return whether it succeeded, and what it said."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"arguments": arguments, "environment": variables}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["success"], answer["output"]


def serve() -> None:
    """Answer commands until the input ends."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    answers, os.environ["DBT_PROJECT_DIR"] = sys.stdout, str(DBT_PROJECT)
    manifest: Any = None
    for line in sys.stdin:
        command = json.loads(line)
        os.environ.update(command["environment"])
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            if manifest is None:
                manifest = dbtRunner().invoke(["--quiet", "parse"]).result
            result = dbtRunner(manifest=manifest).invoke(["--no-use-colors", *command["arguments"]])
            DuckDBConnectionManager.close_all_connections()  # the test reads the file, or puts another in its place
        print(json.dumps({"success": result.success, "output": said.getvalue()}), file=answers, flush=True)


if __name__ == "__main__":
    serve()
