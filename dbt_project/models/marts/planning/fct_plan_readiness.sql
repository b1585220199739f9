with key_results as (
    select
        *,
        type = 'milestone' as is_milestone,
        type = 'baseline' as is_baseline_only
    from {{ ref("int_plan__key_results") }}
),

milestones as (
    select
        key_results.key_result_id,
        count(*) as milestone_count,
        count(case when milestones.due_on is null then 1 end) as undated_count
    from key_results
    inner join {{ ref("stg_lake__key_result_milestones") }} as milestones
        on key_results.record_key = milestones.record_key
    group by key_results.key_result_id
),

proofs as (
    select *
    from {{ ref("int_plan__links") }}
    where is_proof
),

-- One KPI may be linked in two ways and is asked once.
kpis as (
    select
        proofs.key_result_id,
        proofs.kpi_id,
        min(proofs.kpi_head_id) as kpi_head_id,
        max(case when proofs.is_kpi_known then 1 else 0 end) = 1 as is_known,
        max(proofs.accountable_owner_count) as owner_count,
        max(proofs.data_steward_count) as steward_count,
        min(proofs.accountable_owner_id) as owner_id,
        min(proofs.data_steward_id) as steward_id,
        max(proofs.accountable_owner_acknowledged_on) as owner_acknowledged_on,
        max(proofs.data_steward_acknowledged_on) as steward_acknowledged_on,
        max(proofs.kpi_formula) as formula,
        max(proofs.kpi_unit) as unit,
        max(proofs.kpi_direction) as direction,
        max(case when shared.is_acknowledged_in_time then 0 when shared.kpi_id is not null then 1 else 0 end) = 1
            as is_shared_and_late
    from proofs
    left join {{ ref("fct_shared_kpi") }} as shared
        on proofs.kpi_id = shared.kpi_id and proofs.cycle_id = shared.cycle_id
    group by proofs.key_result_id, proofs.kpi_id
),

