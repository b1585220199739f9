"""Text from outside, made harmless for each place that it is shown in. On input it is kept as it came."""

from __future__ import annotations

import functools
import math
import re
from datetime import date, datetime
from typing import Any

from markupsafe import Markup, escape

# Characters that change how their neighbours are read without being seen: controls, embeddings and overrides of
# direction, invisible joiners that no script needs, tags, lone surrogates. Marks that Arabic, Persian, Indic scripts
# and emoji do need (zero-width joiner and non-joiner, variation selectors) stay.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
# Spreadsheets take these for the start of a formula, also in their full-width forms and after blanks.
_FORMULA = re.compile(r"^[\s\x00]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]")
_LONG_WORD = re.compile(r"\S{32}")
_EMAIL = re.compile(r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)+")


def visible(text: str) -> str:
    """Replace characters that act unseen by their names, as in `[U+202E]`, and e-mail addresses by `[e-mail]`.

    No column that is shown holds addresses; a sentence that somebody typed may.
    """
    shown = _UNSEEN.sub(lambda match: f"[U+{ord(match[0]):04X}]", text)
    return _EMAIL.sub("[e-mail]", shown) if "@" in shown else shown


def finalize(value: Any) -> Any:
    """What Jinja does to every value before it escapes it: markup of ours stays, the rest is made visible text."""
    if isinstance(value, Markup):
        return value
    if value is None:
        return ""
    return visible(str(value))


@functools.lru_cache(maxsize=8192)
def breakable(text: str) -> Markup:
    """Let a word that is too long for a column break: a table grants each column the width of its longest word.

    Escaped already. Remembered, because tables say the same names over and over.
    """
    shown = visible(text)
    if not _LONG_WORD.search(shown):
        return escape(shown)
    parts = (shown[place : place + 20] for place in range(0, len(shown), 20))
    return Markup("<wbr>").join(escape(part) for part in parts)


def prose(text: str) -> Markup:
    """Write a sentence in which backticks mark code. It is escaped like everything else."""
    parts = [escape(visible(part)) for part in text.split("`")]
    if len(parts) % 2 == 0:  # a backtick without its partner is a backtick
        return escape(visible(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )


def csv_cell(value: Any) -> Any:
    """Return a value for a CSV file that a spreadsheet may open: text that looks like a formula gets a leading `'`.

    Numbers stay numbers: only text can be planted.
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if _FORMULA.match(text) else text


def figure(value: float | None, unit: str | None = None) -> str:
    """Write a figure for people: three significant digits, thousands apart, shares as percent, its unit behind it."""
    if value is None or not math.isfinite(value):
        return ""
    if unit in {"share", "ratio"}:
        return percent(value, digits=1)
    size = abs(value)
    if size >= 1000 or value == int(value):
        written = f"{value:,.0f}"
    else:
        digits = max(0, 2 - math.floor(math.log10(size)))
        written = f"{value:,.{min(digits, 6)}f}"
        if "." in written:
            written = written.rstrip("0").rstrip(".")
    return f"{written} {unit}" if unit else written


def percent(share: float | None, *, digits: int = 0) -> str:
    """Write a share (0-1) as percent."""
    if share is None or not math.isfinite(share):
        return ""
    return f"{share * 100:,.{digits}f} %"


def days(count: int | None) -> str:
    """Write a number of days."""
    if count is None:
        return ""
    return "1 day" if count == 1 else f"{count:,} days"


def moment(value: datetime | date | None) -> str:
    """Write a UTC time to the minute, or a date."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    return value.isoformat()
