"""The close of a cycle: scores that were published on or after its close are written to the lake once, for good.

Nobody has to remember it: the first release whose business date has reached a cycle's `closes_on` says its scores, and
they are appended to the lake as they were published. From then on `fct_cycle_score` reads them from there; what becomes
known later shows beside them, as `restated_score`, and never in them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from orchestration.audit.session import read_only
from orchestration.lake.store import Lake
from orchestration.planning.tables import CYCLE_SCORES, TABLES
from orchestration.publication.tables import rows_of

SOURCE_FEED = "cycle_close"
_ENTITY = "cycle_scores"
# Withheld figures are not agreed on: their key results are closed by the first release that may publish them.
_UNRECORDED = """
    select
        reports.as_of, reports.cycle_id, reports.closed_on, reports.key_result_id, reports.objective_id,
        reports.org_unit_id, reports.champion_id, reports.unit, reports.measured_value, reports.score,
        reports.score_null_reason, reports.attainment_vs_current, reports.status, reports.is_achieved,
        reports.reported_status, reports.reported_confidence
    from reports.rpt_cycle_score as reports
    where not reports.is_withheld and reports.as_of = $as_of
        and not exists (
            select 1 from read_parquet($scores, union_by_name = true) as known
            where known.cycle_id = reports.cycle_id and known.key_result_id = reports.key_result_id
                and known.load_id in (select load_id from read_parquet($loads, union_by_name = true))
        )
    order by reports.cycle_id, reports.key_result_id
"""


@dataclass(frozen=True)
class CloseReport:
    """What one call wrote.

    Attributes:
        load_id: The load, None when there was nothing to write.
        scores: Cycle -> key results whose score was written.
    """

    load_id: str | None
    scores: dict[str, int]


def record_scores(*, warehouse: Path, lake: Lake, as_of: date, run_id: str, clock: datetime) -> CloseReport:
    """Append to the lake the scores of closed cycles that it does not have.

    Args:
        warehouse: DuckDB file with the reports as they were published; only read.
        lake: The lake; its writer lock is held meanwhile.
        as_of: Business date of the reports; reports of another day are passed over.
        run_id: The run that published them.
        clock: The time of the load, aware.

    Raises:
        AuditError: The warehouse cannot be opened.
        LakeError: The lake cannot be written.
    """
    lake.ensure(TABLES)
    with lake.exclusive(), read_only(warehouse, lake.root) as connection:
        rows = rows_of(
            connection,
            _UNRECORDED,
            {"as_of": as_of, "scores": lake.glob(_ENTITY), "loads": lake.glob("loads")},
        )
        if not rows:
            return CloseReport(None, {})
        counts = dict(Counter(row["cycle_id"] for row in rows))
        content = hashlib.sha256(repr(rows).encode()).hexdigest()
        with lake.begin(clock, content) as load:
            stamped = [{**row, "load_id": load.load_id, "loaded_at": load.loaded_at, "run_id": run_id} for row in rows]
            load.write(_ENTITY, pa.Table.from_pylist(stamped, schema=CYCLE_SCORES), subject=SOURCE_FEED)
            load.commit(
                {
                    "kind": SOURCE_FEED,
                    "source_feed": SOURCE_FEED,
                    "status": "loaded",
                    "message": f"scores of {', '.join(sorted(counts))}",
                    "rows_read": len(rows),
                    "rows_accepted": len(rows),
                    "rows_quarantined": 0,
                    "rows_collapsed": 0,
                    "started_at": clock.astimezone(UTC).replace(tzinfo=None),
                }
            )
        return CloseReport(load.load_id, counts)
