-- Each event that may move a KPI, with each KPI that is linked to its key result or suspected of being touched by it.
with run as (
    select as_of from {{ ref("int_run__context") }}
),

events as (
    select
        events.*,
        key_results.record_key,
        key_results.attestation_statement is not null
        and key_results.attested_by_id is not null
        and coalesce(key_results.attested_on <= events.event_on, false)
        and coalesce(key_results.attestation_expires_on >= events.event_on, true) as is_attested
    from {{ ref("fct_key_result_event") }} as events
    inner join
        {{ ref("int_key_result__versions") }} as key_results
        on events.key_result_key = key_results.key_result_key
    where events.is_tested
),

-- Of several links of one key result and KPI, the one that watches most closely says what is looked for.
links as (
    select
        *,
        row_number() over (
            partition by record_key, kpi_id
            order by
                case link_type when 'guardrail' then 1 when 'impacts' then 2 when 'drives' then 3 else 4 end,
                position
        ) as importance
    from {{ ref("stg_lake__key_result_links") }}
),

edges as (
    select
        drivers.driver_kpi_id as kpi_id,
        kpis.kpi_id as other_kpi_id
    from {{ ref("stg_lake__kpi_drivers") }} as drivers
    inner join {{ ref("int_kpi__versions") }} as kpis on drivers.record_key = kpis.record_key
    inner join run on kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of
    union
    select
        kpis.kpi_id,
        drivers.driver_kpi_id as other_kpi_id
    from {{ ref("stg_lake__kpi_drivers") }} as drivers
    inner join {{ ref("int_kpi__versions") }} as kpis on drivers.record_key = kpis.record_key
    inner join run on kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of
),

active_kpis as (
    select kpis.*
    from {{ ref("int_kpi__versions") }} as kpis
    inner join run on kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of
    where kpis.lifecycle = 'active'
),

-- Only of cycles that are not closed: a link that is suggested for a closed one helps nobody.
open_events as (
    select events.*
    from events
    inner join {{ ref("dim_cycle") }} as cycles on events.cycle_id = cycles.cycle_id
    inner join run on coalesce(cycles.closes_on, cycles.ends_on) >= run.as_of
),

related as (
    select
        open_events.key_result_event_key,
        active_kpis.kpi_id,
        'input_of_its_unit' as relation,
        1 as preference
    from open_events
    inner join {{ ref("stg_lake__kpi_inputs") }} as inputs on open_events.org_unit_id = inputs.controlled_by_unit_id
    inner join active_kpis on inputs.record_key = active_kpis.record_key
    union all
    select
        open_events.key_result_event_key,
        active_kpis.kpi_id,
        'unit_it_depends_on' as relation,
        2 as preference
    from open_events
    inner join {{ ref("int_dependency__current") }} as dependencies
        on open_events.key_result_id = dependencies.key_result_id
    inner join active_kpis on dependencies.provider_unit_id = active_kpis.org_unit_id
    union all
    select
        open_events.key_result_event_key,
        edges.other_kpi_id as kpi_id,
        'driver_of_or_driven_by_a_linked_kpi' as relation,
        3 as preference
    from open_events
    inner join links on open_events.record_key = links.record_key and links.importance = 1
    inner join edges on links.kpi_id = edges.kpi_id
),

ranked as (
    select
        related.*,
        row_number() over (
            partition by related.key_result_event_key, related.kpi_id order by related.preference
        ) as place
    from related
),

suspects as (
    select
        events.key_result_event_key,
        ranked.kpi_id,
        ranked.relation
    from ranked
    inner join events on ranked.key_result_event_key = events.key_result_event_key
    left join links
        on events.record_key = links.record_key and ranked.kpi_id = links.kpi_id and links.importance = 1
    where ranked.place = 1 and links.kpi_id is null and not events.is_attested
),

pairs as (
    select
        events.key_result_event_key,
        links.kpi_id,
        links.link_type,
        cast(null as {{ dbt.type_string() }}) as relation,
        coalesce(links.lag_periods, 0) as lag_periods,
        links.minimum_effect,
        links.expected_sign
    from events
    inner join links on events.record_key = links.record_key and links.importance = 1
    union all
    select
        key_result_event_key,
        kpi_id,
        cast(null as {{ dbt.type_string() }}) as link_type,
        relation,
        cast(0 as bigint) as lag_periods,
        cast(null as double) as minimum_effect,
        cast(null as bigint) as expected_sign
    from suspects
),

described as (
    select
        pairs.*,
        events.key_result_id,
        events.event_type,
        events.event_on,
        events.cycle_id,
        kpis.direction,
        kpis.grain,
        kpis.calendar,
        kpis.unit,
        kpis.lower_limit,
        kpis.upper_limit,
        coalesce(kpis.org_unit_id, '(unknown)') as kpi_org_unit_id,
        coalesce(owners.owner_id, '(unowned)') as kpi_owner_id,
        cycles.ends_on as cycle_ends_on,
        run.as_of,
        {{ add_days("run.as_of", "-1 * ceil(coalesce(kpis.agreed_offset_days, 0))") }} as due_on
    from pairs
    cross join run
    inner join events on pairs.key_result_event_key = events.key_result_event_key
    inner join {{ ref("int_kpi__versions") }} as kpis
        on pairs.kpi_id = kpis.kpi_id and run.as_of >= kpis.valid_from and run.as_of < kpis.valid_to
    left join {{ ref("int_kpi__timeline") }} as owners
        on pairs.kpi_id = owners.kpi_id and run.as_of >= owners.from_on and run.as_of < owners.until_on
    left join {{ ref("dim_cycle") }} as cycles on events.cycle_id = cycles.cycle_id
    where kpis.lifecycle in ('active', 'shadow')
),

numbered as (
    select
        described.*,
        {{ period_of_event("described.grain", "described.calendar", "described.event_on", "event_days") }}
            as event_index,
        {{ last_period_over("described.grain", "described.calendar", "described.due_on", "due_days") }} as due_index,
        {{ last_period_over("described.grain", "described.calendar", "described.as_of", "run_days") }} as run_index,
        {{ last_period_over(
            "described.grain", "described.calendar", "described.cycle_ends_on", "end_days"
        ) }} as cycle_end_index
    from described
    {% for days, day in [
        ("event_days", "event_on"), ("due_days", "due_on"), ("run_days", "as_of"), ("end_days", "cycle_ends_on"),
    ] -%}
    left join {{ ref("dim_date") }} as {{ days }}
        on described.calendar = 'working_days' and described.{{ day }} = {{ days }}.date_on
    {% endfor %}
)

select
    {{ row_key(["key_result_event_key", "kpi_id"]) }} as tremor_key,
    key_result_event_key,
    key_result_id,
    event_type,
    event_on,
    cycle_id,
    kpi_id,
    link_type,
    relation,
    kpi_org_unit_id,
    kpi_owner_id,
    unit,
    direction,
    grain,
    calendar,
    lower_limit,
    upper_limit,
    cast(lag_periods as int) as lag_periods,
    minimum_effect,
    expected_sign,
    cast(event_index as int) as event_index,
    cast(event_index + lag_periods as int) as first_index,
    cast(event_index + lag_periods + {{ tremor_window() }} - 1 as int) as last_index,
    cast(due_index as int) as due_index,
    cast(run_index as int) as run_index,
    cast(cycle_end_index as int) as cycle_end_index
from numbered
