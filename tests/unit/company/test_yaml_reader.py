from __future__ import annotations

import os
import time

import pytest

from orchestration.company import yaml_reader
from orchestration.company.yaml_reader import parse_yaml, read_yaml, shown
from orchestration.errors import DefinitionErrors
from tests.unit.company.company_files import FILES

CORE_SCHEMA = [
    ("no", "no"),
    ("on", "on"),
    ("Yes", "Yes"),
    ("2013-01-01", "2013-01-01"),
    ("12:30", "12:30"),
    ("1_000", "1_000"),
    ("0x1F", 31),
    ("0o17", 15),
    ("0123", 123),
    ("+3", 3),
    ("-1.5e3", -1500.0),
    (".5", 0.5),
    ("1.", 1.0),
    ("1.10", 1.1),
    ("true", True),
    ("FALSE", False),
    ("null", None),
    ("~", None),
    ("", None),
    ("'1'", "1"),
    ('"null"', "null"),
    ("tRue", "tRue"),
    ("9007199254740992", 2**53),
    ("=HYPERLINK(1)", "=HYPERLINK(1)"),
    ("<script>", "<script>"),
]


@pytest.mark.parametrize(("text", "value"), CORE_SCHEMA)
def test_plain_scalar_follows_yaml_1_2(text, value):
    data, _ = parse_yaml(f"a: {text}".encode(), "f.yml")
    assert data == {"a": value}
    assert type(data["a"]) is type(value)


def test_key_is_text_as_written():
    data, _ = parse_yaml(b"{1.10: a, null: b, on: c, 2013-01-01: d}", "f.yml")
    assert list(data) == ["1.10", "null", "on", "2013-01-01"]


REFUSED = [
    (b"a: 1\nb: 2\na: 3\n", 3, "duplicate key 'a'", "line 1"),
    (b"x:\n  - owner: a\n    owner: b\n", 3, "duplicate key 'owner'", "line 2"),
    (b"a: 1\nb: &anchor 2\n", 2, "anchor &anchor", "write the value out"),
    (b"a: 1\nb: *gone\n", 2, "alias *gone", "write the value out"),
    (b"a: !!python/object:os.system x\n", 1, "tag", "remove it"),
    (b"a: !!str 1\n", 1, "tag", "remove it"),
    (b"a: 1\n---\nb: 2\n", 2, "second document", "one document"),
    (b"%YAML 1.1\n---\na: 1\n", 1, "YAML version 1.1", "%YAML"),
    (b"%TAG !e! tag:e,2000:\n---\na: 1\n", 1, "%TAG", "remove"),
    (b"a:\n  b: .inf\n", 2, "not finite", "null"),
    (b"a: -.INF\n", 1, "not finite", "null"),
    (b"a: .nan\n", 1, "not finite", "null"),
    (b"a: 1e400\n", 1, "not finite", "null"),
    (b"a: 9007199254740993\n", 1, "beyond 2^53", "quotes"),
    (b"a: " + b"9" * 5000, 1, "beyond 2^53", "quotes"),
    (b"? [a, b]\n: 1\n", 1, "list or mapping as a key", "quotes"),
    (b"a: 1\nb: [1, 2\nc: 3\n", 3, "not valid YAML", "close the list"),
    (b"a: 1\nb:\n\t- 1\n", 3, "not valid YAML", "spaces, never tabs"),
    (b"a: 1\nb: c: d\n", 2, "not valid YAML", "quotes"),
    (b"a: 1\nb: 'open\nc: 2\n", 2, "not valid YAML", "close the quote"),
    (b"a: 1\nb: @x\n", 2, "not valid YAML", "quotes"),
    (b"x:\n  a: 1\n b: 2\n", 3, "not valid YAML", "indentation"),
    (b"a: 1\nb: \xff\n", 2, "not UTF-8", "UTF-8"),
    ("a: 1\n".encode("utf-16"), 1, "not UTF-8", "UTF-8"),
    (b"a: 1\nb: x\x00y\n", 2, "U+0000", "remove"),
    (b"a: 1\nb: x\x1b[31m\n", 2, "U+001B", "remove"),
    ("a: 1\nb: x\u2028y\n".encode(), 2, "U+2028", "ordinary line break"),
    (b'a: "\\ud800"\n', 1, "not valid YAML", "Unicode"),
]


@pytest.mark.parametrize(("content", "line", "message", "hint"), REFUSED)
def test_refused_input_names_its_line_and_what_to_do(content, line, message, hint):
    with pytest.raises(DefinitionErrors) as caught:
        parse_yaml(content, "f.yml")
    first = caught.value.errors[0]
    assert (first.file, first.line) == ("f.yml", line)
    assert message in str(first)
    assert hint in str(first)


def test_every_refusal_of_a_file_is_told_at_once():
    content = b"a: 1\na: 2\nb: &x 3\nc: !!str 4\nd: .nan\n"
    with pytest.raises(DefinitionErrors) as caught:
        parse_yaml(content, "f.yml")
    assert [error.line for error in caught.value.errors] == [2, 3, 4, 5]


