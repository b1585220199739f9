"""Key results, KPIs, units and people: which of them need attention, why, and what their pages tell.

Whatever is about all subjects is one query; details are read only for those that get a page. While the gate is closed
no status and no figure is read, so a subject needs attention for its findings alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import duckdb

from orchestration.publication.tables import Row, rows_of

SUBJECT_PAGES = 500
"""Pages of one kind of subject, the worst first. A page is some 25 kB and three milliseconds; nobody reads more of them
between two runs, and the tables and the search know every subject."""
CHART_POINTS = 90
"""Periods on a chart: a quarter of days, which is what a review looks at, and what a phone can still show."""

# What the gate let through. The tables are there, and empty, when it let nothing through.
_SHOWN = """
create temp table shown_key_results (
    key_result_id varchar, status varchar, cycle_state varchar, progress double, expected_progress double,
    attainment_drift double, divergence integer
);
create temp table shown_kpis (
    kpi_id varchar, value double, variation varchar, assurance varchar, special_cause varchar, withheld_reason varchar,
    is_withheld boolean, period_start_on date
);
create temp table shown_links (kpi_id varchar, key_result_id varchar, status varchar);
create temp table shown_escalations (owner_id varchar, is_overdue boolean)
"""
_LET_THROUGH = """
insert into shown_key_results by name
select
    key_result_id, status, cycle_state, progress, expected_progress, attainment_drift, divergence
from reports.rpt_okr_scorecard;
insert into shown_kpis by name
select kpi_id, value, variation, assurance, special_cause, withheld_reason, is_withheld, period_start_on
from reports.rpt_kpi_control_chart
where is_latest;
insert into shown_links by name
select kpi_id, key_result_id, status from reports.rpt_key_result_kpi
"""
_ESCALATED = """
insert into shown_escalations by name
select owner_id, is_overdue
from reports.rpt_escalation
where is_open and state <> 'waived' and as_of = $as_of::date and ($is_open or trigger_type = 'failed_rule')
"""
_WORST = """
create temp table worst as
select
    subject_type, subject_id,
    min(case severity when 'block' then 0 when 'withhold' then 1 else 2 end) as severity_rank,
    count(*) filter (where outcome = 'failed') as finding_count,
    count(*) filter (where outcome = 'waived') as waived_count
from findings
group by subject_type, subject_id
"""
_FOUND = """
        case
            when worst.finding_count = 1 then '1 rule fails'
            when worst.finding_count > 1 then worst.finding_count || ' rules fail'
        end,
        case when worst.waived_count > 0 then worst.waived_count || ' waived' end
"""
# A difference of the two attainments below half a percent is rounding.
_KEY_RESULTS = f"""
create temp table key_result_subjects as
with known as (
    select
        key_results.key_result_id, key_results.title as key_result_title, key_results.objective_id,
        objectives.title as objective_title, objectives.org_unit_id, units.org_unit_name, key_results.cycle_id,
        key_results.champion_id, champions.person_name as champion_name, key_results.source_file,
        key_results.source_row, shown.status, coalesce(shown.cycle_state, cycles.state) as cycle_state,
        coalesce(worst.finding_count, 0) as finding_count, coalesce(worst.waived_count, 0) as waived_count,
        coalesce(worst.severity_rank, 9) as severity_rank,
        coalesce(shown.expected_progress, 0) - coalesce(shown.progress, 0) as lag,
        nullif(concat_ws(
            '; ',
            case when shown.status in ('off_track', 'at_risk', 'not_assessable', 'withheld')
                then replace(shown.status, '_', ' ') end,
            {_FOUND},
            case when abs(shown.attainment_drift) >= 0.005 then 'its goal moved' end,
            case when shown.divergence <> 0 then 'reported otherwise than computed' end
        ), '') as attention
    from (
        select * from marts.dim_key_result where is_current
        qualify row_number() over (partition by key_result_id order by valid_from desc) = 1
    ) as key_results
    left join (select objective_id, any_value(title) as title, any_value(org_unit_id) as org_unit_id
        from marts.dim_objective where is_current group by objective_id) as objectives using (objective_id)
    left join (select subject_id, name as org_unit_name from named where subject_type = 'unit') as units
        on units.subject_id = objectives.org_unit_id
    left join (select subject_id, name as person_name from named where subject_type = 'person') as champions
        on champions.subject_id = key_results.champion_id
    left join marts.dim_cycle as cycles on cycles.cycle_id = key_results.cycle_id
    left join shown_key_results as shown using (key_result_id)
    left join worst on worst.subject_type = 'key_result' and worst.subject_id = key_results.key_result_id
)
select
    *,
    row_number() over (
        order by
            attention is null, cycle_state = 'closed',
            coalesce(list_position(
                ['off_track', 'at_risk', 'not_assessable', 'withheld', 'on_track', 'achieved'], status
            ), 9),
            severity_rank, lag desc, key_result_title, key_result_id
    ) as place
