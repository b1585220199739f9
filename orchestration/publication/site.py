"""The governance site: static pages that answer the governance lead's questions, written whatever the verdict.

    governance/<as_of>-<audit_id>/   index.html and the other pages, data/<table>.csv;
                                     a page for each rule, key result, KPI, unit and person that needs attention, and
                                     for each silo conflict that is open or ended of late
    governance/current               a relative link to the newest

The pages need no server, no login and no network: style and script are inside each page, and its content security
policy lets nothing else run or load. All text comes from outside and is escaped where it is shown.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from expectations.catalogue import CATALOGUE, Catalogue
from orchestration.audit.gate import Verdict
from orchestration.audit.outcomes import RuleOutcome
from orchestration.errors import PublicationError
from orchestration.lake.store import Lake
from orchestration.publication import durable_files
from orchestration.publication.cycle_pages import cycle_pages
from orchestration.publication.pages.changes import changes_of, changes_page
from orchestration.publication.pages.conflict import conflict_pages
from orchestration.publication.pages.escalations import escalations_page
from orchestration.publication.pages.feeds import feeds_of, feeds_page
from orchestration.publication.pages.find import find_page
from orchestration.publication.pages.history import history_page
from orchestration.publication.pages.key_result import key_result_pages
from orchestration.publication.pages.kpi import kpi_pages
from orchestration.publication.pages.kpis import kpis_page
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Page, SiteFacts
from orchestration.publication.pages.overview import overview_page
from orchestration.publication.pages.people import people_page, person_pages, unit_pages
from orchestration.publication.pages.rules import failing_rules, rule_pages, rules_page
from orchestration.publication.pages.scorecard import scorecard_page
from orchestration.publication.pages.signals import signals_page
from orchestration.publication.review import Review, read_review
from orchestration.publication.tables import Row, write_csv
from orchestration.publication.text import breakable, finalize, moment, prose
from orchestration.publication.tones import TONES

__all__ = ["SiteFacts", "build_site", "site_of", "write_pages"]

DATA_FOLDER = "data"
SITES_KEPT = 30
"""A month of daily sites: what a governance lead may want to compare. Each is 5 MB; 150 MB for 10,000 key results."""

_TEMPLATES = files("orchestration.publication") / "templates"


def build_site(
    *,
    out_dir: Path,
    warehouse: Path,
    lake: Lake,
    verdict: Verdict,
    outcomes: Sequence[RuleOutcome],
    run: SiteFacts,
    catalogue: Catalogue = CATALOGUE,
    keep: int = SITES_KEPT,
) -> Path:
    """Write the governance site of one verdict, whole, and let `current` point to it.

    Args:
        out_dir: Where sites are; made if need be.
        warehouse: DuckDB file; only read.
        lake: Only read.
        verdict: Whatever it says. Figures appear only when it passes.
        outcomes: Of both audits that it rests on.
        run: What the site is told besides.
        catalogue: The rules.
        keep: How many sites stay.

    Returns:
        The folder of the site; `index.html` is its first page.

    Raises:
        AuditError: The warehouse cannot be opened.
        PublicationError: The site cannot be written. The one before stays current.
    """
    review = read_review(warehouse=warehouse, lake=lake, verdict=verdict, outcomes=outcomes, catalogue=catalogue)
    links = links_of(review)
    pages = main_pages(review, run, links, cycle_pages(warehouse, review, links))
    try:
        with durable_files.exclusive(out_dir):
            durable_files.collect_orphans(out_dir)
            name = _free_name(out_dir, _name(verdict))
            folder = durable_files.building(out_dir, name)
            try:
                write_pages(folder, pages, _frame(review, run), subject_pages(review, run, links))
                durable_files.put_in_place(folder, out_dir / name)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            durable_files.switch(out_dir, name)
            _forget_oldest(out_dir, keep)
    except OSError as error:
        raise PublicationError(
            f"the governance site could not be written: {error.strerror or error}",
            file=error.filename or out_dir,
            remedy="free disk space or mend the permissions; the site before is still there",
        ) from error
    return out_dir / name


def site_of(out_dir: Path, verdict: Verdict) -> Path | None:
    """Return the newest site that was written of a verdict's audit, None when there is none."""
    name = _name(verdict)
    found = [path for path in out_dir.glob(f"{name}*") if re.fullmatch(rf"{re.escape(name)}(\+\d+)?", path.name)]
    return max(found, key=lambda path: int(path.name.partition("+")[2] or 1), default=None)


