"""dbt in a process of its own that stays: it parses while others work, then builds what it is asked for.

`python -m orchestration.dbt_worker` speaks lines of JSON. A request on standard input holds the arguments of a dbt
command and variables of the environment for it. The answer on standard output is dbt's own log, as JSON, and then a
line with `exit_code` and `error`. The process ends when its input ends. dbt's folders come from DBT_ variables.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def _parse() -> Any:
    """Return the parsed project; None when that fails, so that the command itself parses, and tells what is wrong.

    Each command needs a copy of its own: dbt notes in it which models are compiled, and a second command that shares
    it builds on ephemeral models that it then leaves out.
    """
    from dbt.cli.main import dbtRunner

    return dbtRunner().invoke(["parse", "--no-write-json", "--log-level", "none"]).result


def _release_warehouse() -> None:
    """Close what dbt-duckdb keeps open until its process ends: nobody else can open the file before."""
    connections = sys.modules.get("dbt.adapters.duckdb.connections")
    if connections is not None and connections.DuckDBConnectionManager._ENV is not None:
        connections.DuckDBConnectionManager.env().close()
        connections.DuckDBConnectionManager.close_all_connections()


def _serve() -> None:
    from dbt.cli.main import dbtRunner

    manifest = _parse()
    for line in sys.stdin:
        request = json.loads(line)
        os.environ.update(request["environment"])
        done = dbtRunner(manifest=manifest).invoke(request["arguments"])
        _release_warehouse()
        answer = {"exit_code": 0 if done.success else 1, "error": str(done.exception) if done.exception else None}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        manifest = _parse()


def main() -> None:
    """Serve until there is no more to read."""
    try:
        _serve()
    except KeyboardInterrupt:
        os._exit(130)
    sys.stdout.flush()
    # DuckDB 2.0 lists its own objects as leaks when the interpreter takes itself apart; nothing is left to do there.
    os._exit(0)


if __name__ == "__main__":
    main()
