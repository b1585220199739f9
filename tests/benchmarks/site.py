"""Measure the governance site of a large company: its time, its memory, and what it writes.

The warehouse is generated: key results and KPIs by the thousand, three links a key result, a control chart for every
KPI, and rules that fail for thousands of subjects. The audits are real and are not timed; the site is, in the same run
beside what a plain copy of its rows to CSV takes.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import duckdb

from orchestration.audit.run import AuditReport
from tests.unit.publication.reviewed_company import AS_OF, ReviewedCompany

PEOPLE, UNITS, DAYS = 2_000, 400, 100
LIMIT_SECONDS = 60.0


class LargeCompany(ReviewedCompany):
    """A company of any size: its marts and reports are filled by SQL.

    Args:
        root: Folder.
        key_results: How many.
        kpis: How many.
        failing: For how many subjects each of three rules fails.
    """

    def __init__(self, root: Path, *, key_results: int, kpis: int, failing: int) -> None:
        self.kpis = kpis
        failures = [
            *(("OWN-01", "key_result", f"kr_{number}", "no reviewer is named") for number in range(failing)),
            *(("OWN-02", "kpi", f"kpi_{number}", "nobody is its accountable owner") for number in range(failing)),
            *(("POL-01", "kpi", f"kpi_{number}", "no path leads to a key result") for number in range(failing)),
        ]
        super().__init__(root, key_results=key_results, failures=failures, before=failures[::2])

    def _fill_marts(self) -> None:
        self._script("site_marts.sql")

    def _fill_reports(self, audit: AuditReport) -> None:
        self._script("site_reports.sql")

    def _script(self, name: str) -> None:
        sizes = {"key_results": self.count, "kpis": self.kpis, "people": PEOPLE, "units": UNITS, "days": DAYS}
        for variable, value in (sizes | {"as_of": f"'{AS_OF}'"}).items():
            self._open.execute(f"set variable {variable} = {value}")
        for statement in self._open.extract_statements(Path(__file__).with_name(name).read_text()):
            self._open.execute(statement)


def main() -> None:
    """Print what the site takes and what it holds; fail when it takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--key-results", type=int, default=10_000)
    parser.add_argument("--kpis", type=int, default=20_000)
    parser.add_argument("--failing", type=int, default=4_000, help="subjects for which each of three rules fails")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="site-") as folder:
        company = LargeCompany(
            Path(folder) / "company", key_results=given.key_results, kpis=given.kpis, failing=given.failing
        )
        verdict = company.verdict()
        assert verdict.passing, verdict.reasons
        started, started_cpu = time.perf_counter(), time.process_time()
        site = company.write_site(verdict, release_id="r1")
        seconds, cpu = time.perf_counter() - started, time.process_time() - started_cpu
        plain = _plain(company.warehouse, Path(folder))
        sizes = {path: path.stat().st_size / 1e6 for path in site.rglob("*") if path.is_file()}
        pages = [path for path in sizes if path.suffix == ".html"]
        biggest = max(pages, key=lambda path: sizes[path])
        print(f"{given.key_results:,} key results, {given.kpis:,} KPIs, {3 * given.failing:,} findings")
        print(f"site: {seconds:.1f} s, {cpu:.1f} s of CPU; {seconds / plain:.0f} times the plain CSV")
        print(f"{len(pages):,} pages, {sum(sizes.values()):.0f} MB in {len(sizes):,} files")
        print(f"largest page: {biggest.name}, {sizes[biggest]:.2f} MB")
        print(f"page of a rule that fails for {given.failing:,}: {sizes[site / 'rule-own-02.html']:.2f} MB")
        print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
        if seconds > LIMIT_SECONDS:
            raise SystemExit(f"the site takes longer than {LIMIT_SECONDS:g} s")


def _plain(warehouse: Path, folder: Path) -> float:
    """Return the seconds that DuckDB takes to write the scorecard and its links as CSV."""
    started = time.perf_counter()
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for table in ("rpt_okr_scorecard", "rpt_key_result_kpi"):
            connection.execute(f"copy reports.{table} to '{folder / table}.csv' (header)")
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