def links_of(review: Review) -> Links:
    """Return which subjects get a page: those that need attention, the worst of each kind."""
    return Links(
        review.subjects.pages
        | {("rule", reviewed.rule.id) for reviewed in failing_rules(review)}
        | {("conflict", key) for key in review.signals.pages}
    )


def main_pages(review: Review, run: SiteFacts, links: Links, cycle: Sequence[Page] = ()) -> list[Page]:
    """Return the pages of the navigation, in its order; `cycle` are those of the week and the plans."""
    changes, feeds = changes_of(review, run, links), feeds_of(review, links)
    return [
        overview_page(review, run, links, changes, feeds),
        changes_page(changes),
        escalations_page(review, links),
        *cycle,
        scorecard_page(review, run, links),
        signals_page(review, links),
        kpis_page(review, links),
        people_page(review, links),
        rules_page(review, links),
        history_page(review, links),
        feeds_page(review, feeds),
        find_page(review, links),
    ]


def subject_pages(review: Review, run: SiteFacts, links: Links) -> Iterator[Page]:
    """Return the pages of single subjects, each made when it is asked for."""
    return chain(
        rule_pages(review, run, links),
        key_result_pages(review, run, links),
        kpi_pages(review, run, links),
        unit_pages(review, run, links),
        person_pages(review, run, links),
        conflict_pages(review, links),
    )


def _name(verdict: Verdict) -> str:
    return f"{verdict.as_of.isoformat()}-{_audit(verdict)}"


def _audit(verdict: Verdict) -> str:
    return verdict.audit_ids.get("reports") or verdict.audit_ids.get("marts") or verdict.run_id


def _frame(review: Review, run: SiteFacts) -> dict[str, Any]:
    """What every page shows around its content."""
    return {
        "company_name": review.company_name,
        "as_of": moment(review.as_of),
        "audit_id": _audit(review.verdict),
        "code_version": run.code_version,
        "written_at": moment(run.written_at),
    }


def write_pages(folder: Path, main: Sequence[Page], frame: Mapping[str, Any], others: Iterable[Page] = ()) -> None:
    """Write pages and their downloads into a folder that exists.

    Args:
        folder: Empty.
        main: In the order of the navigation.
        frame: What every page shows around its content: company_name, as_of, audit_id, code_version, written_at.
        others: Pages that the navigation does not name.
    """
    environment = _environment()
    style, script = (Markup(_read(name)) for name in ("style.css", "table.js"))
    shared = {
        "run": frame,
        "pages": main,
        "tones": TONES,
        "style": style,
        "script": script,
        "policy": _policy(style, script),
    }
    data = folder / DATA_FOLDER
    data.mkdir()
    for page in chain(main, others):
        text = environment.get_template(page.template).render(shared | dict(page.content) | {"page": page})
        (folder / page.file).write_text(text, encoding="utf-8")
        for name, rows in page.downloads.items():
            _write_download(data / name, rows)
        for table in page.tables:
            if table.download and not table.is_part:
                _write_download(data / table.download, table.rows)


def _write_download(path: Path, rows: Sequence[Row]) -> None:
    if rows and not path.exists():
        write_csv(path, rows, list(rows[0]))


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=True,
        finalize=finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"prose": prose, "breakable": breakable}
    return environment


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Allow exactly our style and our script, by their hashes, and nothing else: no other script, image, font, form."""
    hashes = {
        kind: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for kind, text in (("style", style), ("script", script))
    }
    return (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _free_name(out_dir: Path, name: str) -> str:
    """Return a name that no site has: an audit whose site is written again keeps the earlier one too."""
    number, free = 1, name
    while (out_dir / free).exists():
        number += 1
        free = f"{name}+{number}"
    return free


def _forget_oldest(out_dir: Path, keep: int) -> None:
    current = durable_files.current_name(out_dir)
    sites = [
        path
        for path in out_dir.iterdir()
        if path.is_dir() and not path.is_symlink() and (path / "index.html").is_file() and path.name != current
    ]
    # A folder's own time of writing: business dates and clocks may be replayed, this one is not.
    sites.sort(key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)
    for path in sites[max(keep - 1, 0) :]:
        doomed = out_dir / f"{durable_files.BUILDING}{path.name}"
        path.rename(doomed)
        shutil.rmtree(doomed)
