"""What the governance site tells, read once: findings of the audits, what changed, scorecard, feeds.

Everything comes from the lake and the warehouse as they are, through queries of this file; nothing is computed here
that a model computes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from expectations.catalogue import Catalogue
from expectations.rule import STAGES, Rule
from orchestration.audit.gate import Verdict
from orchestration.audit.outcomes import RuleOutcome
from orchestration.audit.session import read_only, show_lake
from orchestration.lake.store import Lake
from orchestration.publication.signals import Signals, read_signals
from orchestration.publication.subjects import Subjects, grouped_by, read_subjects
from orchestration.publication.tables import Row, rows_of
from orchestration.publication.tones import SEVERITY_ORDER, STATUS_ORDER
from orchestration.tables import LAKE_TABLES

NEWEST_LOADS = 200
"""Loads listed on the feeds' page. A year of sixty daily feeds is 22,000; the totals above the list count all."""

TREND_DAYS = 60
"""Business dates that a rule's trend goes back: a cycle of working days."""

_LAKE = (
    "rule_outcomes", "integrity_results", "quarantine",
    "definitions/company", "definitions/feeds", "definitions/waivers",
)  # fmt: skip
# The worst first: a rule that is put to two stages is what it is at its worse one.
_WORST = ("not_evaluated", "failed", "waived", "passed", "excluded")

# Names and units of the subjects that findings are about; what is not here is called by its id.
NAMED = """
create temp table named as
select
    'key_result' as subject_type, key_results.key_result_id as subject_id, any_value(key_results.title) as name,
    any_value(objectives.org_unit_id) as org_unit_id
from marts.dim_key_result as key_results
left join marts.dim_objective as objectives
    on objectives.objective_id = key_results.objective_id and objectives.is_current
where key_results.is_current
group by key_results.key_result_id
union all
select 'kpi', kpi_id, any_value(kpi_name), any_value(org_unit_id) from marts.dim_kpi where is_current group by kpi_id
union all
select 'objective', objective_id, any_value(title), any_value(org_unit_id)
from marts.dim_objective where is_current group by objective_id
union all
select 'person', person_id, any_value(person_name), any_value(org_unit_id)
from marts.dim_person where is_current group by person_id
union all
select 'unit', org_unit_id, any_value(org_unit_name), org_unit_id
from marts.dim_org_unit where is_current group by org_unit_id
"""

# First seen: the first of the unbroken run of audits that found it, as `rpt_integrity_failures` has it; here for both
# stages, and also when the reports were not built.
FINDINGS = """
create temp table findings as
with audited as (
    select * from lake.integrity_results where list_contains($audits, audit_id)
),
absent as (
    select audited.rule_id, audited.subject_type, audited.subject_id, audited.stage, max(outcome.audit_id) as audit_id
    from audited
    inner join lake.rule_outcomes as outcome
        on outcome.rule_id = audited.rule_id and outcome.stage = audited.stage
        and outcome.audit_id < audited.audit_id and outcome.as_of <= audited.as_of
        and outcome.outcome in ('passed', 'failed', 'waived')
    left join lake.integrity_results as earlier
        on earlier.audit_id = outcome.audit_id and earlier.rule_id = audited.rule_id
        and earlier.subject_type = audited.subject_type and earlier.subject_id = audited.subject_id
    where earlier.audit_id is null
    group by all
),
first_seen as (
    select
        audited.rule_id, audited.subject_type, audited.subject_id, audited.stage, min(earlier.audited_at) as seen_at,
        min(earlier.as_of) as seen_on
    from audited
    inner join lake.integrity_results as earlier
        on earlier.stage = audited.stage and earlier.rule_id = audited.rule_id
        and earlier.subject_type = audited.subject_type and earlier.subject_id = audited.subject_id
        and earlier.audit_id <= audited.audit_id and earlier.as_of <= audited.as_of
    left join absent
        on absent.rule_id = audited.rule_id and absent.stage = audited.stage
        and absent.subject_type = audited.subject_type and absent.subject_id = audited.subject_id
    where absent.audit_id is null or earlier.audit_id > absent.audit_id
    group by all
)
select
    audited.rule_id,
    audited.severity,
    audited.outcome,
    audited.stage,
    audited.subject_type,
    audited.subject_id,
    coalesce(named.name, audited.subject_id) as subject_name,
    named.org_unit_id,
    audited.detail,
    audited.owner_role,
    audited.owner_id,
    coalesce(owner.name, audited.owner_id) as owner_name,
    audited.waiver_id,
    audited.source_file,
    audited.source_row,
    first_seen.seen_at as first_seen_at,
    first_seen.seen_on as first_seen_on,
    date_diff('day', first_seen.seen_on, audited.as_of) as age_days,
    first_seen.seen_at >= audited.audited_at as is_new
from audited
left join first_seen
    on first_seen.rule_id = audited.rule_id and first_seen.stage = audited.stage
    and first_seen.subject_type = audited.subject_type and first_seen.subject_id = audited.subject_id
left join named on named.subject_type = audited.subject_type and named.subject_id = audited.subject_id
left join named as owner on owner.subject_type = 'person' and owner.subject_id = audited.owner_id
order by audited.rule_id, age_days desc, subject_name, audited.subject_id
"""

