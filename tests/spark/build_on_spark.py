"""Builds the dbt project on Spark for several lakes in one session, and keeps the Parquet files of each.

It runs in the environment that has Spark in it, as a script, and imports nothing of this project:
`python build_on_spark.py PLAN`, where PLAN is a JSON file: {"project", "folder", "builds": [{"name", "variables"}]}.
The tables of a build are left in <folder>/<name>/<schema>.db/<table>.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from pathlib import Path

from dbt.cli.main import dbtRunner
from pyspark.sql import SparkSession


def main(instructions: Path) -> int:
    """Make every build; the first that fails ends it."""
    plan = json.loads(instructions.read_text())
    folder = Path(plan["folder"])
    os.environ["LOS_SPARK_DIR"] = str(folder / "spark")
    (folder / "spark").mkdir()
    for build in plan["builds"]:
        started = time.monotonic()
        os.environ.update(build["variables"])
        target = str(folder / "target")
        arguments = ["--quiet", "--no-use-colors", "build", "--target", "spark", "--exclude-resource-type", "unit_test"]
        folders = ["--project-dir", plan["project"], "--profiles-dir", plan["project"]]
        result = dbtRunner().invoke([*arguments, *folders, "--target-path", target, "--log-path", target])
        if not result.success:
            return 1
        _take_away(folder / "spark" / "warehouse", folder / build["name"])
        print(f"{build['name']}: {time.monotonic() - started:.0f} s", flush=True)
    session = SparkSession.getActiveSession()
    if session is not None:
        session.stop()
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_utime:.0f} s of processor time", flush=True)
    return 0


def _take_away(warehouse: Path, kept: Path) -> None:
    """Copy the tables of a build, and empty the metastore for the next one."""
    shutil.copytree(warehouse, kept)
    session = SparkSession.builder.getOrCreate()
    for row in session.sql("show databases").collect():
        if row.namespace != "default":
            session.sql(f"drop database {row.namespace} cascade")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
