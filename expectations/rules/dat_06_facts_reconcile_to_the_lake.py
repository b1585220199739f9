"""DAT-06: published facts reconcile to the lake: counts and sums.

At the marts, the lake's own files are counted and added up by feed and KPI, without any of the models' code, and
compared with the fact. A checksum over the single rows goes with them: two edits that cancel out in the sum do not
escape. At the reports, every figure must be the mart's, what the audit withholds must have none, and every
finding of the audit must be listed.
"""

from __future__ import annotations

from expectations.rule import Check, Rule

JUDGED = "select count(*) from marts.fct_kpi_observation"

# First the plain rows are added up, which takes one scan of each side. Where the sums differ there may be a good
# reason: of one vintage that came in several loads, only the newest load's row counts. So there, and only there, the
# lake's rows are told apart one by one.
CHECKSUM = "sum(hash(period_start_on, vintage_at, value, load_id, source_row))"
OBSERVATIONS = f"""
with lake_totals as (
    select observation.kpi_id, observation.source_feed, count(*) as observations, {CHECKSUM} as checksum
    from lake.observations as observation
    inner join audit.run as run
        on observation.loaded_at <= run.known_at and observation.vintage_at <= run.known_at
    group by observation.kpi_id, observation.source_feed
),
mart_totals as (
    select kpi_id, source_feed, count(*) as observations, sum(value) as total, {CHECKSUM} as checksum
    from marts.fct_kpi_observation
    group by kpi_id, source_feed
),
suspects as (
    select distinct coalesce(lake_totals.kpi_id, mart_totals.kpi_id) as kpi_id
    from lake_totals
    full outer join mart_totals
        on mart_totals.kpi_id = lake_totals.kpi_id
        and mart_totals.source_feed is not distinct from lake_totals.source_feed
    where lake_totals.observations is distinct from mart_totals.observations
        or lake_totals.checksum is distinct from mart_totals.checksum
),
known as (
    select
        observation.*,
        row_number() over (
            partition by observation.kpi_id, observation.period_start_on, observation.vintage_at
            order by observation.loaded_at desc, observation.load_id desc, observation.source_row desc
        ) as newness
    from lake.observations as observation
    inner join audit.run as run
        on observation.loaded_at <= run.known_at and observation.vintage_at <= run.known_at
    inner join suspects on suspects.kpi_id = observation.kpi_id
),
expected as (
    select kpi_id, source_feed, count(*) as observations, sum(value) as total, {CHECKSUM} as checksum,
        max(load_id) as load_id
    from known
    where newness = 1
    group by kpi_id, source_feed
),
found as (
    select mart_totals.*
    from mart_totals
    inner join suspects on suspects.kpi_id is not distinct from mart_totals.kpi_id
)
select
    'kpi' as subject_type,
    coalesce(expected.kpi_id, found.kpi_id, '(none)') as subject_id,
    'feed ' || coalesce(expected.source_feed, found.source_feed, '(none)') || ': the lake holds '
    || coalesce(expected.observations, 0) || ' observations that sum to ' || coalesce(round(expected.total, 6), 0)
    || ', the fact holds ' || coalesce(found.observations, 0) || ' that sum to ' || coalesce(round(found.total, 6), 0)
    || case when expected.observations = found.observations then ', and single rows differ' else '' end as detail,
    cast(null as varchar) as source_file,
    cast(null as bigint) as source_row,
    expected.load_id
from expected
full outer join found
    on found.kpi_id = expected.kpi_id and found.source_feed is not distinct from expected.source_feed
where expected.observations is distinct from found.observations
    or expected.checksum is distinct from found.checksum
"""

# The value behind a key result is the observation that it names.
VALUES = """
select
    'key_result',
    fact.key_result_id,
    count(*) || ' of its values of ' || fact.kpi_id || ' are not the observation that they name, such as '
    || arg_min(fact.kpi_value, fact.as_of) || ' on ' || min(fact.as_of) || ', expected '
    || coalesce(arg_min(coalesce(observation.value::varchar, 'none'), fact.as_of), 'none'),
    max(observation.source_file),
    max(observation.source_row),
    max(observation.load_id)
from marts.fct_key_result_kpi as fact
left join marts.fct_kpi_observation as observation
    on observation.kpi_id = fact.kpi_id
    and observation.period_start_on = fact.kpi_period_start_on
    and observation.vintage_at = fact.kpi_vintage_at
where fact.kpi_value is not null and observation.value is distinct from fact.kpi_value
group by fact.key_result_id, fact.kpi_id
"""


