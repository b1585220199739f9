{{ config(materialized=kept_as("ephemeral")) }}

-- An episode is an unbroken run of audits that put the rule to the subject and found it wanting. An audit that could
-- not evaluate the rule neither ends an episode nor starts one.
with audits as (
    select
        outcomes.rule_id,
        outcomes.audit_id,
        outcomes.as_of,
        outcomes.audited_at,
        row_number() over (
            partition by outcomes.rule_id order by outcomes.as_of, outcomes.audited_at, outcomes.audit_id
        ) as turn
    from {{ ref("stg_lake__rule_outcomes") }} as outcomes
    inner join {{ ref("int_audit__context") }} as current_audit
        on outcomes.as_of <= current_audit.as_of and outcomes.audited_at <= current_audit.audited_at
    where outcomes.stage = 'marts' and outcomes.outcome in ('passed', 'failed', 'waived')
),

found as (
    select
        results.*,
        audits.turn,
        audits.turn - row_number() over (
            partition by results.rule_id, results.subject_type, results.subject_id order by audits.turn
        ) as episode
    from {{ ref("stg_lake__integrity_results") }} as results
    inner join audits on results.audit_id = audits.audit_id and results.rule_id = audits.rule_id
),

dated as (
    select
        *,
        min(audited_at) over (partition by rule_id, subject_type, subject_id, episode) as first_seen_at,
        min(as_of) over (partition by rule_id, subject_type, subject_id, episode) as first_seen_on,
        row_number() over (
            partition by rule_id, subject_type, subject_id, episode order by turn desc
        ) as newness
    from found
)

select
    dated.audit_id,
    dated.as_of,
    dated.rule_id,
    dated.severity,
    dated.outcome,
    dated.subject_type,
    dated.subject_id,
    dated.detail,
    dated.owner_role,
    dated.owner_id,
    dated.owner_source,
    dated.waiver_id,
    dated.source_file,
    dated.source_row,
    dated.source_load_id,
    dated.audited_at,
    dated.first_seen_at,
    dated.first_seen_on,
    -- The first audit afterwards that looked and did not find it.
    next_audits.as_of as repaired_on,
    dated.audit_id = current_audit.audit_id as is_in_this_audit
from dated
cross join {{ ref("int_audit__context") }} as current_audit
left join audits as next_audits on dated.rule_id = next_audits.rule_id and next_audits.turn = dated.turn + 1
where dated.newness = 1
