"""The short way for plain CSV files: DuckDB reads the file itself, and only doubtful rows go the long way.

A file is plain when a scan of all its bytes finds UTF-8 without quotes or control characters and with one kind of line
end: then physical lines are records, their number is known before DuckDB reads, and a row's place is its line. One
query takes every row that is in order beyond doubt. Whatever it cannot vouch for is fetched from the file as text, and
the ordinary way judges that text: both ways come to the same, row by row, because only one of them ever says no.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow as pa

from orchestration.ingestion import values
from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.header import Header, resolve
from orchestration.ingestion.plain_text import PlainText, lines_of, scan
from orchestration.ingestion.readers.csv_files import NO_NULL, open_csv
from orchestration.ingestion.readers.record_set import (
    REJECTS,
    TEXTS,
    FileColumn,
    QuickRows,
    RecordSet,
    literal,
    shortened,
    stream_into,
)
from orchestration.ingestion.registry import KpiRegistry
from orchestration.ingestion.sources import Delivery

_FIRST_LINE: Final = 2
"""Line of the first record: the header stands on the first line."""
_UNHEARD_OF: Final = "\x1f"
"""Part of an id that no plain file holds."""
_QUICK_FIELDS: Final = frozenset({"kpi", "period", "value", "available_at"})
QUICK_TABLES: Final = ("quick_rows", "doubtful_rows", "repeated", "kpi_units")
"""Temporary tables of one file."""
_SHIFTS: Final = (0, 30)
"""Where in a text's hash of 64 bits the places begin that it has in the filter of KPI ids."""
_BITS_PER_KPI: Final = 256
"""At least so many bits has the filter: one of 16,000 texts that are no id passes it. DuckDB copies it per vector."""
_UTC_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"


def read_plain_csv(
    connection: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    contract: FeedContract,
    registry: KpiRegistry,
    today: str,
    latest: datetime,
    work_dir: Path,
    threads: int,
) -> RecordSet | None:
    """Read a plain file, or return None: then nothing is said about it, and the ordinary way reads it.

    Args:
        connection: in-memory connection that holds the table `registry`; gets the table `quick_rows`.
        delivery: the file.
        contract: its feed's contract.
        registry: the KPIs.
        today: the day of the load, ISO 8601; a later period is doubtful.
        latest: naive UTC; a later time of availability is doubtful.
        work_dir: folder for intermediate files.
        threads: threads of the scan.

    Raises:
        Unreadable: the columns are not those of the contract.
    """
    if not _is_contract_quick(contract, registry) or Path(delivery.name).suffix.lower() in (".gz", ".zst"):
        return None
    plain = scan(delivery.path, threads)
    if plain is None:
        return None
    names, header_line, _, _ = open_csv(delivery, contract)
    if header_line != 1 or len(names) < 2:
        return None
    header = resolve(contract, names, line=1)
    link = work_dir / "plain.csv"
    link.symlink_to(delivery.path.resolve())
    _make_kpis(connection, contract, registry)
    # A cast to an enum is the quickest way from id to number, but stops at the first id that is no KPI.
    for every_id_known in (True, False):
        query = _query(link, names, header, plain, contract, registry, today, latest, every_id_known=every_id_known)
        try:
            connection.execute(f"create or replace temp table quick_rows as {query}")
            break
        except duckdb.ConversionException:
            continue
        except duckdb.InvalidInputException:
            # DuckDB's reader sees the file otherwise than the scan: let the ordinary way say what is wrong.
            return None
    else:
        return None
    (found,) = connection.execute("select count(*) from quick_rows").fetchall()[0]
    if found != plain.lines - 1:
        return None  # blank lines, which it passes over without a count
    return _records(connection, delivery, contract, names, header, plain, threads)


def _is_contract_quick(contract: FeedContract, registry: KpiRegistry) -> bool:
    """Tell whether what the contract asks for can be judged by the one query."""
    fields = set(contract.mapped())
    return (
        contract.format == "csv"
        and contract.layout == "long"
        and contract.encoding == "utf-8"
        and {"kpi", "period", "value"} <= fields <= _QUICK_FIELDS
        and not contract.constant()
        and contract.decimal_mark == "."
        and contract.thousands_mark is None
        and contract.scale == 1
        and contract.unit not in ("percent", "%")
        and 0 < len(registry.kpis) == len(set(registry.ids))
        and not ("available_at" in fields and contract.timestamp_format is not None)
    )


