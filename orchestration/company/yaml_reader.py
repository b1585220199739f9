"""YAML as the company files use it: plain data, YAML 1.2 values, every value with its line, nothing clever.

Accepted: mappings, sequences and scalars of one document. Refused: duplicate keys, anchors and aliases, tags,
several documents, numbers that a double cannot hold, nesting or files beyond their limits, bytes that are not UTF-8.
Plain scalars follow the YAML 1.2 core schema: `no` and `2013-01-01` are text, `12:30` is text, `1_000` is text. Keys
are always text, as written.

The parser is libyaml's event stream (PyYAML), with the values resolved here. Measured on 20,000 KPIs (12.8 MB,
1.5 million events, 2 cores): events 1.2 s, libyaml's own node tree 9.7 s, PyYAML in pure Python 31 s, ruamel.yaml
round-trip (which also knows lines) 62 s. Events also let a bomb or a pit of brackets be refused before it is built.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from math import isinf
from pathlib import Path
from typing import Any, Final

import yaml

from orchestration.errors import DefinitionError, DefinitionErrors

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""Five times what 20,000 KPIs need in one file. Beyond it a file is a mistake, and reading it would cost memory."""
MAX_DEPTH: Final = 32
"""The deepest company file nests eight levels."""
MAX_ERRORS: Final = 100
"""Errors noted of one file before reading stops: a machine-made file can repeat one mistake a million times."""

Key = str | int
PathKeys = tuple[Key, ...]
"""Where a value stands: mapping keys and list positions from the top, ("kpis", 3, "direction")."""

# YAML 1.2 core schema, section 10.3.2. What matches nothing is text.
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_FLAGS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE: Final = re.compile(r"[-+]?[0-9]+")
_OCTAL: Final = re.compile(r"0o[0-7]+")
_HEX: Final = re.compile(r"0x[0-9a-fA-F]+")
_NUMBER: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_SPECIAL_FIRST: Final = frozenset("-+.0123456789~nNtTfF")
_OLD_BREAKS: Final = re.compile("[\x85\u2028\u2029]")
_LARGEST_EXACT: Final = 2**53

_HINTS: Final = {
    "mapping values are not allowed": "put text that holds ': ' in quotes; check the indentation",
    "could not find expected ':'": "end the key with a colon; check the indentation",
    "did not find expected key": "check the indentation, and quotes inside quoted text",
    "did not find expected '-' indicator": "align every '-' of the list",
    "did not find expected ',' or ']'": "close the list with ]",
    "did not find expected ',' or '}'": "close the mapping with }",
    "found unexpected end of stream": "close the quote that opens here",
    "cannot start any token": "put text that begins with this character in quotes; indent with spaces, never tabs",
}


class Positions:
    """The line of every value of one file, and how a number was written.

    Lines count from 1. A value inside a mapping stands on the line of its key.
    """

    def __init__(self, data: Any, lines: dict[int, dict[Key, int]], raw: dict[int, dict[Key, str]]) -> None:
        # Keyed by identity of the container: `_data` keeps them alive, so that an id is never used twice.
        self._data = data
        self._lines = lines
        self._raw = raw

    def line(self, path: PathKeys) -> int:
        """Return the line of the value at a path, or of the nearest ancestor that the file has."""
        line, node = 1, self._data
        for key in path:
            found = self._lines.get(id(node), {}).get(key)
            if found is None:
                break
            line, node = found, node[key]
        return line

    def raw(self, path: PathKeys) -> str | None:
        """Return the number at a path as the file writes it, where Python writes it otherwise (`1.10`)."""
        node = self._data
        for key in path[:-1]:
            if key not in self._lines.get(id(node), {}):
                return None
            node = node[key]
        return self._raw.get(id(node), {}).get(path[-1]) if path else None

    def column(self, path: PathKeys) -> str | None:
        """Return the name of the field at a path, as errors show it; None at the top of the file."""
        return dotted(path) or None

    def place(self, path: PathKeys, file: str) -> str:
        """Return where the value at a path stands, for an error that points to it from elsewhere."""
        return f"{file}:{self.line(path)}"


