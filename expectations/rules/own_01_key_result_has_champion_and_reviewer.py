"""OWN-01: a committed key result has exactly one champion and one reviewer, different people."""

from __future__ import annotations

from expectations.rule import Check, Rule

JUDGED = "select count(*) from marts.dim_key_result where is_current and state = 'committed'"

VIOLATIONS = """
with committed as (
    select
        key_result_id,
        coalesce(nullif(trim(champion_id), ''), '(unowned)') as champion_id,
        coalesce(nullif(trim(reviewer_id), ''), '(unowned)') as reviewer_id,
        source_file,
        source_row,
        load_id
    from marts.dim_key_result
    where is_current and state = 'committed'
),
crowded as (
    select subject_id, role, count(distinct person_id) as people
    from marts.dim_ownership
    where subject_type = 'key_result' and role in ('champion', 'reviewer') and is_current
    group by subject_id, role
    having count(distinct person_id) > 1
)
select 'key_result' as subject_type, key_result_id as subject_id, 'no champion is named' as detail,
    source_file, source_row, load_id
from committed where champion_id = '(unowned)'
union all
select 'key_result', key_result_id, 'no reviewer is named', source_file, source_row, load_id
from committed where reviewer_id = '(unowned)'
union all
select 'key_result', key_result_id, champion_id || ' is both champion and reviewer', source_file, source_row, load_id
from committed where champion_id = reviewer_id and champion_id <> '(unowned)'
union all
select 'key_result', committed.key_result_id, crowded.people || ' people at once hold the role ' || crowded.role,
    committed.source_file, committed.source_row, committed.load_id
from committed inner join crowded on crowded.subject_id = committed.key_result_id
"""

RULE = Rule(
    id="OWN-01",
    slug="key_result_has_champion_and_reviewer",
    title="A committed key result has exactly one champion and one reviewer, different people",
    why="A goal that two people champion has none, and whoever reviews their own work approves it.",
    subject_type="key_result",
    severity="withhold",
    owner_role="objective_owner",
    remedy="Name one champion and another person as reviewer in the key result's `champion` and `reviewer`.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED)},
)
