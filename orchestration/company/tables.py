"""Columns of the definition tables in the lake, one table per kind of record.

Every table carries the lineage columns and, before its own, the version columns: a record is appended when its
content differs from the newest version in the lake, and a record that vanished is appended once more as deleted.
Child tables (owners of a KPI, links of a key result, ...) repeat the `record_key` of their parent's version.
"""

from __future__ import annotations

import pyarrow as pa

from orchestration.lake.columns import LINEAGE

TEXT, NUMBER, WHOLE, DAY, FLAG = pa.string(), pa.float64(), pa.int64(), pa.date32(), pa.bool_()

_VERSION = [
    ("record_key", TEXT),  # identity of this version: sha256 of table, id, effective_from, record_hash, load_id
    ("record_hash", TEXT),  # sha256 of the canonical JSON of the record with its children
    ("effective_from", DAY),  # stated in the file, else null
    ("is_deleted", FLAG),
]
_CHILD = [("record_key", TEXT), ("position", WHOLE)]

_PARENTS: dict[str, list[tuple[str, pa.DataType]]] = {
    "company": [
        ("company_id", TEXT),
        ("name", TEXT),
        ("time_zone", TEXT),
        ("currency", TEXT),
        ("fiscal_year_starts_month", WHOLE),
        ("working_days", TEXT),  # comma separated: mon,tue,...
        ("status_rule", TEXT),
        ("max_manual_share", NUMBER),
    ],
    "units": [("unit_id", TEXT), ("name", TEXT), ("parent_unit_id", TEXT), ("head_person_id", TEXT)],
    "people": [
        ("person_id", TEXT),
        ("name", TEXT),
        ("email", TEXT),
        ("unit_id", TEXT),
        ("active_from", DAY),
        ("active_to", DAY),
    ],
    "cycles": [
        ("cycle_id", TEXT),
        ("name", TEXT),
        ("starts_on", DAY),
        ("ends_on", DAY),
        ("readiness_due_on", DAY),
        ("locks_on", DAY),
        ("closes_on", DAY),
        ("status_rule", TEXT),
    ],
    "kpis": [
        ("kpi_id", TEXT),
        ("name", TEXT),
        ("description", TEXT),
        ("formula", TEXT),
        ("unit", TEXT),  # unit of measure
        ("org_unit_id", TEXT),
        ("feed_id", TEXT),
        ("direction", TEXT),  # increase | decrease | band
        ("grain", TEXT),  # day | week | month | quarter
        ("calendar", TEXT),  # every_day | working_days; null in files of older versions: every_day
        ("aggregation", TEXT),  # mean | sum | last | min | max
        ("valid_min", NUMBER),
        ("valid_max", NUMBER),
        ("target", NUMBER),
        ("lower_limit", NUMBER),
        ("upper_limit", NUMBER),
        ("category", TEXT),  # health | efficiency | risk | outcome
        ("indicator", TEXT),  # leading | lagging
        ("tier", TEXT),  # input | output | outcome | impact
        ("decision_threshold", TEXT),
        ("decision", TEXT),
        ("decision_forum", TEXT),
        ("constraint_min", NUMBER),
        ("constraint_max", NUMBER),
        ("constraint_reason", TEXT),
        ("constraint_owner_id", TEXT),
        ("cost_amount", NUMBER),  # per unit of adverse movement
        ("cost_currency", TEXT),
        ("cost_volume_kpi_id", TEXT),
        ("lifecycle", TEXT),  # proposed | active | shadow | retired
        ("freshness_days", NUMBER),  # agreed offset after the end of the period
        ("max_manual_share", NUMBER),
    ],
    "objectives": [
        ("objective_id", TEXT),
        ("cycle_id", TEXT),
        ("title", TEXT),
        ("org_unit_id", TEXT),
        ("owner_id", TEXT),
        ("sponsor_id", TEXT),
        ("supports_id", TEXT),  # the objective above
        ("state", TEXT),  # draft | committed | abandoned
    ],
    "key_results": [
        ("key_result_id", TEXT),
        ("objective_id", TEXT),
        ("cycle_id", TEXT),
        ("title", TEXT),
        ("champion_id", TEXT),
        ("reviewer_id", TEXT),
        ("type", TEXT),  # metric | control | milestone | baseline
        ("direction", TEXT),  # increase | decrease | stay_above | stay_below | stay_within | milestone
        ("unit", TEXT),
        ("baseline", NUMBER),
        ("target", NUMBER),
        ("stretch", NUMBER),
        ("lower_limit", NUMBER),
        ("upper_limit", NUMBER),
        ("starts_on", DAY),
        ("due_on", DAY),
        ("weight", NUMBER),
        ("indicator", TEXT),
        ("measured_as", TEXT),  # latest | sum_to_date | mean_to_date | trailing_mean
        ("trailing_periods", WHOLE),  # n of trailing_mean(n), else null
        ("state", TEXT),  # draft | committed | abandoned
        ("status_rule", TEXT),
        ("attestation_statement", TEXT),
        ("attested_by_id", TEXT),
        ("attested_on", DAY),
        ("attestation_expires_on", DAY),
    ],
    "feeds": [
        ("feed_id", TEXT),
        ("name", TEXT),
        ("kind", TEXT),  # observations | events; null before there were events: observations
        ("description", TEXT),
        ("owner_id", TEXT),
        ("steward_id", TEXT),
        ("source_kind", TEXT),  # file | s3 | sql | rest
        ("source_type", TEXT),  # system | warehouse | spreadsheet | manual
        ("format", TEXT),
        ("layout", TEXT),
        ("schedule", TEXT),
        ("agreed_offset_days", NUMBER),
        ("max_quarantine_share", NUMBER),
        ("on_schema_change", TEXT),
    ],
    "waivers": [
        ("waiver_id", TEXT),
        ("rule_id", TEXT),
        ("subject_type", TEXT),
        ("subject_id", TEXT),
        ("reason", TEXT),
        ("approved_by_id", TEXT),
        ("approved_on", DAY),
        ("expires_on", DAY),
    ],
    "change_requests": [
        ("change_request_id", TEXT),
        ("subject_type", TEXT),  # key_result | kpi
        ("subject_id", TEXT),
        ("field", TEXT),
        ("reason_code", TEXT),
        ("reason", TEXT),
        ("requested_by_id", TEXT),
        ("requested_on", DAY),
        ("approved_by_id", TEXT),
        ("approved_on", DAY),
    ],
    "capacity": [
        ("capacity_id", TEXT),
        ("unit_id", TEXT),
        ("cycle_id", TEXT),
        ("capacity", NUMBER),
        ("business_as_usual", NUMBER),
        ("measure", TEXT),  # hours, points, ...
    ],
    "dependencies": [
        ("dependency_id", TEXT),
        ("key_result_id", TEXT),
        ("provider_unit_id", TEXT),
        ("description", TEXT),
        ("needed_by", DAY),
        ("confirmed_by_id", TEXT),
        ("confirmed_on", DAY),
        ("delivered_on", DAY),
        ("risk_owner_id", TEXT),
    ],
    "escalations": [
        ("escalation_id", TEXT),
        ("state", TEXT),  # acknowledged | decided | resolved
        ("by_id", TEXT),
        ("on", DAY),
        ("next_action", TEXT),
        ("due_on", DAY),
        ("comment", TEXT),
    ],
    "decisions": [
        ("decision_id", TEXT),
        ("decided_on", DAY),
        ("forum", TEXT),
        ("text", TEXT),
        ("kpi_id", TEXT),
        ("key_result_id", TEXT),
        ("decided_by_id", TEXT),
    ],
    "check_ins": [
        ("check_in_id", TEXT),
        ("key_result_id", TEXT),
        ("on", DAY),
        ("by_id", TEXT),
        ("status", TEXT),  # achieved | on_track | at_risk | off_track
        ("confidence", NUMBER),  # share
        ("progress", NUMBER),  # share of the way, not clamped
        ("comment", TEXT),
    ],
}

