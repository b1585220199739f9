{#- Which rows an increment of fct_restatement has to compute again. -#}

{#- What of a KPI and of the cycles decides whether its vintages are restatements. -#}
{% macro terms_of_restatement() -%}
    (
        select
            kpis.kpi_id as subject_id,
            concat_ws('|', kpis.agreed_offset_days, kpis.owed_from, grains.content, cycles.content) as content,
            cast(null as date) as first_day,
            cast(null as date) as end_day,
            cast(null as date) as latest_day
        from {{ ref("int_kpi__first_vintages") }} as kpis
        left join {{ grains_of_observations() }} as grains on kpis.kpi_id = grains.subject_id
        cross join (
            select
                md5(string_agg(
                    concat_ws('|', starts_on, ends_on, coalesce(closes_on, ends_on)), ';' order by cycle_id
                )) as content
            from {{ ref("dim_cycle") }}
        ) as cycles
    )
{%- endmacro %}

{#- Periods of which a vintage is new, and all periods of a KPI whose terms are. -#}
{% macro periods_touched_for_restatement() -%}
    select
        kpi_id,
        period_start_on
    from ({{ unseen_observations() }}) as unseen
    union
    select
        observations.kpi_id,
        observations.period_start_on
    from {{ ref("fct_kpi_observation") }} as observations
    inner join ({{ subjects_changed(terms_of_restatement()) }}) as kpis on observations.kpi_id = kpis.subject_id
{%- endmacro %}

{% macro fct_restatement__is_touched(row) -%}
    exists (
        select 1
        from {{ touched_periods() }} as touched
        where touched.kpi_id = {{ row }}.kpi_id and touched.period_start_on = {{ row }}.period_start_on
    )
{%- endmacro %}