def read_yaml(path: Path, root: Path) -> tuple[Any, Positions]:
    """Read one YAML file below a root directory.

    Args:
        path: the file.
        root: the directory that the file must not leave, also not through a symbolic link; errors name the file
            relative to it.

    Returns:
        The data (dict, list, str, int, float, bool, None; None for a file without content) and its positions.

    Raises:
        DefinitionErrors: everything wrong with the file that can be told at once, each with file and line.
    """
    file = relative_name(path, root)
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            raise _refusal(file, None, "the file lies outside its directory", "replace the link by the file itself")
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _refusal(file, None, "not an ordinary file", "replace it by one")
        size = status.st_size
        if size > MAX_FILE_BYTES:
            raise DefinitionErrors(
                [
                    DefinitionError(
                        "the file is too large",
                        file=file,
                        expected=f"at most {MAX_FILE_BYTES} bytes",
                        found=f"{size} bytes",
                        remedy="split it into several files",
                    )
                ]
            )
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _refusal(file, None, f"the file cannot be read: {reason}", "make it readable") from error
    return parse_yaml(content, file)


def parse_yaml(content: bytes, file: str) -> tuple[Any, Positions]:
    """Parse the bytes of one YAML file, called `file` in errors. Returns and raises as `read_yaml`."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refusal(file, line, "the file is not UTF-8", "save it as UTF-8") from error
    # libyaml ends a line at these, YAML 1.2 does not: the same bytes would mean two things.
    if breaks := _OLD_BREAKS.search(text):
        line = text.count("\n", 0, breaks.start()) + 1
        found = f"U+{ord(breaks[0]):04X}"
        raise _refusal(file, line, f"an invisible line break ({found}) is not allowed", "use an ordinary line break")
    builder = _Builder(file)
    try:
        builder.build(_events(content))
    except yaml.MarkedYAMLError as error:
        builder.errors.append(_syntax_error(error, file))
    except yaml.reader.ReaderError as error:
        line = content.count(b"\n", 0, error.position) + 1
        message = f"the character {_code(error)} is not allowed"
        builder.errors.append(DefinitionError(message, file=file, line=line, remedy="remove it"))
    except _TooMuchError:
        pass
    if builder.errors:
        raise DefinitionErrors(builder.errors)
    return builder.data, Positions(builder.data, builder.lines, builder.raw)


def relative_name(path: Path, root: Path) -> str:
    """Return the file as errors and lineage name it: relative to the root, with forward slashes."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


class _TooMuchError(Exception):
    """Reading on makes no sense; the reason is among the builder's errors."""


