"""`los check`: everything that can be said about a company's files before a run, without warehouse or lake.

Errors of form, as the loader refuses them. Warnings of meaning, each with the rule that will act on it in a run. And,
where the feeds' files are at hand, what reading them would come to: they are read as a run reads them, into a lake in
a temporary folder that is gone afterwards.
"""

from __future__ import annotations

import csv
import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, Literal

from orchestration.company.files import FEEDS_FILE, WORKBOOK_FILE
from orchestration.company.loader import Company, load_company
from orchestration.company.meaning import Finding, find_errors_of_meaning, list_field
from orchestration.company.yaml_reader import PathKeys, Positions, read_yaml
from orchestration.errors import DefinitionError, DefinitionErrors, LosError
from orchestration.settings import PROJECT_ROOT
from orchestration.wording import counted

STATUS_RULES_FILE: Final = PROJECT_ROOT / "dbt_project" / "seeds" / "status_rules.csv"
EXAMPLES_SHOWN: Final = 3
"""Lines named of the rows that one file loses for one reason."""

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """One thing that a person should mend.

    Attributes:
        severity: an error stops a load; a warning is what a rule will act on, or rows that will be quarantined.
        message: what is wrong.
        rule_id: the integrity rule that will act, None for errors of form.
        file: relative to the company directory, or to the landing folder for the files of feeds.
        line: from 1; the row of a sheet.
        column: the field.
        subject: id of the definition.
        expected: what would be right.
        found: what stands there.
        remedy: what to do.
    """

    severity: Severity
    message: str
    rule_id: str | None = None
    file: str | None = None
    line: int | None = None
    column: str | None = None
    subject: str | None = None
    expected: str | None = None
    found: str | None = None
    remedy: str | None = None

    def __str__(self) -> str:
        facts = {name: getattr(self, name) for name in ("column", "expected", "found", "remedy")}
        place = f"{self.file}:{self.line}" if self.file and self.line is not None else self.file
        label = f"{self.severity} {self.rule_id}" if self.rule_id else self.severity
        return f"{f'{place}: ' if place else ''}{label}: {LosError(self.message, **facts)}"


@dataclass(frozen=True)
class FeedFile:
    """What reading one file of a feed would come to.

    Attributes:
        feed: id of the feed.
        file: relative to the landing folder.
        status: loaded or rejected.
        rows_read: rows, or filled cells of a wide file.
        rows_accepted: those among them that would be observations or events.
        rows_quarantined: the others.
        by_reason: reason code -> rows quarantined.
    """

    feed: str
    file: str
    status: str
    rows_read: int
    rows_accepted: int
    rows_quarantined: int
    by_reason: Mapping[str, int]


