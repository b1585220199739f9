"""Plain text: what a scan of all bytes finds out about a file, and its lines by their number.

A file is plain when it is UTF-8 without quotes or control characters and with one kind of line end: then physical
lines are records, and their number is known before anybody parses them.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.ingestion.physical import BLOCK_BYTES
from orchestration.ingestion.readers.csv_records import lines_array
from orchestration.ingestion.readers.record_set import TEXTS
from orchestration.ingestion.reasons import Unreadable

_WINDOW: Final = 512 * 1024
"""A line end in every window of this size: no line is longer than two of them, which is MAX_RECORD_BYTES."""
_USUAL_LINE: Final = 4096
"""Bytes in which a line usually ends."""
MARKS: Final = (b"\t", b" ", b"/", b"\\")
"""Bytes with which a text can be a date to DuckDB and yet not of the form of ISO 8601."""


@dataclass(frozen=True)
class PlainText:
    """What the scan of a plain file found.

    Attributes:
        lines: physical lines, the last one too when no line end closes it.
        line_end: LF or CR LF, as DuckDB writes them in options.
        line_feeds: of each block of the file.
        marks: which of the bytes of `MARKS` it holds.
        is_ascii: whether it holds no other bytes than those of ASCII.
    """

    lines: int
    line_end: str
    line_feeds: tuple[int, ...]
    marks: frozenset[bytes]
    is_ascii: bool

    @property
    def has_blanks(self) -> bool:
        """Whether a text of it may begin or end with a blank; beyond ASCII there are many."""
        return not self.is_ascii or b" " in self.marks


@dataclass(frozen=True)
class _Block:
    """What the scan of one block found."""

    line_feeds: int
    returns: int
    pairs: int  # CR LF within the block
    first: int
    last: int
    marks: frozenset[bytes]
    is_ascii: bool


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
    marks: frozenset[bytes] = frozenset().union(*(block.marks for block in blocks))
    is_ascii = all(block.is_ascii for block in blocks)
    line_end = "\\r\\n" if returns else "\\n"
    return PlainText(lines, line_end, tuple(block.line_feeds for block in blocks), marks, is_ascii)


def _scan_block(descriptor: int, start: int, size: int) -> _Block | None:
    data = os.pread(descriptor, min(BLOCK_BYTES, size - start), start)
    if len(data) < min(BLOCK_BYTES, size - start):
        return None
    array = np.frombuffer(data, dtype=np.uint8)
    feeds = low = 0
    # Window by window: what the first look brings into the processor's cache, the others find there.
    for begin in range(0, len(data), _WINDOW):
        end = min(begin + _WINDOW, len(data))
        if data.find(b'"', begin, end) >= 0 or data.find(b"\x7f", begin, end) >= 0:
            return None
        window = array[begin:end]
        found = int(np.count_nonzero(window == 10))
        if not found and end - begin == _WINDOW:
            return None
        feeds += found
        low += int(np.count_nonzero(window < 32))
    returns = pairs = 0
    if low > feeds:
        returns, pairs = data.count(b"\r"), data.count(b"\r\n")
        if low - feeds != returns + data.count(b"\t"):
            return None
    marks = frozenset(mark for mark in MARKS if mark in data)
    is_ascii = data.isascii()
    if not is_ascii:
        # A character cut by the end of the block belongs to a line that ends within the next window, or the file.
        head = data.find(b"\n") + 1 if start else 0
        if start and not head:
            # The block where the line begins looked at it.
            return _Block(feeds, returns, pairs, data[0], data[-1], marks, is_ascii)
        try:
            (data[head:] + _rest_of_line(descriptor, start + len(data))).decode("utf-8")
        except UnicodeDecodeError:
            return None
    elif start + len(data) < size and not _ends_in_ascii(descriptor, start + len(data)):
        return None
    return _Block(feeds, returns, pairs, data[0], data[-1], marks, is_ascii)


def _ends_in_ascii(descriptor: int, end: int) -> bool:
    """Tell whether the line that an ASCII block leaves open is closed as UTF-8."""
    try:
        _rest_of_line(descriptor, end).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _rest_of_line(descriptor: int, start: int) -> bytes:
    """Return what of a line lies from a place of the file on, its line end included where it has one."""
    for reach in (_USUAL_LINE, _WINDOW * 2):
        after = os.pread(descriptor, reach, start)
        if end := after.find(b"\n") + 1:
            return after[:end]
    return after


def lines_of(path: Path, plain: PlainText, numbers: npt.NDArray[np.int64], threads: int) -> Iterator[pa.RecordBatch]:
    """Yield lines of a plain file, columns of `TEXTS`, without their line ends.

    Memory does not grow with the file; blocks that hold none of the lines are not read.

    Args:
        path: the file.
        plain: what its scan found.
        numbers: physical lines from 2 on, ascending and distinct.
        threads: threads that read.

    Raises:
        Unreadable: the file is not the one that was scanned.
    """
    before = 0
    waiting: deque[Future[pa.RecordBatch]] = deque()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with ThreadPoolExecutor(threads) as pool:
            for block, feeds in enumerate(plain.line_feeds):
                # The line after the n-th line feed is number n + 1; it belongs to the block of that line feed.
                first, last = np.searchsorted(numbers, (before + 2, before + 2 + feeds))
                if first < last:
                    wanted = numbers[first:last]
                    start = block * BLOCK_BYTES
                    waiting.append(pool.submit(_lines_of_block, descriptor, start, feeds, wanted, wanted - before - 2))
                before += feeds
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    finally:
        os.close(descriptor)


def _lines_of_block(
    descriptor: int, start: int, feeds: int, numbers: npt.NDArray[np.int64], places: npt.NDArray[np.int64]
) -> pa.RecordBatch:
    """Return lines that begin after the line feeds of a block, given by the places of these line feeds."""
    data = os.pread(descriptor, BLOCK_BYTES, start)
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == 10)
    if len(ends) != feeds:
        raise Unreadable("unreadable_file", "the file changed while it was read; it is read again next time")
    if places[-1] == feeds - 1:
        rest = _rest_of_line(descriptor, start + len(data))
        data += rest if rest.endswith(b"\n") else rest + b"\n"
        ends = np.append(ends, len(data) - 1)
    texts = lines_array(data, ends).take(pa.array(places + 1)).cast(pa.large_string())
    # No carriage return but those of line ends: these alone are trimmed.
    texts = pc.ascii_rtrim(texts, "\r\n").cast(pa.string())
    return pa.RecordBatch.from_arrays([pa.array(numbers), texts], schema=TEXTS)
