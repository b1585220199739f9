{#- Which days of which key results an increment of their facts has to compute again. -#}

{#- Digest of a row of `relation` without some columns; null and text, and any two numbers, stay apart. -#}
{% macro digest_of(relation, without) -%}
    md5(to_json(
        {%- if without -%}
            (select rows from (select {{ relation }}.* exclude ({{ without | join(", ") }})) as rows)
        {%- else -%}
            {{ relation }}
        {%- endif -%}
    ))
{%- endmacro %}

{#-
  What a build of the fact has to compute anew: key results with the first day concerned. What changes on a day changes
  only that day and later ones. Of a fact of which nothing is known, that is all.
-#}
{% macro touched_key_results() -%}
    with inputs as (
        select * from {{ ref("int_key_result__inputs") }}
    ),

    held as (
        select * from increments.inputs where model = '{{ this.identifier }}'
    ),

    reasons as (
        select
            subject_id as key_result_id,
            first_day as from_day
        from (
            (
                select subject_id, content, first_day from inputs
                except all
                select subject_id, content, first_day from held
            )
            union all
            (
                select subject_id, content, first_day from held
                except all
                select subject_id, content, first_day from inputs
            )
        ) as differing
        union all
        -- An end that moved concerns the days between the two; the newest day is marked, and so is one that no more is.
        select
            inputs.subject_id as key_result_id,
            least(
                case when inputs.end_day <> held.end_day then least(inputs.end_day, held.end_day) end,
                case
                    when inputs.latest_day is distinct from held.latest_day
                        then least(
                            coalesce(inputs.latest_day, held.latest_day), coalesce(held.latest_day, inputs.latest_day)
                        )
                end
            ) as from_day
        from inputs
        inner join held
            on
                inputs.subject_id = held.subject_id
                and inputs.content = held.content
                and inputs.first_day = held.first_day
        where inputs.end_day <> held.end_day or inputs.latest_day is distinct from held.latest_day
        union all
        select
            links.key_result_id,
            observations.period_end_on as from_day
        from ({{ unseen_observations() }}) as observations
        inner join (
            select distinct
                key_result_id,
                kpi_id
            from {{ ref("int_key_result_kpi__intervals") }}
        ) as links on observations.kpi_id = links.kpi_id
    )

    select
        key_result_id,
        min(from_day) as from_day
    from reasons
    group by key_result_id
{%- endmacro %}

{% macro fct_key_result_kpi__is_touched(row) -%}
    {{ is_touched_day("fct_key_result_kpi", row) }}
{%- endmacro %}

{% macro fct_key_result_daily__is_touched(row) -%}
    {{ is_touched_day("fct_key_result_daily", row) }}
{%- endmacro %}

{% macro is_touched_day(fact, row) -%}
    exists (
        select 1
        from increments.touched as touched
        where
            touched.model = '{{ fact }}'
            and touched.key_result_id = {{ row }}.key_result_id
            and touched.from_day <= {{ row }}.as_of
    )
{%- endmacro %}

{#- Tells dbt's parser of the models that the strategy `touched` and its hooks read, without asking unit tests for rows. -#}
{% macro computed_by_touched_days() -%}
    {%- if not execute and keeps_increments() -%}
        {%- do ref("int_key_result__inputs") -%}
        {%- do ref("int_key_result_kpi__intervals") -%}
        {%- do ref("fct_kpi_observation") -%}
    {%- endif -%}
{%- endmacro %}
