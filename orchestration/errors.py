"""The errors that people meet. Each holds its fields and prints where, what, what was expected, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import PurePath

EXIT_ERROR, EXIT_GATE_CLOSED = 1, 2
"""Exit codes of `los`: something a person must mend; the gate is closed."""


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice most like `name`, or None when nothing is close."""
    matches = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return matches[0] if matches else None


class LosError(Exception):
    """Base of every error that a person must act on; `retryable`: unless trying again later helps by itself."""

    def __init__(
        self,
        message: str,
        *,
        file: str | PurePath | None = None,
        line: int | None = None,
        column: str | None = None,
        subject: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        remedy: str | None = None,
        retryable: bool = False,
    ) -> None:
        self.message = message
        self.file = str(file) if file is not None else None
        self.line = line
        self.column = column
        self.subject = subject
        self.expected = expected
        self.found = found
        self.remedy = remedy
        self.retryable = retryable
        super().__init__(message)

    def __str__(self) -> str:
        where = self.file or ""
        if self.file and self.line is not None:
            where = f"{self.file}:{self.line}"
        parts = [self.message]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.found is not None:
            parts.append(f"found {self.found}")
        if self.remedy:
            parts.append(f"do: {self.remedy}")
        prefix = " ".join(part for part in (f"{where}:" if where else "", self.column and f"[{self.column}]") if part)
        return f"{prefix} {'; '.join(parts)}" if prefix else "; ".join(parts)


class SettingsError(LosError):
    """A setting is unknown, malformed, or points nowhere."""


class DefinitionError(LosError):
    """One error of form in a company file."""


class DefinitionErrors(LosError):
    """Every error of form found in one reading of the company directory."""

    def __init__(self, errors: Sequence[DefinitionError]) -> None:
        self.errors = list(errors)
        noun = "error" if len(self.errors) == 1 else "errors"
        super().__init__(f"{len(self.errors)} {noun} in the company files; the last good definitions stay")

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  {error}" for error in self.errors)])


class FeedError(LosError):
    """A feed cannot be read at all, or its contract cannot be met."""


class LakeError(LosError):
    """The lake cannot be written or holds something it must not."""


class AuditError(LosError):
    """An audit could not be carried out as declared."""


class GateClosed(LosError):
    """Publication was refused."""


class PublicationError(LosError):
    """A release could not be written, switched or rolled back."""
