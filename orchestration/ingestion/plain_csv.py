"""The short way for plain CSV files: DuckDB reads the file itself, and only doubtful rows go the long way.

A file is plain when a scan of all its bytes finds UTF-8 without quotes or control characters and with one kind of line
end: then physical lines are records, their number is known before DuckDB reads, and a row's place is its line. One
query takes every row that is in order beyond doubt. Whatever it cannot vouch for, it keeps as text, and the ordinary
way judges that text: both ways come to the same, row by row, because only one of them ever says no.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import duckdb
import numpy as np

from orchestration.ingestion import values
from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.header import Header, resolve
from orchestration.ingestion.physical import BLOCK_BYTES
from orchestration.ingestion.readers.csv_files import NO_NULL, collect_texts, open_csv
from orchestration.ingestion.readers.record_set import (
    MAX_RAW_CHARACTERS,
    REJECTS,
    FileColumn,
    QuickRows,
    RecordSet,
    literal,
)
from orchestration.ingestion.registry import KpiRegistry
from orchestration.ingestion.sources import Delivery

_FIRST_LINE: Final = 2
"""Line of the first record: the header stands on the first line."""
_WINDOW: Final = 512 * 1024
"""A line end in every window of this size: no line is longer than two of them, which is MAX_RECORD_BYTES."""
_OVERFLOW: Final = "\x1f"
"""Before what is not the whole text of a row; no plain file holds it."""
_QUICK_FIELDS: Final = frozenset({"kpi", "period", "value", "available_at"})
QUICK_TABLES: Final = ("quick_rows", "quick_kpis", "doubtful_rows", "repeated", "kpi_units")
"""Temporary tables of one file."""
_UTC_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class PlainText:
    """What the scan of a plain file found.

    Attributes:
        lines: physical lines, the last one too when no line end closes it.
        line_end: LF or CR LF, as DuckDB writes them in options.
    """

    lines: int
    line_end: str


@dataclass(frozen=True)
class _Block:
    """What the scan of one block found."""

    line_feeds: int
    returns: int
    pairs: int  # CR LF within the block
    first: int
    last: int


def scan(path: Path, threads: int) -> PlainText | None:
    """Read all bytes of a file; None when it is not plain. Memory does not grow with the file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(descriptor).st_size
        if not size:
            return None
        with ThreadPoolExecutor(threads) as pool:
            starts = range(0, size, BLOCK_BYTES)
            blocks: list[_Block] = []
            for block in pool.map(lambda start: _scan_block(descriptor, start, size), starts):
                if block is None:
                    pool.shutdown(wait=True, cancel_futures=True)
                    return None
                blocks.append(block)
    finally:
        os.close(descriptor)
    feeds = sum(block.line_feeds for block in blocks)
    returns = sum(block.returns for block in blocks)
    pairs = sum(block.pairs for block in blocks)
    pairs += sum(left.last == 13 and right.first == 10 for left, right in itertools.pairwise(blocks))
    if returns and not returns == pairs == feeds:
        return None
    lines = feeds + (blocks[-1].last != 10)
    return PlainText(lines, "\\r\\n" if returns else "\\n")


def _scan_block(descriptor: int, start: int, size: int) -> _Block | None:
    data = os.pread(descriptor, min(BLOCK_BYTES, size - start), start)
    if len(data) < min(BLOCK_BYTES, size - start) or b'"' in data or b"\x7f" in data:
        return None
    array = np.frombuffer(data, dtype=np.uint8)
    feeds = int(np.count_nonzero(array == 10))
    returns = pairs = 0
    others = int(np.count_nonzero(array < 32)) - feeds
    if others:
        returns, pairs = data.count(b"\r"), data.count(b"\r\n")
        if others != returns + data.count(b"\t"):
            return None
    for window in range(0, len(data) - _WINDOW + 1, _WINDOW):
        if data.find(b"\n", window, window + _WINDOW) < 0:
            return None
    if not data.isascii():
        # A character cut by the end of the block belongs to a line that ends within the next window, or the file.
        head = data.find(b"\n") + 1 if start else 0
        if start and not head:
            return _Block(feeds, returns, pairs, data[0], data[-1])  # the block where the line begins looked at it
        after = os.pread(descriptor, _WINDOW * 2, start + len(data))
        tail = after[: after.find(b"\n") + 1] if b"\n" in after else after
        try:
            (data[head:] + tail).decode("utf-8")
        except UnicodeDecodeError:
            return None
    elif start + len(data) < size and not _ends_in_ascii(descriptor, start + len(data)):
        return None
    return _Block(feeds, returns, pairs, data[0], data[-1])