-- What each proving KPI shows for the criteria that ask KPIs. The last one of them is what the KPI is called to do.
asked as (
    select
        key_result_id,
        'owner_acknowledged' as criterion,
        kpi_id,
        owner_count = 1 and owner_acknowledged_on is not null as is_met,
        case
            when owner_count = 0 then 'nobody is its accountable owner'
            when owner_count > 1 then 'several people are its accountable owner at once'
            when owner_acknowledged_on is null then owner_id || ' has not acknowledged it'
            else owner_id || ' acknowledged it on ' || {{ as_text("owner_acknowledged_on") }}
        end as finding,
        cast(case when owner_count = 1 and owner_acknowledged_on is not null then 0 else 1 end as double) as figure,
        case when owner_count = 1 then 'accountable_owner' else 'unit_head' end as owner_role,
        case when owner_count = 1 then owner_id else kpi_head_id end as owner_id
    from kpis
    union all
    select
        key_result_id,
        'steward_acknowledged' as criterion,
        kpi_id,
        steward_count = 1 and steward_acknowledged_on is not null and not is_shared_and_late as is_met,
        case
            when steward_count = 0 then 'nobody is its data steward'
            when steward_count > 1 then 'several people are its data steward at once'
            when steward_acknowledged_on is null then steward_id || ' has not acknowledged it'
            when is_shared_and_late
                then
                    steward_id || ' acknowledged it on ' || {{ as_text("steward_acknowledged_on") }}
                    || ', after the cycle started, and units share it'
            else steward_id || ' acknowledged it on ' || {{ as_text("steward_acknowledged_on") }}
        end as finding,
        cast(
            case
                when steward_count = 1 and steward_acknowledged_on is not null and not is_shared_and_late then 0 else 1
            end as double
        ) as figure,
        case when steward_count = 1 then 'data_steward' else 'unit_head' end as owner_role,
        case when steward_count = 1 then steward_id else kpi_head_id end as owner_id
    from kpis
    union all
    select
        kpis.key_result_id,
        'enough_observations' as criterion,
        kpis.kpi_id,
        coalesce(figures.observation_count, 0) >= {{ fewest_baseline_observations() }} as is_met,
        {{ as_text("coalesce(figures.observation_count, 0)") }} || ' values known' as finding,
        cast(coalesce(figures.observation_count, 0) as double) as figure,
        case when kpis.steward_count = 1 then 'data_steward' else 'unit_head' end as owner_role,
        case when kpis.steward_count = 1 then kpis.steward_id else kpis.kpi_head_id end as owner_id
    from kpis
    left join {{ ref("fct_plan_feasibility") }} as figures
        on kpis.key_result_id = figures.key_result_id and kpis.kpi_id = figures.kpi_id
    union all
    select
        kpis.key_result_id,
        'fresh' as criterion,
        kpis.kpi_id,
        round(coalesce(figures.fresh_share, 0), 9) >= {{ fresh_share_wanted() }} as is_met,
        {{ as_text("coalesce(figures.punctual_count, 0)") }}
        || ' of the last {{ fresh_periods() }} periods came in time'
            as finding,
        coalesce(figures.fresh_share, 0) as figure,
        case when kpis.steward_count = 1 then 'data_steward' else 'unit_head' end as owner_role,
        case when kpis.steward_count = 1 then kpis.steward_id else kpis.kpi_head_id end as owner_id
    from kpis
    left join {{ ref("fct_plan_feasibility") }} as figures
        on kpis.key_result_id = figures.key_result_id and kpis.kpi_id = figures.kpi_id
    union all
    select
        figures.key_result_id,
        'baseline_in_range' as criterion,
        figures.kpi_id,
        coalesce(
            figures.baseline >= figures.lowest_baseline and figures.baseline <= figures.highest_baseline, false
        ) as is_met,
        case
            when figures.lowest_baseline is null
                then
                    'no value is known to compare ' || coalesce(
                        {{ number_text("figures.baseline") }}, 'the baseline'
                    ) || ' with'
            else
                coalesce({{ number_text("figures.baseline") }}, 'no baseline') || ', and values from '
                || {{ number_text("figures.lowest_baseline") }}
                || ' to '
                || {{ number_text("figures.highest_baseline") }}
        end as finding,
        figures.baseline as figure,
        'champion' as owner_role,
        key_results.champion_id as owner_id
    from {{ ref("fct_plan_feasibility") }} as figures
    inner join key_results on figures.key_result_id = key_results.key_result_id
    where
        figures.link_type = 'measures'
        and key_results.direction in ('increase', 'decrease')
    union all
    select
        figures.key_result_id,
        'done_before' as criterion,
        figures.kpi_id,
        coalesce(figures.is_done_before, false) as is_met,
        case
            when figures.feasibility_ratio is not null
                then
                    case when figures.measured_as = 'sum_to_date' then 'a sum of ' else '' end
                    || {{ number_text("round(figures.required_move, 6)") }} || ' is asked, and the best that '
                    || {{ as_text("figures.horizon_periods") }} || ' periods ever brought is '
                    || {{ number_text("round(figures.best_move, 6)") }} || ', to '
                    || {{ as_text("figures.best_move_ended_on") }}
            else replace(figures.null_reason, '_', ' ')
        end as finding,
        figures.feasibility_ratio as figure,
        'sponsor' as owner_role,
        key_results.sponsor_id as owner_id
    from {{ ref("fct_plan_feasibility") }} as figures
    inner join key_results on figures.key_result_id = key_results.key_result_id
    where
        figures.link_type = 'measures'
        and not key_results.is_baseline_only
        and key_results.direction <> 'milestone'
),

answered as (
    select
        key_result_id,
        criterion,
        min(case when is_met then 1 else 0 end) = 1 as is_met,
        {{ joined_texts("kpi_id || ': ' || finding", "'; '") }} as evidence,
        case criterion
            when 'enough_observations' then min(figure)
            when 'fresh' then min(figure)
            when 'done_before' then max(figure)
            when 'baseline_in_range' then max(figure)
            else sum(figure)
        end as evidence_number,
        {{ joined_texts("case when not is_met then kpi_id end", "', '") }} as failing_kpis,
        min(case when not is_met then owner_role || '|' || coalesce(owner_id, '(unowned)') end) as failing_owner,
        min(owner_role || '|' || coalesce(owner_id, '(unowned)')) as any_owner
    from asked
    group by key_result_id, criterion
),

