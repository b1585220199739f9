{{ config(materialized=kept_as("ephemeral")) }}

{{ version_intervals(ref("stg_lake__decisions"), "decision_id") }}

select
    intervals.decision_id,
    intervals.decided_on,
    intervals.forum,
    intervals.text,
    intervals.kpi_id,
    intervals.key_result_id,
    intervals.decided_by_id
from intervals
inner join {{ ref("int_run__context") }} as run
    on
        intervals.valid_from <= run.as_of
        and intervals.valid_to > run.as_of
        and intervals.decided_on <= run.as_of