class _Builder:
    """Turns the events of one document into data, noting lines and everything that is refused."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: list[DefinitionError] = []
        self.data: Any = None
        self.lines: dict[int, dict[Key, int]] = {}
        self.raw: dict[int, dict[Key, str]] = {}
        self._documents = 0
        # Per open container: itself, its lines, whether a mapping, and the mapping's pending key.
        self._stack: list[tuple[Any, dict[Key, int], bool]] = []
        self._keys: list[str | None] = []
        self._replaced: list[Any] = []  # values of refused duplicate keys, kept alive for the sake of their ids

    def build(self, events: Iterator[Any]) -> None:
        stack, keys = self._stack, self._keys
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                if event.anchor is not None or event.tag is not None:
                    self._refuse_decoration(event)
                if stack and stack[-1][2] and keys[-1] is None:
                    self._take_key(event)
                    continue
                self._place(self._scalar(event), event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open(event, is_mapping=kind is yaml.MappingStartEvent)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                stack.pop()
                keys.pop()
            elif kind is yaml.AliasEvent:
                self._refuse(event, f"the alias *{event.anchor}", "write the value out: aliases are not read")
                if stack and stack[-1][2] and keys[-1] is None:
                    raise _TooMuchError
                self._place(None, event)
            elif kind is yaml.DocumentStartEvent:
                self._start_document(event)

    def _start_document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._refuse(event, "a second document", "keep one document per file: remove the line `---`")
            raise _TooMuchError
        if event.version is not None and tuple(event.version) != (1, 2):
            self._refuse(event, f"YAML version {event.version[0]}.{event.version[1]}", "remove the %YAML line")
        if event.tags:
            self._refuse(event, "a %TAG directive", "remove it: tags are not read")

    def _open(self, event: Any, *, is_mapping: bool) -> None:
        if event.anchor is not None or event.tag is not None:
            self._refuse_decoration(event)
        if self._stack and self._stack[-1][2] and self._keys[-1] is None:
            self._refuse(event, "a list or mapping as a key", "put a key that begins with [ or { in quotes")
            raise _TooMuchError
        if len(self._stack) >= MAX_DEPTH:
            self._refuse(event, f"nesting deeper than {MAX_DEPTH} levels", "flatten it")
            raise _TooMuchError
        container: Any = {} if is_mapping else []
        lines: dict[Key, int] = {}
        self.lines[id(container)] = lines
        self._place(container, event)
        self._stack.append((container, lines, is_mapping))
        self._keys.append(None)

    def _take_key(self, event: Any) -> None:
        container, lines, _ = self._stack[-1]
        key, line = event.value, event.start_mark.line + 1
        if key in container:
            self._note(
                DefinitionError(
                    f"duplicate key {shown(key)}",
                    file=self.file,
                    line=line,
                    column=key if key.isprintable() else None,
                    found=f"the same key on line {lines[key]}",
                    remedy="keep one of the two",
                )
            )
            self._replaced.append(container[key])
        self._keys[-1] = key
        lines[key] = line
        container[key] = None

    def _place(self, value: Any, event: Any) -> None:
        if not self._stack:
            self.data = value
            return
        container, lines, is_mapping = self._stack[-1]
        if is_mapping:
            key: Any = self._keys[-1]
            container[key] = value
            self._keys[-1] = None
        else:
            key = len(container)
            lines[key] = event.start_mark.line + 1
            container.append(value)
        # A number is also kept as written, where that is not how Python would write it.
        if type(value) in (int, float) and str(value) != event.value:
            self.raw.setdefault(id(container), {})[key] = event.value

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if not event.implicit[0] or (text and text[0] not in _SPECIAL_FIRST):
            return text  # quoted, or beginning as no null, flag or number begins
        if text in _NULLS:
            return None
        if text in _FLAGS:
            return _FLAGS[text]
        whole = _whole(text)
        if whole is not None:
            if abs(whole) > _LARGEST_EXACT:
                self._refuse(event, f"{shown(text)}, a number beyond 2^53,", "round it; put text in quotes")
                return None
            return whole
        if _NUMBER.fullmatch(text):
            number = float(text)
            if not isinf(number):
                return number
        if _NUMBER.fullmatch(text) or _NOT_FINITE.fullmatch(text):
            self._refuse(event, f"{shown(text)}, a number that is not finite,", "leave the field out, or write null")
            return None
        return text

    def _refuse_decoration(self, event: Any) -> None:
        if event.anchor is not None:
            self._refuse(event, f"the anchor &{event.anchor}", "write the value out: anchors are not read")
        if event.tag is not None:
            self._refuse(event, f"the tag {shown(event.tag)}", "remove it: the type follows from the field")

    def _refuse(self, event: Any, what: str, remedy: str) -> None:
        line = event.start_mark.line + 1
        self._note(DefinitionError(f"{what} is not allowed here", file=self.file, line=line, remedy=remedy))

    def _note(self, error: DefinitionError) -> None:
        self.errors.append(error)
        if len(self.errors) >= MAX_ERRORS:
            raise _TooMuchError


def dotted(path: PathKeys) -> str:
    """Return a path as people read it: kpis[3].direction."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += f"{'.' if text else ''}{key if key.isprintable() else shown(key)}"
    return text


def shown(value: Any) -> str:
    """Return a value as an error shows it: short, on one line, control characters escaped, no password of a URL."""
    text = repr(value) if isinstance(value, str) else str(value)
    text = re.sub(r"://[^@/\s]+@", "://***@", text)
    return text if len(text) <= 80 else f"{text[:76]} ..."


def _whole(text: str) -> int | None:
    """Return the integer that a plain scalar means, None when it means none. Far too long ones come back huge."""
    if _WHOLE.fullmatch(text):
        # Python refuses to convert thousands of digits; their number alone says that it is too large.
        return int(text) if len(text) <= 40 else 10**40
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text[2:], 16)
    return None


def _events(content: bytes) -> Iterator[Any]:
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    return yaml.parse(content, Loader=loader)


def _syntax_error(error: yaml.MarkedYAMLError, file: str) -> DefinitionError:
    problem = error.problem or error.context or "not YAML"
    mark = error.problem_mark or error.context_mark
    hint = next((hint for text, hint in _HINTS.items() if text in problem), None)
    if "unexpected end of stream" in problem and error.context_mark:
        mark = error.context_mark  # the quote that opens is the place to mend, not the end of the file
    found = None
    if error.context and error.context_mark and error.context_mark.line != (mark.line if mark else None):
        found = f"this {error.context} that begins on line {error.context_mark.line + 1}"
    return DefinitionError(
        f"not valid YAML: {problem}", file=file, line=mark.line + 1 if mark else None, found=found, remedy=hint
    )


def _code(error: yaml.reader.ReaderError) -> str:
    character = error.character  # a number from libyaml, text from the Python parser
    return f"U+{character if isinstance(character, int) else ord(character):04X}"


def _refusal(file: str, line: int | None, message: str, remedy: str) -> DefinitionErrors:
    return DefinitionErrors([DefinitionError(message, file=file, line=line, remedy=remedy)])
