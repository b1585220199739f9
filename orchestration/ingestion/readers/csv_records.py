"""Splits CSV text into records, by one grammar, with the physical line of each.

The grammar is RFC 4180 with two relaxations: a line may end in any way, and a quote inside an unquoted field is a
character like any other. A field is quoted when its first character is a quote; then it ends at the next quote that
is not doubled, and the delimiter or the line's end must follow. A record that breaks this, or has another number of
fields than the header, is rejected alone, at its line: reading goes on at the next line. A quoted field that never
ends makes every later line doubtful, so it rejects the file. Blank lines are no records; they are counted.

Blocks without a quote, which is nearly all of most files, are split by vector operations over whole blocks (numpy,
Arrow); blocks with quotes by regular expressions, one call for the whole block where every record is in order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.ingestion.physical import Block, readable_text
from orchestration.ingestion.readers.record_set import MAX_RAW_CHARACTERS, REJECTS
from orchestration.ingestion.reasons import Unreadable

MAX_RECORD_BYTES: Final = 1024 * 1024
"""Bytes of one record; a longer one is rejected as broken. DuckDB reads lines of 2 MiB at most."""
MAX_QUOTED_BYTES: Final = 16 * 1024 * 1024
"""Bytes after which a quoted field counts as never closed."""

_NEWLINE, _QUOTE, _TAB = 10, 34, 9
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")  # all but tab and line feed; CR is gone by then
_TEXT_LIMIT = MAX_RAW_CHARACTERS


@dataclass
class Split:
    """What one block came to.

    Attributes:
        data: good records as canonical CSV: quotes as in RFC 4180, closed by a line feed.
        lines: physical line of each good record; int64, as many as there are records.
        rejects: broken records, columns of `REJECTS`.
        originals: line -> record as the file has it, of records whose quotes were written anew.
    """

    data: bytes
    lines: npt.NDArray[np.int64]
    rejects: pa.Table
    originals: dict[int, bytes] = field(default_factory=dict)

    def records(self) -> pa.Array:
        """Return each good record with its closing line feed; large_binary, without copying."""
        array = np.frombuffer(self.data, dtype=np.uint8)
        ends = np.flatnonzero(array == _NEWLINE)
        if len(ends) != len(self.lines):
            # Some record runs over several lines: it ends where the quotes so far are even in number.
            quotes = np.searchsorted(np.flatnonzero(array == _QUOTE), ends)
            ends = ends[quotes % 2 == 0]
        return lines_array(self.data, ends)


@dataclass
class _Found:
    """Records of one block, gathered one at a time."""

    good: list[bytes] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    rejects: list[tuple[int, str, str, bytes]] = field(default_factory=list)
    originals: dict[int, bytes] = field(default_factory=dict)

    def split(self) -> Split:
        lines = np.array(self.lines, dtype=np.int64)
        return Split(b"".join(self.good), lines, _rejects(self.rejects), self.originals)


class RecordSplitter:
    """Splits one file's blocks into records.

    Args:
        delimiter: one ASCII character.
        columns: fields that every record must have; at least 1.
    """

    def __init__(self, delimiter: str, columns: int) -> None:
        self.blank_lines = 0
        self._columns = columns
        self._delimiter = delimiter.encode("ascii")
        mark = re.escape(self._delimiter)
        strict = rb'(?:"(?:[^"]++|"")*+"|[^"\n' + mark + rb"]*+)"
        loose = rb'(?:"(?:[^"]++|"")*+"|(?:[^"\n' + mark + rb"][^\n" + mark + rb"]*+)?+)"
        more = b"{%d}" % (columns - 1)
        self._strict_record = re.compile(strict + b"(?:" + mark + strict + b")" + more + rb"\n")
        self._loose_record = re.compile(loose + b"(?:" + mark + loose + rb")*+\n")
        self._loose_field = re.compile(b"(" + loose + b")(?:" + mark + rb"|\n)")
        self._open_quote = re.compile(b"(?:" + loose + mark + rb')*+"(?:[^"]++|"")*+\Z')

    def header(self, block: Block) -> tuple[list[str], int, Block]:
        """Return the first record's fields, its line, and the block without it.

        Raises:
            Unreadable: there is no record, or it is broken.
        """
        data, line = block.data, block.first_line
        start = len(data) - len(data.lstrip(b"\n"))
        line += start
        self.blank_lines += start
        if start == len(data):
            raise Unreadable("empty_file", "the file has no header and no record, only blank lines", line=1)
        match = self._loose_record.match(data, start)
        if match is None:
            end = data.index(b"\n", start)
            raw = readable_text(data[start:end])[:500]
            raise Unreadable("unreadable_file", "the header's quotes do not close", line=line, raw=raw)
        record = match.group()
        if _CONTROL.search(record):
            raw = readable_text(record)[:500]
            raise Unreadable("bad_encoding", "the header holds control characters", line=line, raw=raw)
        try:
            fields = [text.decode("utf-8") for text in self._fields(record)]
        except UnicodeDecodeError as error:
            raw = readable_text(record)[:500]
            message = "the header is no text of the declared encoding; do: declare the file's real `encoding`"
            raise Unreadable("bad_encoding", message, line=line, raw=raw) from error
        rest = Block(line + record.count(b"\n"), data[match.end() :])
        return fields, line, rest

    def split(self, blocks: Iterator[Block]) -> Iterator[Split]:
        """Yield what each block holds, in order.

        Raises:
            Unreadable: a quoted field is never closed.
        """
        carried = Block(0, b"")
        for block in blocks:
            if carried.data:
                block = Block(carried.first_line, carried.data + block.data)
                carried = Block(0, b"")
            if not block.data:
                continue
            if b'"' not in block.data:
                yield self._split_plain(block)
                continue
            split = self._split_in_order(block)
            if split is None:
                split, carried = self._split_one_by_one(block)
                if len(carried.data) > MAX_QUOTED_BYTES:
                    break
            yield split
        if carried.data:
            raw = readable_text(carried.data[: carried.data.index(b"\n")])[:500]
            message = "a quoted field opens here and is never closed: no later line can be trusted"
            raise Unreadable("unreadable_file", message, line=carried.first_line, raw=raw)

    def _split_plain(self, block: Block) -> Split:
        """Split a block in which no quote stands: every line is a record."""
        data = block.data
        array = np.frombuffer(data, dtype=np.uint8)
        ends = np.flatnonzero(array == _NEWLINE)
        marks = np.flatnonzero(array == self._delimiter[0])
        fields = np.diff(np.searchsorted(marks, ends), prepend=0) + 1
        lengths = np.diff(ends, prepend=-1) - 1
        lines = block.first_line + np.arange(len(ends), dtype=np.int64)
        blank = lengths == 0
        self.blank_lines += int(np.count_nonzero(blank))
        unclean = self._unclean_lines(data, array, ends)
        good = (fields == self._columns) & ~blank & (lengths <= MAX_RECORD_BYTES)
        if unclean is not None:
            good &= ~unclean
        if good.all():
            return Split(data, lines, _rejects([]))
        texts = lines_array(data, ends)
        kept = texts.filter(pa.array(good))
        broken = ~good & ~blank
        return Split(_joined(kept), lines[good], self._broken(texts, lines, fields, lengths, unclean, broken))

    def _unclean_lines(
        self, data: bytes, array: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_] | None:
        """Return which lines hold control characters or bytes that are no UTF-8; None: no line does."""
        below = np.count_nonzero(array < 32) - len(ends)
        suspects = np.zeros(len(ends), dtype=bool)
        if (below and _CONTROL.search(data)) or b"\x7f" in data:
            control = ((array < 32) & (array != _TAB) & (array != _NEWLINE)) | (array == 127)
            suspects[np.searchsorted(ends, np.flatnonzero(control))] = True
        if not data.isascii():
            try:
                data.decode("utf-8")
            except UnicodeDecodeError:
                high = np.unique(np.searchsorted(ends, np.flatnonzero(array > 127)))
                for number in high:
                    start = int(ends[number - 1]) + 1 if number else 0
                    if not _is_utf8(data[start : int(ends[number])]):
                        suspects[number] = True
        return suspects if suspects.any() else None

    def _broken(
        self,
        texts: pa.Array,
        lines: npt.NDArray[np.int64],
        fields: npt.NDArray[np.int64],
        lengths: npt.NDArray[np.int64],
        unclean: npt.NDArray[np.bool_] | None,
        broken: npt.NDArray[np.bool_],
    ) -> pa.Table:
        if not broken.any():
            return _rejects([])
        mask = pa.array(broken)
        kept = texts.filter(mask)
        if unclean is None:
            # Cut by code units of UTF-8 characters and trimmed of the line end, all in Arrow.
            raw = pc.utf8_slice_codeunits(pc.utf8_rtrim(kept.cast(pa.large_string()), "\n"), 0, _TEXT_LIMIT)
            message = pc.binary_join_element_wise(
                pa.array(fields[broken]).cast(pa.string()), pa.scalar(f"fields, expected {self._columns}"), " "
            )
            if (lengths[broken] > MAX_RECORD_BYTES).any():
                long = pa.array(lengths[broken] > MAX_RECORD_BYTES)
                message = pc.if_else(long, pa.scalar(_too_long()), message)
            reasons = pa.repeat("ragged_row", len(kept))
            return pa.Table.from_arrays(
                [pa.array(lines[broken]), reasons, message, raw.cast(pa.string())], schema=REJECTS
            )
        rows = []
        for number, text, bad, found, length in zip(
            lines[broken].tolist(),
            kept.to_pylist(),
            unclean[broken].tolist(),
            fields[broken].tolist(),
            lengths[broken].tolist(),
            strict=True,
        ):
            rows.append(self._broken_row(number, text[:-1], found, is_unclean=bad, is_long=length > MAX_RECORD_BYTES))
        return _rejects(rows)

    def _broken_row(
        self, line: int, text: bytes, fields: int, *, is_unclean: bool, is_long: bool = False
    ) -> tuple[int, str, str, bytes]:
        if is_unclean:
            return line, "bad_encoding", _unclean_message(text), text
        message = _too_long() if is_long else f"{fields} fields, expected {self._columns}"
        return line, "ragged_row", message, text

    def _split_in_order(self, block: Block) -> Split | None:
        """Split a block whose every line is one well-formed record; None when it is not such a block."""
        data = block.data
        array = np.frombuffer(data, dtype=np.uint8)
        ends = np.flatnonzero(array == _NEWLINE)
        quotes = np.searchsorted(np.flatnonzero(array == _QUOTE), ends)
        # An even number of quotes up to every line end: no well-formed field runs over a line end.
        if (quotes & 1).any() or self._unclean_lines(data, array, ends) is not None:
            return None
        lengths = np.diff(ends, prepend=-1) - 1
        if (lengths > MAX_RECORD_BYTES).any():
            return None
        position, end = 0, len(data)
        match = self._strict_record.match
        records = 0
        while position < end:
            found = match(data, position)
            if found is None:
                return None
            position = found.end()
            records += 1
        if records != len(ends):
            return None
        lines = block.first_line + np.arange(len(ends), dtype=np.int64)
        return Split(data, lines, _rejects([]))

    def _split_one_by_one(self, block: Block) -> tuple[Split, Block]:
        """Split a block record by record. Returns also what belongs to a record that the block does not close."""
        data, line, position, end = block.data, block.first_line, 0, len(block.data)
        found = _Found()
        while position < end:
            if data[position] == _NEWLINE:
                self.blank_lines += 1
                position += 1
                line += 1
                continue
            match = self._strict_record.match(data, position)
            if match is not None:
                self._take(found, line, match.group(), is_canonical=True)
            else:
                match = self._loose_record.match(data, position)
                if match is not None:
                    self._take(found, line, match.group(), is_canonical=False)
                elif self._open_quote.match(data, position):
                    return found.split(), Block(line, data[position:])
            if match is None:
                stop = data.index(b"\n", position) + 1
                text = data[position : stop - 1]
                message = "text after the closing quote of a field"
                found.rejects.append(
                    self._broken_row(line, text, 0, is_unclean=True)
                    if _is_unclean(text)
                    else (line, "ragged_row", message, text)
                )
                position, line = stop, line + 1
            else:
                line += data.count(b"\n", position, match.end())
                position = match.end()
        return found.split(), Block(0, b"")

    def _take(self, found: _Found, line: int, record: bytes, *, is_canonical: bool) -> None:
        text = record[:-1]
        if _is_unclean(text):
            found.rejects.append(self._broken_row(line, text, 0, is_unclean=True))
            return
        if len(text) > MAX_RECORD_BYTES:
            found.rejects.append(self._broken_row(line, text, 0, is_unclean=False, is_long=True))
            return
        if not is_canonical:
            fields = self._fields(record)
            if len(fields) != self._columns:
                found.rejects.append(self._broken_row(line, text, len(fields), is_unclean=False))
                return
            found.originals[line] = text
            record = self._delimiter.join(b'"' + value.replace(b'"', b'""') + b'"' for value in fields) + b"\n"
        found.good.append(record)
        found.lines.append(line)

    def _fields(self, record: bytes) -> list[bytes]:
        fields = self._loose_field.findall(record)
        return [text[1:-1].replace(b'""', b'"') if text.startswith(b'"') else text for text in fields]


def with_line_numbers(split: Split, delimiter: str) -> bytes:
    """Return a block's good records as CSV, with their physical line as a first field."""
    if not len(split.lines):
        return b""
    numbers = pa.array(split.lines).cast(pa.string()).cast(pa.large_binary())
    mark = pa.scalar(delimiter.encode("ascii"), pa.large_binary())
    return _joined(pc.binary_join_element_wise(numbers, split.records(), mark))


