"""One run of the pipeline from the command line: Dagster's job in this process, then a summary for a person."""

from __future__ import annotations

import contextlib
import io
import sys
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.dbt_process import started_early
from orchestration.errors import EXIT_ERROR, EXIT_GATE_CLOSED
from orchestration.settings import Settings
from orchestration.transformation import prepare


def run_pipeline(settings: Settings, *, as_of: date | None, publish: bool, rebuild: bool = False) -> int:
    """Run `publish_reports` (or the dry run) for one business date and print what came of it.

    With `rebuild` no model builds on what stands in the warehouse.

    Returns:
        The exit code: 0 published or nothing to change, 1 a step failed, 2 the gate is closed.

    Raises:
        LosError: The company files, the feeds' contracts or the dbt project cannot be read.
    """
    console = Console(highlight=False, soft_wrap=True, file=sys.stdout)
    started = time.monotonic()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if prepare(settings):
        console.print("[dim]dbt project parsed[/]")
    with started_early(settings):
        return _run(console, settings, as_of=as_of, publish=publish, rebuild=rebuild, started=started)


def _run(
    console: Console, settings: Settings, *, as_of: date | None, publish: bool, rebuild: bool, started: float
) -> int:
    import dagster as dg

    # What Dagster calls beta is pinned here, and dagster-dbt's use of deprecated names is not for our users to mend.
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"dagster_dbt\.")

    from orchestration.definitions import build_definitions
    from orchestration.defs.automation import AUDIT_ONLY, PUBLISH_REPORTS
    from orchestration.defs.partitions import current_as_of
    from orchestration.defs.transformation import REBUILD

    day = as_of or current_as_of(settings)
    job = build_definitions(settings).resolve_job_def(PUBLISH_REPORTS if publish else AUDIT_ONLY)
    console.print(f"[bold]Line of Sight[/] {settings.company_dir.parent.name}, as of {day}")
    # dbt's own lines go to its log file, <data>/dbt/run/dbt.log; a person wants one line for each step.
    with dg.DagsterInstance.get() as instance, contextlib.redirect_stdout(io.StringIO()):
        result = job.execute_in_process(
            instance=instance,
            partition_key=day.isoformat(),
            raise_on_error=False,
            run_config={"loggers": {"steps": {}}},
            tags={"as_of": day.isoformat()} | ({REBUILD: "yes"} if rebuild else {}),
        )
    failures = [
        (event.step_key or "run", _message(event.event_specific_data))
        for event in result.all_events
        if event.is_step_failure
    ]
    return _summarise(console, settings, result, failures, seconds=time.monotonic() - started, publish=publish)


