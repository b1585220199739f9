"""The splitter by itself: its fast ways and its slow one agree, and blocks cut anywhere change nothing."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from orchestration.ingestion.physical import Block
from orchestration.ingestion.readers.csv_records import RecordSplitter, with_line_numbers
from orchestration.ingestion.reasons import Unreadable


def split(text: str | bytes, columns: int = 3, blocks: int = 1, delimiter: str = ","):
    """Return (line, fields) of good records, (line, reason) of broken ones, and blank lines."""
    data = text.encode() if isinstance(text, str) else text
    lines = data.splitlines(keepends=True)
    size = -(-len(lines) // blocks)
    parts = [lines[start : start + size] for start in range(0, len(lines), size)]
    stream, first = [], 1
    for part in parts:
        stream.append(Block(first, b"".join(part)))
        first += len(part)
    splitter = RecordSplitter(delimiter, columns)
    good, broken = [], []
    for one in splitter.split(iter(stream)):
        canonical = bytes(with_line_numbers(one, delimiter)).decode()
        rows = csv.reader(io.StringIO(canonical, newline=""), delimiter=delimiter, strict=True)
        good += [(int(row[0]), row[1:]) for row in rows]
        broken += [(row["line"], row["reason_code"]) for row in one.rejects.to_pylist()]
    return good, broken, splitter.blank_lines


@pytest.mark.parametrize("blocks", [1, 2, 3, 7])
@pytest.mark.parametrize(
    ("text", "good", "broken", "blank"),
    [
        ("a,b,c\nd,e,f\n", [(1, ["a", "b", "c"]), (2, ["d", "e", "f"])], [], 0),
        (",,\n", [(1, ["", "", ""])], [], 0),
        ('"a","b","c"\n', [(1, ["a", "b", "c"])], [], 0),
        ('"a,""x""",b,"c\nd\n\ne"\nf,g,h\n', [(1, ['a,"x"', "b", "c\nd\n\ne"]), (5, ["f", "g", "h"])], [], 0),
        ("a,b\na,b,c,d\na,b,c\n", [(3, ["a", "b", "c"])], [(1, "ragged_row"), (2, "ragged_row")], 0),
        ('"a"x,b,c\na,b,c\n', [(2, ["a", "b", "c"])], [(1, "ragged_row")], 0),
        ('a,b"b,c"\na,"b" ,c\n', [(1, ["a", 'b"b', 'c"'])], [(2, "ragged_row")], 0),
        (' "a",b,c\n', [(1, [' "a"', "b", "c"])], [], 0),
        ('a,5" pipe,c\nd,"5"" pipe",f\n', [(1, ["a", '5" pipe', "c"]), (2, ["d", '5" pipe', "f"])], [], 0),
        ('\n\na,b,c\n\n"d\n",e,f\n\n', [(3, ["a", "b", "c"]), (5, ["d\n", "e", "f"])], [], 4),
        ("a\x00,b,c\na,b,c\x7f\na,b\tb,c\n", [(3, ["a", "b\tb", "c"])], [(1, "bad_encoding"), (2, "bad_encoding")], 0),
        (b"\xff,b,c\n\xc3\xa9,b,c\n", [(2, ["é", "b", "c"])], [(1, "bad_encoding")], 0),
        (b'"\xff",b,c\n"\xc3\xa9",b,c\n', [(2, ["é", "b", "c"])], [(1, "bad_encoding")], 0),
        ('"a","b"\n"a","b","c"\n', [(2, ["a", "b", "c"])], [(1, "ragged_row")], 0),
    ],
)
def test_records(text, good, broken, blank, blocks):
    assert split(text, blocks=blocks) == (good, broken, blank)


@pytest.mark.parametrize("blocks", [1, 2, 5])
@pytest.mark.parametrize("text", ['a,b,c\na,"b,c\nd,e,f\n', 'a,b,"\n', 'a,"b""\n""c,d\n'])
def test_quote_that_never_closes_rejects_the_file(text, blocks):
    with pytest.raises(Unreadable, match="never closed"):
        split(text, blocks=blocks)


def test_quoted_field_without_end_is_given_up_early(monkeypatch):
    monkeypatch.setattr("orchestration.ingestion.readers.csv_records.MAX_QUOTED_BYTES", 1000)
    taken = []

    def stream():
        yield Block(1, b'"a,b,c\n')
        for number in range(10_000):
            taken.append(number)
            yield Block(2 + number * 100, b"a,b,c\n" * 100)

    with pytest.raises(Unreadable):
        list(RecordSplitter(",", 3).split(stream()))
    assert len(taken) < 5


def test_fast_and_slow_ways_agree():
    rng = np.random.default_rng(7)
    alphabet = ["a", "5", ",", ",", "\n", "\n", '"', '""', '"a"', " ", "é", "\t"]
    for _ in range(300):
        body = "".join(rng.choice(alphabet, size=40))
        text = f"{body}\n"
        splitter = RecordSplitter(",", 3)
        slow, rest = splitter._split_one_by_one(Block(1, text.encode()))
        if rest.data:
            continue
        fast = next(iter(RecordSplitter(",", 3).split(iter([Block(1, text.encode())]))))
        assert fast.data == slow.data, text
        assert fast.lines.tolist() == slow.lines.tolist(), text
        key = ["line", "reason_code", "raw_text"]
        assert fast.rejects.select(key).to_pylist() == slow.rejects.select(key).to_pylist(), text


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "^", "$", "*"])
def test_delimiters(delimiter):
    text = delimiter.join(("a", "b,b", "c")) + "\n"
    assert split(text, delimiter=delimiter) == ([(1, ["a", "b,b", "c"])], [], 0)


def test_doubled_quotes_cannot_stall_the_expressions():
    text = 'a,b,"' + '""' * 100_000 + "x\n" + 'a,b,"c"\n'
    assert split(text) == ([(2, ["a", "b", "c"])], [(1, "ragged_row")], 0)
