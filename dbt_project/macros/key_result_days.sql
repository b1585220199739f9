{#-
  First and last day of a key result: as stated, else the cycle's. A day that only one end states moves the other, when the
  cycle's lies beyond it: nothing ends before it starts.
-#}

{% macro key_result_starts_on(starts_on, due_on, cycle_starts_on) -%}
    coalesce({{ starts_on }}, least({{ cycle_starts_on }}, coalesce({{ due_on }}, {{ cycle_starts_on }})))
{%- endmacro %}

{% macro key_result_due_on(starts_on, due_on, cycle_ends_on) -%}
    coalesce({{ due_on }}, greatest({{ cycle_ends_on }}, coalesce({{ starts_on }}, {{ cycle_ends_on }})))
{%- endmacro %}
