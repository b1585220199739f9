"""From what a file holds to numbers, periods and times: SQL expressions, and how each can fail.

Nothing is guessed. A text is a number, a date or a time by the contract's own marks, format and zone, or it is a
problem with a reason code. Typed columns (Parquet) are taken as they are, and checked for what their type allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.readers.record_set import FileColumn, literal
from orchestration.ingestion.reasons import Problem

LARGEST_EXACT: Final = 2**53
"""Beyond it a double no longer holds every integer."""
FIRST_DAY: Final = "1900-01-01"

_DATE_PATTERNS: Final = {
    "Y": r"\d{1,4}",
    "y": r"\d{2}",
    "G": r"\d{1,4}",
    "m": r"\d{1,2}",
    "d": r"\d{1,2}",
    "e": r"\s?\d{1,2}",
    "j": r"\d{1,3}",
    "V": r"\d{1,2}",
    "u": r"[0-9]",
    "b": r"[A-Za-z]{3}",
    "B": r"[A-Za-z]{3,9}",
    "a": r"[A-Za-z]{3}",
    "H": r"\d{1,2}",
    "I": r"\d{1,2}",
    "M": r"\d{1,2}",
    "S": r"\d{1,2}",
    "f": r"\d{1,9}",
    "p": r"[AaPp][Mm]",
    "z": r"(?:Z|[+-]\d{2}(?::?\d{2})?)",
    "T": r"\d{1,2}:\d{1,2}:\d{1,2}",
    "%": "%",
}
_ISO_LOCAL: Final = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?"
_ISO_OFFSET: Final = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)"
_NUMBER_KINDS: Final = ("INT", "DOUBLE", "FLOAT", "DECIMAL")


@dataclass(frozen=True)
class Parsed:
    """How one field is read.

    Attributes:
        helpers: column name -> SQL over the record's raw fields; computed once per row before the rest.
        value: SQL over the helpers: the field's value, null where it has a problem.
        problems: how it can fail, in the order to check.
    """

    helpers: dict[str, str]
    value: str
    problems: tuple[Problem, ...]


def text_of(column: FileColumn) -> str:
    """Return a field as trimmed text."""
    if column.kind != "text":
        return f"cast({column.sql} as varchar)"
    return column.sql if column.is_trimmed else f"trim({column.sql})"


def is_missing(text: str, contract: FeedContract) -> str:
    """Return the SQL that tells whether a trimmed text means no value."""
    tokens = ", ".join(literal(token) for token in contract.null_tokens)
    return f"({text} is null or {text} in ({tokens}))" if tokens else f"({text} is null)"


def number(column: FileColumn, contract: FeedContract, name: str = "value") -> Parsed:
    """Read a number; the value itself is also converted to the KPI's unit by the contract's scale.

    Args:
        column: the field.
        contract: the feed's contract.
        name: field, or part of one, that the helpers and the problems are named after.
    """
    text, sent = f"{name}_text", f"{name}_sent"
    exact_text = None
    if column.kind == "text":
        helpers, exact_text = _number_of_text(column, contract, name)
    elif any(kind in column.kind for kind in _NUMBER_KINDS):
        helpers = {text: f"cast({column.sql} as varchar)", sent: f"cast({column.sql} as double)"}
    else:
        helpers = {text: f"cast({column.sql} as varchar)", sent: "cast(null as double)"}
    marks = f"decimal mark {contract.decimal_mark!r}"
    marks += f", thousands mark {contract.thousands_mark!r}" if contract.thousands_mark else ", no thousands mark"
    problems = [
        Problem(is_missing(text, contract), "missing_value", name, "no value"),
        Problem(f"{sent} is null", "not_a_number", name, f"expected a number ({marks})"),
        Problem(f"not isfinite({sent})", "not_finite", name, "expected a finite number"),
        Problem(
            # 2^53 + 1 arrives as 2^53: only the text tells them apart.
            f"abs({sent}) >= {LARGEST_EXACT} and not regexp_full_match({text}, '[+-]?0*{LARGEST_EXACT}(\\.0*)?')",
            "out_of_range",
            name,
            "beyond 2^53 a double does not hold every integer: the number would be rounded",
        ),
        Problem(
            f"{sent} = 0 and regexp_matches({text}, '^[^eE]*[1-9]')",
            "out_of_range",
            name,
            "closer to zero than a double can be",
        ),
    ]
    if name != "value":
        return Parsed(helpers, sent, tuple(problems))
    scaled = scaled_value(contract.scale, exact_text)
    return Parsed(helpers | scaled.helpers, "value", (*problems, *scaled.problems))


def scaled_value(scale: float, exact_text: str | None = None) -> Parsed:
    """Convert `value_sent` to the KPI's unit; `exact_text` is the text that it was read of, when there is one."""
    message = "not finite once converted to the KPI's unit"
    problem = Problem("not isfinite(value)", "not_finite", "value", message)
    return Parsed({"value": _scaled("value_sent", exact_text, scale)}, "value", (problem,))


