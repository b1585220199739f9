{#-
  Condition that keeps a lake row: its load is in the ledger (the ledger row is the commit; rows without one do not
  exist) and was known at known_at.
-#}
{% macro is_committed() -%}
    load_id in (select loads.load_id from {{ ref("stg_lake__loads") }} as loads)
{%- endmacro %}
