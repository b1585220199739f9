"""The data dictionary: every published table, column, reference and metric, on one page and as one CSV file.

The page makes no request and runs nothing; all text is escaped.
"""

from __future__ import annotations

import csv
import io
from html import escape

from orchestration.publication.catalog import Catalog, Column, Table
from orchestration.publication.text import csv_cell

PAGE = "bi/data_dictionary.html"
SHEET = "bi/data_dictionary.csv"

_ROLES = {
    "key": "key",
    "reference": "refers",
    "id": "id",
    "text": "text",
    "flag": "yes or no",
    "date": "day",
    "time": "time, UTC",
    "figure": "figure",
}
_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem; }
table { border-collapse: collapse; margin: 0.5rem 0 2rem; width: 100%; }
caption { text-align: left; padding: 0.3rem 0; }
th, td { border-bottom: 1px solid color-mix(in srgb, currentcolor 25%, transparent); padding: 0.3rem 0.6rem 0.3rem 0; }
th, td { text-align: left; vertical-align: top; }
code { font-size: 0.95em; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
nav ul { columns: 16rem; padding-left: 1.2rem; }
"""


def dictionary_files(catalog: Catalog) -> dict[str, str]:
    """Return the page and the sheet: path within the release -> text."""
    return {PAGE: _page(catalog), SHEET: _sheet(catalog)}


def _page(catalog: Catalog) -> str:
    links = "".join(f'<li><a href="#{table.name}">{table.name}</a></li>' for table in catalog.every_table)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>Data dictionary</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Data dictionary</h1>\n"
        "<p>What is published, in every form: the DuckDB file, Parquet, PostgreSQL, Looker and Metabase.</p>\n"
        f'<nav aria-label="Tables"><ul>{links}<li><a href="#metrics">Metrics</a></li></ul></nav>\n'
        + "".join(_table(catalog, table) for table in catalog.every_table)
        + _metrics(catalog)
        + "</main>\n</body>\n</html>\n"
    )


def _table(catalog: Catalog, table: Table) -> str:
    rows = "".join(
        f"<tr><th scope='row'><code>{column.name}</code></th><td>{escape(_role(table, column))}</td>"
        f"<td>{escape(column.type)}</td><td>{escape(column.unit or '')}</td>"
        f"<td>{'no' if column.is_required else 'yes'}</td><td>{escape(column.description)}</td></tr>\n"
        for column in table.columns
    )
    return (
        f'<section aria-labelledby="{table.name}">\n<h2 id="{table.name}"><code>{table.name}</code></h2>\n'
        f"<p>{escape(table.description)}</p>\n"
        f'<div class="wide"><table><caption>Columns of {table.name}</caption>\n<thead><tr><th scope="col">Column</th>'
        '<th scope="col">Role</th><th scope="col">Type</th><th scope="col">Unit</th><th scope="col">May be null</th>'
        f'<th scope="col">Meaning</th></tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n</section>\n'
    )


def _role(table: Table, column: Column) -> str:
    for reference in table.references:
        if reference.column == column.name:
            return f"refers to {reference.to}"
    return _ROLES[column.role]


def _metrics(catalog: Catalog) -> str:
    rows = ""
    for metric in catalog.metrics:
        numerator = catalog.measure(metric.numerator)
        told = f"{numerator.aggregate} of {numerator.expression}"
        if metric.denominator is not None:
            denominator = catalog.measure(metric.denominator)
            told += f", over {denominator.aggregate} of {denominator.expression}"
        rows += (
            f"<tr><th scope='row'><code>{metric.name}</code></th><td>{escape(metric.label)}</td>"
            f"<td>{escape(metric.unit)}</td><td><code>{numerator.table}</code></td><td>{escape(told)}</td>"
            f"<td>{escape(metric.description)}</td></tr>\n"
        )
    return (
        '<section aria-labelledby="metrics">\n<h2 id="metrics">Metrics</h2>\n<div class="wide"><table>'
        '<caption>One definition for every tool</caption>\n<thead><tr><th scope="col">Metric</th>'
        '<th scope="col">Called</th><th scope="col">Unit</th><th scope="col">Of table</th>'
        '<th scope="col">Computed as</th><th scope="col">Meaning</th></tr></thead>\n'
        f"<tbody>\n{rows}</tbody></table></div>\n</section>\n"
    )


def _sheet(catalog: Catalog) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(["table", "column", "role", "refers_to", "type", "unit", "may_be_null", "description"])
    for table in catalog.every_table:
        refers = {reference.column: reference.to for reference in table.references}
        for column in table.columns:
            cells = [
                table.name, column.name, column.role, refers.get(column.name, ""), column.type, column.unit or "",
                "no" if column.is_required else "yes", column.description,
            ]  # fmt: skip
            writer.writerow([csv_cell(cell) for cell in cells])
    return written.getvalue()
