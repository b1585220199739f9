"""`los`: the command line. Thin: every command calls the packages beside it.

Exit codes: 0 done; 1 something a person must mend, printed without a traceback; 2 the gate is closed, or the plan is
not ready; 64 wrong usage.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.errors import EXIT_ERROR, EXIT_GATE_CLOSED, GateClosed, LosError
from orchestration.settings import PROJECT_ROOT, Settings, load_settings, read_settings_file

WorkbookPath = Annotated[Path, typer.Argument(help="Workbook (.xlsx) to write.")]


class OutputFormat(StrEnum):
    """How a command prints what it found."""

    text = "text"
    json = "json"


app = typer.Typer(
    name="los",
    help="Line of Sight: ingest, model, audit and publish OKRs with the KPIs that prove them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

workbook = typer.Typer(help="The company files as one Excel workbook, and back.", no_args_is_help=True)
app.add_typer(workbook, name="workbook")

postgres = typer.Typer(help="The current release in PostgreSQL.", no_args_is_help=True)
app.add_typer(postgres, name="postgres")


@app.callback()
def _options(
    settings: Annotated[
        Path | None, typer.Option("--settings", help="File of LOS_NAME=value lines; the environment wins over it.")
    ] = None,
) -> None:
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    if settings is not None:
        for name, value in read_settings_file(settings).items():
            os.environ.setdefault(name, value)


def _dagster_home(settings: Settings) -> Path:
    """Make Dagster's home below the data folder, with the project's instance settings, and point Dagster at it."""
    home = settings.data_dir.resolve() / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    wanted = (PROJECT_ROOT / "dagster.yaml").read_bytes()
    target = home / "dagster.yaml"
    if not target.exists() or target.read_bytes() != wanted:
        target.write_bytes(wanted)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


@app.command()
def prepare() -> None:
    """Build dbt's manifest if the dbt project changed: what Dagster needs before it can load the code location."""
    from orchestration.transformation import manifest_path
    from orchestration.transformation import prepare as build_manifest

    settings = load_settings()
    changed = build_manifest(settings)
    typer.echo(f"{'built' if changed else 'unchanged'}: {manifest_path(settings)}")


@app.command()
def run(
    as_of: Annotated[
        str | None, typer.Option(help="Business date, YYYY-MM-DD; default: LOS_AS_OF, else today.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Audit and write the site, but publish nothing.")] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Build every model in full from the lake, not only what is new.")
    ] = False,
) -> None:
    """Run the whole pipeline once, in this process, and say what came of it."""
    from orchestration.pipeline import run_pipeline

    settings = load_settings()
    _dagster_home(settings)
    day = _date(as_of) if as_of else None
    raise typer.Exit(run_pipeline(settings, as_of=day, publish=not dry_run, rebuild=rebuild))


@app.command()
def dev(port: Annotated[int, typer.Option(help="Port of Dagster's UI on this machine.")] = 3000) -> None:
    """Open Dagster's UI with this project, keeping its history below the data folder."""
    from orchestration.transformation import prepare as build_manifest

    settings = load_settings()
    build_manifest(settings)
    _dagster_home(settings)
    os.environ["LOS_COMPANY_DIR"] = str(settings.company_dir.resolve())
    os.environ["LOS_DATA_DIR"] = str(settings.data_dir.resolve())
    os.chdir(PROJECT_ROOT)
    dagster = str(Path(sys.executable).with_name("dagster"))
    os.execv(dagster, [dagster, "dev", "-w", "workspace.yaml", "--host", "127.0.0.1", "--port", str(port)])


@app.command()
def compact() -> None:
    """Put the many small files of the lake together; no answer changes. Run it when no pipeline runs."""
    from orchestration.lake.compaction import compact as compact_lake
    from orchestration.lake.store import Lake
    from orchestration.tables import LAKE_TABLES

    settings = load_settings()
    lake = Lake(settings.lake_dir)
    lake.ensure(LAKE_TABLES)
    done = compact_lake(lake, memory_limit=settings.duckdb_memory_limit)
    for one in done:
        typer.echo(f"{one.folder}: {one.files_before:,} files are {one.files_after:,} now, {one.rows:,} rows")
    if not done:
        typer.echo("nothing to compact")


