{#-
  Hash of what a row of the lake says: the first 16 hexadecimal digits of the md5 of its columns as texts, joined by
  `|`, a missing one empty. No file holds it; it is computed for whoever selects it (docs/decisions/0008). Stable on one
  engine: engines write some numbers differently as text (1e20), so hashes of two engines do not compare.
-#}
{% macro row_hash(columns) -%}
    {%- set texts = [] -%}
    {%- for column in columns -%}
        {%- do texts.append("coalesce(cast(" ~ column ~ " as " ~ dbt.type_string() ~ "), '')") -%}
    {%- endfor -%}
    substr({{ dbt.hash(texts | join(" || '|' || ")) }}, 1, 16)
{%- endmacro %}