def test_refusals_of_one_file_end_somewhere():
    with pytest.raises(DefinitionErrors) as caught:
        parse_yaml(b"- .nan\n" * 200_000, "f.yml")
    assert len(caught.value.errors) == yaml_reader.MAX_ERRORS


@pytest.mark.parametrize(
    "content",
    [
        b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b]\n",
        b"a: &a [*a]\n",
        b"[" * 100_000,
        b"{a: " * 100_000,
        b"- " * 100_000,
    ],
    ids=["laughs", "recursive", "lists", "mappings", "dashes"],
)
def test_bomb_is_refused_within_a_second(content):
    start = time.process_time()
    with pytest.raises(DefinitionErrors):
        parse_yaml(content, "f.yml")
    assert time.process_time() - start < 1


def test_depth_is_limited_exactly():
    allowed = b"[" * yaml_reader.MAX_DEPTH + b"]" * yaml_reader.MAX_DEPTH
    parse_yaml(allowed, "f.yml")
    with pytest.raises(DefinitionErrors, match="nesting deeper"):
        parse_yaml(b"[" + allowed + b"]", "f.yml")


def test_positions_give_the_line_of_every_path():
    content = b"""\
# comment
kpis:
  - id: a
    direction: increase

  - id: b
    owners: [{role: x,
              person: y}]
    text: |
      two
      lines
    last: 1.10
"""
    _, positions = parse_yaml(content, "f.yml")
    assert positions.line(("kpis",)) == 2
    assert positions.line(("kpis", 0)) == 3
    assert positions.line(("kpis", 0, "direction")) == 4
    assert positions.line(("kpis", 1, "owners", 0, "person")) == 8
    assert positions.line(("kpis", 1, "last")) == 12
    # What is not there stands where its nearest ancestor does.
    assert positions.line(("kpis", 1, "missing")) == 6
    assert positions.line(("nothing", 7)) == 1
    assert positions.line(()) == 1


def test_positions_keep_a_number_as_written():
    _, positions = parse_yaml(b"a: 1.10\nb: [0x1F, 2]\n", "f.yml")
    assert positions.raw(("a",)) == "1.10"
    assert positions.raw(("b", 0)) == "0x1F"
    assert positions.raw(("b", 1)) is None
    assert positions.raw(("c", "d")) is None


def test_byte_order_mark_and_windows_line_ends_are_read():
    data, positions = parse_yaml(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "f.yml")
    assert data == {"a": 1, "b": 2}
    assert positions.line(("b",)) == 2


@pytest.mark.parametrize("content", [b"", b"# only a comment\n", b"---\n"])
def test_file_without_content_is_none(content):
    assert parse_yaml(content, "f.yml")[0] is None


def test_read_yaml_names_the_file_relative_to_its_root(tmp_path):
    path = tmp_path / "kpis" / "a.yml"
    path.parent.mkdir()
    path.write_text("a: 1\na: 2\n")
    with pytest.raises(DefinitionErrors) as caught:
        read_yaml(path, tmp_path)
    assert str(caught.value.errors[0]).startswith("kpis/a.yml:2:")


def test_read_yaml_refuses_to_leave_its_root(tmp_path):
    outside = tmp_path / "secret.yml"
    outside.write_text("a: 1\n")
    root = tmp_path / "company"
    root.mkdir()
    (root / "link.yml").symlink_to(outside)
    with pytest.raises(DefinitionErrors, match="outside its directory"):
        read_yaml(root / "link.yml", root)
    with pytest.raises(DefinitionErrors, match="outside its directory"):
        read_yaml(root / ".." / "secret.yml", root)


def test_read_yaml_refuses_what_is_no_readable_file(tmp_path, monkeypatch):
    with pytest.raises(DefinitionErrors, match="cannot be read"):
        read_yaml(tmp_path / "absent.yml", tmp_path)
    os.mkfifo(tmp_path / "pipe.yml")
    with pytest.raises(DefinitionErrors, match="not an ordinary file"):
        read_yaml(tmp_path / "pipe.yml", tmp_path)
    big = tmp_path / "big.yml"
    big.write_text("a: 12345\n")
    monkeypatch.setattr(yaml_reader, "MAX_FILE_BYTES", 8)
    with pytest.raises(DefinitionErrors, match="too large"):
        read_yaml(big, tmp_path)


def test_shown_is_short_on_one_line_and_without_passwords():
    assert shown("a\x1b[31m\nb") == r"'a\x1b[31m\nb'"
    assert len(shown("x" * 1000)) <= 80
    assert shown("postgresql://me:secret@host/db") == "'postgresql://***@host/db'"


def test_python_parser_reads_the_same(monkeypatch):
    content = FILES["kpis/punctuality.yml"].encode()
    fast, fast_positions = parse_yaml(content, "f.yml")
    monkeypatch.setattr(yaml_reader.yaml, "__with_libyaml__", False)
    slow, slow_positions = parse_yaml(content, "f.yml")
    assert fast == slow
    assert fast["kpis"]
    path = ("kpis", 0, "owners", 1, "person")
    assert fast_positions.line(path) == slow_positions.line(path) == 13