@app.command()
def releases() -> None:
    """List the releases on disk, newest first; the current one is marked."""
    from orchestration.publication.release import list_releases

    found = list_releases(load_settings().releases_dir)
    if not found:
        typer.echo("no release yet; do: los run")
    for release in found:
        mark = "*" if release.is_current else " "
        typer.echo(f"{mark} {release.name}  published {release.manifest.published_at:%Y-%m-%d %H:%M} UTC")


@app.command()
def rollback(
    to: Annotated[str | None, typer.Argument(help="Name of the release; default: the one before the current.")] = None,
) -> None:
    """Make an earlier release the current one."""
    from orchestration.publication.release import rollback as switch_back

    settings = load_settings()
    release = switch_back(settings.releases_dir, to=to)
    typer.echo(f"current release: {release.name}")
    if settings.postgres != "off":
        _publish_to_postgres(settings)


@postgres.command("publish")
def publish_to_postgres() -> None:
    """Make PostgreSQL show the current release; rows that somebody changed by hand are put right."""
    settings = load_settings()
    if settings.postgres == "off":
        raise LosError("PostgreSQL is not set", remedy="set LOS_POSTGRES_URL, or LOS_POSTGRES=embedded for a trial")
    _publish_to_postgres(settings)


@postgres.command("stop")
def stop_postgres() -> None:
    """Stop the embedded server of a trial; the next publication starts it again."""
    from orchestration.publication.postgresql.target import stop_embedded_server

    folder = load_settings().data_dir / "postgres"
    typer.echo("stopped" if stop_embedded_server(folder) else "it was not running")


def _publish_to_postgres(settings: Settings) -> None:
    from orchestration.publication.postgresql.publish import publish_current

    done = publish_current(settings)
    repaired = [table.table for table in done.tables if table.was_repaired]
    rows = sum(table.changed + table.gone for table in done.tables)
    typer.echo(f"PostgreSQL schema {done.schema} shows {done.release}: {rows:,} rows changed in {done.seconds:.1f} s")
    if repaired:
        typer.echo(f"repaired, since somebody had changed rows by hand: {', '.join(repaired)}")


@app.command("data-docs")
def data_docs() -> None:
    """Write Great Expectations' Data Docs of the warehouse as it is: for developers, with counts and no values."""
    from orchestration.audit.data_docs import build_data_docs
    from orchestration.lake.store import Lake
    from orchestration.tables import LAKE_TABLES

    settings = load_settings()
    lake = Lake(settings.lake_dir)
    lake.ensure(LAKE_TABLES)
    docs = build_data_docs(settings.data_dir / "data-docs", warehouse=settings.warehouse_path, lake=lake)
    typer.echo(f"{docs.expectations} rules on {docs.pages} pages: {docs.index}")


@app.command()
def check(
    path: Annotated[
        Path | None, typer.Argument(help="Company directory or workbook; default: LOS_COMPANY_DIR.")
    ] = None,
    landing: Annotated[
        Path | None, typer.Option(help="Folder of the feeds' files; default: that of the company.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Day for which owners are judged, YYYY-MM-DD; default: today.")
    ] = None,
    output: Annotated[OutputFormat, typer.Option("--format", help="How to print what was found.")] = OutputFormat.text,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 on warnings too.")] = False,
    feeds: Annotated[bool, typer.Option("--feeds/--no-feeds", help="Read the feeds' files, where they are.")] = True,
) -> None:
    """Check company files and feed files in seconds, without touching lake or warehouse."""
    from orchestration.checking import check as find_problems
    from orchestration.checking import find_landing

    settings = load_settings()
    path = path or settings.company_dir
    if feeds and landing is None:
        is_ours = path.resolve() == settings.company_dir.resolve() and settings.landing.is_dir()
        landing = settings.landing if is_ours else find_landing(path)
    day = _date(as_of) if as_of else settings.as_of
    report = find_problems(path, landing_dir=landing if feeds else None, as_of=day, clock=settings.clock())
    typer.echo(report.as_json() if output is OutputFormat.json else report.as_text())
    raise typer.Exit(report.exit_code(strict=strict))


