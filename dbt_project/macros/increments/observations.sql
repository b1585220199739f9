{#- Which observations an increment of fct_kpi_observation, and of the models that read it, has to look at again. -#}

{#- What fct_kpi_observation holds when it is built: the committed loads, and the grain of every KPI. -#}
{% macro committed_loads() -%}
    (
        select
            load_id,
            {{ load_content("loads") }} as content
        from {{ ref("stg_lake__loads") }} as loads
    )
{%- endmacro %}

{% macro kpi_grains() -%}
    (
        select
            kpis.kpi_id as subject_id,
            kpis.grain as content,
            cast(null as date) as first_day,
            cast(null as date) as end_day,
            cast(null as date) as latest_day
        from {{ ref("int_kpi__versions") }} as kpis
        inner join {{ ref("int_run__context") }} as run on kpis.valid_from <= run.as_of and kpis.valid_to > run.as_of
    )
{%- endmacro %}

{#-
  The (kpi_id, period_start_on) whose vintages fct_kpi_observation must rank again: they are in a load that it does not
  hold, or in one whose vintage lay in the future, or their KPI's grain is another.
-#}
{% macro periods_touched_in_the_lake() -%}
    select
        kpi_id,
        period_start_on
    from {{ ref("stg_lake__observations") }}
    where load_id in (
        select loads.load_id
        from {{ ref("stg_lake__loads") }} as loads
        left join increments.loads as held on held.model = '{{ this.identifier }}' and loads.load_id = held.load_id
        where held.load_id is null
    )
    union
    select
        kpi_id,
        period_start_on
    from {{ ref("stg_lake__observations") }}
    where vintage_at > (select known_at from increments.builds where model = '{{ this.identifier }}')
    union
    select
        standing.kpi_id,
        standing.period_start_on
    from {{ this }} as standing
    inner join ({{ subjects_changed(kpi_grains()) }}) as kpis on standing.kpi_id = kpis.subject_id
{%- endmacro %}

{#- The periods that the running increment of the model computes anew (kpi_id, period_start_on). -#}
{% macro touched_periods() -%}
    (select kpi_id, period_start_on from increments.periods where model = '{{ this.identifier }}')
{%- endmacro %}

{#- Subjects of which any small input differs from the one that the model was built from. -#}
{% macro subjects_changed(inputs) -%}
    select subject_id
    from (
        (
            select subject_id, content from {{ inputs }}
            except all
            select subject_id, content from increments.inputs where model = '{{ this.identifier }}'
        )
        union all
        (
            select subject_id, content from increments.inputs where model = '{{ this.identifier }}'
            except all
            select subject_id, content from {{ inputs }}
        )
    ) as differing
    group by subject_id
{%- endmacro %}

{#-
  Rows of fct_kpi_observation that the model has not seen: of a load that it does not hold, or a vintage that was in the
  future when it was built. None while nothing is known of the model.
-#}
{% macro unseen_observations() -%}
    select
        kpi_id,
        period_start_on,
        period_end_on
    from {{ ref("fct_kpi_observation") }}
    where load_id in (
        select standing.load_id
        from increments.loads as standing
        inner join increments.builds as builds on builds.model = '{{ this.identifier }}'
        left join increments.loads as held on held.model = '{{ this.identifier }}' and standing.load_id = held.load_id
        where standing.model = 'fct_kpi_observation' and held.load_id is null
    )
    union all
    select
        kpi_id,
        period_start_on,
        period_end_on
    from {{ ref("fct_kpi_observation") }}
    where vintage_at > (select known_at from increments.builds where model = '{{ this.identifier }}')
{%- endmacro %}

{#- The grains that the periods of fct_kpi_observation end by (subject_id, content). -#}
{% macro grains_of_observations() -%}
    (select subject_id, content from increments.inputs where model = 'fct_kpi_observation')
{%- endmacro %}

{#- The loads in fct_kpi_observation, for the models that read it: they hold what it held when they were built. -#}
{% macro loads_of_observations() -%}
    (select load_id, content from increments.loads where model = 'fct_kpi_observation')
{%- endmacro %}
