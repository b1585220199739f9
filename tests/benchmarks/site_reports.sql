-- Reports of a large company: a sixth of its key results in each status. Variables as in site_marts.sql.
create or replace temp view standing as
select
    i, getvariable('as_of')::date as as_of, '2026-Q1' as cycle_id, 'share' as unit, 'pace_gap' as status_rule_id,
    i % 6 = 5 as is_withheld, case when i % 6 = 5 then 'OWN-01: no reviewer is named' end as withheld_reason,
    ['on_track', 'at_risk', 'off_track', 'achieved', 'not_assessable', 'withheld'][i % 6 + 1] as status,
    'p' || i % getvariable('people') as champion_id, 'Person ' || i % getvariable('people') as champion_name,
    case when i % 6 < 4 then 0.4 end as progress, case when i % 6 < 4 then 0.5 end as expected_progress,
    case when i % 6 < 4 then 0.4 end as attainment_vs_locked, 0 as data_age_days
from range(getvariable('key_results') * 3) as numbers (i);

insert into reports.rpt_okr_scorecard by name
select
    standing.* exclude (i), 'kr_' || i as key_result_id, 'Key result ' || i || ' of the large company' as key_result_title,
    'Objective' as objective_title, 'u' || i // 4 % getvariable('units') as org_unit_id,
    'Unit ' || i // 4 % getvariable('units') as org_unit_name, 'p1' as reviewer_id, 'Person 1' as reviewer_name,
    'kpi_' || i as main_kpi_id, 'KPI ' || i as main_kpi_name, 'Q1 2026' as cycle_name, 'active' as cycle_state,
    date '2026-01-01' as starts_on, date '2026-03-31' as due_on
from standing
where i < getvariable('key_results');

insert into reports.rpt_key_result_kpi by name
select
    standing.* exclude (i), 'kr_' || i // 3 as key_result_id, 'Key result ' || i // 3 as key_result_title,
    'kpi_' || i * 7 % getvariable('kpis') as kpi_id, 'KPI ' || i as kpi_name,
    ['measures', 'drives', 'guardrail'][i % 3 + 1] as link_type, 'p2' as kpi_owner_id, 'Person 2' as kpi_owner_name,
    'u3' as kpi_org_unit_id, 'Unit 3' as kpi_org_unit_name, 'desk/all.csv' as kpi_source_file, i as kpi_source_row,
    0.5 as kpi_value
from standing;

insert into reports.rpt_kpi_control_chart by name
select
    getvariable('as_of')::date as as_of, 'kpi_' || i // getvariable('days') as kpi_id, 'KPI' as kpi_name,
    'minutes' as unit, case when i % 9 = 0 then 'outside_limits' end as special_cause,
    case when i % 9 = 0 then 'concern' else 'common_cause' end as variation, 'inconsistent' as assurance,
    random() * 50 as value, 25 as centre, 5 as lower_process_limit, 45 as upper_process_limit, 1 as segment_number,
    i % getvariable('days') = 0 as is_latest, false as is_withheld, false as has_trial_limits,
    getvariable('as_of')::date - (i % getvariable('days'))::integer - 1 as period_start_on
from range(getvariable('kpis') * getvariable('days')) as numbers (i);

insert into reports.rpt_escalation by name
select
    'key_' || i as escalation_key, getvariable('as_of')::date as as_of, 'POL-01:kpi:kpi_' || i as escalation_id,
    'failed_rule' as trigger_type, 'POL-01' as rule_id, 'warn' as severity, 'kpi' as subject_type,
    'kpi_' || i as subject_id, 'KPI ' || i || ' of the large company' as subject_name,
    'u' || i % getvariable('units') as org_unit_id, 'Unit ' || i % getvariable('units') as org_unit_name,
    'no path leads to a key result' as detail, 'open' as state, 'owner' as level_role,
    'p' || i % getvariable('people') as owner_id, 'Person ' || i % getvariable('people') as owner_name, i % 3 as level,
    i % 40 as age_days, true as is_open, i % 5 = 0 as is_overdue,
    getvariable('as_of')::date - (i % 40)::integer as opened_on, getvariable('as_of')::date + 1 as due_on
from range(12000) as numbers (i);
