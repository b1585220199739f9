{#-
  The versions of a definition table with the interval [valid_from, valid_to) in which each holds.

  relation: a staging model with one row per record and load that changed it (effective_from, is_deleted, lineage).
  id: name of its id column.

  * A stated effective_from is the start. Else the first version known of an id holds since 1900-01-01 and a later one
    from the day (UTC) of its load.
  * Of several versions of one id and start, the newest load wins: it corrects the others.
  * An id that vanished from the files ends on the day that was loaded. A version that vanished while others of its id
    stay is withdrawn, as if it had never been stated.
-#}
{% macro version_intervals(relation, id) %}
with recorded as (
    select
        *,
        row_number() over (
            partition by {{ id }}, coalesce(effective_from, cast('0001-01-01' as date))
            order by loaded_at desc, load_id desc, source_row desc
        ) as newness
    from {{ relation }}
),

standing as (
    select
        *,
        max(case when newness = 1 and is_deleted then 1 else 0 end) over (
            partition by {{ id }}, coalesce(effective_from, cast('0001-01-01' as date))
        ) as has_version_vanished,
        max(case when newness = 1 and not is_deleted then 1 else 0 end) over (partition by {{ id }}) as does_id_stand
    from recorded
),

dated as (
    select
        *,
        case
            when is_deleted then cast(loaded_at as date)
            when effective_from is not null then effective_from
            when
                row_number() over (
                    partition by {{ id }}
                    order by loaded_at, load_id, coalesce(effective_from, cast('0001-01-01' as date))
                ) = 1
                then cast('1900-01-01' as date)
            else cast(loaded_at as date)
        end as valid_from,
        max(case when is_deleted and does_id_stand = 0 then cast(loaded_at as date) end) over (
            partition by {{ id }}
        ) as vanished_on
    from standing
    where not (has_version_vanished = 1 and does_id_stand = 1)
),

ranked as (
    select
        *,
        row_number() over (
            partition by {{ id }}, valid_from
            order by
                loaded_at desc, load_id desc, is_deleted, case when effective_from is null then 1 else 0 end, source_row desc
        ) as precedence
    from dated
),

followed as (
    select
        *,
        lead(valid_from, 1, cast('9999-12-31' as date)) over (partition by {{ id }} order by valid_from) as next_from
    from ranked
    where precedence = 1
),

intervals as (
    select
        *,
        least(next_from, coalesce(vanished_on, next_from)) as valid_to
    from followed
    where not is_deleted and (vanished_on is null or valid_from < vanished_on)
)
{% endmacro %}