def _ends_in_ascii(descriptor: int, end: int) -> bool:
    """Tell whether the line that an ASCII block leaves open is closed as UTF-8."""
    after = os.pread(descriptor, _WINDOW * 2, end)
    tail = after[: after.find(b"\n") + 1] if b"\n" in after else after
    try:
        tail.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


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
    # A cast to an enum is twice as fast as a join, but stops at the first id that is no KPI.
    for is_cast in (True, False):
        query = _query(link, names, header, plain, contract, registry, today, latest, is_cast=is_cast)
        try:
            connection.execute(f"create or replace temp table quick_rows as {query}")
            if is_cast:
                _doubt_what_is_out_of_range(connection, registry)
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
    return _records(connection, delivery, contract, names, header, plain)


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
    """Make the type `quick_kpi`, KPI ids in the order of kpi_no, and the table `quick_kpis` of those that need no look.

    Ids that need a closer look stand in the type as what no file can hold.
    """
    labels = [
        kpi.kpi_id + (_OVERFLOW if kpi.lifecycle == "retired" or (contract.unit or kpi.unit) != kpi.unit else "")
        for kpi in registry.kpis
    ]
    for table in ("quick_rows", "quick_kpis"):
        connection.execute(f"drop table if exists {table}")
    connection.execute("drop type if exists quick_kpi")
    connection.execute(f"create temp type quick_kpi as enum ({', '.join(map(literal, labels))})")
    connection.execute(
        f"""
        create temp table quick_kpis as
        select
            kpi_id,
            cast(kpi_id as quick_kpi) as listed,
            kpi_no,
            grain,
            coalesce(valid_min, '-inf'::double) as lowest,
            coalesce(valid_max, 'inf'::double) as highest
        from registry
        where lifecycle <> 'retired' {f"and unit = {literal(contract.unit)}" if contract.unit else ""}
        """
    )


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
    is_cast: bool,
) -> str:
    """Return the query of `quick_rows`: what is beyond doubt typed, everything else null and as text."""
    width = len(names)
    columns = ", ".join(f"c{number}: 'VARCHAR'" for number in range(width + 2))
    relation = (
        f"read_csv({literal(str(link))}, auto_detect = false, header = false, skip = 1, columns = {{{columns}}}, "
        f"delim = {literal(contract.delimiter)}, quote = '', escape = '', nullstr = {literal(NO_NULL)}, "
        f"null_padding = true, strict_mode = false, new_line = {literal(plain.line_end)}, compression = 'none', "
        "max_line_size = 2097152)"
    )
    raw = {field: f"c{names.index(column)}" for field, column in header.fields.items()}
    parsed = {
        "day": _day(raw["period"], contract),
        "value": f"try_cast({raw['value']} as double)",
    }
    checks = [
        f"c{width - 1} is not null and c{width} is null",
        "listed is not null",
        # The very first day is also what strptime makes of 'epoch'.
        f"day > date '{values.FIRST_DAY}' and day <= date '{today}'",
        f"abs(value) < {values.LARGEST_EXACT}",
        f"not contains({raw['value']}, '_')",
        f"case when value <> 0 then true else ltrim({raw['value']}, '0.') = '' end",
    ]
    if contract.date_format == "%Y-%m-%d":
        checks.append(f"cast(day as varchar) = {raw['period']}")
    if tokens := [token for token in contract.null_tokens if token]:
        listed = ", ".join(map(literal, tokens))
        checks += [f"trim({column}) not in ({listed})" for column in raw.values()]
    if "available_at" in raw:
        column = raw["available_at"]
        parsed["available"] = f"cast(try_cast({column} as timestamptz) as timestamp)"
        limit = latest.isoformat(sep=" ")
        checks.append(f"available >= timestamp '{values.FIRST_DAY}' and available <= timestamp '{limit}'")
        checks.append(f"strftime(available, '{_UTC_FORM}') = {column}")
    period = "day"
    has_grains = any(kpi.grain != "day" for kpi in registry.kpis)
    has_limits = any(kpi.valid_min is not None or kpi.valid_max is not None for kpi in registry.kpis)
    if is_cast:
        parsed["listed"] = f"cast({raw['kpi']} as quick_kpi)"
        join = (
            "left join (select * exclude (listed) from quick_kpis) as known"
            " on known.kpi_no = cast(enum_code(listed) as integer)"
            if has_grains
            else ""
        )
    else:
        join = f"left join quick_kpis as known on known.kpi_id = {raw['kpi']}"
    if has_grains:
        period = "case " + " ".join(
            f"when grain = '{grain}' then cast(date_trunc('{grain}', day) as date)"
            for grain in ("week", "month", "quarter")
        )
        period += " else day end"
    if has_limits and not is_cast:
        checks.append("value >= lowest and value <= highest")
    fields = ", ".join(f"c{number}" for number in range(width + 2))
    text = f"concat_ws({literal(contract.delimiter)}, {fields})"
    kept = f"case when c{width + 1} is null then {text} else {literal(_OVERFLOW)} || {text} end"
    expressions = ", ".join(f"{expression} as {name}" for name, expression in parsed.items())
    available = ", available as available_at" if "available" in parsed else ""
    return f"""
        select
            listed as kpi,
            {period} as period_start,
            value
            {available},
            case when {" and ".join(f"({check})" for check in checks)} then null else {kept} end as doubtful
        from (select *, {expressions} from {relation})
        {join}
    """