from known
"""
_KPIS = f"""
create temp table kpi_subjects as
with behind as (
    select links.kpi_id, count(distinct links.key_result_id) as key_result_count
    from shown_links as links
    inner join key_result_subjects as key_results using (key_result_id)
    where links.status in ('off_track', 'at_risk') and key_results.cycle_state <> 'closed'
    group by links.kpi_id
),
owners as (
    select subject_id as kpi_id, min(person_id) as owner_id
    from marts.dim_ownership
    where subject_type = 'kpi' and role = 'accountable_owner' and is_current
    group by subject_id
),
known as (
    select
        kpis.kpi_id, kpis.kpi_name, kpis.org_unit_id, units.name as org_unit_name, owners.owner_id,
        coalesce(people.name, owners.owner_id, '(unowned)') as owner_name, kpis.unit, kpis.grain, kpis.direction,
        kpis.lifecycle, kpis.feed_id, kpis.description, kpis.formula, kpis.indicator, kpis.tier, kpis.decision,
        kpis.decision_threshold, kpis.decision_forum, kpis.agreed_offset_days, kpis.source_file, kpis.source_row,
        shown.value, shown.period_start_on, shown.variation, shown.assurance, shown.special_cause,
        shown.withheld_reason, coalesce(shown.is_withheld, false) as is_withheld,
        coalesce(worst.finding_count, 0) as finding_count, coalesce(worst.waived_count, 0) as waived_count,
        coalesce(worst.severity_rank, 9) as severity_rank,
        nullif(concat_ws(
            '; ',
            case when shown.is_withheld then 'withheld' end,
            case when shown.variation = 'concern' then 'special cause of concern' end,
            {_FOUND},
            case when behind.key_result_count = 1 then '1 key result lags with it' end,
            case when behind.key_result_count > 1
                then behind.key_result_count || ' key results lag with it' end
        ), '') as attention,
        behind.key_result_count
    from (
        select * from marts.dim_kpi where is_current
        qualify row_number() over (partition by kpi_id order by valid_from desc) = 1
    ) as kpis
    left join shown_kpis as shown using (kpi_id)
    left join behind using (kpi_id)
    left join owners using (kpi_id)
    left join named as units on units.subject_type = 'unit' and units.subject_id = kpis.org_unit_id
    left join named as people on people.subject_type = 'person' and people.subject_id = owners.owner_id
    left join worst on worst.subject_type = 'kpi' and worst.subject_id = kpis.kpi_id
)
select
    *,
    row_number() over (
        order by
            attention is null, not is_withheld, variation is distinct from 'concern', severity_rank,
            key_result_count desc nulls last, finding_count desc, kpi_name, kpi_id
    ) as place
