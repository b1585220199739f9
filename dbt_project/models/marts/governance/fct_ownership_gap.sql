-- What the roles lack inside a cycle: of a KPI the cycles whose key results are linked to it, while it is active.
with cycles as (
    select
        cycle_id,
        starts_on,
        {{ add_days("ends_on", 1) }} as ends_before
    from {{ ref("dim_cycle") }}
    where cycle_id <> '(unknown)'
),

key_results as (
    select
        key_results.*,
        {{ add_days("key_results.due_on", 1) }} as due_before
    from {{ ref("int_key_result__versions") }} as key_results
    where key_results.state = 'committed'
),

used as (
    select distinct
        links.kpi_id,
        key_results.cycle_id
    from key_results
    inner join {{ ref("stg_lake__key_result_links") }} as links on key_results.record_key = links.record_key
),

windows as (
    select
        'kpi' as subject_type,
        kpis.kpi_id as subject_id,
        used.cycle_id,
        greatest(cycles.starts_on, kpis.valid_from) as from_on,
        least(cycles.ends_before, kpis.valid_to) as until_on,
        kpis.load_id,
        kpis.source_file,
        kpis.source_row
    from {{ ref("int_kpi__versions") }} as kpis
    inner join used on kpis.kpi_id = used.kpi_id
    inner join cycles on used.cycle_id = cycles.cycle_id
    where kpis.lifecycle = 'active'
    union all
    select
        'key_result' as subject_type,
        key_results.key_result_id as subject_id,
        key_results.cycle_id,
        greatest(key_results.starts_on, key_results.valid_from) as from_on,
        least(key_results.due_before, key_results.valid_to) as until_on,
        key_results.load_id,
        key_results.source_file,
        key_results.source_row
    from key_results
    inner join cycles on key_results.cycle_id = cycles.cycle_id
    union all
    select
        'objective' as subject_type,
        objectives.objective_id as subject_id,
        objectives.cycle_id,
        greatest(cycles.starts_on, objectives.valid_from) as from_on,
        least(cycles.ends_before, objectives.valid_to) as until_on,
        objectives.load_id,
        objectives.source_file,
        objectives.source_row
    from {{ ref("int_objective__versions") }} as objectives
    inner join cycles on objectives.cycle_id = cycles.cycle_id
    where objectives.state = 'committed'
),

segments as (
    select
        *,
        -- A steward is a must for shared KPIs only; where there was one, there must be one.
        role <> 'data_steward'
        or max(person_count) over (
            partition by subject_type, subject_id, role
            order by from_on
            rows between unbounded preceding and current row
        ) > 0 as is_due
    from {{ ref("int_ownership__segments") }}
),

placed as (
    select
        windows.subject_type,
        windows.subject_id,
        windows.cycle_id,
        segments.role,
        segments.kind,
        segments.people,
        segments.person_count,
        greatest(windows.from_on, segments.from_on) as from_on,
        least(windows.until_on, segments.until_on) as until_on,
        windows.load_id,
        windows.source_file,
        windows.source_row
    from windows
    inner join segments
        on
            windows.subject_type = segments.subject_type
            and windows.subject_id = segments.subject_id
            and windows.from_on < segments.until_on
            and windows.until_on > segments.from_on
    where windows.from_on < windows.until_on and segments.kind <> 'held' and segments.is_due
)

select
    {{ row_key(["cycle_id", "subject_type", "subject_id", "role", "from_on"]) }} as ownership_gap_key,
    cycle_id,
    subject_type,
    subject_id,
    role,
    kind,
    people,
    person_count,
    {{ days_between("from_on", "until_on") }} as day_count,
    from_on,
    until_on,
    load_id,
    source_file,
    source_row
from placed