# Mended: found by the audit before this one, of the same stage, and not by this one, which looked.
REPAIRED = """
with previous as (
    select outcome.stage, max(outcome.audit_id) as audit_id
    from lake.rule_outcomes as outcome
    inner join lake.rule_outcomes as this on list_contains($audits, this.audit_id) and this.stage = outcome.stage
    where outcome.audit_id < this.audit_id and outcome.as_of <= this.as_of
    group by outcome.stage
)
select
    result.rule_id, result.subject_type, result.subject_id, coalesce(named.name, result.subject_id) as subject_name,
    result.detail, result.owner_id, coalesce(owner.name, result.owner_id) as owner_name
from previous
inner join lake.integrity_results as result on result.audit_id = previous.audit_id
inner join lake.rule_outcomes as looked
    on list_contains($audits, looked.audit_id) and looked.stage = previous.stage and looked.rule_id = result.rule_id
    and looked.outcome in ('passed', 'failed', 'waived')
left join named on named.subject_type = result.subject_type and named.subject_id = result.subject_id
left join named as owner on owner.subject_type = 'person' and owner.subject_id = result.owner_id
where not exists (
    select 1 from lake.integrity_results as now
    where list_contains($audits, now.audit_id) and now.stage = previous.stage and now.rule_id = result.rule_id
        and now.subject_type = result.subject_type and now.subject_id = result.subject_id
)
order by all
"""

PREVIOUS_AUDIT = """
select max(outcome.audited_at) as audited_at
from lake.rule_outcomes as outcome
inner join lake.rule_outcomes as this on list_contains($audits, this.audit_id) and this.stage = 'marts'
where outcome.stage = 'marts' and outcome.audit_id < this.audit_id and outcome.as_of <= this.as_of
"""

STATUS_CHANGES = """
select
    scorecard.key_result_id, scorecard.key_result_title, before.status as status_before, scorecard.status,
    scorecard.champion_id, scorecard.champion_name, scorecard.progress
from reports.rpt_okr_scorecard as scorecard
inner join marts.fct_key_result_daily as before
    on before.key_result_id = scorecard.key_result_id and before.as_of = scorecard.as_of - 1
where not scorecard.is_withheld and scorecard.as_of = $as_of and before.status <> scorecard.status
order by scorecard.key_result_title, scorecard.key_result_id
"""

SCORECARD = "select * from reports.rpt_okr_scorecard order by key_result_title, key_result_id"
MEASURES = (
    "select * from reports.rpt_key_result_kpi order by key_result_title, key_result_id, link_type, kpi_name, kpi_id"
)