from known
"""
_UNITS = """
create temp table unit_subjects as
with key_results as (
    select
        org_unit_id, count(*) as key_result_count,
        count(*) filter (where status = 'off_track' and cycle_state <> 'closed') as off_track_count,
        count(*) filter (where status = 'at_risk' and cycle_state <> 'closed') as at_risk_count,
        count(*) filter (where status in ('withheld', 'not_assessable') and cycle_state <> 'closed') as unknown_count
    from key_result_subjects group by org_unit_id
),
kpis as (
    select org_unit_id, count(*) as kpi_count, count(*) filter (where variation = 'concern') as concern_count
    from kpi_subjects group by org_unit_id
),
found as (
    select org_unit_id, count(*) filter (where outcome = 'failed') as finding_count
    from findings group by org_unit_id
),
known as (
    select
        units.org_unit_id, units.org_unit_name, units.parent_org_unit_id, parents.name as parent_name,
        units.head_person_id, heads.name as head_name, units.path, units.source_file, units.source_row,
        coalesce(key_results.key_result_count, 0) as key_result_count,
        coalesce(key_results.off_track_count, 0) as off_track_count,
        coalesce(key_results.at_risk_count, 0) as at_risk_count,
        coalesce(key_results.unknown_count, 0) as unknown_count,
        coalesce(kpis.kpi_count, 0) as kpi_count, coalesce(kpis.concern_count, 0) as concern_count,
        coalesce(found.finding_count, 0) as finding_count
    from (
        select * from marts.dim_org_unit where is_current
        qualify row_number() over (partition by org_unit_id order by valid_from desc) = 1
    ) as units
    left join named as parents on parents.subject_type = 'unit' and parents.subject_id = units.parent_org_unit_id
    left join named as heads on heads.subject_type = 'person' and heads.subject_id = units.head_person_id
    left join key_results on key_results.org_unit_id = units.org_unit_id
    left join kpis on kpis.org_unit_id = units.org_unit_id
    left join found on found.org_unit_id = units.org_unit_id
    where units.org_unit_id <> '(unknown)'
)
select
    *,
    off_track_count + at_risk_count + unknown_count + concern_count + finding_count > 0 as has_attention,
    row_number() over (
        order by off_track_count desc, unknown_count desc, at_risk_count desc, finding_count desc, concern_count desc,
            org_unit_name, org_unit_id
    ) as place
from known
"""
_PEOPLE = """
create temp table person_subjects as
with asked as (
    select owner_id as person_id, count(*) as escalation_count, count(*) filter (where is_overdue) as overdue_count
    from shown_escalations group by owner_id
),
found as (
    select
        owner_id as person_id,
        count(*) filter (where severity <> 'warn') as holding_count,
        count(*) filter (where severity = 'warn') as warning_count,
        max(age_days) as oldest_days
    from findings where outcome = 'failed' group by owner_id
),
key_results as (
    select
        champion_id as person_id, count(*) as key_result_count,
        count(*) filter (where status = 'off_track' and cycle_state <> 'closed') as off_track_count,
        count(*) filter (where status = 'at_risk' and cycle_state <> 'closed') as at_risk_count
    from key_result_subjects group by champion_id
),
kpis as (
    select owner_id as person_id, count(*) as kpi_count, count(*) filter (where variation = 'concern') as concern_count
    from kpi_subjects group by owner_id
),
known as (
    select
        people.person_id, people.person_name, people.org_unit_id, units.name as org_unit_name, people.active_to,
        people.source_file, people.source_row, coalesce(asked.escalation_count, 0) as escalation_count,
        coalesce(asked.overdue_count, 0) as overdue_count,
        coalesce(found.holding_count, 0) as holding_count, coalesce(found.warning_count, 0) as warning_count,
        found.oldest_days,
        coalesce(key_results.key_result_count, 0) as key_result_count,
        coalesce(key_results.off_track_count, 0) as off_track_count,
        coalesce(key_results.at_risk_count, 0) as at_risk_count,
        coalesce(kpis.kpi_count, 0) as kpi_count, coalesce(kpis.concern_count, 0) as concern_count
    from (
        select * from marts.dim_person where is_current
        qualify row_number() over (partition by person_id order by valid_from desc) = 1
    ) as people
    left join named as units on units.subject_type = 'unit' and units.subject_id = people.org_unit_id
    left join asked on asked.person_id = people.person_id
    left join found on found.person_id = people.person_id
    left join key_results on key_results.person_id = people.person_id
    left join kpis on kpis.person_id = people.person_id
    where people.person_id not in ('(unowned)', '(unknown)')
)
select
    *,
    escalation_count + holding_count + warning_count + off_track_count + at_risk_count + concern_count > 0
        as has_attention,
    row_number() over (
        order by overdue_count desc, holding_count desc, off_track_count desc, warning_count desc, at_risk_count desc,
            concern_count desc, person_name, person_id
    ) as place
