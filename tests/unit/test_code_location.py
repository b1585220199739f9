"""The code location: nothing happens at import, and nothing appears or vanishes unnoticed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

from orchestration.settings import PROJECT_ROOT

WATCH = """
import json, sys
opened = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        opened.append(str(arguments[0]))
    # The standard library asks `file` for the word size of the interpreter when Dagster asks for it.
    if event.startswith(("socket.", "subprocess.", "os.system")) and "file" not in map(str, arguments[:1]):
        opened.append(event)
sys.addaudithook(watch)
import orchestration.definitions
data = (".yml", ".yaml", ".duckdb", ".parquet", "manifest.json", ".csv")
reached = ("socket.connect", "socket.getaddrinfo", "subprocess.")
interesting = [name for name in opened
               if name.endswith(data) and "site-packages" not in name or name.startswith(reached)]
heavy = [name for name in ("dbt", "great_expectations", "pandas", "duckdb", "dagster_dbt") if name in sys.modules]
print(json.dumps({"opened": interesting, "heavy": heavy}))
"""


def test_importing_the_code_location_parses_nothing_and_opens_nothing(tmp_path):
    finished = subprocess.run(
        [sys.executable, "-c", WATCH],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "LOS_COMPANY_DIR": str(tmp_path / "nowhere")},
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout.splitlines()[-1]) == {"opened": [], "heavy": []}


def test_modules_import_one_way():
    """settings, errors, lake <- company <- ingestion <- audit <- publication <- defs."""
    order = ["lake", "company", "ingestion", "audit", "publication", "defs"]
    package = PROJECT_ROOT / "orchestration"
    wrong = []
    for position, layer in enumerate(order):
        for path in (package / layer).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            wrong += [
                f"{path.relative_to(package)} imports orchestration.{above}"
                for above in order[position + 1 :]
                if re.search(rf"\borchestration\.{above}\b", text)
            ]
    assert not wrong
    for path in (PROJECT_ROOT / "expectations").rglob("*.py"):
        assert "from orchestration" not in path.read_text(encoding="utf-8"), (
            f"{path.name} must not know how rules are run"
        )
