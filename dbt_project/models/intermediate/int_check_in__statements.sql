-- What was said stays said: a check-in that vanished from the files still counts, as last stated, and says that it
-- vanished. One that was rewritten counts as rewritten, beside what it said first.
with versions as (
    select
        *,
        row_number() over (
            partition by check_in_id, is_deleted
            order by loaded_at desc, load_id desc, source_row desc
        ) as newness,
        row_number() over (
            partition by check_in_id
            order by loaded_at desc, load_id desc, source_row desc
        ) as newness_of_all
    from {{ ref("stg_lake__check_ins") }}
),

histories as (
    select
        check_in_id,
        count(case when not is_deleted then 1 end) as statement_count,
        max(case when newness_of_all = 1 and is_deleted then 1 else 0 end) as is_removed,
        min(loaded_at) as first_loaded_at
    from versions
    group by check_in_id
),

firsts as (
    select
        check_in_id,
        reported_status,
        row_number() over (partition by check_in_id order by loaded_at asc, load_id asc, source_row asc) as place
    from versions
    where not is_deleted
),

stated as (
    select versions.*
    from versions
    inner join {{ ref("int_run__context") }} as run on versions.reported_on <= run.as_of
    where versions.newness = 1 and not versions.is_deleted
)

select
    stated.check_in_id,
    stated.key_result_id,
    stated.reported_by_id,
    stated.reported_status,
    firsts.reported_status as first_reported_status,
    stated.comment,
    stated.confidence,
    stated.reported_progress,
    histories.statement_count - 1 as revision_count,
    histories.is_removed = 1 as is_removed,
    stated.reported_on,
    -- Of several check-ins on one day the one that was told last counts.
    lead(stated.reported_on, 1, cast('9999-12-31' as date)) over (
        partition by stated.key_result_id
        order by stated.reported_on, histories.first_loaded_at, stated.source_row, stated.check_in_id
    ) as next_reported_on,
    row_number() over (
        partition by stated.key_result_id
        order by
            stated.reported_on desc, histories.first_loaded_at desc, stated.source_row desc, stated.check_in_id desc
    ) = 1 as is_latest,
    histories.first_loaded_at,
    stated.loaded_at,
    stated.load_id,
    stated.source_file,
    stated.source_row
from stated
inner join histories on stated.check_in_id = histories.check_in_id
inner join firsts on stated.check_in_id = firsts.check_in_id and firsts.place = 1
