"""What a feed's load came to, file by file and in sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from orchestration.ingestion.file_rows import Counts
from orchestration.wording import counted

Status = Literal["loaded", "unchanged", "rejected"]
_NOTHING = Counts(0, 0, 0)


@dataclass(frozen=True)
class FileResult:
    """One file of a feed.

    Attributes:
        name: as the lake names it.
        status: loaded; unchanged: its bytes are in the lake already; rejected: it cannot be read as a whole.
        counts: its rows; all 0 when unchanged.
        load_id: of the load that holds it; None when an unchanged file is a copy of another one.
        reason_code: why it was rejected, also when that was an earlier load's outcome.
        message: the same in words; for loaded files, what was passed over.
        duration_seconds: time spent on it.
    """

    name: str
    status: Status
    counts: Counts = _NOTHING
    load_id: str | None = None
    reason_code: str | None = None
    message: str | None = None
    duration_seconds: float = 0.0


@dataclass(frozen=True)
class FeedLoadReport:
    """One run over one feed.

    Attributes:
        feed_id: the feed.
        expected: where files were expected, in words.
        files: every file found, by name.
        max_quarantine_share: the contract's limit.
    """

    feed_id: str
    expected: str
    files: Sequence[FileResult] = field(default_factory=tuple)
    max_quarantine_share: float = 0.05

    @property
    def has_no_files(self) -> bool:
        """Whether nothing was there at all; the caller decides whether that is a failure."""
        return not self.files

    def files_of(self, status: Status) -> list[FileResult]:
        """Return the files that came out so."""
        return [result for result in self.files if result.status == status]

    @property
    def rows_read(self) -> int:
        """Rows read in this run."""
        return sum(result.counts.read for result in self.files)

    @property
    def rows_accepted(self) -> int:
        """Rows accepted in this run, identical ones included."""
        return sum(result.counts.accepted for result in self.files)

    @property
    def rows_quarantined(self) -> int:
        """Rows kept out in this run."""
        return sum(result.counts.quarantined for result in self.files)

    @property
    def rows_collapsed(self) -> int:
        """Accepted rows that an identical one in the same file stands for."""
        return sum(result.counts.collapsed for result in self.files)

    @property
    def cells_absent(self) -> int:
        """Empty cells of wide files."""
        return sum(result.counts.absent for result in self.files)

    @property
    def quarantined_by_reason(self) -> dict[str, int]:
        """Rows kept out in this run, by reason code."""
        total: Counter[str] = Counter()
        for result in self.files:
            total.update(result.counts.by_reason or {})
        return dict(sorted(total.items()))

    @property
    def newest_period_on(self) -> date | None:
        """Last period accepted in this run."""
        return max((result.counts.newest for result in self.files if result.counts.newest), default=None)

    def summary(self) -> str:
        """Return the run in one line."""
        if self.has_no_files:
            return f"{self.feed_id}: no files; expected {self.expected}"
        loaded, unchanged = len(self.files_of("loaded")), len(self.files_of("unchanged"))
        rejected = len(self.files_of("rejected"))
        parts = [f"{len(self.files):,} files: {loaded:,} loaded, {unchanged:,} unchanged, {rejected:,} rejected"]
        if loaded or rejected:
            accepted, quarantined = f"{self.rows_accepted:,} accepted", f"{self.rows_quarantined:,} quarantined"
            parts.append(f"{self.rows_read:,} rows read = {accepted} + {quarantined}")
        if self.rows_collapsed:
            parts.append(f"{self.rows_collapsed:,} identical rows collapsed")
        return f"{self.feed_id}: {'; '.join(parts)}"

    def warnings(self) -> list[str]:
        """Return what a person should look at, one line each."""
        lines = []
        if self.has_no_files:
            lines.append(f"{self.feed_id}: there are no files; expected {self.expected}")
        for result in self.files:
            if result.reason_code:
                again = " (as before)" if result.status == "unchanged" else ""
                lines.append(f"{result.name}: rejected{again}: {result.reason_code}: {result.message}")
            elif result.message:
                lines.append(f"{result.name}: {result.message}")
        if self.rows_quarantined:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.quarantined_by_reason.items())
            share = self.rows_quarantined / self.rows_read
            limit = " (above the feed's limit)" if share > self.max_quarantine_share else ""
            rows = counted(self.rows_quarantined, "row")
            lines.append(f"{self.feed_id}: {rows} quarantined, {share:.2%}{limit}: {reasons}")
        return lines

    def metadata(self) -> dict[str, Any]:
        """Return the run as plain values for an orchestrator's asset metadata."""
        newest = self.newest_period_on
        return {
            "dagster/row_count": self.rows_accepted - self.rows_collapsed,
            "files": len(self.files),
            "files_loaded": len(self.files_of("loaded")),
            "files_unchanged": len(self.files_of("unchanged")),
            "files_rejected": len(self.files_of("rejected")),
            "rows_read": self.rows_read,
            "rows_accepted": self.rows_accepted,
            "rows_quarantined": self.rows_quarantined,
            "rows_collapsed": self.rows_collapsed,
            "cells_absent": self.cells_absent,
            "quarantined_by_reason": self.quarantined_by_reason,
            "newest_period": newest.isoformat() if newest else "none in this run",
            "duration_seconds": round(sum(result.duration_seconds for result in self.files), 3),
        }
