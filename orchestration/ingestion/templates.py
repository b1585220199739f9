"""Templates: text with `{column}` or `{column|filter}`, of which ids and names are made. Mappings and feeds share them.

There are four filters and no expressions: what a template cannot say is no id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Final

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, StringConstraints

from orchestration.company.fields import refuse
from orchestration.errors import nearest

FILTERS: Final = ("slug", "lower", "upper", "hash")
_PLACEHOLDER: Final = re.compile(r"\{([^{}|]+)(?:\|([^{}|]*))?\}")
ShortText = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=2_000)]


def _template(text: str) -> str:
    for _, name in _PLACEHOLDER.findall(text):
        if name and name not in FILTERS:
            close = nearest(name, FILTERS)
            refuse(f"unknown filter {name}", expected=", ".join(FILTERS), remedy=f"write {close}" if close else None)
    if "{" in _PLACEHOLDER.sub("", text) or "}" in _PLACEHOLDER.sub("", text):
        refuse("a brace that does not close", expected="{column} or {column|slug}")
    return text


def regular(text: str) -> str:
    """Return a regular expression whose groups all have names, or refuse it."""
    try:
        compiled = re.compile(text)
    except re.error as error:
        refuse(f"not a pattern: {error}", expected="a regular expression with named groups, (?P<target>[0-9.]+)")
    if compiled.pattern.count("(?P<") != compiled.groups:
        refuse("a group without a name", expected="(?P<field>...) for what is taken, (?:...) for the rest")
    return text


def value_pattern(text: str) -> str:
    """Return a regular expression with the group `value` alone that DuckDB understands too, or refuse it."""
    if set(re.compile(regular(text)).groupindex) != {"value"}:
        refuse("the pattern must have the group `value` alone", expected="(?P<value>...)")
    try:
        # Arrow and DuckDB have the same engine, which knows neither look-around nor back references.
        pc.match_substring_regex(pa.array([""]), text)
    except pa.ArrowInvalid:
        refuse("not a pattern that tables are searched with", remedy="write it without look-around and references")
    return text


Pattern = Annotated[ShortText, AfterValidator(regular)]
ValuePattern = Annotated[ShortText, AfterValidator(value_pattern)]
Template = Annotated[ShortText, AfterValidator(_template)]


def columns_of(template: str) -> list[str]:
    """Return the columns that a template names, each once."""
    return list(dict.fromkeys(name.strip() for name, _ in _PLACEHOLDER.findall(template)))


def placeholders(template: str) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield the parts of a template: (text before, column, filter); the last with neither."""
    position = 0
    for match in _PLACEHOLDER.finditer(template):
        yield template[position : match.start()], match[1].strip(), match[2]
        position = match.end()
    yield template[position:], None, None


@lru_cache(maxsize=16_384)
def filtered(text: str, name: str | None) -> str:
    """Return a column's text, in NFC and trimmed, as a filter makes it."""
    match name:
        case "slug":
            return re.sub(r"[\W_]+", "-", text.casefold()).strip("-")
        case "lower":
            return text.lower()
        case "upper":
            return text.upper()
        case "hash":
            return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:12]
    return text
