{#- Levels of objectives above one that are climbed; a circle of `supports` ends here too. -#}
{%- set levels = 10 -%}

with objectives as (
    select * from {{ ref("int_objective__versions") }}
    where state = 'committed'
),

climbed_0 as (
    select
        objective_id as descendant_id,
        day,
        seen_on,
        is_latest,
        objective_id as ancestor_id,
        supports_id as next_id
    from {{ ref("int_objective__days") }}
),

{% for level in range(1, levels + 1) -%}
climbed_{{ level }} as (
    select
        climbed.descendant_id,
        climbed.day,
        climbed.seen_on,
        climbed.is_latest,
        parents.objective_id as ancestor_id,
        parents.supports_id as next_id
    from climbed_{{ level - 1 }} as climbed
    inner join objectives as parents
        on
            climbed.next_id = parents.objective_id
            and climbed.seen_on >= parents.valid_from
            and climbed.seen_on < parents.valid_to
    where climbed.next_id <> climbed.descendant_id
),

{% endfor -%}
pairs as (
    {% for level in range(0, levels + 1) -%}
    select
        ancestor_id,
        descendant_id,
        day,
        is_latest
    from climbed_{{ level }}
    {{ "union" if not loop.last }}
    {% endfor -%}
),

-- An objective that is over still counts in what it supported, with its last figures.
carried as (
    select
        pairs.ancestor_id as objective_id,
        days.day,
        pairs.descendant_id,
        pairs.day as figures_on
    from pairs
    inner join {{ ref("int_objective__days") }} as days
        on pairs.ancestor_id = days.objective_id and pairs.day < days.day
    where pairs.is_latest
)

select
    days.objective_id,
    days.day,
    pairs.descendant_id,
    pairs.day as figures_on
from pairs
inner join {{ ref("int_objective__days") }} as days
    on pairs.ancestor_id = days.objective_id and pairs.day = days.day
union all
select
    objective_id,
    day,
    descendant_id,
    figures_on
from carried