by_kpi as (
    select
        key_result_id,
        criterion,
        case
            when criterion in ('owner_acknowledged', 'steward_acknowledged') then 'any_plan'
            when criterion = 'done_before' then 'decision' else 'target'
        end as needed_for,
        is_met,
        evidence,
        evidence_number,
        case criterion
            when 'enough_observations' then 'observations' when 'fresh' then 'share' when 'done_before' then 'ratio'
            when 'baseline_in_range' then 'unit of the key result' else 'KPIs without'
        end as evidence_unit,
        case criterion
            when 'owner_acknowledged' then 'one accountable owner who acknowledged it'
            when 'steward_acknowledged'
                then 'one data steward who acknowledged it, before the cycle starts where units share it'
            when 'enough_observations' then 'at least {{ fewest_baseline_observations() }} values'
            when 'fresh' then 'at least {{ fresh_share_wanted() }} of the last {{ fresh_periods() }} periods in time'
            when 'baseline_in_range' then 'a baseline inside what was ever seen'
            else 'no more than the best ever done over an equal horizon'
        end as expected,
        case criterion
            when 'owner_acknowledged' then 'Name one accountable owner, and acknowledge: '
            when 'steward_acknowledged' then 'Name one data steward, and acknowledge: '
            when 'enough_observations' then 'Deliver the history, or commit the key result as type baseline: '
            when 'fresh' then 'Bring the feed to its agreed offset, or commit the key result as type baseline: '
            when 'baseline_in_range' then 'Take the baseline from the data: '
            else 'Say what is different this time, or lower the target: '
        end || coalesce(failing_kpis, '') as action,
        coalesce(failing_owner, any_owner) as owner_text
    from answered
),

linked as (
    select
        key_result_id,
        count(distinct case when is_proof then kpi_id end) as proof_count,
        count(distinct case when link_type in ('impacts', 'guardrail') then kpi_id end) as impact_count
    from {{ ref("int_plan__links") }}
    group by key_result_id
),

unstated as (
    select
        key_result_id,
        {{ joined_texts(
            "nullif(case when formula is null then kpi_id || ': formula ' else '' end"
            " || case when unit is null then kpi_id || ': unit ' else '' end"
            " || case when direction is null then kpi_id || ': direction ' else '' end"
            " || case when not is_known then kpi_id || ': not defined ' else '' end, '')",
            "''"
        ) }} as missing
    from kpis
    group by key_result_id
),

cuts as (
    select
        key_result_id,
        max(load_share) as load_share,
        max(case when must_be_cut or null_reason is not null then 1 else 0 end) = 0 as is_met,
        {{ joined_texts(
            "org_unit_id || ': ' || coalesce('load ' || " ~ number_text("round(load_share, 4)")
            ~ " || ', ' || verdict, replace(null_reason, '_', ' '))", "'; '"
        ) }} as evidence,
        min(case when must_be_cut or null_reason is not null then org_unit_id end) as failing_unit_id
    from {{ ref("int_plan__capacity") }}
    where key_result_id is not null
    group by key_result_id
),

dependencies as (
    select
        dependencies.key_result_id,
        count(*) as dependency_count,
        count(case
            when dependencies.confirmed_on is null or dependencies.confirmed_on > key_results.judged_on then 1
        end) as unconfirmed_count,
        {{ joined_texts(
            "dependencies.dependency_id || ': ' || dependencies.provider_org_unit_id || case when"
            " dependencies.confirmed_on is null or dependencies.confirmed_on > key_results.judged_on"
            " then ' has not confirmed it' else ' confirmed it on ' || " ~ as_text("dependencies.confirmed_on") ~ " end",
            "'; '"
        ) }} as evidence,
        min(case
            when dependencies.confirmed_on is null or dependencies.confirmed_on > key_results.judged_on
                then dependencies.provider_head_id
        end) as provider_head_id
    from {{ ref("fct_dependency") }} as dependencies
    inner join key_results on dependencies.key_result_id = key_results.key_result_id
    group by dependencies.key_result_id
),