def lines_array(data: bytes, ends: npt.NDArray[np.int64]) -> pa.Array:
    """Return lines as Arrow values without copying them, each with its line feed."""
    offsets = np.empty(len(ends) + 1, dtype=np.int64)
    offsets[0] = 0
    offsets[1:] = ends + 1
    return pa.Array.from_buffers(pa.large_binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def _joined(values: pa.Array) -> bytes:
    """Return the bytes of all values, one after the other."""
    if not len(values):
        return b""
    values = values.cast(pa.large_binary())
    _, offsets_buffer, data = values.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int64)[values.offset : values.offset + len(values) + 1]
    return bytes(memoryview(data)[int(offsets[0]) : int(offsets[-1])])


def _rejects(rows: list[tuple[int, str, str, bytes]]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "line": line,
                "reason_code": reason,
                "message": message,
                "raw_text": readable_text(text[: _TEXT_LIMIT * 4])[:_TEXT_LIMIT],
            }
            for line, reason, message, text in rows
        ],
        schema=REJECTS,
    )


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_unclean(text: bytes) -> bool:
    return _CONTROL.search(text) is not None or not (text.isascii() or _is_utf8(text))


def _unclean_message(text: bytes) -> str:
    control = _CONTROL.search(text)
    if control:
        return f"the control character U+{control.group()[0]:04X}"
    return "bytes that are no text in the declared encoding"


def _too_long() -> str:
    return f"a record longer than {MAX_RECORD_BYTES >> 10} KiB"
