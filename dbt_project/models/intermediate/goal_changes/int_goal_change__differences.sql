{#-
  For every load that touched a subject: what differs between what was known before it and after it, day by day.

  change    a step from one version to the next that was not known before: old is what held until the day before
  rewrite   another value for a day for which a value was known already: old is what was known until the load

  The first load has only steps: nothing was known before it.
-#}
with changing as (
    select
        subject_type,
        subject_id
    from {{ ref("int_definition__known") }}
    group by subject_type, subject_id
    having count(distinct record_key) > 1
),

states as (
    select distinct
        known.subject_type,
        known.subject_id,
        known.state_number,
        known.known_at
    from {{ ref("int_definition__known") }} as known
    inner join changing on known.subject_type = changing.subject_type and known.subject_id = changing.subject_id
),

intervals as (
    select
        known.subject_type,
        known.subject_id,
        known.state_number,
        known.record_key,
        known.valid_from,
        known.valid_to
    from {{ ref("int_definition__known_intervals") }} as known
    inner join changing on known.subject_type = changing.subject_type and known.subject_id = changing.subject_id
),

bounds as (
    {% for bound in ["valid_from", "valid_to"] -%}
    select
        states.subject_type,
        states.subject_id,
        states.state_number,
        states.known_at,
        intervals.{{ bound }} as effective_on
    from states
    inner join intervals
        on
            states.subject_type = intervals.subject_type
            and states.subject_id = intervals.subject_id
            and intervals.state_number in (states.state_number, states.state_number - 1)
    where intervals.{{ bound }} < cast('9999-12-31' as date)
    {{ "union" if not loop.last }}
    {% endfor %}
),

{% for name, offset in [("after_load", 0), ("before_load", 1)] -%}
-- The version of the day, and the last one that began before it, as known after or before the load.
{{ name }} as (
    select
        bounds.subject_type,
        bounds.subject_id,
        bounds.state_number,
        bounds.effective_on,
        max(
            case
                when bounds.effective_on >= intervals.valid_from and bounds.effective_on < intervals.valid_to
                    then intervals.record_key
            end
        ) as record_key,
        max(case when intervals.valid_from < bounds.effective_on then intervals.valid_from end) as earlier_from
    from bounds
    inner join intervals
        on
            bounds.subject_type = intervals.subject_type
            and bounds.subject_id = intervals.subject_id
            and bounds.state_number = intervals.state_number + {{ offset }}
    group by bounds.subject_type, bounds.subject_id, bounds.state_number, bounds.effective_on
),

{% endfor -%}
placed as (
    select
        {{ row_key(["bounds.subject_type", "bounds.subject_id", "bounds.state_number", "bounds.effective_on"])
        }} as bound_key,
        bounds.subject_type,
        bounds.subject_id,
        bounds.state_number,
        bounds.known_at,
        bounds.effective_on,
        after_load.record_key as new_key,
        earlier_after.record_key as earlier_new_key,
        before_load.record_key as old_key,
        earlier_before.record_key as earlier_old_key
    from bounds
    {% for name, earlier, offset in [
        ("after_load", "earlier_after", 0), ("before_load", "earlier_before", 1),
    ] -%}
    left join {{ name }}
        on
            bounds.subject_type = {{ name }}.subject_type
            and bounds.subject_id = {{ name }}.subject_id
            and bounds.state_number = {{ name }}.state_number
            and bounds.effective_on = {{ name }}.effective_on
    left join intervals as {{ earlier }}
        on
            bounds.subject_type = {{ earlier }}.subject_type
            and bounds.subject_id = {{ earlier }}.subject_id
            and bounds.state_number = {{ earlier }}.state_number + {{ offset }}
            and {{ name }}.earlier_from = {{ earlier }}.valid_from
    {% endfor %}
),

-- Every field that any of the four versions has, and `state` for those that ended.
stated as (
    {% for version in ["new_key", "earlier_new_key", "old_key", "earlier_old_key"] -%}
    select
        placed.bound_key,
        fields.field
    from placed
    inner join {{ ref("int_goal__fields") }} as fields on placed.{{ version }} = fields.record_key
    {{ "union" if not loop.last }}
    {% endfor %}
),

compared as (
    select
        placed.*,
        stated.field,
        {% for version in ["earlier_new", "old", "earlier_old"] -%}
        placed.{{ version }}_key is not null as is_{{ version }}_there,
        {{ version }}_fields.value as {{ version }}_value,
        {{ version }}_fields.number as {{ version }}_number,
        {% endfor -%}
        placed.new_key is not null or stated.field = 'state' as is_new_there,
        case
            when placed.new_key is null and stated.field = 'state' then 'deleted'
            else new_fields.value
        end as new_value,
        new_fields.number as new_number
    from placed
    inner join stated on placed.bound_key = stated.bound_key
    {% for version in ["new", "earlier_new", "old", "earlier_old"] -%}
    left join {{ ref("int_goal__fields") }} as {{ version }}_fields
        on placed.{{ version }}_key = {{ version }}_fields.record_key and stated.field = {{ version }}_fields.field
    {% endfor %}
),

committed as (
    select
        intervals.subject_id as key_result_id,
        intervals.state_number,
        min(intervals.valid_from) as committed_from
    from intervals
    inner join {{ ref("stg_lake__key_results") }} as key_results on intervals.record_key = key_results.record_key
    where intervals.subject_type = 'key_result' and key_results.state = 'committed'
    group by intervals.subject_id, intervals.state_number
),

first_commitments as (
    select
        states.subject_id as key_result_id,
        states.state_number,
        min(committed.committed_from) as committed_from
    from states
    inner join committed
        on
            states.subject_id = committed.key_result_id
            and committed.state_number in (states.state_number, states.state_number - 1)
    where states.subject_type = 'key_result'
    group by states.subject_id, states.state_number
),

judged as (
    select
        compared.*,
        case
            when
                compared.is_new_there
                and compared.is_earlier_new_there
                and {{ differs("compared.new_value", "compared.earlier_new_value") }}
                and not (
                    compared.is_old_there
                    and compared.is_earlier_old_there
                    and {{ differs("compared.old_value", "compared.earlier_old_value") }}
                )
                -- An end that was known before the load is no news.
                and (compared.new_key is not null or compared.old_key is not null)
                then 'change'
            when
                compared.is_new_there
                and compared.is_old_there
                and {{ differs("compared.new_value", "compared.old_value") }}
                -- The same difference as on the day before is reported there, unless the goal was no promise then.
                and not (
                    compared.is_earlier_new_there
                    and compared.is_earlier_old_there
                    and not {{ differs("compared.new_value", "compared.earlier_new_value") }}
                    and not {{ differs("compared.old_value", "compared.earlier_old_value") }}
                    and compared.effective_on > coalesce(first_commitment.committed_from, cast('1900-01-01' as date))
                )
                then 'rewrite'
        end as kind,
        first_commitment.committed_from
    from compared
    left join first_commitments as first_commitment
        on
            compared.subject_type = 'key_result'
            and compared.subject_id = first_commitment.key_result_id
            and compared.state_number = first_commitment.state_number
),

measuring as (
    select distinct links.kpi_id
    from {{ ref("stg_lake__key_result_links") }} as links
    inner join {{ ref("stg_lake__key_results") }} as key_results on links.record_key = key_results.record_key
    where links.link_type = 'measures' and key_results.state = 'committed'
)

select
    {{ row_key([
        "judged.subject_type", "judged.subject_id", "judged.field", "judged.state_number", "judged.effective_on"
    ]) }} as goal_change_key,
    judged.subject_type,
    judged.subject_id,
    judged.field,
    judged.kind,
    judged.state_number,
    case when judged.kind = 'change' then judged.earlier_new_key else judged.old_key end as old_record_key,
    coalesce(
        judged.new_key, case when judged.kind = 'change' then judged.earlier_new_key else judged.old_key end
    ) as new_record_key,
    case when judged.kind = 'change' then judged.earlier_new_value else judged.old_value end as old_value,
    judged.new_value,
    case when judged.kind = 'change' then judged.earlier_new_number else judged.old_number end as old_number,
    judged.new_number,
    judged.effective_on,
    -- History that came with the first load was not changed on the day of the load.
    case
        when judged.state_number = 1 then judged.effective_on
        else greatest(judged.effective_on, cast(judged.known_at as date))
    end as changed_on,
    judged.known_at as changed_at
from judged
inner join {{ ref("int_run__context") }} as run on judged.effective_on <= run.as_of
left join measuring on judged.subject_type = 'kpi' and judged.subject_id = measuring.kpi_id
where
    judged.kind is not null
    and (judged.subject_type <> 'kpi' or measuring.kpi_id is not null)
    -- A goal that was never promised can be changed at will.
    and (
        judged.subject_type <> 'key_result'
        or (judged.kind = 'change' and judged.effective_on > judged.committed_from)
        or (judged.kind = 'rewrite' and judged.effective_on >= judged.committed_from)
    )