def _number_of_text(column: FileColumn, contract: FeedContract, name: str) -> tuple[dict[str, str], str | None]:
    text, number_text = f"{name}_text", f"{name}_number_text"
    helpers = {text: text_of(column)}
    plain = text
    if contract.unit in ("percent", "%"):
        plain = f"rtrim(case when suffix({text}, '%') then left({text}, -1) else {text} end)"
    decimal, thousands = re.escape(contract.decimal_mark), contract.thousands_mark
    if contract.decimal_mark == "." and thousands is None:
        # Beyond plain numbers the cast takes only underscores (1_000), which no file means.
        helpers[number_text] = plain
        valid = f"not contains({number_text}, '_')"
    else:
        groups = f"\\d{{1,3}}(?:{re.escape(thousands)}\\d{{3}})+|" if thousands else ""
        form = f"[+-]?(?:(?:{groups}\\d+)(?:{decimal}\\d*)?|{decimal}\\d+)(?:[eE][+-]?\\d+)?"
        inner = f"replace({plain}, {literal(thousands)}, '')" if thousands else plain
        helpers[number_text] = (
            f"case when regexp_full_match({plain}, {literal(form)})"
            f" then replace({inner}, {literal(contract.decimal_mark)}, '.') end"
        )
        valid = "true"
    helpers[f"{name}_sent"] = f"case when {valid} then try_cast({number_text} as double) end"
    return helpers, number_text


def _scaled(sent: str, text: str | None, scale: float) -> str:
    """Return the value times the scale, rounded once: a power of ten only moves the decimal point of the text."""
    if scale == 1:
        return sent
    _, digits, exponent = Decimal(str(scale)).normalize().as_tuple()
    if digits == (1,) and scale > 0 and isinstance(exponent, int):
        divided = f"{sent} / 1e{-exponent}" if exponent < 0 else f"{sent} * 1e{exponent}"
        if text is None:
            return divided
        moved = f"try_cast({text} || 'e{exponent}' as double)"
        # A text that has an exponent already gets the sum of both.
        mantissa, power = (f"split_part(lower({text}), 'e', {part})" for part in (1, 2))
        summed = f"try_cast({mantissa} || 'e' || (try_cast({power} as integer) + {exponent}) as double)"
        exact = f"coalesce({moved}, {summed}, {divided})"
        return f"case when {sent} is null or not isfinite({sent}) then {sent} else {exact} end"
    return f"{sent} * {scale!r}"


def period(
    column: FileColumn, contract: FeedContract, today: str, name: Literal["period", "occurred_on"] = "period"
) -> Parsed:
    """Read the day that tells the period, or on which an event occurred.

    Args:
        column: the field.
        contract: the feed's contract.
        today: the day of the load, ISO 8601; a later one is from the future.
        name: the field's name; the helpers are named after it.
    """
    noun, later = ("period", "the period begins") if name == "period" else ("day", "the event is")
    stem = name.removesuffix("_on")
    text, day = f"{stem}_text", f"{stem}_day"
    helpers = {text: text_of(column)}
    shape = "false"
    kind = column.kind
    if kind == "text" or (kind.endswith("INT") or kind == "INTEGER"):
        expression, shape = _date_of_text(text, contract.date_format)
        helpers[day] = expression
    elif kind == "DATE":
        helpers[day] = column.sql
    elif kind == "TIMESTAMP WITH TIME ZONE":
        helpers[day] = f"cast(timezone({literal(contract.time_zone or 'UTC')}, {column.sql}) as date)"
    elif kind.startswith("TIMESTAMP"):
        helpers[day] = f"cast({column.sql} as date)"
    else:
        helpers[day] = "cast(null as date)"
    expected = f"expected a date of the form {contract.date_format}"
    problems = (
        Problem(is_missing(text, contract), "missing_value", name, f"no {noun}"),
        Problem(f"{day} is null and {shape}", "impossible_date", name, "a date that no calendar has"),
        Problem(f"{day} is null or not isfinite({day})", "not_a_date", name, expected),
        # strptime takes 'epoch' and 'infinity' for days, whatever the format.
        Problem(
            f"{day} = date '{FIRST_DAY}' and regexp_matches({text}, '(?i)epoch|infinity')",
            "not_a_date",
            name,
            expected,
        ),
        Problem(f"{day} < date '{FIRST_DAY}'", "impossible_date", name, f"a day before {FIRST_DAY}"),
        Problem(f"{day} > date '{today}'", "future_period", name, f"{later} after {today}"),
    )
    return Parsed(helpers, day, problems)


