{{ config(materialized=kept_as("view")) }}

-- What was written first stays, whatever a later run would write. A report of an earlier day does not know of it.
with ranked as (
    select
        scores.*,
        row_number() over (
            partition by scores.cycle_id, scores.key_result_id order by scores.loaded_at, scores.load_id
        ) as place
    from {{ ref("stg_lake__cycle_scores") }} as scores
    inner join {{ ref("int_run__context") }} as run on scores.closed_on <= run.as_of
)

select
    cycle_id,
    closed_on,
    key_result_id,
    objective_id,
    org_unit_id,
    champion_id,
    unit,
    measured_value,
    score,
    score_null_reason,
    attainment_vs_current,
    status,
    is_achieved,
    reported_status,
    reported_confidence
from ranked
where place = 1
