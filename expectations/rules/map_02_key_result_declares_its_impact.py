"""MAP-02: a committed key result names the KPIs it touches, or attests that it touches none.

Judged are the committed key results of cycles that are not closed. An attestation counts from the day of its signature
to its last day. Until the cycle's lock the finding only warns: there is still time to look around.
"""

from __future__ import annotations

from expectations.rule import Check, Rule

COMMITTED = """
with committed as (
    select key_result.*, run.as_of, run.as_of < coalesce(dim_cycle.locks_on, dim_cycle.starts_on) as is_before_lock
    from marts.dim_key_result as key_result
    cross join audit.run as run
    inner join marts.dim_cycle as dim_cycle on dim_cycle.cycle_id = key_result.cycle_id
    where key_result.is_current
        and key_result.state = 'committed'
        and coalesce(dim_cycle.closes_on, dim_cycle.ends_on) >= run.as_of
)
"""

JUDGED = COMMITTED + "select count(*) from committed"

VIOLATIONS = (
    COMMITTED
    + """,
touching as (
    select distinct key_result_id
    from marts.bridge_key_result_kpi
    where is_current and link_type in ('impacts', 'guardrail')
)
select
    'key_result' as subject_type,
    committed.key_result_id as subject_id,
    'no KPI is linked that its work touches, and '
    || case
        when committed.attestation_statement is null then 'nobody attests that there is none'
        when committed.attested_by_id is null then 'the attestation is not signed'
        when committed.attested_on is null then 'the attestation has no date'
        when committed.attested_on > committed.as_of then 'the attestation is of ' || committed.attested_on
        else 'the attestation expired on ' || committed.attestation_expires_on
    end as detail,
    committed.source_file,
    committed.source_row,
    committed.load_id,
    committed.is_before_lock as only_warns
from committed
left join touching on touching.key_result_id = committed.key_result_id
where touching.key_result_id is null
    and not (
        committed.attestation_statement is not null
        and committed.attested_by_id is not null
        and coalesce(committed.attested_on <= committed.as_of, false)
        and coalesce(committed.attestation_expires_on >= committed.as_of, true)
    )
"""
)

RULE = Rule(
    id="MAP-02",
    slug="key_result_declares_its_impact",
    title="A committed key result names the KPIs it touches, or attests that it touches none",
    why="The cost of a key result lands in another department, where nobody connects it to its cause.",
    subject_type="key_result",
    severity="withhold",
    owner_role="champion",
    remedy="Add an `impacts` or `guardrail` link, or a dated `attestation` that the work touches no other KPI.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True, may_warn=True)},
)
