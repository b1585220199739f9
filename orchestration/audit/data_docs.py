"""Great Expectations' Data Docs, for developers: built on request, of one audit, with nothing in them that acts.

They are not the governance page. As Great Expectations writes them they show values unescaped and load scripts of six
other hosts (docs/decisions/0037), so
- only counts and our own queries go in: no value of a row, and no text of an error, which may quote one;
- what a page would load or run is taken out, and its policy forbids the rest;
- a folder holds one audit. Great Expectations renders all results that it ever kept, which grows without end.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from expectations.catalogue import CATALOGUE, Catalogue
from expectations.rule import STAGES
from expectations.suites import build_suites
from orchestration.audit.session import AuditSession, built_for, open_session, read_only
from orchestration.errors import AuditError
from orchestration.lake.store import Lake

SECONDS_A_RULE = 60.0
"""A developer waits for these pages. A rule that takes longer is shown as not evaluated; the audit waits for it."""

STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: 1rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.6rem; }
tr { border-top: 1px solid #ccc; } pre, code { white-space: pre-wrap; }
.fa-check-circle::before { content: "\\2714 holds"; } .fa-times::before { content: "\\2715 fails"; }
.fa-exclamation-triangle::before { content: "! raised"; } input, button { display: none; }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

_LOADED = re.compile(
    r"<(script|style|footer)\b[^>]*>.*?</\1\s*>|<(?:link|img|iframe|object|embed|base|meta)\b[^>]*>",
    re.DOTALL | re.IGNORECASE,
)
_HANDLER = re.compile(r"""\son\w+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
_ADDRESS = re.compile(r"""\s(?:href|src|action)\s*=\s*(["'])(?:[a-z]+:)?//[^"']*\1""", re.IGNORECASE)


@dataclass(frozen=True)
class DataDocs:
    """What was written.

    Attributes:
        index: The page to open.
        pages: How many there are.
        expectations: How many rules were evaluated.
    """

    index: Path
    pages: int
    expectations: int


def build_data_docs(
    folder: Path, *, warehouse: Path, lake: Lake, as_of: date | None = None, catalogue: Catalogue = CATALOGUE
) -> DataDocs:
    """Put the rules to the warehouse as it is, and write Data Docs of that; nothing is recorded.

    Args:
        folder: Replaced when the pages are complete.
        warehouse: DuckDB file; only read.
        lake: Only read.
        as_of: Business date; that which the warehouse was built for when None.
        catalogue: The rules.

    Raises:
        AuditError: The warehouse cannot be read, or Great Expectations fails.
    """
    if as_of is None:
        with read_only(warehouse) as connection:
            as_of, _ = built_for(connection, warehouse)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".data-docs-", dir=folder.parent) as work:
        # It prints progress and notes about features that we do not use.
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            try:
                pages, expectations = _render(Path(work), warehouse, lake, as_of, catalogue)
            except AuditError:
                raise
            except Exception as error:
                raise AuditError(
                    f"Great Expectations could not write Data Docs: {type(error).__name__}",
                    remedy="the governance site does not depend on them; report the version of Great Expectations",
                ) from error
        for page in pages.rglob("*.html"):
            page.write_text(inert(page.read_text(encoding="utf-8")), encoding="utf-8")
        (pages / "index.html").write_text(_index(pages, as_of), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(pages, folder, ignore=shutil.ignore_patterns("static", ".ge_store_backend_id"))
    return DataDocs(folder / "index.html", sum(1 for _ in folder.rglob("*.html")), expectations)


def _index(pages: Path, as_of: date) -> str:
    """List the pages; the list of Great Expectations is made by a script of another host."""
    links = [
        f'<li><a href="{quote(path.relative_to(pages).as_posix())}">{escape(path.relative_to(pages).parts[1])}</a></li>'
        for path in sorted((pages / "validations").rglob("*.html"))
    ]
    body = f"<h1>Data Docs of {as_of}</h1><p>For developers; the governance site is for all others.</p>"
    return inert(
        f"<!doctype html><html lang=en><head><title>Data Docs</title></head><body>{body}<ul>{''.join(links)}</ul>"
    )


def inert(html: str) -> str:
    """Return a page without anything that loads or runs, under a policy that forbids both."""
    without = _LOADED.sub("", html)
    without = _ADDRESS.sub("", _HANDLER.sub("", without))
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}"><style>{STYLE}</style>'
    return re.sub(r"<head\b[^>]*>", lambda found: f"{found[0]}{head}", without, count=1, flags=re.IGNORECASE)


def _render(work: Path, warehouse: Path, lake: Lake, as_of: date, catalogue: Catalogue) -> tuple[Path, int]:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="file", project_root_dir=str(work))
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    count = 0
    for stage in STAGES:
        with open_session(
            warehouse, lake, stage=stage, run_id="data-docs", as_of=as_of, seconds_allowed=SECONDS_A_RULE
        ) as session:
            count += _validate(context, session, build_suites(catalogue, stage), stage)
    root = Path(context.root_directory) / "uncommitted"
    for result in (root / "validations").rglob("*.json"):
        result.write_text(json.dumps(_without_errors(json.loads(result.read_text(encoding="utf-8")))), encoding="utf-8")
    context.build_data_docs()
    return root / "data_docs" / "local_site", count


def _validate(context: Any, session: AuditSession, suites: Sequence[Any], stage: str) -> int:
    import great_expectations as gx

    from orchestration.audit import gx_duckdb

    count = 0
    with gx_duckdb.served(session) as arguments:
        source = context.data_sources.add_sql(
            stage, connection_string=gx_duckdb.URL, create_temp_table=False, kwargs={"connect_args": arguments}
        )
        batch = source.add_query_asset(stage, query="select * from audit.run").add_batch_definition_whole_table(stage)
        for suite in suites:
            count += len(suite.expectations)
            validation = gx.ValidationDefinition(name=suite.name, data=batch, suite=context.suites.add(suite))
            context.validation_definitions.add(validation).run(result_format="BASIC")
    return count


def _without_errors(value: Any) -> Any:
    """Take out what an error said: that it was raised stays."""
    if isinstance(value, dict):
        return {
            name: "see the audit" if name in {"exception_message", "exception_traceback"} and entry else
            _without_errors(entry)
            for name, entry in value.items()
        }  # fmt: skip
    if isinstance(value, list):
        return [_without_errors(entry) for entry in value]
    return value