@app.command()
def plan(
    cycle: Annotated[str, typer.Argument(help="Id of the cycle, as cycles.yml has it.")],
    company: Annotated[Path | None, typer.Option(help="Directory of the draft; default: LOS_COMPANY_DIR.")] = None,
    landing: Annotated[
        Path | None, typer.Option(help="Read the feeds' files of this folder too; default: only what the lake has.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Day of the verdict, YYYY-MM-DD; default: LOS_AS_OF, else today.")
    ] = None,
    output: Annotated[OutputFormat, typer.Option("--format", help="How to print the verdict.")] = OutputFormat.text,
) -> None:
    """Judge the plan of a cycle without touching what is published; exit code 2 when it is not ready."""
    from orchestration.planning.plan import plan_cycle

    day = _date(as_of) if as_of else None
    report = plan_cycle(load_settings(), cycle, as_of=day, company_dir=company, landing=landing)
    typer.echo(report.as_json() if output is OutputFormat.json else report.as_text())
    raise typer.Exit(report.exit_code())


@app.command()
def schemas(directory: Annotated[Path, typer.Argument(help="Where to write them; made when missing.")]) -> None:
    """Write the JSON Schemas of the company files, feeds.yml and mappings.yml included, for editors."""
    from orchestration.company.schemas import export_schemas
    from orchestration.ingestion.contracts import FeedsFile
    from orchestration.ingestion.mapping.contract import MappingsFile

    for path in export_schemas(directory, {"feeds": FeedsFile, "mappings": MappingsFile}):
        typer.echo(path)


@workbook.command()
def template(path: WorkbookPath) -> None:
    """Write an empty workbook to fill: headers, comments, lists of choices."""
    from orchestration.company.workbook import write_template

    _refuse_existing(path)
    typer.echo(write_template(path))


@workbook.command("export")
def export_workbook(
    company_dir: Annotated[Path, typer.Argument(help="Company directory.")],
    path: WorkbookPath,
) -> None:
    """Write a company directory as a workbook; feeds.yml stays as it is."""
    from orchestration.company.workbook import write_workbook

    _refuse_existing(path)
    typer.echo(write_workbook(company_dir, path))


@workbook.command("import")
def import_workbook(
    path: Annotated[Path, typer.Argument(help="Workbook (.xlsx).")],
    company_dir: Annotated[Path, typer.Argument(help="Directory for the YAML files; made when missing.")],
) -> None:
    """Write a workbook as the YAML files of a company directory; nothing there is replaced."""
    from orchestration.company.workbook import workbook_to_yaml

    for written in workbook_to_yaml(path, company_dir):
        typer.echo(written)


def _refuse_existing(path: Path) -> None:
    if path.suffix.lower() != ".xlsx":
        raise LosError("not the name of a workbook", found=path.name, expected="a name that ends in .xlsx")
    if path.exists():
        raise LosError("the file is there already", file=path, remedy="delete it, or choose another name")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise LosError("not a date", found=text, expected="YYYY-MM-DD") from error


def _guarded(command: Callable[[], Any]) -> int:
    try:
        command()
    except GateClosed as error:
        typer.secho(str(error), fg="red", err=True)
        return EXIT_GATE_CLOSED
    except LosError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        return EXIT_ERROR
    except SystemExit as stop:
        return int(stop.code or 0) if not isinstance(stop.code, str) else EXIT_ERROR
    return 0


def main() -> None:
    """Entry point of the `los` command."""
    code = _guarded(app)
    sys.stdout.flush()
    sys.stderr.flush()
    # DuckDB 2.0 lists its own objects as leaks when the interpreter takes itself apart; nothing is left to do there.
    os._exit(code)