def _definitions(subject_type: str, entity: str, lake_id: str, dimension: str, mart_id: str) -> str:
    """Every record whose newest version in the lake stands has a row in its dimension, and the other way round."""
    return f"""
select
    '{subject_type}',
    coalesce(expected.id, found.id),
    case
        when found.id is null then 'the lake defines it and {dimension} lacks it'
        else '{dimension} holds it and the lake never defined it'
    end,
    expected.source_file,
    expected.source_row,
    expected.load_id
from (
    select
        {lake_id} as id,
        arg_max(coalesce(is_deleted, false), row(loaded_at, load_id)) as is_deleted,
        max(source_file) as source_file,
        max(source_row) as source_row,
        max(load_id) as load_id
    from lake.definitions_{entity}
    group by {lake_id}
) as expected
full outer join (
    select distinct {mart_id} as id from {dimension} where {mart_id} not in ('(unknown)', '(unowned)')
) as found on found.id = expected.id
where expected.id is null or (found.id is null and not expected.is_deleted)
"""


DEFINITIONS = [
    _definitions("kpi", "kpis", "kpi_id", "marts.dim_kpi", "kpi_id"),
    _definitions("key_result", "key_results", "key_result_id", "marts.dim_key_result", "key_result_id"),
    _definitions("objective", "objectives", "objective_id", "marts.dim_objective", "objective_id"),
    _definitions("person", "people", "person_id", "marts.dim_person", "person_id"),
    _definitions("unit", "units", "unit_id", "marts.dim_org_unit", "org_unit_id"),
]

# What the newest audit of the marts withholds, worked out from its results and not from the reports.
WITHHELD = """
with failures as (
    select result.subject_type, result.subject_id
    from lake.integrity_results as result
    inner join audit.run as run on run.marts_audit_id = result.audit_id
    where result.severity = 'withhold' and result.outcome = 'failed'
),
withheld_kpis as (
    select subject_id as kpi_id from failures where subject_type = 'kpi'
    union
    select kpi.kpi_id
    from failures
    inner join marts.dim_kpi as kpi on kpi.feed_id = failures.subject_id and kpi.is_current
    where failures.subject_type = 'feed'
),
withheld_for_themselves as (
    select subject_id as key_result_id from failures where subject_type = 'key_result'
    union
    select daily.key_result_id
    from failures
    inner join marts.fct_key_result_daily as daily
        on daily.is_latest and (
            (failures.subject_type = 'objective' and daily.objective_id = failures.subject_id)
            or (failures.subject_type = 'cycle' and daily.cycle_id = failures.subject_id)
        )
),
withheld_key_results as (
    select key_result_id from withheld_for_themselves
    union
    select fact.key_result_id
    from withheld_kpis
    inner join marts.fct_key_result_kpi as fact
        on fact.kpi_id = withheld_kpis.kpi_id and fact.is_latest and fact.link_type = 'measures'
),
"""

SCORECARD_FIGURES = (
    "measured_value",
    "progress_raw",
    "progress",
    "expected_progress",
    "attainment_vs_locked",
    "attainment_vs_current",
    "data_age_days",
)
SCORECARD_DEFINITIONS = ("baseline", "target", "lower_limit", "upper_limit")
CHART_FIGURES = (
    "special_cause",
    "variation",
    "assurance",
    "value",
    "moving_range",
    "centre",
    "average_moving_range",
    "lower_process_limit",
    "upper_process_limit",
)
CHART_DEFINITIONS = ("target", "lower_limit", "upper_limit")
LINK_FIGURES = ("kpi_value", *SCORECARD_FIGURES, "baseline", "target", "contribution")


def _figures_are(report: str, mart: str, figures: tuple[str, ...]) -> str:
    return " and ".join(f"{report}.{figure} is not distinct from {mart}.{figure}" for figure in figures)


def _any_figure(report: str, figures: tuple[str, ...]) -> str:
    return f"coalesce({', '.join(f'{report}.{figure}::varchar' for figure in figures)}) is not null"