by_key_result as (
    select
        key_results.key_result_id,
        'proved_by_a_kpi' as criterion,
        'any_plan' as needed_for,
        coalesce(linked.proof_count, 0) > 0 as is_met,
        case
            when coalesce(linked.proof_count, 0) > 0 then {{ as_text("linked.proof_count") }} || ' KPIs prove it'
            when key_results.is_milestone then 'no link says what it touches'
            else 'no KPI measures it'
        end as evidence,
        cast(coalesce(linked.proof_count, 0) as double) as evidence_number,
        'KPIs' as evidence_unit,
        'a `measures` link; of milestones an `impacts`, `drives` or `guardrail` link' as expected,
        'Link the key result to the KPI that proves it' as action,
        'champion|' || key_results.champion_id as owner_text
    from key_results
    left join linked on key_results.key_result_id = linked.key_result_id
    union all
    select
        key_results.key_result_id,
        'impact_declared' as criterion,
        'any_plan' as needed_for,
        coalesce(linked.impact_count, 0) > 0
        or coalesce(
            key_results.attestation_statement is not null
            and key_results.attested_on <= key_results.judged_on
            and coalesce(key_results.attestation_expires_on, key_results.judged_on) >= key_results.judged_on,
            false
        ) as is_met,
        case
            when coalesce(linked.impact_count, 0) > 0
                then {{ as_text("linked.impact_count") }} || ' KPIs are declared to be touched or guarded'
            when key_results.attestation_statement is null then 'no impact and no attestation is declared'
            else
                'attested on ' || coalesce({{ as_text("key_results.attested_on") }}, 'no day') || ', until '
                || coalesce({{ as_text("key_results.attestation_expires_on") }}, 'no end')
        end as evidence,
        cast(coalesce(linked.impact_count, 0) as double) as evidence_number,
        'KPIs' as evidence_unit,
        'an `impacts` or `guardrail` link, or a no-impact attestation that is valid' as expected,
        'Declare what the work touches, or attest that it touches nothing' as action,
        'champion|' || key_results.champion_id as owner_text
    from key_results
    left join linked on key_results.key_result_id = linked.key_result_id
    union all
    select
        key_results.key_result_id,
        'definition_stated' as criterion,
        'any_plan' as needed_for,
        unstated.missing is null
        and key_results.direction is not null
        and (key_results.unit is not null or key_results.is_milestone) as is_met,
        case
            when
                unstated.missing is null and key_results.direction is not null
                and (key_results.unit is not null or key_results.is_milestone)
                then 'unit, direction and formula are stated'
            else 'missing: ' || trim(
                coalesce(unstated.missing, '')
                || case when key_results.direction is null then 'direction ' else '' end
                || case when key_results.unit is null and not key_results.is_milestone then 'unit' else '' end
            )
        end as evidence,
        cast(null as double) as evidence_number,
        cast(null as {{ dbt.type_string() }}) as evidence_unit,
        'unit and direction of the key result; unit, direction and formula of its KPIs' as expected,
        'State what is missing' as action,
        'champion|' || key_results.champion_id as owner_text
    from key_results
    left join unstated on key_results.key_result_id = unstated.key_result_id
    union all
    select
        key_results.key_result_id,
        'target_stated' as criterion,
        'target' as needed_for,
        coalesce(
            case
                when key_results.is_milestone
                    then milestones.milestone_count > 0 and milestones.undated_count = 0
                when key_results.direction = 'stay_above'
                    then coalesce(key_results.lower_limit, key_results.target) is not null
                when key_results.direction = 'stay_below'
                    then coalesce(key_results.upper_limit, key_results.target) is not null
                when key_results.direction = 'stay_within'
                    then key_results.lower_limit is not null and key_results.upper_limit is not null
                else
                    key_results.target is not null
                    and key_results.baseline is not null
                    and {{ wanted_sign("key_results.direction") }} * (key_results.target - key_results.baseline) > 0
            end,
            false
        ) as is_met,
        case
            when key_results.is_milestone
                then
                    {{ as_text("coalesce(milestones.milestone_count, 0)") }} || ' milestones, '
                    || {{ as_text("coalesce(milestones.undated_count, 0)") }} || ' without a day'
            when key_results.direction in ('stay_above', 'stay_below', 'stay_within')
                then
                    'limits ' || coalesce({{ number_text("key_results.lower_limit") }}, 'none') || ' to '
                    || coalesce({{ number_text("key_results.upper_limit") }}, 'none')
            else
                'from ' || coalesce({{ number_text("key_results.baseline") }}, 'nothing stated') || ' to '
                || coalesce({{ number_text("key_results.target") }}, 'nothing stated')
        end as evidence,
        key_results.target as evidence_number,
        'unit of the key result' as evidence_unit,
        'a baseline and a better target; the limit to keep; milestones with days' as expected,
        'State where it starts and where it is to be' as action,
        'champion|' || key_results.champion_id as owner_text
    from key_results
    left join milestones on key_results.key_result_id = milestones.key_result_id
    where not key_results.is_baseline_only
    union all
    select
        key_results.key_result_id,
        'within_capacity' as criterion,
        'any_plan' as needed_for,
        coalesce(cuts.is_met, true) as is_met,
        coalesce(cuts.evidence, 'no demand is declared') as evidence,
        cuts.load_share as evidence_number,
        'share of the capacity' as evidence_unit,
        'units that can do it besides what is worth more for what it takes' as expected,
        'Cut it, ask less, or find capacity of ' || coalesce(cuts.failing_unit_id, '(unknown)') as action,
        'unit_head|' || coalesce(units.head_person_id, '(unowned)') as owner_text
    from key_results
    left join cuts on key_results.key_result_id = cuts.key_result_id
    left join {{ ref("int_org_unit__versions") }} as units
        on
            coalesce(cuts.failing_unit_id, key_results.org_unit_id) = units.org_unit_id
            and key_results.judged_on >= units.valid_from
            and key_results.judged_on < units.valid_to
    union all
    select
        key_results.key_result_id,
        'dependencies_confirmed' as criterion,
        'any_plan' as needed_for,
        coalesce(dependencies.unconfirmed_count, 0) = 0 as is_met,
        coalesce(dependencies.evidence, 'it needs nothing of another unit') as evidence,
        cast(coalesce(dependencies.unconfirmed_count, 0) as double) as evidence_number,
        'unconfirmed dependencies' as evidence_unit,
        'every unit it needs has confirmed' as expected,
        'Confirm the dependency, or say no' as action,
        'provider_head|' || coalesce(dependencies.provider_head_id, key_results.champion_id) as owner_text
    from key_results
    left join dependencies on key_results.key_result_id = dependencies.key_result_id
),