NEWEST_LOAD_OF_EACH_FILE = """
create temp view newest_load as
select *
from marts.fct_feed_load
where kind = 'feed'
qualify row_number() over (partition by source_feed, source_file order by loaded_at desc, load_id desc) = 1
"""
FEEDS = """
with feeds as (
    select * from lake.definitions_feeds
    where not coalesce(is_deleted, false)
    qualify row_number() over (partition by feed_id order by loaded_at desc, load_id desc) = 1
)
select
    coalesce(newest_load.source_feed, feeds.feed_id) as feed_id,
    any_value(feeds.name) as feed_name,
    any_value(feeds.owner_id) as owner_id,
    any_value(person.person_name) as owner_name,
    count(newest_load.load_id) as files,
    count(*) filter (where newest_load.status = 'rejected') as files_rejected,
    coalesce(sum(newest_load.rows_read), 0)::bigint as rows_read,
    coalesce(sum(newest_load.rows_accepted), 0)::bigint as rows_accepted,
    coalesce(sum(newest_load.rows_quarantined), 0)::bigint as rows_quarantined,
    max(newest_load.newest_period_on) as newest_period_on,
    max(newest_load.loaded_at) as loaded_at,
    date_diff('day', max(newest_load.newest_period_on), $as_of::date) as age_days,
    any_value(feeds.agreed_offset_days) as agreed_offset_days
from newest_load
full outer join feeds on feeds.feed_id = newest_load.source_feed
left join marts.dim_person as person on person.person_id = feeds.owner_id and person.is_current
group by 1
order by rows_quarantined desc, files_rejected desc, age_days desc, feed_id
"""
QUARANTINE = """
select
    quarantine.source_feed as feed_id,
    quarantine.reason_code,
    quarantine.column_name,
    count(*) as rows_quarantined,
    arg_min(quarantine.source_file, (quarantine.source_file, quarantine.source_row)) as source_file,
    min_by(quarantine.source_row, (quarantine.source_file, quarantine.source_row)) as source_row
from lake.quarantine as quarantine
inner join newest_load on newest_load.load_id = quarantine.load_id
group by quarantine.source_feed, quarantine.reason_code, quarantine.column_name
order by rows_quarantined desc, feed_id, reason_code, quarantine.column_name
"""
LOADS = f"""
select
    source_feed as feed_id, source_file, status, reason_code, message, rows_read, rows_accepted, rows_quarantined,
    rows_collapsed, oldest_period_on, newest_period_on, loaded_at, duration_seconds, file_sha256, load_id
from marts.fct_feed_load
where kind = 'feed'
order by loaded_at desc, load_id desc
limit {NEWEST_LOADS}
"""
WAIVERS = """
with newest as (
    select * from lake.definitions_waivers
    where not coalesce(is_deleted, false)
    qualify row_number() over (partition by waiver_id order by loaded_at desc, load_id desc) = 1
)
select
    newest.waiver_id, newest.rule_id, newest.subject_type, newest.subject_id,
    coalesce(named.name, newest.subject_id) as subject_name, newest.reason, newest.approved_by_id,
    coalesce(person.name, newest.approved_by_id) as approved_by_name, newest.approved_on, newest.expires_on,
    date_diff('day', $as_of::date, newest.expires_on) as days_left,
    exists (
        select 1 from lake.integrity_results as result
        where list_contains($audits, result.audit_id) and result.waiver_id = newest.waiver_id
    ) as is_in_use
from newest
left join named on named.subject_type = newest.subject_type and named.subject_id = newest.subject_id
left join named as person on person.subject_type = 'person' and person.subject_id = newest.approved_by_id
order by newest.expires_on, newest.waiver_id
"""
OLDEST_INPUT = """
select kpi_id, kpi_name, as_of - data_age_days::integer as data_on, data_age_days
from reports.rpt_key_result_kpi
where data_age_days is not null
order by data_age_days desc, kpi_id
limit 1
"""
# One point per business date: what its newest audit said.
TRENDS = f"""
with days as (
    select rule_id, stage, as_of, failed_count, waived_count
    from lake.rule_outcomes
    where as_of <= $as_of::date and outcome in ('passed', 'failed', 'waived')
    qualify row_number() over (partition by rule_id, stage, as_of order by audit_id desc) = 1
)
select rule_id, as_of, sum(failed_count)::bigint as failed_count, sum(waived_count)::bigint as waived_count
from days
group by rule_id, as_of
qualify row_number() over (partition by rule_id order by as_of desc) <= {TREND_DAYS}
order by rule_id, as_of
"""
# What is overdue, at the highest level, and oldest comes first; what is waived or gone, last.
ESCALATIONS = """
select escalation.*, coalesce(action.name, escalation.decided_by_id) as decided_by_name
from reports.rpt_escalation as escalation
left join named as action on action.subject_type = 'person' and action.subject_id = escalation.decided_by_id
where escalation.as_of = $as_of::date and ($is_open or escalation.trigger_type = 'failed_rule')
order by
    not escalation.is_open, escalation.state = 'waived', not escalation.is_overdue, escalation.level desc,
    coalesce(list_position(['block', 'withhold', 'off_track', 'warn'], coalesce(escalation.severity, 'off_track')), 9),
    escalation.age_days desc, escalation.due_on, escalation.subject_name, escalation.escalation_id, escalation.opened_on
"""
HISTORY = """
select * from reports.rpt_integrity_history
where as_of = $as_of::date
order by dimension, open_count desc, reopened_count desc, oldest_open_days desc nulls last, dimension_name, dimension_id
"""
CONFLICTS = """
select
    conflict.*, volume.name as cost_volume_kpi_name, coalesce(decider.name, conflict.decided_by_id) as decided_by_name
from reports.rpt_silo_conflict as conflict
left join named as volume on volume.subject_type = 'kpi' and volume.subject_id = conflict.cost_volume_kpi_id
left join named as decider on decider.subject_type = 'person' and decider.subject_id = conflict.decided_by_id
order by not is_open, cost_to_date_amount desc nulls last, opened_on, key_result_title, kpi_name, silo_conflict_key
"""
SUGGESTED_LINKS = "select * from reports.rpt_suggested_link order by p_value, key_result_title, suggested_link_key"
NOISE = "select * from reports.rpt_noise_candidate where as_of = $as_of::date order by kpi_name, kpi_id"
COMPANY = "select name from lake.definitions_company order by loaded_at desc, load_id desc limit 1"