_CHILDREN: dict[str, list[tuple[str, pa.DataType]]] = {
    "holidays": [("company_id", TEXT), ("holiday_on", DAY), ("name", TEXT)],
    "kpi_owners": [
        ("kpi_id", TEXT),
        ("role", TEXT),  # accountable_owner | data_steward | sponsor | controller
        ("person_id", TEXT),
        ("owned_from", DAY),
        ("owned_to", DAY),  # last day, inclusive; null: open
        ("acknowledged_on", DAY),
        ("delegated_from_id", TEXT),
    ],
    "kpi_inputs": [
        ("kpi_id", TEXT),
        ("name", TEXT),
        ("controlled_by_unit_id", TEXT),
        ("controlled_by_person_id", TEXT),
        ("share", NUMBER),
    ],
    "kpi_drivers": [("kpi_id", TEXT), ("driver_kpi_id", TEXT), ("sign", WHOLE), ("lag_periods", WHOLE)],
    "kpi_rebases": [("kpi_id", TEXT), ("rebased_on", DAY), ("reason", TEXT)],
    "key_result_links": [
        ("key_result_id", TEXT),
        ("kpi_id", TEXT),
        ("link_type", TEXT),  # measures | drives | impacts | guardrail
        ("weight", NUMBER),
        ("expected_sign", WHOLE),
        ("lag_periods", WHOLE),
        ("minimum_effect", NUMBER),
        ("guardrail_min", NUMBER),
        ("guardrail_max", NUMBER),
        ("approver_id", TEXT),
        ("approved_on", DAY),
    ],
    "key_result_milestones": [
        ("key_result_id", TEXT),
        ("milestone_id", TEXT),
        ("title", TEXT),
        ("kind", TEXT),  # milestone | release
        ("weight", NUMBER),
        ("due_on", DAY),
        ("completed_on", DAY),
    ],
    "key_result_checkpoints": [("key_result_id", TEXT), ("checkpoint_on", DAY), ("expected_progress", NUMBER)],
    "key_result_demand": [("key_result_id", TEXT), ("unit_id", TEXT), ("demand", NUMBER), ("measure", TEXT)],
}

PARENT_TABLES: dict[str, pa.Schema] = {
    f"definitions/{name}": pa.schema([*_VERSION, *columns, *LINEAGE]) for name, columns in _PARENTS.items()
}
CHILD_TABLES: dict[str, pa.Schema] = {
    f"definitions/{name}": pa.schema([*_CHILD, *columns, *LINEAGE]) for name, columns in _CHILDREN.items()
}
TABLES: dict[str, pa.Schema] = PARENT_TABLES | CHILD_TABLES
"""Lake entity -> Arrow schema."""
