{#- Rows whose key is null or stands more than once. `columns`: the columns of the key. -#}
{% test key_identifies_one_row(model, columns) %}
    select
        {{ columns | join(", ") }},
        count(*) as row_count
    from {{ model }}
    group by {{ columns | join(", ") }}
    having count(*) > 1{% for column in columns %} or {{ column }} is null{% endfor %}
{% endtest %}