from known
"""
_PAGED = """
create temp table paged as
select 'key_result' as kind, key_result_id as id
from key_result_subjects
where attention is not null and place <= $most
union all
select 'kpi', kpi_id from kpi_subjects where attention is not null and place <= $most
union all
select 'unit', org_unit_id from unit_subjects where has_attention and place <= $most
union all
select 'person', person_id from person_subjects where has_attention and place <= $most
"""

_OWNERS = """
select
    owners.subject_type, owners.subject_id, owners.role, owners.person_id,
    coalesce(people.name, owners.person_id) as person_name, owners.owned_from, owners.acknowledged_on,
    delegates.name as delegated_from_name, owners.controlled_input_share, owners.levers_elsewhere, owners.source_file,
    owners.source_row
from marts.dim_ownership as owners
inner join paged on paged.kind = owners.subject_type and paged.id = owners.subject_id
left join named as people on people.subject_type = 'person' and people.subject_id = owners.person_id
left join named as delegates on delegates.subject_type = 'person' and delegates.subject_id = owners.delegated_from_id
where owners.is_current
order by owners.subject_id, owners.role, person_name
"""
_SIGHTS = """
select sights.kpi_id, sights.line_of_sight, sights.null_reason, sights.path_count, sights.target_type, sights.lost_on
from marts.fct_kpi_line_of_sight as sights
inner join paged on paged.kind = 'kpi' and paged.id = sights.kpi_id
"""
# Where the newest value stands, the value itself comes from the reports.
_NEWEST = """
select
    observations.kpi_id, observations.period_start_on, observations.source_feed, observations.source_file,
    observations.source_row, observations.source_type, observations.loaded_at
from marts.fct_kpi_observation as observations
inner join paged on paged.kind = 'kpi' and paged.id = observations.kpi_id
where observations.is_current and observations.period_start_on <= $as_of::date
qualify row_number() over (
    partition by observations.kpi_id order by observations.period_start_on desc, observations.vintage_at desc
) = 1
"""
_CHARTS = f"""
select
    charts.kpi_id, charts.kpi_name, charts.unit, charts.period_start_on, charts.value, charts.centre,
    charts.lower_process_limit, charts.upper_process_limit, charts.special_cause, charts.variation, charts.assurance,
    charts.segment_number, charts.has_trial_limits, charts.target, charts.lower_limit, charts.upper_limit,
    charts.null_reason