def _date_of_text(text: str, date_format: str) -> tuple[str, str]:
    """Return the SQL of the day, and the SQL that tells whether a text has the form of one."""
    if date_format == "quarter":
        form = r"(\d{4})-?[Qq]([1-4])"
        year, quarter = (f"try_cast(regexp_extract({text}, '^{form}$', {group}) as integer)" for group in (1, 2))
        day = f"case when regexp_full_match({text}, '{form}') then make_date({year}, {quarter} * 3 - 2, 1) end"
        return day, f"regexp_full_match({text}, '\\d{{4}}-?[Qq]\\d')"
    if date_format == "iso_week":
        form = r"(\d{4})-?[Ww](\d{2})"
        monday = f"regexp_replace({text}, '^{form}$', '\\1-W\\2-1')"
        parsed = f"try_strptime({monday}, '%G-W%V-%u')"
        # Week 53 of a year that has 52 comes back as week 1 of the next.
        day = (
            f"case when regexp_full_match({text}, '{form}') and strftime({parsed}, '%G-W%V-%u') = {monday}"
            f" then cast({parsed} as date) end"
        )
        return day, f"regexp_full_match({text}, '{form}')"
    shape = f"regexp_full_match({text}, {literal(_form(date_format))})"
    return f"cast(try_strptime({text}, {literal(date_format)}) as date)", shape


def day_of_text(text: str, date_format: str) -> str:
    """Return the SQL of the day that a trimmed text names, null when it names none."""
    return _date_of_text(text, date_format)[0]


def _form(strptime_format: str) -> str:
    """Return the regular expression of texts that have the form of a strptime format."""
    form = ""
    position = 0
    while position < len(strptime_format):
        sign = strptime_format[position]
        if sign == "%":
            position += 2 if strptime_format[position + 1 : position + 2] == "-" else 1
            form += _DATE_PATTERNS.get(strptime_format[position], r"\S+")
        else:
            form += re.escape(sign)
        position += 1
    return form


