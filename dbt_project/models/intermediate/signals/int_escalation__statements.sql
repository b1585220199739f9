{{ config(materialized=kept_as("ephemeral")) }}

-- An escalation may have several steps; one that vanished from the files was not taken.
with versions as (
    select
        steps.*,
        row_number() over (
            partition by steps.escalation_id, steps.state, steps.acted_on
            order by steps.loaded_at desc, steps.load_id desc, steps.is_deleted asc, steps.source_row desc
        ) as newness
    from {{ ref("stg_lake__escalations") }} as steps
    inner join {{ ref("int_run__context") }} as run on steps.acted_on <= run.as_of
)

select
    escalation_id,
    state,
    by_id,
    next_action,
    acted_on,
    due_on
from versions
where newness = 1 and not is_deleted
