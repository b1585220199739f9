{#-
  Tremor: did a KPI move after an event of a key result? The only place where its formulas and constants stand;
  docs/signals.md explains and measures them.

  All periods are those of the KPI's own grain, counted without gaps (a KPI of working days by working days).
-#}

{#- Periods from an event (and the link's lag) on in which its effect is looked for. -#}
{%- macro tremor_window() -%} 15 {%- endmacro -%}

{#- Periods in a row that must keep a level: a working week. Measured, docs/signals.md. -#}
{%- macro tremor_run() -%} 5 {%- endmacro -%}

{#- Periods before an event that its effect is compared with, and the fewest of them that must have a value. -#}
{%- macro tremor_baseline() -%} 20 {%- endmacro -%}
{%- macro fewest_of_baseline() -%} 15 {%- endmacro -%}

{#- Share of chance alone up to which a movement counts as a tremor. -#}
{%- macro tremor_alpha() -%} 0.05 {%- endmacro -%}

{#-
  Independent dates that so many placebo dates are worth: neighbours share all but one of the periods that they look at,
  so it is those that lie side by side, and one more. Measured, docs/signals.md.
-#}
{% macro independent_dates(placebo_count) -%}
    {%- set periods = (tremor_baseline() | int) + (tremor_window() | int) -%}
    (({{ placebo_count }} + {{ periods - 1 }}) / cast({{ periods }} as double) + 1)
{%- endmacro %}

{#- Fewest placebo dates for the test: with fewer it falls back on process limits. -#}
{%- macro fewest_placebos() -%} 40 {%- endmacro -%}

{#- Fewest periods before an event for process limits. -#}
{%- macro fewest_periods_of_limits() -%} 12 {%- endmacro -%}

{#- Days of doubt against which the deviations of a weekday are weighed. -#}
{%- macro weekday_doubt() -%} 8 {%- endmacro -%}

{#- Days after a tremor within which a decision counts as an answer to it. -#}
{%- macro decision_days() -%} 10 {%- endmacro -%}

{#- Movement below which a KPI did not move: the last digits of a sum are no tremor. -#}
{% macro tremor_tolerance(level, baseline) -%}
    1e-9 * (abs({{ level }}) + abs({{ baseline }}))
{%- endmacro %}

{#-
  Chance of a movement of `statistic` or more without any cause: the greater of two figures. `at_least_count` of
  `placebo_count` placebo dates is the share that moved as far. It is too small when few dates are independent; so it
  is never less than the tail of Student's t for one more value after as many independent ones as the dates are worth,
  with their mean and deviation.
-#}
{% macro placebo_p_value(statistic, at_least_count, placebo_count, placebo_mean, placebo_deviation) -%}
    {%- set independent = independent_dates(placebo_count) -%}
    {%- set t = "((" ~ statistic ~ " - " ~ placebo_mean ~ ") / (" ~ placebo_deviation ~ " * sqrt(1 + 1 / "
        ~ independent ~ ")))" -%}
    greatest(
        {{ at_least_count }} / cast({{ placebo_count }} as double),
        case
            when {{ statistic }} <= {{ placebo_mean }} then 1
            when {{ placebo_deviation }} > 0 then {{ normal_tail(student_as_normal(t, independent ~ " - 1")) }}
            else 0
        end
    )
{%- endmacro %}

{#-
  The standard normal deviate of the same tail as Student's t, for t of 0 or more: D. L. Wallace, Bounds on normal
  approximations to Student's and the chi-square distributions, Annals of Mathematical Statistics 30 (1959). Of 2
  degrees of freedom a tail of 0.050 becomes 0.052, of more it is nearer.
-#}
{% macro student_as_normal(t, degrees) -%}
    ((8 * ({{ degrees }}) + 1) / (8 * ({{ degrees }}) + 3) * sqrt(({{ degrees }}) * ln(1 + {{ t }} * {{ t }} / ({{ degrees }}))))
{%- endmacro %}

{#- Number of the period from which an event on `day` can show: the one that holds it, or the next working day. -#}
{% macro period_of_event(grain, calendar, day, calendar_day) -%}
    case
        when {{ calendar }} = 'working_days'
            then {{ calendar_day }}.working_day_number + case when {{ calendar_day }}.is_working_day then 0 else 1 end
        else {{ period_number(grain, day) }}
    end
{%- endmacro %}

{#- Number of the last period that is over at the end of `day`. -#}
{% macro last_period_over(grain, calendar, day, calendar_day) -%}
    case
        when {{ calendar }} = 'working_days' then {{ calendar_day }}.working_day_number
        else {{ period_number(grain, add_days(day, 1)) }} - 1
    end
{%- endmacro %}

{#- The condition that joins a pair to the placebo dates of its KPI: those whose window was over before the event. -#}
{% macro placebos_of(pairs, placebos) -%}
    {{ pairs }}.kpi_id = {{ placebos }}.kpi_id
    and {{ pairs }}.lag_periods = {{ placebos }}.lag_periods
    and {{ placebos }}.period_index <= {{ pairs }}.event_index - {{ pairs }}.lag_periods - {{ tremor_window() }}
{%- endmacro %}

{#-
  Half of the interval around an effect that holds the true one with 95 % probability, if periods were independent and
  varied as those of the baseline did; on series with a memory it is too narrow.
-#}
{% macro effect_margin(deviation, baseline_count, period_count) -%}
    1.96 * {{ deviation }} * sqrt(1 / cast({{ baseline_count }} as double) + 1 / cast({{ period_count }} as double))
{%- endmacro %}

{#- Lags, in periods, at which a KPI that is claimed to lead is tried. -#}
{%- macro longest_lead() -%} 8 {%- endmacro -%}

{#- Newest periods that the evidence of leading rests on, and the fewest pairs of changes for a verdict. -#}
{%- macro lead_window() -%} 260 {%- endmacro -%}
{%- macro fewest_lead_pairs() -%} 60 {%- endmacro -%}

{#- Share of wrong ones among suggested links that is borne: Benjamini and Hochberg, J. R. Statist. Soc. B 57 (1995). -#}
{%- macro false_discovery_share() -%} 0.05 {%- endmacro -%}

{#-
  What the evidence says of a claim that one KPI leads another: supported when changes correlate beyond chance, with the
  sign that is claimed; refuted when they do not, though there was enough to see it; claimed where nobody looked.
-#}
{% macro evidence_state(evidence, claimed_sign) -%}
    case
        when {{ evidence }}.kpi_id is null then 'claimed'
        when {{ evidence }}.null_reason is not null then 'not_testable'
        when {{ evidence }}.p_value <= {{ tremor_alpha() }}
            and coalesce({{ claimed_sign }} * {{ evidence }}.correlation > 0, true) then 'supported'
        else 'refuted'
    end
{%- endmacro %}

{#- Why the evidence has no figures; null when it has. -#}
{% macro evidence_null_reason(evidence) -%}
    case when {{ evidence }}.kpi_id is null then 'not_tested' else {{ evidence }}.null_reason end
{%- endmacro %}