criteria as (
    select
        key_result_id,
        criterion,
        needed_for,
        is_met,
        evidence,
        evidence_number,
        evidence_unit,
        expected,
        action,
        owner_text
    from by_kpi
    union all
    select
        key_result_id,
        criterion,
        needed_for,
        is_met,
        evidence,
        evidence_number,
        evidence_unit,
        expected,
        action,
        owner_text
    from by_key_result
)

select
    {{ row_key(["criteria.key_result_id", "criteria.criterion"]) }} as plan_readiness_key,
    key_results.cycle_id,
    criteria.key_result_id,
    criteria.criterion,
    criteria.needed_for,
    key_results.org_unit_id,
    criteria.evidence,
    criteria.expected,
    case when criteria.evidence_number is null then 'no_figure' end as evidence_number_null_reason,
    criteria.evidence_number,
    criteria.evidence_unit,
    case when not criteria.is_met then criteria.action end as action,
    {{ dbt.split_part("criteria.owner_text", "'|'", 1) }} as owner_role,
    {{ dbt.split_part("criteria.owner_text", "'|'", 2) }} as owner_id,
    criteria.is_met,
    key_results.is_locked,
    not criteria.is_met and key_results.readiness_due_on < run.as_of as is_overdue,
    key_results.readiness_due_on as due_on,
    key_results.judged_on,
    key_results.load_id,
    key_results.source_file,
    key_results.source_row
from criteria
inner join key_results on criteria.key_result_id = key_results.key_result_id
cross join {{ ref("int_run__context") }} as run
where not (key_results.is_baseline_only and criteria.needed_for <> 'any_plan')