from reports.rpt_kpi_control_chart as charts
inner join paged on paged.kind = 'kpi' and paged.id = charts.kpi_id
where not charts.is_withheld
qualify row_number() over (partition by charts.kpi_id order by charts.period_start_on desc) <= {CHART_POINTS}
order by charts.kpi_id, charts.period_start_on
"""
# A quarter's cycle is shown day by day, a longer one by samples; its last day always.
_PROGRESS = f"""
select days.key_result_id, days.as_of, days.progress, days.expected_progress
from marts.fct_key_result_daily as days
inner join paged on paged.kind = 'key_result' and paged.id = days.key_result_id
inner join shown_key_results as shown on shown.key_result_id = days.key_result_id and shown.status <> 'withheld'
where days.as_of <= $as_of::date
qualify (
    row_number() over (partition by days.key_result_id order by days.as_of desc) - 1
) % ceil(count(*) over (partition by days.key_result_id) / {CHART_POINTS}.0)::bigint = 0
order by days.key_result_id, days.as_of
"""
_GOALPOSTS = "select * from reports.rpt_goalpost_ledger order by changed_at desc, goal_change_key"
_OBJECTIVES = "select * from reports.rpt_objective_scorecard order by objective_title, objective_id"
_CALIBRATION = "select * from reports.rpt_owner_calibration"


@dataclass(frozen=True)
class Subjects:
    """All subjects with what there is to attend to, and the details of those that have a page.

    Attributes:
        key_results: Every key result, what needs attention first; `attention` says why, None for nothing.
        kpis: Every KPI, the same.
        units: Every unit; `has_attention`.
        people: Every person; `has_attention`.
        pages: Kind and id of each subject that has a page.
        owners: Current owners in all roles, by kind and id of the subject.
        sights: Line of sight by KPI.
        newest: Where its newest observation stands, by KPI.
        charts: Points of its control chart, oldest first, by KPI; none while the gate is closed or the KPI is withheld.
        progress: Days of its progress, oldest first, by key result; none as above.
        goalposts: What goals asked for and no longer do; newest first.
        objectives: Rows of the objectives' scorecard.
        calibration: How well somebody's check-ins foretold, by person.
    """

    key_results: Sequence[Row] = ()
    kpis: Sequence[Row] = ()
    units: Sequence[Row] = ()
    people: Sequence[Row] = ()
    pages: frozenset[tuple[str, str]] = frozenset()
    owners: Mapping[tuple[str, str], Sequence[Row]] = field(default_factory=dict)
    sights: Mapping[str, Row] = field(default_factory=dict)
    newest: Mapping[str, Row] = field(default_factory=dict)
    charts: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    progress: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    goalposts: Sequence[Row] = ()
    objectives: Sequence[Row] = ()
    calibration: Mapping[str, Row] = field(default_factory=dict)


def read_subjects(connection: duckdb.DuckDBPyConnection, *, as_of: date, is_open: bool, are_built: bool) -> Subjects:
    """Read every subject, and details of those that get a page.

    Args:
        connection: Sees `marts`, `reports`, and the temporary tables `named` and `findings` of the review.
        as_of: Business date.
        is_open: Whether the gate let the figures through; else neither a figure nor a status is read.
        are_built: Whether the reports are those of this run; else no escalation is read.
    """
    for script in (_SHOWN, _LET_THROUGH if is_open else "", _WORST):
        for statement in connection.extract_statements(script):
            connection.execute(statement)
    if are_built:
        connection.execute(_ESCALATED, {"as_of": as_of, "is_open": is_open})
    for script in (_KEY_RESULTS, _KPIS, _UNITS, _PEOPLE):
        connection.execute(script)
    connection.execute(_PAGED, {"most": SUBJECT_PAGES})
    asked = {"as_of": as_of}

    def read(query: str) -> list[Row]:
        return rows_of(connection, query, asked)

    return Subjects(
        key_results=read("select * from key_result_subjects order by place"),
        kpis=read("select * from kpi_subjects order by place"),
        units=read("select * from unit_subjects order by place"),
        people=read("select * from person_subjects order by place"),
        pages=frozenset((row["kind"], row["id"]) for row in read("select kind, id from paged")),
        owners=grouped(read(_OWNERS), "subject_type", "subject_id"),
        sights={row["kpi_id"]: row for row in read(_SIGHTS)},
        newest={row["kpi_id"]: row for row in read(_NEWEST)},
        charts=grouped_by(read(_CHARTS), "kpi_id") if is_open else {},
        progress=grouped_by(read(_PROGRESS), "key_result_id") if is_open else {},
        goalposts=read(_GOALPOSTS) if is_open else [],
        objectives=read(_OBJECTIVES) if is_open else [],
        calibration={row["champion_id"]: row for row in read(_CALIBRATION)} if is_open else {},
    )


def grouped_by(rows: Sequence[Row], name: str) -> dict[str, list[Row]]:
    """Return rows by the value of a column, in their order."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[name], []).append(row)
    return groups


def grouped(rows: Sequence[Row], first: str, second: str) -> dict[tuple[str, str], list[Row]]:
    """Return rows by the values of two columns, in their order."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row[first], row[second]), []).append(row)
    return groups
