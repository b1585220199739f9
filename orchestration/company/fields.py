"""The kinds of value that company files and feed contracts are made of: ids, texts, numbers, days.

All are strict: a number is never read out of text nor text out of a number. Text is trimmed and brought to Unicode
NFC, so that two spellings that look alike are alike. Text that looks like markup, a formula or SQL stays as it is:
it is made harmless wherever it is written out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable
from datetime import date
from typing import Annotated, Any, Final, NoReturn, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from orchestration.errors import nearest

T = TypeVar("T")

FIRST_DAY: Final = date(1900, 1, 1)
"""The first known version of a definition holds from here; an earlier date in a file is a typing error."""


class FileModel(BaseModel):
    """Base of everything that a file may state: unknown fields refused, types strict, values frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def refuse(
    message: str, *, expected: str | None = None, remedy: str | None = None, field: str | None = None
) -> NoReturn:
    """Raise a validation error that carries what to do about it.

    Args:
        message: what is wrong, in a few words without the value.
        expected: what would be right.
        remedy: what to do.
        field: the field to point at, when a whole record is being validated.
    """
    raise PydanticCustomError(
        "form", "{message}", {"message": message, "expected": expected, "remedy": remedy, "field": field}
    )


def clean_id(text: str) -> str:
    """Return an id as it is compared: trimmed, NFC. Refuses what nobody can see, and the reserved `(...)`."""
    text = unicodedata.normalize("NFC", text.strip())
    if not text:
        refuse("an empty id", expected="an id")
    if not text.isprintable():
        refuse("an id with an invisible character", remedy="type the id again, with plain spaces")
    if text.startswith("("):
        refuse("an id that begins with (", remedy="choose another: ids like (unknown) are the warehouse's own")
    return text


def _clean_line(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    text = unicodedata.normalize("NFC", text)
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        refuse("a control character or line break", expected="text on one line", remedy="remove it")
    return text


def _clean_text(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text if character not in "\n\t"):
        refuse("a control character", expected="text", remedy="remove it")
    return text


def _day(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()):
        try:
            value = date.fromisoformat(value.strip())
        except ValueError:
            refuse("a day that no calendar has", expected="an existing day, written YYYY-MM-DD")
    if type(value) is not date:
        refuse("not a day", expected="a day written YYYY-MM-DD")
    if value < FIRST_DAY:
        refuse("a day before 1900", expected="a day from 1900-01-01 on")
    return value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        from zoneinfo import available_timezones

        close = nearest(name, available_timezones())
        refuse(
            "an unknown time zone",
            expected="a name of the IANA database, such as Europe/Berlin",
            remedy=f"write {close}" if close else None,
        )
    return name


def _email(text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        refuse("not an e-mail address", expected="name@host")
    return text


def _none_as_empty(value: Any) -> Any:
    return [] if value is None else value


Id = Annotated[
    str,
    StringConstraints(strict=True, max_length=200),
    AfterValidator(clean_id),
    Field(json_schema_extra={"pattern": r"^[^(\s]"}),
]
"""An id, defined here or referred to: 1 to 200 visible characters."""
Line = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(_clean_line),
]
"""Text on one line, up to 500 characters."""
Text = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=20_000),
    AfterValidator(_clean_text),
]
"""Text of any number of lines, up to 20,000 characters."""
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A finite number. The YAML reader has refused integers that a double cannot hold."""
Share = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)]
"""A share, 0 to 1."""
Periods = Annotated[int, Field(strict=True, ge=0, le=10_000)]
"""A count of periods of the KPI's grain."""
Day = Annotated[date, BeforeValidator(_day)]
"""A day, written YYYY-MM-DD."""
Zone = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1), AfterValidator(_zone)]
"""A name of the IANA time zone database."""
Currency = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, pattern=r"^[A-Z]{3}$")]
"""An ISO 4217 code: three capital letters."""
Email = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, max_length=320), AfterValidator(_email)]
"""An e-mail address. Never published."""
Many = Annotated[list[T], BeforeValidator(_none_as_empty)]
"""A list; a field that is named and left empty is an empty list."""


class Versioned(FileModel):
    """A definition that may stand several times under one id, each time from another day on."""

    effective_from: Day | None = Field(
        default=None,
        description="Day from which this version holds. Leave out, unless the same id stands here more than once.",
    )


def in_order(low: Any, high: Any, low_name: str, high_name: str) -> None:
    """Refuse a pair of bounds or days whose second lies before its first."""
    if low is not None and high is not None and high < low:
        refuse(f"{high_name} {high} lies before {low_name} {low}", remedy="exchange or correct them", field=high_name)


def each_once(items: Iterable[T], key: Callable[[T], Hashable], field: str, what: str) -> None:
    """Refuse a list in which two items share a key; the field names the list, `what` the key in words."""
    seen = set()
    for item in items:
        value = key(item)
        if value in seen:
            words = " ".join(str(part) for part in value) if isinstance(value, tuple) else value
            refuse(f"the {what} {words} stands twice", remedy="keep one of the two", field=field)
        seen.add(value)