def moment(
    column: FileColumn,
    contract: FeedContract,
    latest: datetime,
    name: Literal["available_at", "occurred_at"] = "available_at",
) -> Parsed:
    """Read the time at which the source had the value, or at which an event occurred, as naive UTC.

    Args:
        column: the field.
        contract: the feed's contract.
        latest: aware; a later time is from the future.
        name: the field's name; the helpers are named after it.
    """
    stem = name.removesuffix("_at")
    text, stated, clock, zoned = (f"{stem}_{part}" for part in ("text", "stated", "local", "zoned"))
    helpers = {text: text_of(column)}
    local = is_form = "false"
    if column.kind == "text":
        local, is_form = _moment_of_text(helpers, stem, contract.timestamp_format)
    elif column.kind == "TIMESTAMP WITH TIME ZONE":
        helpers[stated] = f"cast({column.sql} as timestamp)"
        helpers[clock] = "cast(null as timestamp)"
    elif column.kind.startswith("TIMESTAMP") or column.kind == "DATE":
        helpers[stated] = "cast(null as timestamp)"
        helpers[clock] = f"cast({column.sql} as timestamp)"
        local = "true"
    else:
        helpers[stated] = helpers[clock] = "cast(null as timestamp)"
    form = contract.timestamp_format or "ISO 8601, as 2026-01-31T06:00:00Z"
    limit = latest.astimezone(UTC).replace(tzinfo=None)
    problems = [
        Problem(
            is_missing(text, contract),
            "missing_value",
            name,
            "no time of availability" if name == "available_at" else "no time",
        ),
        Problem(
            f"{stated} is null and {clock} is null and {is_form}",
            "impossible_date",
            name,
            "a time that no calendar or clock has",
        ),
        Problem(
            f"coalesce({stated}, {clock}) is null or not isfinite(coalesce({stated}, {clock}))",
            "not_a_date",
            name,
            f"expected a time of the form {form}",
        ),
    ]
    is_local = f"{stated} is null"
    zone = contract.time_zone
    if zone is None:
        helpers[name] = stated
        message = "no offset, and the contract declares no time_zone"
        problems.append(Problem(is_local, "ambiguous_local_time", name, message))
    elif local == "false" or _offsets(zone) == frozenset():
        shift = _fixed_offset(zone)
        seconds = int(shift.total_seconds())
        helpers[name] = f"coalesce({stated}, {clock} - interval ({seconds}) second)"
    else:
        clock_zone = literal(zone)
        helpers[zoned] = f"timezone({clock_zone}, {clock})"
        helpers[name] = f"coalesce({stated}, cast({zoned} as timestamp))"
        twice = " or ".join(
            f"timezone({clock_zone}, {zoned} {sign} interval ({seconds}) second) = {clock}"
            for seconds in sorted(_offsets(zone))
            for sign in "+-"
        )
        problems += [
            Problem(
                f"{is_local} and timezone({clock_zone}, {zoned}) <> {clock}",
                "nonexistent_local_time",
                name,
                f"clocks in {zone} skip this time",
            ),
            Problem(
                f"{is_local} and ({twice})",
                "ambiguous_local_time",
                name,
                f"clocks in {zone} show this time twice; send it with its offset",
            ),
        ]
    problems += [
        Problem(f"{name} < timestamp '{FIRST_DAY}'", "impossible_date", name, f"a time before {FIRST_DAY}"),
        Problem(
            f"{name} > timestamp '{limit.isoformat(sep=' ')}'",
            "future_period",
            name,
            f"later than the load: {limit.isoformat(sep=' ', timespec='minutes')} UTC",
        ),
    ]
    return Parsed(helpers, name, tuple(problems))


def _moment_of_text(helpers: dict[str, str], stem: str, timestamp_format: str | None) -> tuple[str, str]:
    """Add the helpers of a time written as text; return whether it can be local, and whether it has the form of one."""
    text, stated, clock = (f"{stem}_{part}" for part in ("text", "stated", "local"))
    if timestamp_format is not None:
        parsed = f"try_strptime({text}, {literal(timestamp_format)})"
        form = literal(_form(timestamp_format))
        # 'epoch' and 'infinity' pass strptime in every format.
        guarded = f"case when not regexp_matches({text}, '(?i)epoch|infinity') then cast({parsed} as timestamp) end"
        has_offset = "%z" in timestamp_format
        helpers[stated] = guarded if has_offset else "cast(null as timestamp)"
        helpers[clock] = "cast(null as timestamp)" if has_offset else guarded
        return ("false" if has_offset else "true"), f"regexp_full_match({text}, {form})"
    # A cast to TIMESTAMP drops an offset without a word; only one to TIMESTAMPTZ applies it.
    helpers[stated] = (
        f"case when regexp_full_match({text}, '{_ISO_OFFSET}') then cast(try_cast(replace({text}, ',', '.')"
        " as timestamptz) as timestamp) end"
    )
    helpers[clock] = (
        f"case when {stated} is null and regexp_full_match({text}, '{_ISO_LOCAL}')"
        f" then try_cast(replace({text}, ',', '.') as timestamp) end"
    )
    return "true", f"(regexp_full_match({text}, '{_ISO_OFFSET}') or regexp_full_match({text}, '{_ISO_LOCAL}'))"


@lru_cache(maxsize=64)
def _offsets(zone: str) -> frozenset[int]:
    """Return by how many seconds a zone's clock was ever set back or forth, between 1950 and 2050."""
    clock = ZoneInfo(zone)
    changes = set()
    day = datetime(1950, 1, 1, tzinfo=UTC)
    before = day.astimezone(clock).utcoffset()
    while day.year < 2050:
        day += timedelta(days=7)
        now = day.astimezone(clock).utcoffset()
        if now != before and now is not None and before is not None:
            changes.add(abs(int((now - before).total_seconds())))
        before = now
    return frozenset(changes)


def _fixed_offset(zone: str) -> timedelta:
    return datetime(2000, 1, 1, tzinfo=ZoneInfo(zone)).utcoffset() or timedelta()
