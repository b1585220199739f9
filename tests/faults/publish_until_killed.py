"""Publishes again and again and is killed each time. Run as a script by the test beside it.

One process imports everything and opens no database; each attempt is a fork of it, so that an attempt costs no start-up
and a kill can hit any instant of a publication. Prints one line of JSON per attempt: how it was killed, and what a
reader, in a process of its own, then finds.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestration.publication import durable_files
from orchestration.publication.manifest import read_manifest
from orchestration.publication.release import STEPS, publish_release
from orchestration.publication.release_store import Release, is_whole


def forked(work: Callable[[], object]) -> tuple[int, int]:
    """Run `work` in a fork; returns its process id and the end of a pipe that gets its answer."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        try:
            os.write(writer, json.dumps(work()).encode())
            os._exit(0)
        except BaseException as error:
            os.write(writer, json.dumps({"error": repr(error)}).encode())
            os._exit(1)
    os.close(writer)
    return process, reader


def finish(process: int, reader: int) -> tuple[int, Any]:
    """Wait for a fork; returns its status and its answer."""
    with os.fdopen(reader) as handle:
        answer = handle.read()
    return os.waitpid(process, 0)[1], json.loads(answer) if answer else None


def look(releases: Path) -> dict[str, object]:
    """What a reader finds."""
    import duckdb

    name = durable_files.current_name(releases)
    if name is None:
        return {"current": None}
    manifest = read_manifest(releases / name)
    tables = {}
    with duckdb.connect(str(releases / "current" / "reports.duckdb"), read_only=True) as connection:
        for table in manifest.tables:
            tables[table] = connection.execute(f"select count(*) from {table}").fetchone()
        said = connection.execute("select release_id from release_info").fetchone()
    return {
        "current": name,
        "whole": is_whole(Release(releases / name, manifest, is_current=True))
        and {name: (facts.rows,) for name, facts in manifest.tables.items()} == tables
        and said == (manifest.release_id,),
        "others_whole": all(
            is_whole(Release(path, read_manifest(path), is_current=False))
            for path in releases.iterdir()
            if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
        ),
    }


def main(arguments: Path, attempts: int, seed: int) -> None:
    """Kill at every named step, then at random times; `arguments` holds those of two publications that differ."""
    publications = pickle.loads(arguments.read_bytes())
    releases = publications[0]["releases_dir"]
    dice = random.Random(seed)
    usual = math.inf  # seconds that a publication takes when nobody kills it
    moments: list[str | float | None] = [None, *STEPS, None, *([-1.0] * attempts), None]
    contents: dict[str | None, int] = {None: 1}  # which of the two publications a release came from
    current: str | None = None
    for number, moment in enumerate(moments):
        content = 1 - contents[current]  # what is current already would not be published again
        given = publications[content] | {"release_id": f"r{number:03d}", "keep": 3}
        contents[f"{given['as_of']}-{given['release_id']}"] = content

        def publish(given=given, moment=moment) -> object:
            def reached(step: str) -> None:
                if step == moment:
                    os.kill(os.getpid(), signal.SIGKILL)

            return publish_release(**given, reached=reached).name

        started = time.monotonic()
        process, reader = forked(publish)
        if isinstance(moment, float):
            moment = dice.uniform(0, usual)
            time.sleep(moment)
            os.kill(process, signal.SIGKILL)
        status, answer = finish(process, reader)
        if moment is None:
            usual = min(usual, time.monotonic() - started)
        found = finish(*forked(lambda: look(releases)))[1]
        current = found["current"]
        told = {"release": given["release_id"], "moment": moment, "status": status, "answer": answer, "found": found}
        sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
