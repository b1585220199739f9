"""The records of a foreign registry, each with its line and its text; what is no record is said why."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from orchestration.company.yaml_reader import PathKeys, parse_yaml
from orchestration.errors import DefinitionError, DefinitionErrors, nearest
from orchestration.ingestion.mapping.contract import PLACES, DefinitionMapping
from orchestration.ingestion.physical import line_blocks
from orchestration.ingestion.reasons import Unreadable
from orchestration.ingestion.sources import Delivery

_JSON_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,\n]|[^\s\[\]{}:,"]+')


@dataclass(frozen=True)
class SourceRecord:
    """One record.

    Attributes:
        line: physical line on which it begins, from 1.
        text: as it stands in the file; of YAML and JSON, its content as JSON.
        fields: column -> value as read: text of CSV, any plain value of YAML and JSON.
        broken: (reason code, message) when it is no record at all.
    """

    line: int
    text: str
    fields: dict[str, Any]
    broken: tuple[str, str] | None = None


def read_records(delivery: Delivery, mapping: DefinitionMapping) -> list[SourceRecord]:
    """Return the records of one file.

    Raises:
        DefinitionErrors: the file cannot be read as a whole, or lacks a column that the mapping reads.
    """
    if delivery.refusal:
        raise _refusal(delivery, None, delivery.refusal)
    try:
        if mapping.format == "csv":
            records = list(_csv_records(delivery, mapping))
        else:
            records = list(_tree_records(delivery, mapping))
    except Unreadable as error:
        raise _refusal(delivery, error.line, error.message) from error
    except OSError as error:
        raise _refusal(delivery, None, f"it cannot be opened: {error.strerror or error}") from error
    if not records:
        raise _refusal(delivery, None, "the file holds no record")
    if mapping.format == "csv":
        check_columns(delivery.name, mapping, records)
    places = {"@file": delivery.name, "@stem": PurePosixPath(delivery.name).stem}
    return [SourceRecord(one.line, one.text, one.fields | places | {"@line": one.line}, one.broken) for one in records]


def look_up(fields: dict[str, Any], column: str) -> Any:
    """Return the value of a column, a pointer into nested ones included; None where there is none."""
    if column in fields or not column.startswith("/"):
        return fields.get(column)
    node: Any = fields
    for part in column[1:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict):
            node = node.get(key)
        elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
            node = node[int(key)]
        else:
            return None
    return node


def harmless(text: str) -> str:
    """Return text that UTF-8 can hold: halves of characters are written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _csv_records(delivery: Delivery, mapping: DefinitionMapping) -> Iterator[SourceRecord]:
    consumed: list[str] = []

    def lines() -> Iterator[str]:
        for block in line_blocks(delivery.path, delivery.name, mapping.encoding):
            for line in block.data.decode("utf-8", "surrogateescape").split("\n")[:-1]:
                consumed.append(line)
                yield line + "\n"

    reader = csv.reader(lines(), delimiter=mapping.delimiter, strict=True)
    header: list[str] | None = None
    line = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _refusal(delivery, line, f"the CSV is broken: {error}") from error
        text, began = "\n".join(consumed), line
        consumed.clear()
        line = reader.line_num + 1
        if not row:
            continue
        if header is None:
            header = [name.strip() for name in row]
            if len(set(header)) < len(header):
                raise _refusal(delivery, began, "a column stands twice in the header")
            continue
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            broken = ("bad_encoding", f"bytes that are no text in {mapping.encoding}")
            yield SourceRecord(began, harmless(text), {}, broken)
        elif len(row) != len(header):
            broken = ("ragged_row", f"{len(row)} fields, and the header has {len(header)}")
            yield SourceRecord(began, text, {}, broken)
        else:
            yield SourceRecord(began, text, dict(zip(header, row, strict=True)))


