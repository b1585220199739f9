"""Columns of what an audit leaves in the lake."""

from __future__ import annotations

import pyarrow as pa

from orchestration.lake.columns import UTC_TIMESTAMP

_RUN = [
    ("audit_id", pa.string()),  # one audit of one stage
    ("run_id", pa.string()),
    ("stage", pa.string()),  # marts | reports
    ("as_of", pa.date32()),
    ("known_at", UTC_TIMESTAMP),
    ("audited_at", UTC_TIMESTAMP),
]
RULE_OUTCOMES = pa.schema(
    [
        *_RUN,
        ("rule_id", pa.string()),
        ("severity", pa.string()),  # block | withhold | warn
        ("outcome", pa.string()),  # passed | failed | waived (all of its findings) | not_evaluated | excluded
        ("judged_count", pa.int64()),  # subjects that the rule was put to
        ("failed_count", pa.int64()),
        ("waived_count", pa.int64()),
        ("warned_count", pa.int64()),  # of failed_count: subjects that a rule which withholds only lists
        ("findings_checksum", pa.string()),  # of the rule's rows in integrity_results, whatever their order
        ("duration_ms", pa.float64()),
        ("error_message", pa.string()),
        ("catalogue_hash", pa.string()),
        ("data_fingerprint", pa.string()),
    ]
)
INTEGRITY_RESULTS = pa.schema(
    [
        *_RUN,
        ("rule_id", pa.string()),
        ("severity", pa.string()),
        ("outcome", pa.string()),  # failed | waived
        ("subject_type", pa.string()),  # key_result | kpi | objective | feed | load | table | person | unit | cycle
        ("subject_id", pa.string()),
        ("detail", pa.string()),  # one sentence: what was found, what was expected
        ("owner_role", pa.string()),  # in which the owner answers: champion, accountable_owner, feed_owner, ...
        ("owner_id", pa.string()),  # never null
        ("owner_source", pa.string()),  # key_result | objective | kpi | feed | unit | company: where the role was found
        ("waiver_id", pa.string()),
        ("source_file", pa.string()),
        ("source_row", pa.int64()),
        ("source_load_id", pa.string()),
    ]
)
TABLES: dict[str, pa.Schema] = {"rule_outcomes": RULE_OUTCOMES, "integrity_results": INTEGRITY_RESULTS}
"""Lake entity -> Arrow schema."""