REPORTS = f"""
scorecard as (
    select
        coalesce(line.key_result_id, daily.key_result_id) as key_result_id,
        case
            when line.key_result_id is null then 'the scorecard lacks it'
            when daily.key_result_id is null then 'the scorecard shows it and the mart does not have it'
            when withheld.key_result_id is not null and line.status <> 'withheld'
                then 'a rule withholds it and the scorecard shows it'
            when line.status = 'withheld' and {_any_figure("line", SCORECARD_FIGURES + SCORECARD_DEFINITIONS)}
                then 'the scorecard withholds it and shows a figure'
            when (line.status = 'withheld') <> (line.is_withheld and line.withheld_reason is not null)
                then 'the scorecard withholds it and does not say why'
            when line.status <> 'withheld' and not (
                line.as_of = daily.as_of
                and line.status = daily.status
                and {_figures_are("line", "daily", SCORECARD_FIGURES)}
            ) then 'its figures in the scorecard are not the mart''s'
        end as detail
    from reports.rpt_okr_scorecard as line
    full outer join (select * from marts.fct_key_result_daily where is_latest) as daily
        on daily.key_result_id = line.key_result_id
    left join withheld_key_results as withheld on withheld.key_result_id = line.key_result_id
),
links as (
    select
        coalesce(line.key_result_id, fact.key_result_id) as key_result_id,
        coalesce(line.kpi_id, fact.kpi_id) || ' (' || coalesce(line.link_type, fact.link_type) || '): ' || case
            when line.key_result_id is null then 'the report lacks the link'
            when fact.key_result_id is null then 'the report shows a link that the mart does not have'
            when coalesce(kpi.kpi_id, own.key_result_id) is not null and line.status <> 'withheld'
                then 'a rule withholds the link and the report shows it'
            when line.status = 'withheld' and {_any_figure("line", LINK_FIGURES)}
                then 'the report withholds the link and shows a figure'
            when line.status <> 'withheld' and not (
                line.as_of = fact.as_of
                and line.status = fact.status
                and {_figures_are("line", "fact", LINK_FIGURES)}
            ) then 'the figures of the link are not the mart''s'
        end as detail
    from reports.rpt_key_result_kpi as line
    full outer join (select * from marts.fct_key_result_kpi where is_latest) as fact
        on fact.key_result_kpi_day_key = line.key_result_kpi_day_key
    left join withheld_kpis as kpi on kpi.kpi_id = line.kpi_id
    left join withheld_for_themselves as own on own.key_result_id = line.key_result_id
),
charts as (
    select
        coalesce(line.kpi_id, fact.kpi_id) as kpi_id,
        case
            when line.kpi_id is null then 'the charts lack its newest point'
            when fact.kpi_id is null then 'the charts show a point that the mart does not have'
            when kpi.kpi_id is not null and not line.is_withheld then 'a rule withholds it and the charts show it'
            when line.is_withheld and {_any_figure("line", CHART_FIGURES + CHART_DEFINITIONS)}
                then 'the charts withhold it and show a figure'
            when line.is_withheld <> (line.withheld_reason is not null)
                then 'the charts withhold it and do not say why'
            when not line.is_withheld and not ({_figures_are("line", "fact", CHART_FIGURES)})
                then 'its figures in the charts are not the mart''s'
        end as detail
    from reports.rpt_kpi_control_chart as line
    full outer join marts.fct_kpi_control_chart as fact
        on fact.kpi_control_chart_key = line.kpi_control_chart_key
    left join withheld_kpis as kpi on kpi.kpi_id = line.kpi_id
    -- Old points are not published.
    where line.kpi_id is not null or fact.is_latest
),
chart_findings as (
    select kpi_id, detail || ' (' || count(*) || ' points)' as detail
    from charts
    where detail is not null
    group by kpi_id, detail
),
listed as (
    select
        coalesce(result.subject_type, failure.subject_type) as subject_type,
        coalesce(result.subject_id, failure.subject_id) as subject_id,
        case
            when failure.rule_id is null then 'the list of failures lacks ' || result.rule_id
            else 'the list of failures shows ' || failure.rule_id || ', which the audit did not find'
        end as detail
    from (
        select result.*
        from lake.integrity_results as result
        inner join audit.run as run on run.marts_audit_id = result.audit_id
    ) as result
    full outer join reports.rpt_integrity_failures as failure
        on failure.rule_id = result.rule_id
        and failure.subject_type = result.subject_type
        and failure.subject_id = result.subject_id
        and failure.outcome = result.outcome
    where failure.rule_id is null or result.rule_id is null
)
select 'key_result' as subject_type, key_result_id as subject_id, detail,
    cast(null as varchar) as source_file, cast(null as bigint) as source_row, cast(null as varchar) as load_id
from scorecard where detail is not null
union all
select 'key_result', key_result_id, detail, null, null, null from links where detail is not null
union all
select 'kpi', kpi_id, detail, null, null, null from chart_findings
union all
select subject_type, subject_id, detail, null, null, null from listed
"""

RULE = Rule(
    id="DAT-06",
    slug="facts_reconcile_to_the_lake",
    title="Published facts reconcile to the lake: counts and sums",
    why="Between the file that arrived and the figure on the slide, a row was lost, doubled or edited.",
    subject_type="kpi",
    severity="block",
    owner_role="data_steward",
    remedy="Run again: the next run builds every model in full from the lake. If it still differs, find the model that "
    "changes rows.",
    stages=("marts", "reports"),
    checks={
        "marts": Check(violations="\nunion all\n".join([OBSERVATIONS, VALUES, *DEFINITIONS]), judged=JUDGED),
        "reports": Check(violations=WITHHELD + REPORTS, judged="select count(*) from reports.rpt_okr_scorecard"),
    },
)