def _tree_records(delivery: Delivery, mapping: DefinitionMapping) -> Iterator[SourceRecord]:
    content = delivery.path.read_bytes()
    line_of: Callable[[PathKeys], int]
    if mapping.format == "yaml":
        data, positions = parse_yaml(content, delivery.name)
        line_of = positions.line
    else:
        data = _json(content, delivery)
        line_of = _lines_of_json(content.decode("utf-8-sig"))
    found = list(_at(data, [part for part in (mapping.record_path or "").split("/") if part], ()))
    if not found:
        raise _refusal(delivery, None, f"there is nothing at the record path {mapping.record_path}")
    for path, node in found:
        if not isinstance(node, list):
            raise _refusal(
                delivery,
                line_of(path),
                f"no list of records at {mapping.record_path or 'the top'}; name it in record_path",
            )
        for index, record in enumerate(node):
            line = line_of((*path, index))
            text = harmless(json.dumps(record, ensure_ascii=False))
            if isinstance(record, dict):
                yield SourceRecord(line, text, record)
            else:
                yield SourceRecord(line, text, {}, ("ragged_row", "no record but a single value or list"))


def _at(node: Any, parts: list[str], path: PathKeys) -> Iterator[tuple[PathKeys, Any]]:
    if not parts:
        yield path, node
        return
    first, rest = parts[0].replace("~1", "/").replace("~0", "~"), parts[1:]
    if isinstance(node, dict):
        for key in node if first == "*" else [first] if first in node else []:
            yield from _at(node[key], rest, (*path, key))
    elif isinstance(node, list):
        for index in range(len(node)) if first == "*" else [int(first)] if first.isdecimal() else []:
            if index < len(node):
                yield from _at(node[index], rest, (*path, index))


def _json(content: bytes, delivery: Delivery) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise _refusal(delivery, None, "a key stands twice in one JSON object")
        return dict(pairs)

    try:
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=once, parse_constant=str)
    except json.JSONDecodeError as error:
        raise _refusal(delivery, error.lineno, f"the JSON is broken: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise _refusal(delivery, None, f"the JSON cannot be read: {type(error).__name__}") from error


def _lines_of_json(text: str) -> Callable[[PathKeys], int]:
    """Return what tells the line on which the value at a path begins, of valid JSON."""
    lines: dict[PathKeys, int] = {}
    path: list[Any] = []  # the key or index that comes next, in each open container
    line, key_follows = 1, False
    for token in _JSON_TOKENS.finditer(text):
        sign = token[0]
        if sign == "\n":
            line += 1
        elif sign in "]}":
            path.pop()
        elif sign == ",":
            key_follows = bool(path) and not isinstance(path[-1], int)
            if not key_follows:
                path[-1] += 1
        elif sign == ":":
            key_follows = False
        elif key_follows and sign[0] == '"':
            path[-1] = json.loads(sign)
        else:
            lines[tuple(path)] = line
            if sign in "[{":
                path.append(0 if sign == "[" else "")
                key_follows = sign == "{"
    return lambda wanted: lines.get(wanted, 1)


def check_columns(file: str, mapping: DefinitionMapping, records: list[SourceRecord]) -> None:
    """Refuse records of which none has a column that is read: the registry changed, or the mapping is wrong.

    Every CSV file has all columns. Of YAML and JSON an optional field may stand in one file only, so their files are
    judged together.

    Raises:
        DefinitionErrors: one error per column.
    """
    whole = [one for one in records if one.broken is None]
    keys = {key for one in whole for key in one.fields}
    errors = []
    for column in sorted(mapping.columns() - set(PLACES)):
        root = column if column in keys or not column.startswith("/") else column.split("/")[1]
        if whole and root not in keys and not any(look_up(one.fields, column) is not None for one in whole):
            close = nearest(column, keys)
            errors.append(
                DefinitionError(
                    f"no record has the column {column}, which the mapping {mapping.id} reads",
                    file=file,
                    expected=", ".join(sorted(keys - set(PLACES)))[:300],
                    remedy=f"write {close} in mappings.yml" if close else "correct mappings.yml",
                )
            )
    if errors:
        raise DefinitionErrors(errors)


def _refusal(delivery: Delivery, line: int | None, message: str) -> DefinitionErrors:
    remedy = "mend the file, or the mapping that names it; the last good definitions stay"
    return DefinitionErrors([DefinitionError(message, file=delivery.name, line=line, remedy=remedy)])
