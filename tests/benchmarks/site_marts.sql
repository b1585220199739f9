-- Marts of a large company. Variables: as_of, key_results, kpis, people, units, days.
create or replace temp view version as
select date '1900-01-01' as valid_from, date '9999-12-31' as valid_to, true as is_current;

insert into marts.dim_person by name
select version.*, 'p' || i as person_id, 'Person ' || i as person_name, 'u' || i % getvariable('units') as org_unit_id
from range(getvariable('people')) as numbers (i), version;

insert into marts.dim_org_unit by name
select
    version.*, 'u' || i as org_unit_id, 'Unit ' || i as org_unit_name, 'u' || i // 8 as parent_org_unit_id,
    'p' || i as head_person_id
from range(getvariable('units')) as numbers (i), version;

insert into marts.dim_cycle by name
select '2026-Q1' as cycle_id, 'Q1 2026' as cycle_name, 'active' as state;

insert into marts.dim_objective by name
select
    version.*, 'o' || i as objective_id, 'Objective ' || i as title, 'u' || i % getvariable('units') as org_unit_id,
    'p' || i % getvariable('people') as owner_id
from range(getvariable('key_results') // 4) as numbers (i), version;

insert into marts.dim_key_result by name
select
    version.*, 'kr_' || i as key_result_id, 'Key result ' || i || ' of the large company' as title, 'o' || i // 4 as
    objective_id, 'p' || i % getvariable('people') as champion_id, '2026-Q1' as cycle_id,
    'okrs/2026-Q1/all.yml' as source_file, i as source_row
from range(getvariable('key_results')) as numbers (i), version;

insert into marts.dim_kpi by name
select
    version.*, 'kpi_' || i as kpi_id, 'KPI ' || i || ' of the large company' as kpi_name, 'minutes' as unit,
    'decrease' as direction, 'day' as grain, 'u' || i % getvariable('units') as org_unit_id, 'desk' as feed_id,
    'kpis/all.yml' as source_file, i as source_row
from range(getvariable('kpis')) as numbers (i), version;

insert into marts.dim_ownership by name
select
    'kpi' as subject_type, 'kpi_' || i as subject_id, 'accountable_owner' as role,
    'p' || i % getvariable('people') as person_id, true as is_current, getvariable('as_of')::date - 90 as owned_from
from range(getvariable('kpis')) as numbers (i);

insert into marts.fct_kpi_line_of_sight by name
select
    'kpi_' || i as kpi_id, 'KPI ' || i || ' -> measures -> KR' as line_of_sight, 1 as path_count,
    true as has_line_of_sight
from range(getvariable('kpis')) as numbers (i);

insert into marts.fct_kpi_observation by name
select
    'kpi_' || i // getvariable('days') as kpi_id, random() * 50 as value, true as is_current,
    getvariable('as_of')::date - (i % getvariable('days'))::integer - 1 as period_start_on,
    timestamp '2026-02-15' as vintage_at, 'desk' as source_feed, 'desk/all.csv' as source_file, i as source_row
from range(getvariable('kpis') * getvariable('days')) as numbers (i);

insert into marts.fct_key_result_daily by name
select
    'kr_' || i // 46 as key_result_id, getvariable('as_of')::date - (i % 46)::integer as as_of, i % 46 / 60 as progress,
    0.5 as expected_progress, 'at_risk' as status
from range(getvariable('key_results') * 46) as numbers (i);