@dataclass(frozen=True)
class CheckReport:
    """What a check found.

    Attributes:
        path: what was checked.
        problems: errors first, then by file and line.
        definitions: definitions read, 0 when they could not be.
        feed_files: the files of feeds that were read.
        notes: what was not checked, and why.
        seconds: how long it took.
    """

    path: str
    problems: Sequence[Problem]
    definitions: int = 0
    feed_files: Sequence[FeedFile] = ()
    notes: Sequence[str] = ()
    seconds: float = 0.0

    @property
    def errors(self) -> list[Problem]:
        """The errors."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """The warnings."""
        return [problem for problem in self.problems if problem.severity == "warning"]

    def exit_code(self, *, strict: bool = False) -> int:
        """Return 1 when there are errors, or warnings and these count as errors; else 0."""
        return int(bool(self.problems if strict else self.errors))

    def as_text(self) -> str:
        """Return one line per problem, then what was checked."""
        lines = [str(problem) for problem in self.problems]
        lines += [_feed_line(feed, [one for one in self.feed_files if one.feed == feed]) for feed in self._feeds()]
        lines += self.notes
        found = [counted(len(self.errors), "error"), counted(len(self.warnings), "warning")]
        checked = [counted(self.definitions, "definition"), counted(len(self.feed_files), "feed file")]
        lines.append(f"{', '.join(found)}; {', '.join(checked)} checked in {self.seconds:.1f} s")
        return "\n".join(lines)

    def _feeds(self) -> list[str]:
        return list(dict.fromkeys(one.feed for one in self.feed_files))

    def as_json(self) -> str:
        """Return the same for programs."""
        content = {"errors": len(self.errors), "warnings": len(self.warnings), **asdict(self)}
        return json.dumps(content, indent=2, ensure_ascii=False)


def check(
    path: Path,
    *,
    landing_dir: Path | None = None,
    as_of: date | None = None,
    clock: datetime | None = None,
) -> CheckReport:
    """Check a company directory or a workbook and, when a landing folder is given, the files of its feeds.

    Args:
        path: the company directory, or a workbook that holds the company; a workbook alone has no feeds.
        landing_dir: folder that the feeds' paths are relative to; None reads no feed.
        as_of: the day for which owners and versions are judged; None: today.
        clock: the time for which periods are in the future, aware; None: now.

    Returns:
        What was found. Nothing outside a temporary folder is written.

    Raises:
        LosError: the landing folder does not exist, or this machine stands in the way.
    """
    started = time.monotonic()
    clock = clock or datetime.now(UTC)
    if landing_dir is not None and not landing_dir.is_dir():
        raise LosError("the landing folder is missing", file=landing_dir, remedy="correct --landing or LOS_LANDING_DIR")
    finder = _Finder(path, as_of or clock.date())
    company = finder.company()
    contracts = finder.contracts()
    finder.check_mappings()
    if company is not None:
        finder.judge(company, contracts)
        if landing_dir is not None and contracts:
            finder.read_feeds(company, contracts, landing_dir, clock)
    elif landing_dir is not None:
        finder.notes.append("references, owners, weights and feed files are checked once the errors are mended")
    if path.name == WORKBOOK_FILE and path.is_file() and any(path.parent.glob("*.yml")):
        finder.notes.append(f"{path.name} was checked alone; for the company as a whole check the directory it lies in")
    problems = sorted(finder.problems, key=_by_place)
    return CheckReport(
        path=str(path),
        problems=problems,
        definitions=len(company.records) + len(contracts or ()) if company else 0,
        feed_files=finder.feed_files,
        notes=finder.notes,
        seconds=time.monotonic() - started,
    )


def find_landing(path: Path) -> Path | None:
    """Return the landing folder beside a company directory, when there is one."""
    beside = (path if path.is_dir() else path.parent).resolve().parent / "landing"
    return beside if beside.is_dir() else None


@dataclass
class _Finder:
    path: Path
    as_of: date
    problems: list[Problem] = field(default_factory=list)
    feed_files: list[FeedFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def company(self) -> Company | None:
        try:
            return load_company(self.path)
        except DefinitionErrors as error:
            self._take(error.errors)
        return None

    def contracts(self) -> list[Any] | None:
        """Return the feed contracts; None when there are none to read."""
        from orchestration.ingestion.contracts import load_contracts

        if not self.path.is_dir():
            return None
        try:
            return load_contracts(self.path / FEEDS_FILE)
        except DefinitionErrors as error:
            self._take(error.errors)
        return None

    def check_mappings(self) -> None:
        """Note every error of form in mappings.yml; the registries themselves are read by a run."""
        from orchestration.ingestion.mapping.contract import load_mappings

        if not self.path.is_dir():
            return
        try:
            mappings = load_mappings(self.path)
        except DefinitionErrors as error:
            self._take(error.errors)
            return
        if mappings:
            self.notes.append(
                "definitions that mappings.yml takes from registries are read by a run, not by this check"
            )

    def judge(self, company: Company, contracts: Sequence[Any] | None) -> None:
        from orchestration.ingestion.contracts import feed_records

        records = [*company.records, *feed_records(contracts or ())]
        places = _Places(company.directory)
        findings = find_errors_of_meaning(
            records, as_of=self.as_of, status_rules=_status_rules(), has_feeds=contracts is not None
        )
        for finding in findings:
            line, column = places.of(finding)
            self.problems.append(
                Problem(
                    "warning",
                    finding.message,
                    rule_id=finding.rule_id,
                    file=finding.record.source_file,
                    line=line,
                    column=column,
                    subject=finding.record.natural_id,
                    found=finding.found,
                    remedy=finding.remedy,
                )
            )

    def read_feeds(self, company: Company, contracts: Iterable[Any], landing_dir: Path, clock: datetime) -> None:
        """Read every feed's files into a lake that is thrown away."""
        from orchestration.ingestion.key_results import registry_for
        from orchestration.ingestion.load import ingest_feed
        from orchestration.lake.store import Lake

        with tempfile.TemporaryDirectory(prefix="los-check-") as scratch:
            for number, contract in enumerate(contracts):
                if contract.source.is_remote:
                    self.notes.append(f"{contract.id}: {contract.source.expectation}: not read by a check")
                    continue
                lake = Lake(Path(scratch) / str(number))
                registry = registry_for(contract, company)
                try:
                    report = ingest_feed(contract, landing_dir=landing_dir, lake=lake, registry=registry, clock=clock)
                except LosError as error:
                    self.problems.append(_from_error(error, FEEDS_FILE))
                    continue
                self._take_feed(contract, report, _quarantined(lake))

    def _take_feed(self, contract: Any, report: Any, quarantined: Mapping[tuple[str, str], _Lost]) -> None:
        if report.has_no_files:
            message = f"the feed {contract.id} has no files"
            self.problems.append(
                Problem("warning", message, file=FEEDS_FILE, line=contract.line, expected=report.expected)
            )
        share = report.rows_quarantined / report.rows_read if report.rows_read else 0.0
        rule_id = "DAT-05" if share > report.max_quarantine_share else None
        for result in report.files:
            counts = result.counts
            self.feed_files.append(
                FeedFile(
                    contract.id,
                    result.name,
                    result.status,
                    counts.read,
                    counts.accepted,
                    counts.quarantined,
                    dict(counts.by_reason or {}),
                )
            )
            if result.status == "unchanged" and result.message:
                self.notes.append(f"{result.name}: {result.message}")
        for (file, reason), lost in quarantined.items():
            rejected = any(one.file == file and one.status == "rejected" for one in self.feed_files)
            self.problems.append(lost.problem(file, reason, contract.id, None if rejected else rule_id, rejected))

    def _take(self, errors: Iterable[DefinitionError]) -> None:
        self.problems += [_from_error(error) for error in errors]