def _make_kpis(connection: duckdb.DuckDBPyConnection, contract: FeedContract, registry: KpiRegistry) -> None:
    """Make what the one query knows of the KPIs.

    The type `quick_kpi` is KPI ids in the order of kpi_no; ids that need a closer look stand there as what no file can
    hold. Grain and limits by kpi_no are lists in variables, and `quick_bits` tells most ids that are none. There is no
    join in the query, for its rows must come in the order of the file: after a join they do not.
    """
    labels = [
        kpi.kpi_id + (_UNHEARD_OF if kpi.lifecycle == "retired" or (contract.unit or kpi.unit) != kpi.unit else "")
        for kpi in registry.kpis
    ]
    connection.execute("drop table if exists quick_rows")
    connection.execute("drop type if exists quick_kpi")
    connection.execute(f"create temp type quick_kpi as enum ({', '.join(map(literal, labels))})")
    size = _bits(registry)
    marks = " union all ".join(f"select {_bit('kpi_id', shift, size)} as bit from registry" for shift in _SHIFTS)
    connection.execute(f"set variable quick_bits = (select bitstring_agg(bit, 0, {size - 1}) from ({marks}))")
    for name, element in (
        ("quick_grains", "grain"),
        ("quick_lowest", "coalesce(valid_min, '-inf'::double)"),
        ("quick_highest", "coalesce(valid_max, 'inf'::double)"),
    ):
        connection.execute(f"set variable {name} = (select list({element} order by kpi_no) from registry)")


def _query(
    link: Path,
    names: Sequence[str],
    header: Header,
    plain: PlainText,
    contract: FeedContract,
    registry: KpiRegistry,
    today: str,
    latest: datetime,
    *,
    every_id_known: bool,
) -> str:
    """Return the query of `quick_rows`: rows in the order of the file, `kpi` null where anything is in doubt."""
    width = len(names)
    columns = ", ".join(f"c{number}: 'VARCHAR'" for number in range(width + 1))
    relation = (
        f"read_csv({literal(str(link))}, auto_detect = false, header = false, skip = 1, columns = {{{columns}}}, "
        f"delim = {literal(contract.delimiter)}, quote = '', escape = '', nullstr = {literal(NO_NULL)}, "
        f"null_padding = true, strict_mode = false, new_line = {literal(plain.line_end)}, compression = 'none', "
        "max_line_size = 2097152)"
    )
    raw = {field: f"c{names.index(column)}" for field, column in header.fields.items()}
    listed = f"cast({raw['kpi']} as quick_kpi)"
    if not every_id_known:
        listed = f"try_cast(case when {_is_likely_known(raw['kpi'], registry)} then {raw['kpi']} end as quick_kpi)"
    parsed = {
        "listed": listed,
        "day": _day(raw["period"], contract, plain),
        "value": f"try_cast({raw['value']} as double)",
    }
    sound = [
        f"c{width - 1} is not null and c{width} is null",
        # The very first day is also what strptime makes of 'epoch'.
        f"day > date '{values.FIRST_DAY}' and day <= date '{today}'",
        f"not contains({raw['value']}, '_')",
    ]
    if contract.date_format == "%Y-%m-%d":
        sound.append(_is_iso_day(raw["period"], plain))
    if tokens := [token for token in contract.null_tokens if token]:
        none = ", ".join(map(literal, tokens))
        sound += [f"{_trimmed(column, plain)} not in ({none})" for column in raw.values()]
    if "available_at" in raw:
        column = raw["available_at"]
        parsed["available"] = f"cast(try_cast({column} as timestamptz) as timestamp)"
        limit = latest.isoformat(sep=" ")
        sound.append(f"available >= timestamp '{values.FIRST_DAY}' and available <= timestamp '{limit}'")
        sound.append(f"strftime(available, '{_UTC_FORM}') = {column}")
    # Most values lie within every KPI's range and are not 0: these need no look at their own range, nor at their text.
    # One that lies within no KPI's range needs none either.
    shared, widest = _shared_limits(registry), _widest_limits(registry)
    common = f"{_is_within(*shared)} and value <> 0"
    rare = [
        _is_within(*widest),
        f"abs(value) < {values.LARGEST_EXACT}",
        f"(value <> 0 or ltrim({raw['value']}, '0.') = '')",
        f"value >= {_of_kpi('quick_lowest')} and value <= {_of_kpi('quick_highest')}",
    ]
    sound.append(f"({common} or {' and '.join(rare)})")
    period = "day"
    if any(kpi.grain != "day" for kpi in registry.kpis):
        period = f"case {_of_kpi('quick_grains')} " + " ".join(
            f"when '{grain}' then cast(date_trunc('{grain}', day) as date)" for grain in ("week", "month", "quarter")
        )
        period += " else day end"
    expressions = ", ".join(f"{expression} as {name}" for name, expression in parsed.items())
    available = ", available as available_at" if "available" in parsed else ""
    return f"""
        select
            case when {" and ".join(sound)} then listed end as kpi,
            {period} as period_start,
            value
            {available}
        from (select *, {expressions} from {relation})
    """


def _is_likely_known(column: str, registry: KpiRegistry) -> str:
    """Return the test that every KPI id passes and of a million other texts about one: a Bloom filter.

    TRY_CAST decides, but takes 50 microseconds for a text that is no label, to look for labels like it.
    """
    size = _bits(registry)
    return " and ".join(f"get_bit(getvariable('quick_bits'), {_bit(column, shift, size)}) = 1" for shift in _SHIFTS)