def _message(data: Any) -> str:
    failure = getattr(data, "user_failure_data", None)
    if failure is not None and failure.description:
        return str(failure.description)
    error = getattr(data, "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    return str(error.message).strip() if error is not None else "unknown failure"


def _summarise(
    console: Console,
    settings: Settings,
    result: Any,
    failures: list[tuple[str, str]],
    *,
    seconds: float,
    publish: bool,
) -> int:
    found: dict[tuple[str, ...], Mapping[str, Any]] = {
        tuple(event.asset_key.path): {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.all_events
        if event.is_step_materialization and event.asset_key is not None
    }
    feeds = {key[1]: metadata for key, metadata in found.items() if key[0] in ("kpi_feed", "event_feed")}
    _print_feeds(console, feeds)
    verdict = _print_rules(console, result)
    release = found.get(("releases", "okr_reports"), {})
    site = found.get(("governance", "review_site"), {})
    served = found.get(("releases", "postgresql"), {})

    for step, message in failures:
        console.print(f"[red]failed[/] {step.replace('__', '/')}: {escape(message)}")
    if site:
        index = Path(str(site["index"]))
        console.print(f"Governance site: {_relative(str(index))}")
        if any(int(metadata.get("rows_quarantined", 0)) for metadata in feeds.values()):
            page, rows = index.with_name("feeds.html"), settings.lake_dir / "quarantine"
            console.print(f"Quarantined:     {_relative(str(page))} names file and line of the first, by reason;")
            console.print(f"                 {_relative(str(rows))} has every row, with its text")
    if release:
        console.print(f"Release:         {_relative(str(release['release_dir']))} ({release['outcome']})")
        current = _relative(str(settings.releases_dir / "current" / "reports.duckdb"))
        python = _relative(sys.executable)
        console.print(
            f"Open it:         {python} -c \"import duckdb; print(duckdb.connect('{current}', read_only=True)"
            ".sql('from reports.rpt_okr_scorecard'))\"",
            markup=False,
        )
    if served:
        written = f"{int(served['rows_written']):,} rows written, {int(served['rows_deleted']):,} deleted"
        console.print(f"PostgreSQL:      schema {served['schema']} shows {served['release']} ({written})")
        if served["tables_repaired"] != "none":
            console.print(f"[yellow]repaired[/]         {served['tables_repaired']}: somebody had changed rows by hand")
    console.print(f"[dim]{seconds:.1f} s[/]")
    if not failures:
        return 0
    return EXIT_GATE_CLOSED if publish and verdict is False else EXIT_ERROR


def _print_feeds(console: Console, feeds: Mapping[str, Mapping[str, Any]]) -> None:
    table = Table("feed", "files", "unchanged", "rows read", "accepted", "quarantined", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    names = ("files", "files_unchanged", "rows_read", "rows_accepted", "rows_quarantined")
    sums = dict.fromkeys(names, 0)
    for feed, metadata in sorted(feeds.items()):
        values = [int(metadata.get(name, 0)) for name in names]
        for name, value in zip(names, values, strict=True):
            sums[name] += value
        table.add_row(feed, *(f"{value:,}" for value in values))
    if feeds:
        table.add_row("[bold]all feeds[/]", *(f"[bold]{value:,}[/]" for value in sums.values()))
        console.print(table)
    for feed, metadata in sorted(feeds.items()):
        if reasons := metadata.get("quarantined_by_reason"):
            told = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
            console.print(f"[yellow]quarantined[/] of {feed}: {told}")


def _print_rules(console: Console, result: Any) -> bool | None:
    """Print how the rules came out; return whether the gate is open, or None when it was not reached."""
    checks = [
        event.asset_check_evaluation_data
        for event in result.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
        and event.asset_check_evaluation_data.asset_key.path[0] == "governance"
    ]
    if rules := _rules_of(checks):
        failed = [rule for rule in rules.values() if not rule.holds]
        parts = [f"[{'yellow' if failed else 'green'}]{len(rules) - len(failed)} of {len(rules)} hold[/]"]
        for severity, colour in (("block", "red"), ("withhold", "yellow"), ("warn", "cyan")):
            labels = [f"{rule.rule_id} ({rule.found})" for rule in failed if rule.severity == severity]
            parts += [f"[{colour}]{severity}: {', '.join(labels)}[/]"] if labels else []
        console.print(f"Rules:           {'; '.join(parts)}")
    verdict = next((check.passed for check in checks if check.check_name == "gate_is_open"), None)
    if verdict is not None:
        console.print(f"Gate:            {'[green]open[/]' if verdict else '[red]closed[/]'}")
    return verdict


@dataclass
class _Rule:
    """How one rule came out, over all that it looked at."""

    rule_id: str
    severity: str
    holds: bool = True
    subjects: int = 0
    is_evaluated: bool = True

    @property
    def found(self) -> str:
        return str(self.subjects) if self.is_evaluated else "not evaluated"


def _rules_of(checks: Iterable[Any]) -> dict[str, _Rule]:
    """Return the rules by id: one that looks at the marts and at the reports is one rule, as on the governance site."""
    rules: dict[str, _Rule] = {}
    for check in checks:
        metadata = {name: value.value for name, value in check.metadata.items()}
        if "rule" in metadata:
            rule = rules.setdefault(metadata["rule"], _Rule(metadata["rule"], metadata["severity"]))
            rule.holds &= check.passed
            rule.subjects += metadata["offending_subjects"]
            rule.is_evaluated &= metadata["outcome"] != "not_evaluated"
    return dict(sorted(rules.items()))


def _relative(path: str) -> str:
    """Shorten a path below the working directory: shorter to read, and still right to paste."""
    try:
        return str(Path(path).absolute().relative_to(Path.cwd()))
    except ValueError:
        return path