@dataclass(frozen=True)
class _Lost:
    """The rows that one file loses for one reason: how many, the first lines, and what stands in the first."""

    rows: int
    lines: Sequence[int]
    column: str | None
    raw: str | None
    message: str | None

    def problem(self, file: str, reason: str, feed: str, rule_id: str | None, rejected: bool) -> Problem:
        also = ", ".join(str(line) for line in self.lines[1:])
        where = f" (also on line {also})" if also else ""
        what = f"the file is rejected: {reason}" if rejected else f"{counted(self.rows, 'row')} quarantined: {reason}"
        return Problem(
            severity="error" if rejected else "warning",
            message=f"{what}{where}; {self.message}" if self.message else f"{what}{where}",
            rule_id=rule_id,
            file=file,
            line=self.lines[0] if self.lines else None,
            column=self.column,
            subject=feed,
            found=self.raw,
        )


def _quarantined(lake: Any) -> dict[tuple[str, str], _Lost]:
    """Return (file, reason) -> what a lake holds in quarantine."""
    import duckdb

    query = """
        select
            source_file,
            reason_code,
            count(*),
            list_slice(list(source_row order by source_row) filter (where source_row is not null), 1, $shown),
            arg_min(column_name, source_row),
            arg_min(coalesce(raw_value, raw_text), source_row),
            coalesce(arg_min(message, source_row), min(message))
        from read_parquet($pattern, union_by_name = true)
        where load_id in (select load_id from read_parquet($loads, union_by_name = true))
        group by source_file, reason_code
        order by source_file, reason_code
    """
    parameters = {"pattern": lake.glob("quarantine"), "loads": lake.glob("loads"), "shown": EXAMPLES_SHOWN}
    with duckdb.connect() as connection:
        rows = connection.execute(query, parameters).fetchall()
    return {
        (file, reason): _Lost(count, lines or [], column, _short(raw), message)
        for file, reason, count, lines, column, raw, message in rows
    }


