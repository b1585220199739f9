{{ config(materialized=kept_as("ephemeral")) }}

{{ version_intervals(ref("stg_lake__dependencies"), "dependency_id") }}

select
    intervals.dependency_id,
    intervals.key_result_id,
    intervals.provider_unit_id,
    intervals.needed_by,
    intervals.confirmed_on,
    intervals.delivered_on
from intervals
inner join {{ ref("int_run__context") }} as run on intervals.valid_from <= run.as_of and intervals.valid_to > run.as_of