@dataclass(frozen=True)
class ReviewedRule:
    """A rule with what became of it.

    Attributes:
        rule: As the catalogue has it.
        outcome: The worst over its stages; `not_evaluated` when it has none though it is active.
        error: Why it could not be evaluated.
        judged_count: Subjects that it was put to.
        failed_count: Findings that are not waived.
        waived_count: Findings that are.
        findings: Both, oldest first.
        trend: Business dates with how many it failed for, oldest first.
    """

    rule: Rule
    outcome: str
    error: str | None
    judged_count: int
    failed_count: int
    waived_count: int
    findings: Sequence[Row]
    trend: Sequence[Row] = ()

    @property
    def needs_attention(self) -> bool:
        """Whether it failed, is waived in part, or could not be told."""
        return self.outcome in {"failed", "not_evaluated"}

    @property
    def urgency(self) -> tuple[bool, int, int, int, str]:
        """Sorts what stops most first."""
        return (
            self.outcome == "excluded",
            SEVERITY_ORDER.index(self.rule.severity),
            _WORST.index(self.outcome),
            -self.failed_count,
            self.rule.id,
        )


@dataclass(frozen=True)
class Review:
    """All that the site tells."""

    company_name: str
    verdict: Verdict
    rules: Sequence[ReviewedRule]
    repaired: Sequence[Row]
    previous_audit_at: datetime | None
    waivers: Sequence[Row]
    feeds: Sequence[Row]
    quarantine: Sequence[Row]
    loads: Sequence[Row]
    scorecard: Sequence[Row]  # empty while the gate is closed: figures that did not pass are nobody's
    measures: Sequence[Row]
    status_changes: Sequence[Row]
    oldest_input: Row | None
    subjects: Subjects
    escalations: Sequence[Row]  # open ones first; while the gate is closed, only those that a rule opened
    conflicts: Sequence[Row]  # none while the gate is closed, as the two that follow
    suggested_links: Sequence[Row]
    noise: Sequence[Row]
    signals: Signals  # empty while the gate is closed
    history: Sequence[Row]  # how often and how long rules failed, per rule, unit, owner and feed

    @property
    def as_of(self) -> date:
        """Business date."""
        return self.verdict.as_of

    @property
    def withheld(self) -> list[Row]:
        """Rows of the scorecard that lost their figures."""
        return [row for row in self.scorecard if row["is_withheld"]]

    @property
    def findings(self) -> list[Row]:
        """Every finding of every rule."""
        return [row for reviewed in self.rules for row in reviewed.findings]


