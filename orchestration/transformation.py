"""The dbt project as the rest of the system sees it: its environment, and its manifest, built by one explicit command.

dbt's manifest is never built at import or by a step of a run: several processes that parse at once fight over it, and
a run must not change what the code location means. `prepare` builds it when the project or its environment changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, timedelta
from pathlib import Path

from orchestration.errors import LosError
from orchestration.settings import PROJECT_ROOT, Settings

DBT_PROJECT_DIR = PROJECT_ROOT / "dbt_project"
_PARSED_SUFFIXES = {".sql", ".yml", ".yaml", ".md", ".csv", ".py"}


class ManifestMissingError(LosError):
    """The dbt manifest has not been built."""


def dbt_executable() -> str:
    """Return the dbt that belongs to this interpreter, wherever PATH points."""
    beside = Path(sys.executable).with_name("dbt")
    return str(beside) if beside.exists() else "dbt"


def manifest_path(settings: Settings) -> Path:
    """Return where `prepare` puts the manifest."""
    return settings.data_dir / "dbt" / "manifest.json"


def run_target_dir(settings: Settings) -> Path:
    """Return dbt's target folder for runs, apart from the manifest that the code location reads."""
    return settings.data_dir / "dbt" / "run"


def location_variables(settings: Settings) -> dict[str, str]:
    """Return what dbt must know of the folders, whatever the run."""
    return {
        "LOS_LAKE_DIR": str(settings.lake_dir.resolve()),
        "LOS_WAREHOUSE_PATH": str(settings.warehouse_path.resolve()),
        "LOS_DUCKDB_THREADS": str(settings.duckdb_threads),
        "LOS_DUCKDB_MEMORY_LIMIT": settings.duckdb_memory_limit,
        "DBT_PROFILES_DIR": str(DBT_PROJECT_DIR),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def run_variables(settings: Settings, *, as_of: date, run_id: str, rebuild: bool = False) -> dict[str, str]:
    """Return what one run tells dbt. They are read by one model, so that changing them re-parses one file.

    Nothing for `LOS_KNOWN_AT` means now. A clock that was set stands still, while the loads of a run follow one
    another by microseconds: a second later all of them are known. Models that were built by other files than those that
    `LOS_PROJECT_HASH` stands for are built in full, and with `rebuild` every model is.
    """
    known_at = settings.known_at or (settings.now + timedelta(seconds=1) if settings.now else None)
    moment = known_at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ") if known_at else ""
    return {
        "LOS_AS_OF": as_of.isoformat(),
        "LOS_KNOWN_AT": moment,
        "LOS_RUN_ID": run_id,
        "LOS_PROJECT_HASH": _stamp(settings),
        "LOS_REBUILD": "yes" if rebuild else "",
    }


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the process for a while: dbt's subprocess takes its environment from ours."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def prepare(settings: Settings) -> bool:
    """Build the manifest if the project or its folders changed since. Returns whether dbt was started.

    Raises:
        LosError: dbt could not parse the project.
    """
    settings.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
    folder = manifest_path(settings).parent
    stamp_file = folder / "stamp"
    stamp = _stamp(settings)
    if manifest_path(settings).exists() and stamp_file.exists() and stamp_file.read_text() == stamp:
        return False
    parsing = folder / "parse"
    with environment(location_variables(settings)):
        finished = subprocess.run(
            [dbt_executable(), "--quiet", "parse", "--target-path", str(parsing), "--log-path", str(parsing)],
            cwd=DBT_PROJECT_DIR,
            capture_output=True,
            text=True,
            check=False,
        )
    if finished.returncode != 0:
        raise LosError(
            "dbt could not parse the project",
            file=DBT_PROJECT_DIR.name,
            found=(finished.stdout + finished.stderr).strip(),
            remedy="mend the model that dbt names",
        )
    for name in ("manifest.json", "partial_parse.msgpack"):
        temporary = folder / f".{name}.tmp"
        shutil.copyfile(parsing / name, temporary)
        temporary.replace(folder / name)
    shutil.rmtree(run_target_dir(settings), ignore_errors=True)
    stamp_file.write_text(stamp)
    return True


def require_manifest(settings: Settings) -> Path:
    """Return the manifest's path.

    Raises:
        ManifestMissingError: `prepare` has not run for these folders.
    """
    path = manifest_path(settings)
    if not path.exists():
        raise ManifestMissingError("the dbt manifest is missing", file=path, remedy="run `los prepare`")
    return path


def run_target(settings: Settings) -> Path:
    """Return the runs' target folder, with the parsed project in it so that dbt need not parse again."""
    target = run_target_dir(settings)
    target.mkdir(parents=True, exist_ok=True)
    parsed = manifest_path(settings).parent / "partial_parse.msgpack"
    mine = target / "partial_parse.msgpack"
    if parsed.exists() and not mine.exists():
        shutil.copyfile(parsed, mine)
    return target


def _stamp(settings: Settings) -> str:
    digest = hashlib.sha256()
    for path in sorted(DBT_PROJECT_DIR.rglob("*")):
        relative = path.relative_to(DBT_PROJECT_DIR)
        if path.suffix in _PARSED_SUFFIXES and relative.parts[0] not in {"target", "logs", "dbt_packages"}:
            digest.update(str(relative).encode() + b"\0" + path.read_bytes())
    for name, value in sorted(location_variables(settings).items()):
        digest.update(f"{name}={value}\n".encode())
    return digest.hexdigest()


def model_keys(settings: Settings, layer: str) -> list[tuple[str, str]]:
    """Return (schema, name) of every table or view of a layer, read from the manifest."""
    manifest = json.loads(require_manifest(settings).read_bytes())
    return sorted(
        (node["schema"], node["name"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["fqn"][1] == layer
        and node["config"]["materialized"] != "ephemeral"
    )