def _doubt_what_is_out_of_range(connection: duckdb.DuckDBPyConnection, registry: KpiRegistry) -> None:
    """Mark quick rows outside their KPI's limits; a join over typed rows costs a tenth of one over the file's texts."""
    if all(kpi.valid_min is None and kpi.valid_max is None for kpi in registry.kpis):
        return
    match = """
        cast(enum_code(quick_rows.kpi) as integer) = quick_kpis.kpi_no
        and quick_rows.doubtful is null
        and not (quick_rows.value >= quick_kpis.lowest and quick_rows.value <= quick_kpis.highest)
    """
    if connection.execute(f"select 1 from quick_rows inner join quick_kpis on {match} limit 1").fetchone():
        # The text is fetched from the file, like that of a row with too many fields.
        connection.execute(f"update quick_rows set doubtful = {literal(_OVERFLOW)} from quick_kpis where {match}")


def _day(column: str, contract: FeedContract) -> str:
    if contract.date_format == "%Y-%m-%d":
        return f"try_cast({column} as date)"
    return values.day_of_text(f"trim({column})", contract.date_format)


def _records(
    connection: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    contract: FeedContract,
    names: Sequence[str],
    header: Header,
    plain: PlainText,
) -> RecordSet:
    """Return the doubtful rows as a record set, and the others beside it."""
    mark, width = literal(contract.delimiter), len(names)
    connection.execute(
        f"""
        create or replace temp table doubtful_rows as
        select
            rowid + {_FIRST_LINE} as record,
            doubtful as raw_text,
            len(doubtful) - len(replace(doubtful, {mark}, '')) + 1 as fields
        from quick_rows
        where doubtful is not null
        """
    )
    # What lies beyond the last field that was read is fetched from the file itself.
    overflowing = f"select record from doubtful_rows where starts_with(raw_text, {literal(_OVERFLOW)})"
    if connection.execute(f"{overflowing} limit 1").fetchone():
        collect_texts(connection, delivery, contract, overflowing, every_line=True)
        connection.execute(
            f"""
            update doubtful_rows
            set
                raw_text = record_texts.raw_text,
                fields = len(record_texts.raw_text) - len(replace(record_texts.raw_text, {mark}, '')) + 1
            from record_texts
            where doubtful_rows.record = record_texts.record
            """
        )
    rejects = (
        connection.sql(
            f"""
        select
            record as line,
            'ragged_row' as reason_code,
            fields || ' fields, expected {width}' as message,
            left(raw_text, {MAX_RAW_CHARACTERS}) as raw_text
        from doubtful_rows
        where fields <> {width}
        """
        )
        .to_arrow_table()
        .cast(REJECTS)
    )
    fields = ", ".join(f"split_part(raw_text, {mark}, {number + 1}) as c{number}" for number in range(width))

    def texts(given: duckdb.DuckDBPyConnection, wanted: str) -> None:
        elsewhere = f"select record from ({wanted}) where record not in (select record from doubtful_rows)"
        if given.execute(f"{elsewhere} limit 1").fetchone():
            collect_texts(given, delivery, contract, elsewhere)
        given.execute(
            "insert into record_texts select record, raw_text from doubtful_rows "
            f"where record in (select record from ({wanted}))"
        )

    return RecordSet(
        relation=f"(select record, {fields} from doubtful_rows where fields = {width})",
        columns={name: FileColumn(f"c{number}") for number, name in enumerate(names)},
        header=header,
        count=plain.lines - 1 - rejects.num_rows,
        rejects=rejects,
        texts=texts,
        quick=QuickRows(_FIRST_LINE, has_available_at="available_at" in header.fields),
    )


def today_of(contract: FeedContract, clock: datetime) -> str:
    """Return the day of a load where its feed is, ISO 8601."""
    return clock.astimezone(ZoneInfo(contract.time_zone or "UTC")).date().isoformat()
