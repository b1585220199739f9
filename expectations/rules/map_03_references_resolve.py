"""MAP-03: every reference resolves."""

from __future__ import annotations

from expectations.rule import Check, Rule

JUDGED = "select count(*) from intermediate.int_definitions__references"

VIOLATIONS = """
select
    dangling.subject_type,
    dangling.subject_id,
    '`' || dangling.reference || '` names the ' || replace(dangling.referenced_type, '_', ' ') || ' '
    || dangling.referenced_id || ', which does not exist' as detail,
    dangling.source_file,
    dangling.source_row,
    cast(null as varchar) as load_id
from intermediate.int_definitions__references as dangling
where dangling.is_resolved is not true
"""

RULE = Rule(
    id="MAP-03",
    slug="references_resolve",
    title="Every reference resolves: key result, KPI, person, unit, feed, cycle",
    why="A link to nothing looks like a link, and the number behind it silently never arrives.",
    subject_type="key_result",
    severity="withhold",
    owner_role="champion",
    remedy="Correct the id, or define what it names.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED)},
)
