"""DAT-05: a feed's quarantined share stays under its limit.

Judged are the feeds of active KPIs and those of events, by the newest load of each of their files that reaches into
an open cycle: all of those files together, and the newest one by itself, so that a year of good files does not hide
today's bad one. A file that could not be read at all counts as quarantined whole.
"""

from __future__ import annotations

from expectations.rule import Check, Rule

FEEDS = """
with feeds as (
    select feed_id, coalesce(max_quarantine_share, 0.05) as max_quarantine_share
    from (
        select *, row_number() over (partition by feed_id order by loaded_at desc, load_id desc) as newest
        from lake.definitions_feeds
    ) as versions
    where newest = 1 and not coalesce(is_deleted, false)
        and (
            kind = 'events'
            or feed_id in (select feed_id from marts.dim_kpi where is_current and lifecycle = 'active')
        )
)
"""

JUDGED = FEEDS + "select count(*) from feeds"

VIOLATIONS = (
    FEEDS
    + """,
open_since as (
    select coalesce(min(dim_cycle.starts_on), max(run.as_of)) as open_since_on
    from audit.run as run
    left join marts.dim_cycle as dim_cycle
        on dim_cycle.starts_on <= run.as_of
        and (dim_cycle.ends_on >= run.as_of or dim_cycle.closes_on > run.as_of)
),
files as (
    select
        loads.*,
        row_number() over (
            partition by loads.source_feed, loads.source_file order by loads.loaded_at desc, loads.load_id desc
        ) as newest_of_file
    from marts.fct_feed_load as loads
    where loads.kind = 'feed'
),
counted as (
    select
        files.source_feed,
        files.source_file,
        files.load_id,
        files.rows_quarantined,
        files.rows_read,
        files.status,
        row_number() over (partition by files.source_feed order by files.loaded_at desc, files.load_id desc) as newest
    from files
    cross join open_since
    where files.newest_of_file = 1
        and coalesce(files.rows_read, 0) > 0
        and (files.newest_period_on is null or files.newest_period_on >= open_since.open_since_on)
),
judged as (
    select
        source_feed,
        'of its files of open cycles' as which,
        sum(rows_quarantined) as rows_quarantined,
        sum(rows_read) as rows_read,
        arg_max(source_file, rows_quarantined) as source_file,
        arg_max(load_id, rows_quarantined) as load_id
    from counted
    group by source_feed
    union all
    select source_feed, 'of its newest file', rows_quarantined, rows_read, source_file, load_id
    from counted
    where newest = 1
)
select
    'feed' as subject_type,
    feeds.feed_id as subject_id,
    judged.rows_quarantined || ' of ' || judged.rows_read || ' rows ' || judged.which
    || ' are quarantined, the limit is ' || round(100 * feeds.max_quarantine_share, 2) || ' %' as detail,
    judged.source_file,
    cast(null as bigint) as source_row,
    judged.load_id
from judged
inner join feeds on feeds.feed_id = judged.source_feed
where judged.rows_quarantined > feeds.max_quarantine_share * judged.rows_read
"""
)

RULE = Rule(
    id="DAT-05",
    slug="feed_stays_under_its_quarantine_limit",
    title="A feed's quarantined share stays under its limit",
    why="A broken feed must not pass for a small one.",
    subject_type="feed",
    severity="withhold",
    owner_role="feed_owner",
    remedy="Read the quarantine, correct the source, and send the file again.",
    checks={"marts": Check(violations=VIOLATIONS, judged=JUDGED, may_judge_nothing=True)},
)
