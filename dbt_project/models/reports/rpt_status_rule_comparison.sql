-- Read from the scorecard, so that a figure which is withheld there is withheld here.
with scorecard as (
    select
        scorecard.*,
        daily.status_rule_id as chosen_rule_id,
        daily.status_rule_version as chosen_rule_version
    from {{ ref("rpt_okr_scorecard") }} as scorecard
    inner join {{ ref("fct_key_result_daily") }} as daily
        on scorecard.key_result_id = daily.key_result_id and daily.is_latest
),

-- The version of every rule that applies today, and older ones where a key result is held to them.
versions as (
    select
        status_rule_id,
        status_rule_version,
        family,
        on_track_limit,
        at_risk_limit,
        source
    from {{ ref("int_status_rule__choices") }}
    where choice = status_rule_id
    union
    select
        choices.status_rule_id,
        choices.status_rule_version,
        choices.family,
        choices.on_track_limit,
        choices.at_risk_limit,
        choices.source
    from {{ ref("int_status_rule__choices") }} as choices
    inner join scorecard
        on
            choices.status_rule_id = scorecard.chosen_rule_id
            and choices.status_rule_version = scorecard.chosen_rule_version
),

judged as (
    select
        scorecard.as_of,
        scorecard.key_result_id,
        versions.status_rule_id,
        versions.status_rule_version,
        scorecard.key_result_title,
        scorecard.objective_id,
        scorecard.cycle_id,
        scorecard.org_unit_id,
        scorecard.champion_id,
        versions.family,
        versions.source,
        scorecard.null_reason as progress_null_reason,
        scorecard.withheld_reason,
        scorecard.direction,
        scorecard.progress_raw,
        scorecard.progress,
        scorecard.expected_progress,
        scorecard.probability_of_target,
        versions.on_track_limit,
        versions.at_risk_limit,
        coalesce(
            versions.status_rule_id = scorecard.chosen_rule_id
            and versions.status_rule_version = scorecard.chosen_rule_version,
            false
        ) as is_chosen,
        scorecard.is_withheld,
        scorecard.due_on
    from scorecard
    cross join versions
)

select
    {{ row_key(["key_result_id", "status_rule_id", "status_rule_version"]) }} as key_result_status_rule_key,
    as_of,
    key_result_id,
    status_rule_id,
    status_rule_version,
    key_result_title,
    objective_id,
    cycle_id,
    org_unit_id,
    champion_id,
    family as status_family,
    source as status_rule_source,
    case
        when is_withheld then 'withheld'
        else {{ status(
            "direction", "progress_raw", "expected_progress", "as_of >= due_on", "family", "on_track_limit",
            "at_risk_limit", "probability_of_target"
        ) }}
    end as status,
    case
        when is_withheld then null
        -- What the chosen rule lacks is its own affair; what progress lacks, every rule lacks.
        when progress_raw is null then progress_null_reason
        else {{ status_null_reason(
            "cast(null as " ~ dbt.type_string() ~ ")", "direction", "progress_raw", "as_of >= due_on", "family",
            "probability_of_target"
        ) }}
    end as null_reason,
    withheld_reason,
    {{ status_figure("progress_raw", "expected_progress", "family", "probability_of_target") }} as compared_figure,
    on_track_limit,
    at_risk_limit,
    progress_raw,
    progress,
    expected_progress,
    is_chosen,
    is_withheld
from judged
