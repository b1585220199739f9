"""DAT-01: rows read are rows accepted plus rows quarantined, in every load, and the lake holds exactly those rows."""

from __future__ import annotations

from expectations.rule import Check, Rule

JUDGED = "select count(*) from lake.loads where kind = 'feed'"

# The ledger's own sum proves little; the rows are counted in the lake's files.
VIOLATIONS = """
with stored as (
    select load_id, sum(kept) as kept, sum(quarantined) as quarantined
    from (
        select load_id, count(*) as kept, 0 as quarantined from lake.observations group by load_id
        union all
        select load_id, count(*), 0 from lake.key_result_events group by load_id
        union all
        select load_id, 0, count(*) from lake.quarantine group by load_id
    ) as counted
    group by load_id
),
accounted as (
    select
        loads.load_id,
        loads.source_file,
        loads.kind,
        loads.status,
        loads.rows_read,
        loads.rows_accepted,
        loads.rows_quarantined,
        coalesce(loads.rows_collapsed, 0) as rows_collapsed,
        coalesce(loads.rows_deleted, 0) as rows_deleted,
        coalesce(stored.kept, 0) as kept,
        coalesce(stored.quarantined, 0) as quarantined
    from lake.loads as loads
    left join stored on stored.load_id = loads.load_id
    where loads.kind in ('feed', 'definitions')
)
select
    'load' as subject_type,
    load_id as subject_id,
    case
        when rows_read is null or rows_accepted is null or rows_quarantined is null then 'its rows were not counted'
        when rows_read <> rows_accepted + rows_quarantined
            then rows_read || ' rows read, ' || rows_accepted || ' accepted and ' || rows_quarantined || ' quarantined'
        when status = 'rejected' and kept > 0 then 'rejected, yet the lake holds ' || kept || ' of its rows'
        when status = 'rejected' then 'rejected, yet the quarantine does not say why'
        when kept <> rows_accepted - rows_collapsed + rows_deleted
            then 'the lake holds ' || kept || ' of its rows, expected ' || rows_accepted || ' accepted less '
            || rows_collapsed || ' collapsed'
            || case when rows_deleted > 0 then ' and ' || rows_deleted || ' recorded as deleted' else '' end
        else 'the quarantine holds ' || quarantined || ' rows, expected ' || rows_quarantined
    end as detail,
    source_file,
    cast(null as bigint) as source_row,
    load_id
from accounted
where rows_read is null or rows_accepted is null or rows_quarantined is null
    or rows_read <> rows_accepted + rows_quarantined
    or (kind = 'feed' and status = 'rejected' and (kept > 0 or quarantined = 0))
    or (
        kind = 'feed' and status is distinct from 'rejected'
        and (kept <> rows_accepted - rows_collapsed + rows_deleted or quarantined <> rows_quarantined)
    )
"""

RULE = Rule(
    id="DAT-01",
    slug="loads_conserve_rows",
    title="Rows read are rows accepted plus rows quarantined, in every load",
    why="A row that is neither accepted nor quarantined was lost, and nobody knows which.",
    subject_type="load",
    severity="block",
    owner_role="feed_owner",
    remedy="Load the file again; when the counts still differ, restore the lake's files of this load.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED)},
)