class _Places:
    """Line and name of the field that a finding is about, as the loader's errors name them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, tuple[Positions, dict[tuple[str, int], PathKeys]]] = {}

    def of(self, finding: Finding) -> tuple[int, str | None]:
        record, child = finding.record, finding.child
        if record.source_file.endswith(".xlsx"):
            table = child[0] if child else record.table
            line = record.child_line(*child) if child else record.source_row
            is_column = finding.field is not None and not _is_list(record.table, finding.field)
            return line, f"{table}!{finding.field}" if is_column else table
        positions, paths = self._of_file(record.source_file)
        path = paths.get((record.table, record.source_row), ())
        if child:
            path = (*path, list_field(child[0]), child[1])
        if finding.field:
            path = (*path, *finding.field.split("."))
        return positions.line(path), positions.column(path)

    def _of_file(self, file: str) -> tuple[Positions, dict[tuple[str, int], PathKeys]]:
        """Read a file once more for the lines of its fields; records keep that of their first alone."""
        if file not in self._files:
            data, positions = read_yaml(self._root / file, self._root)
            paths: dict[tuple[str, int], PathKeys] = {}
            for table, path in _record_paths(data):
                paths.setdefault((table, positions.line(path)), path)
            self._files[file] = positions, paths
        return self._files[file]


def _record_paths(data: Mapping[str, Any]) -> Iterator[tuple[str, PathKeys]]:
    for table, items in data.items():
        if isinstance(items, dict):
            yield table, (table,)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            yield table, (table, index)
            for place in range(len(item.get("key_results") or ()) if table == "objectives" else 0):
                yield "key_results", (table, index, "key_results", place)


def _is_list(table: str, field_name: str) -> bool:
    from orchestration.company.sheets import children

    return any(child.field == field_name for child in children(table))


def _from_error(error: LosError, file: str | None = None) -> Problem:
    return Problem(
        "error",
        error.message,
        file=error.file or file,
        line=error.line,
        column=error.column,
        subject=error.subject,
        expected=error.expected,
        found=error.found,
        remedy=error.remedy,
    )


def _by_place(problem: Problem) -> tuple[str, str, str, int]:
    """Order by errors first, then file, the sheet of a workbook, line."""
    sheet, mark, _ = (problem.column or "").partition("!")
    is_sheet = (problem.file or "").endswith(".xlsx")
    return problem.severity, problem.file or "", sheet if mark or is_sheet else "", problem.line or 0


def _feed_line(feed: str, files: Sequence[FeedFile]) -> str:
    read, accepted = sum(one.rows_read for one in files), sum(one.rows_accepted for one in files)
    return (
        f"{feed}: {counted(len(files), 'file')}, {read:,} rows read = {accepted:,} accepted + "
        f"{read - accepted:,} quarantined"
    )


def _status_rules() -> set[str] | None:
    if not STATUS_RULES_FILE.is_file():
        return None
    with STATUS_RULES_FILE.open(encoding="utf-8", newline="") as stream:
        rules = [(row["status_rule_id"], row["version"]) for row in csv.DictReader(stream)]
    return {name for rule, version in rules for name in (rule, f"{rule}@{version}")}


def _short(text: str | None) -> str | None:
    if text is None:
        return None
    shown = repr(text)
    return shown if len(shown) <= 80 else f"{shown[:76]} ..."
