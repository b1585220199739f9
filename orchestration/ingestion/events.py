"""From records to events of key results and quarantine, in DuckDB: what `staging` is for observations.

An event is told apart by its key result and its id: the id that its source gives it, else that of the milestone that it
completes. Release logs are short; nothing here is tuned for speed.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb

from orchestration.ingestion import derived, values
from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.file_rows import (
    PARQUET,
    Counts,
    FileRows,
    Lineage,
    as_sent,
    constant,
    refuse_other_count,
    without_control,
)
from orchestration.ingestion.full_extract import Keyed
from orchestration.ingestion.key_results import KeyResultRegistry
from orchestration.ingestion.readers import RecordSet
from orchestration.ingestion.readers.record_set import MAX_RAW_CHARACTERS, FileColumn, literal
from orchestration.ingestion.reasons import Problem

ENTITY: Final = "key_result_events"
KEYED: Final = Keyed(
    entity=ENTITY,
    noun="event",
    key=("key_result_id", "event_id"),
    is_tombstone="is_deleted",
    carried=("event_type", "milestone_id", "source_type"),
    tombstone="event_type, milestone_id, cast(null as date) as occurred_on, cast(null as timestamp) as occurred_at, "
    "cast(null as varchar) as title, cast(null as varchar) as reference, true as is_deleted, source_type",
    delivered="select key_result_text as key_result_id, event_id, true as is_defined from staged",
    is_unreadable="key_result_text is null or event_id is null",
    unreadable_field="key result or id",
)
"""How full extracts tell events apart."""
_KEY: Final = "key_result_text, event_id, available_at"
_SAID: Final = ("event_type", "milestone_id", "occurred_on", "occurred_at", "title", "reference")


class EventStaging(FileRows):
    """The events of one file on their way into the lake.

    Args:
        connection: in-memory connection that holds the key results (see `KeyResultRegistry.register`).
        records: the file's records.
        contract: the feed's contract, of the kind `events`.
        registry: the key results.
        clock: the time of the load, aware.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        records: RecordSet,
        contract: FeedContract,
        registry: KeyResultRegistry,
        clock: datetime,
    ) -> None:
        super().__init__(connection, records, contract, clock)
        self._registry = registry
        self._columns: dict[str, FileColumn] = {}

    def run(self) -> Counts:
        """Type and check every row, find duplicates, and fetch the text of what is kept out.

        Raises:
            Unreadable: DuckDB read another number of records than the file has.
        """
        self._stage()
        staged, wrong = self._one("select count(*), count(problem) from staged")
        refuse_other_count(self._records.count, staged)
        self._find_duplicates()
        conflicting, collapsed = self._count_duplicates()
        self._collect_texts()
        return Counts(
            read=staged + self.broken_records,
            accepted=staged - wrong - conflicting,
            quarantined=wrong + conflicting + self.broken_records,
            collapsed=collapsed,
            by_reason=self._by_reason(conflicting),
        )

    def write_events(self, path: Path, lineage: Lineage) -> None:
        """Write the accepted events, each with the line on which it stood."""
        loaded_at = f"timestamp {literal(lineage.loaded_at.isoformat(sep=' '))}"
        self._connection.execute(
            f"""
            copy (
                select
                    key_result_text as key_result_id,
                    event_id,
                    event_type,
                    milestone_id,
                    occurred_on,
                    occurred_at,
                    title,
                    reference,
                    false as is_deleted,
                    {constant(self._contract.source_type)} as source_type,
                    available_at,
                    coalesce(available_at, {loaded_at}) as vintage_at,
                    {lineage.columns("line")}
                from staged
                where problem is null
                    and rowid not in (select staged_row from duplicates where is_conflict or is_surplus)
                order by line
            ) to {literal(str(path))} ({PARQUET})
            """
        )

    def write_quarantine(self, path: Path, lineage: Lineage) -> None:
        """Write every row that was kept out, with its reason and its text."""
        unknown = "(select * from staged where key_result_text not in (select key_result_id from key_results))"
        suggestions = self._suggestions("key_result_text", "key result", self._registry.ids, unknown)
        self._copy_quarantine(self._quarantine_sql(path, lineage), {"suggestions": suggestions})

    def _stage(self) -> None:
        contract = self._contract
        source = self._source()
        helpers, problems = self._ids()
        day, moment = "occurred_day", "cast(null as timestamp)"
        zone = contract.time_zone
        if "occurred_on" in self._columns:
            parsed = values.period(self._columns["occurred_on"], contract, self._today, "occurred_on")
        else:
            assert zone is not None  # the contract sees to it
            parsed = values.moment(self._columns["occurred_at"], contract, self._latest, "occurred_at")
            moment = parsed.value
            day = f"cast(timezone({literal(zone)}, timezone('UTC', {moment})) as date)"
        helpers |= parsed.helpers
        problems += parsed.problems
        available = "cast(null as timestamp)"
        if "available_at" in self._columns:
            parsed = values.moment(self._columns["available_at"], contract, self._latest)
            helpers |= parsed.helpers
            problems += parsed.problems
            available = parsed.value
        for field in ("title", "reference"):
            if field not in self._columns and field not in contract.composed:
                helpers[field] = "cast(null as varchar)"
                continue
            # A title that cannot be made is no reason to lose what happened.
            parsed = derived.text(field, field, self._columns, contract)
            helpers |= {**parsed.helpers, field: self._present(f"{field}_text")}
            problems.append(without_control(field))
        self._problems = problems
        computed = ", ".join(f"{expression} as {name}" for name, expression in helpers.items())
        cases = " ".join(f"when {problem.condition} then {number}" for number, problem in enumerate(problems, 1))
        fields = ", ".join(literal(problem.field) for problem in problems)
        raw = " ".join(f"when {literal(field)} then {as_sent(column)}" for field, column in self._columns.items())
        self._connection.execute(
            f"""
            create or replace temp table staged as
            with source as ({source}),
            parsed as (select source.*, {computed} from source),
            judged as (
                select
                    parsed.*,
                    key_results.key_result_id,
                    milestones.kind as milestone_kind,
                    case {cases} end as problem
                from parsed
                left join key_results on parsed.key_result_text = key_results.key_result_id
                left join milestones
                    on parsed.key_result_text = milestones.of_key_result_id
                    and parsed.milestone_id = milestones.known_id
            )
            select
                record,
                line,
                raw_text,
                {self._present("key_result_text")} as key_result_text,
                event_id,
                event_type,
                milestone_id,
                {day} as occurred_on,
                {moment} as occurred_at,
                title,
                reference,
                {available} as available_at,
                cast(problem as utinyint) as problem,
                case list_extract([{fields}], problem) {raw} end as raw_value
            from judged
            """
        )

    def _source(self) -> str:
        """Return the SQL of the records' raw fields, and note how each is reached."""
        selected, self._columns = self._field_columns()
        listed = ", ".join(f"{expression} as {name}" for name, expression in selected.items())
        raw_text = "raw_text" if self._records.has_raw_text else "cast(null as varchar) as raw_text"
        return f"select record, {self._records.line} as line, {raw_text}, {listed} from {self._records.relation}"

    def _ids(self) -> tuple[dict[str, str], list[Problem]]:
        """Return how key result, event, milestone and type are read, and how each can fail."""
        contract = self._contract
        key_result = derived.text("key_result", "key result's id", self._columns, contract)
        helpers = dict(key_result.helpers)
        problems = [
            *key_result.problems,
            Problem(values.is_missing("key_result_text", contract), "missing_value", "key_result", "no key result id"),
            Problem(
                "key_results.key_result_id is null",
                "unknown_key_result",
                "key_result",
                "no key result of this id is defined",
            ),
        ]
        known = []
        for field in ("event", "milestone"):
            name = f"{field}_id" if field == "milestone" else "stated_id"
            if field not in self._columns and field not in contract.composed:
                helpers[name] = "cast(null as varchar)"
                continue
            parsed = derived.text(field, f"{field}'s id", self._columns, contract)
            helpers |= {**parsed.helpers, name: self._present(f"{field}_text")}
            problems += [*parsed.problems, without_control(field)]
            known.append(field)
        helpers["event_id"] = "coalesce(stated_id, milestone_id)"
        problems += [
            Problem("event_id is null", "missing_value", known[0], "no id that tells this event from others"),
            Problem(
                "milestone_id is not null and milestones.kind is null",
                "unknown_milestone",
                "milestone",
                "the key result has no milestone of this id",
            ),
        ]
        types = contract.event_types
        helpers["event_type_text"] = f"nfc_normalize({values.text_of(self._columns['event_type'])})"
        words = " ".join(f"when {literal(word)} then {literal(name)}" for word, name in types.items())
        helpers["event_type"] = f"case event_type_text {words} end"
        problems += [
            Problem(values.is_missing("event_type_text", contract), "missing_value", "event_type", "no type"),
            Problem(
                "event_type is null", "unmatched_value", "event_type", f"expected one of {', '.join(sorted(types))}"
            ),
            Problem(
                "event_type <> milestones.kind",
                "unmatched_value",
                "event_type",
                "the company files say that this milestone is of the other kind; do: mend the feed or the files",
            ),
        ]
        return helpers, problems

    def _find_duplicates(self) -> None:
        """Fill `duplicates` with the rows of every key that stands more than once."""
        differ = " or ".join(
            f"count(distinct {field}) + max(case when {field} is null then 1 else 0 end) > 1" for field in _SAID
        )
        self._connection.execute(
            f"""
            create or replace temp table duplicates as
            with repeated as (
                select {_KEY}, {differ} as is_conflict
                from staged
                where problem is null
                group by {_KEY}
                having count(*) > 1
            )
            select
                staged.rowid as staged_row,
                repeated.is_conflict,
                row_number() over (
                    partition by staged.key_result_text, staged.event_id, staged.available_at
                    order by staged.record
                ) > 1 as is_surplus
            from staged
            inner join repeated
                on staged.key_result_text = repeated.key_result_text
                and staged.event_id = repeated.event_id
                and staged.available_at is not distinct from repeated.available_at
            where staged.problem is null
            """
        )

    def _collect_texts(self) -> None:
        """Fetch the text of every row that is kept out. The file is not needed after this."""
        connection = self._connection
        connection.execute("create or replace temp table record_texts (record bigint, raw_text varchar)")
        wanted = """
            select record from staged
            where raw_text is null
                and (problem is not null or rowid in (select staged_row from duplicates where is_conflict))
        """
        if connection.execute(f"select record from ({wanted}) limit 1").fetchall():
            self._records.texts(connection, wanted)

    def _quarantine_sql(self, path: Path, lineage: Lineage) -> str:
        conflict = "another row of the file has the same key result, event and vintage, and says something else"
        return f"""
            copy (
                with known_milestones as (
                    select of_key_result_id, string_agg(known_id, ', ' order by known_id) as names
                    from milestones
                    group by of_key_result_id
                ),
                kept_out as (
                    select
                        staged.line,
                        coalesce({self._by_problem("reason_code")}, 'duplicate_in_file') as reason_code,
                        coalesce({self._by_problem("column_name")}, {literal(self._column_of("event"))}) as column_name,
                        left(coalesce(staged.raw_value, staged.event_id), {MAX_RAW_CHARACTERS}) as raw_value,
                        left(coalesce(staged.raw_text, record_texts.raw_text), {MAX_RAW_CHARACTERS}) as raw_text,
                        case {self._by_problem("reason_code")}
                            when 'unknown_key_result'
                                then coalesce(suggestions.message, {self._by_problem("message")})
                            when 'unknown_milestone'
                                then {self._by_problem("message")} || '; it has '
                                    || coalesce(known_milestones.names, 'none')
                            else coalesce({self._by_problem("message")}, {literal(conflict)})
                        end as message,
                        staged.key_result_text as key_result_id
                    from staged
                    left join duplicates on staged.rowid = duplicates.staged_row
                    left join record_texts on staged.record = record_texts.record
                    left join suggestions on staged.key_result_text = suggestions.key_result_text
                    left join known_milestones on staged.key_result_text = known_milestones.of_key_result_id
                    where staged.problem is not null or duplicates.is_conflict
                    union all
                    select line, reason_code, null, null, raw_text, message, null
                    from record_rejects
                )
                select
                    reason_code,
                    column_name,
                    raw_value,
                    raw_text,
                    message,
                    cast(null as varchar) as kpi_id,
                    key_result_id,
                    {lineage.columns("line")}
                from kept_out
            ) to {literal(str(path))} ({PARQUET})
        """