def _bit(column: str, shift: int, size: int) -> str:
    return f"cast((hash({column}) >> {shift}) & {size - 1} as integer)"


def _bits(registry: KpiRegistry) -> int:
    """Return the filter's size, a power of two."""
    return int(1 << (len(registry.kpis) * _BITS_PER_KPI - 1).bit_length())


def _shared_limits(registry: KpiRegistry) -> tuple[float, float]:
    """Return the least and the greatest value that lies within every KPI's range and is exact as a double."""
    lows = [kpi.valid_min for kpi in registry.kpis if kpi.valid_min is not None]
    highs = [kpi.valid_max for kpi in registry.kpis if kpi.valid_max is not None]
    exact = float(values.LARGEST_EXACT - 1)
    return max([-exact, *lows]), min([exact, *highs])


def _widest_limits(registry: KpiRegistry) -> tuple[float, float]:
    """Return the limits beyond which a value lies within no KPI's range."""
    lows = [-math.inf if kpi.valid_min is None else kpi.valid_min for kpi in registry.kpis]
    highs = [math.inf if kpi.valid_max is None else kpi.valid_max for kpi in registry.kpis]
    return min(lows), max(highs)


def _is_within(least: float, most: float) -> str:
    return f"value >= '{least!r}'::double and value <= '{most!r}'::double"


def _is_iso_day(column: str, plain: PlainText) -> str:
    """Return the test of a text, which DuckDB takes for the date `day`, for the form YYYY-MM-DD."""
    # Without blanks and other marks, ten characters are a year of four digits, or one of more that begins with 0.
    form = f"strlen({column}) = 10 and {column} >= '1'"
    return " and ".join([form, *(f"not contains({column}, {literal(mark.decode())})" for mark in sorted(plain.marks))])


def _of_kpi(variable: str) -> str:
    return f"list_extract(getvariable('{variable}'), enum_code(listed) + 1)"


def _day(column: str, contract: FeedContract, plain: PlainText) -> str:
    if contract.date_format == "%Y-%m-%d":
        return f"try_cast({column} as date)"
    return values.day_of_text(_trimmed(column, plain), contract.date_format)


def _trimmed(column: str, plain: PlainText) -> str:
    return values.text_of(FileColumn(column, is_trimmed=not plain.has_blanks))


def _records(
    connection: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    contract: FeedContract,
    names: Sequence[str],
    header: Header,
    plain: PlainText,
    threads: int,
) -> RecordSet:
    """Return the doubtful rows as a record set, and the others beside it."""
    mark, width = literal(contract.delimiter), len(names)

    def batches(given: duckdb.DuckDBPyConnection, wanted: str) -> Iterator[pa.RecordBatch]:
        # Not numpy.unique, which hashes: these are in order already, or nearly.
        lines = np.sort(np.asarray(given.execute(f"select record from ({wanted})").fetchnumpy()["record"], np.int64))
        return lines_of(delivery.path, plain, lines[np.diff(lines, prepend=0) > 0], threads)

    def texts(given: duckdb.DuckDBPyConnection, wanted: str) -> None:
        stream_into(given, "record_texts", TEXTS, batches(given, wanted))

    stream_into(
        connection,
        "doubtful_rows",
        TEXTS,
        batches(connection, f"select rowid + {_FIRST_LINE} as record from quick_rows where kpi is null"),
        f"record, raw_text, strlen(raw_text) - strlen(replace(raw_text, {mark}, '')) + 1 as fields",
    )
    rejects = (
        connection.sql(
            f"""
        select
            record as line,
            'ragged_row' as reason_code,
            fields || ' fields, expected {width}' as message,
            {shortened("raw_text")} as raw_text
        from doubtful_rows
        where fields <> {width}
        """
        )
        .to_arrow_table()
        .cast(REJECTS)
    )
    parts = ", ".join(f"parts[{number + 1}] as c{number}" for number in range(width))
    split = (
        f"select record, raw_text, string_split(raw_text, {mark}) as parts from doubtful_rows where fields = {width}"
    )
    return RecordSet(
        relation=f"(select record, raw_text, {parts} from ({split}))",
        columns={name: FileColumn(f"c{number}", is_trimmed=not plain.has_blanks) for number, name in enumerate(names)},
        header=header,
        count=plain.lines - 1 - rejects.num_rows,
        rejects=rejects,
        texts=texts,
        has_raw_text=True,
        quick=QuickRows(_FIRST_LINE, has_available_at="available_at" in header.fields),
    )


def today_of(contract: FeedContract, clock: datetime) -> str:
    """Return the day of a load where its feed is, ISO 8601."""
    return clock.astimezone(ZoneInfo(contract.time_zone or "UTC")).date().isoformat()