def read_review(
    *, warehouse: Path, lake: Lake, verdict: Verdict, outcomes: Sequence[RuleOutcome], catalogue: Catalogue
) -> Review:
    """Read everything that the site tells of one verdict.

    Raises:
        AuditError: The warehouse cannot be opened.
    """
    audits = [verdict.audit_ids[stage] for stage in STAGES if stage in verdict.audit_ids]
    asked = {"audits": audits, "as_of": verdict.as_of, "is_open": verdict.passing}
    # Reports that were not audited are not those of this run: nothing is read from them.
    are_built = "reports" in verdict.audit_ids
    with _open(warehouse, lake) as connection:
        connection.execute(NAMED)
        connection.execute(FINDINGS, {"audits": audits})
        findings = rows_of(connection, "from findings")
        trends = rows_of(connection, TRENDS, asked)
        company = rows_of(connection, COMPANY)
        shown = verdict.passing
        return Review(
            company_name=company[0]["name"] if company else "The company",
            verdict=verdict,
            rules=_rules(catalogue, outcomes, findings, trends),
            repaired=rows_of(connection, REPAIRED, asked),
            previous_audit_at=rows_of(connection, PREVIOUS_AUDIT, asked)[0]["audited_at"],
            waivers=rows_of(connection, WAIVERS, asked),
            feeds=rows_of(connection, FEEDS, asked),
            quarantine=rows_of(connection, QUARANTINE),
            loads=rows_of(connection, LOADS),
            scorecard=sorted(rows_of(connection, SCORECARD), key=_attention) if shown else [],
            measures=rows_of(connection, MEASURES) if shown else [],
            status_changes=rows_of(connection, STATUS_CHANGES, asked) if shown else [],
            oldest_input=next(iter(rows_of(connection, OLDEST_INPUT)), None) if shown else None,
            subjects=read_subjects(connection, as_of=verdict.as_of, is_open=shown, are_built=are_built),
            escalations=rows_of(connection, ESCALATIONS, asked) if are_built else [],
            conflicts=rows_of(connection, CONFLICTS) if shown else [],
            suggested_links=rows_of(connection, SUGGESTED_LINKS) if shown else [],
            noise=rows_of(connection, NOISE, asked) if shown else [],
            signals=read_signals(connection, as_of=verdict.as_of) if shown else Signals(),
            history=rows_of(connection, HISTORY, asked) if are_built else [],
        )


@contextlib.contextmanager
def _open(warehouse: Path, lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse, with the committed rows of the lake's tables that the site reads as `lake.<table>`."""
    lake.ensure(LAKE_TABLES)
    with read_only(warehouse, lake.root) as connection:
        show_lake(connection, lake, _LAKE)
        connection.execute(NEWEST_LOAD_OF_EACH_FILE)
        yield connection


def _rules(
    catalogue: Catalogue, outcomes: Sequence[RuleOutcome], findings: Sequence[Row], trends: Sequence[Row]
) -> list[ReviewedRule]:
    by_rule: dict[str, list[RuleOutcome]] = {}
    for entry in outcomes:
        by_rule.setdefault(entry.rule_id, []).append(entry)
    found, trend = grouped_by(findings, "rule_id"), grouped_by(trends, "rule_id")
    reviewed = []
    for rule in catalogue.rules:
        entries = by_rule.get(rule.id, [])
        missing = [stage for stage in rule.stages if stage not in {entry.stage for entry in entries}]
        errors = [entry.error_message for entry in entries if entry.error_message]
        if rule.status == "planned":
            outcome = "excluded"
        elif missing:
            outcome, errors = "not_evaluated", [f"it did not run on the {' and the '.join(missing)}", *errors]
        else:
            outcome = min((entry.outcome for entry in entries), key=_WORST.index)
        reviewed.append(
            ReviewedRule(
                rule=rule,
                outcome=outcome,
                error="; ".join(errors) or None,
                judged_count=max((entry.judged_count or 0 for entry in entries), default=0),
                failed_count=sum(entry.failed_count for entry in entries),
                waived_count=sum(entry.waived_count for entry in entries),
                findings=found.get(rule.id, []),
                trend=trend.get(rule.id, []),
            )
        )
    return reviewed


def _attention(row: Row) -> tuple[bool, int, float, str, str]:
    """Sort key: open cycles first, then what needs attention; within a status, what lags most."""
    lag = (row["expected_progress"] or 0.0) - (row["progress"] or 0.0)
    is_over = row["cycle_state"] == "closed"
    return is_over, STATUS_ORDER.index(row["status"]), -lag, row["key_result_title"], row["key_result_id"]
