{#-
  Forecast of a KPI: the only place where its formulas and constants stand; docs/forecast.md explains and measures them.

  A value is level + weekday effect + what is left, and what is left decays by the share `autocorrelation` per period (an
  AR(1) process, whose sums have closed forms). The level is that of the newest periods and not sure.
-#}

{#- Periods, up to the newest one, that level, dispersion and autocorrelation are taken from: eight weeks of days. -#}
{%- macro forecast_window() -%} 56 {%- endmacro -%}

{#- Fewest of them: design 10 asks as many of a baseline. -#}
{%- macro fewest_history() -%} 20 {%- endmacro -%}

{#- Share of a weekday's mean deviation that is believed: 8 of its days against 8 of doubt. -#}
{%- macro weekday_trust() -%} 0.5 {%- endmacro -%}

{#- Variance of the level, as a multiple of its sampling error: 1 for a level that never moves. Measured, docs/forecast.md. -#}
{%- macro level_factor() -%} 6 {%- endmacro -%}

{#- Autocorrelation beyond which a process is a walk without a level, and these formulas do not hold. -#}
{%- macro greatest_autocorrelation() -%} 0.95 {%- endmacro -%}

{#- Half of the width of the interval that holds 80 % of a normal distribution, in standard deviations. -#}
{%- macro interval_factor() -%} 1.2815515655446004 {%- endmacro -%}

{#-
  Sum of phi^offset ... phi^(offset + count - 1), which is what a deviation of 1 adds to the sum of `count` periods of
  which the first lies `offset` periods ahead.
-#}
{% macro decayed_sum(phi, offset, count) -%}
    power({{ phi }}, {{ offset }}) * (1 - power({{ phi }}, {{ count }})) / (1 - {{ phi }})
{%- endmacro %}

{#- Variance of the sum of `count` consecutive values of an AR(1) process whose values have `variance`. -#}
{% macro sum_variance(variance, phi, count) -%}
    {{ variance }} * (
        {{ count }} + 2 * {{ phi }} / (1 - {{ phi }}) * ({{ count }} - (1 - power({{ phi }}, {{ count }})) / (1 - {{ phi }}))
    )
{%- endmacro %}

{#-
  Probability that a standard normal variable is at most z: Abramowitz and Stegun, Handbook of Mathematical Functions
  (1964), 26.2.17; off by less than 7.5e-8. No engine shares a function for it.
-#}
{% macro normal_cdf(z) -%}
    case
        when {{ z }} is null then null
        when {{ z }} < 0 then {{ normal_tail("abs(" ~ z ~ ")") }}
        else 1 - {{ normal_tail("abs(" ~ z ~ ")") }}
    end
{%- endmacro %}

{#- Probability of more than x, for x of 0 or more. -#}
{% macro normal_tail(x) -%}
    {%- set t = "(1 / (1 + 0.2316419 * " ~ x ~ "))" -%}
    exp(-0.5 * {{ x }} * {{ x }}) * 0.3989422804014327 * {{ t }} * (
        0.319381530 + {{ t }} * (
            -0.356563782 + {{ t }} * (1.781477937 + {{ t }} * (-1.821255978 + {{ t }} * 1.330274429))
        )
    )
{%- endmacro %}
