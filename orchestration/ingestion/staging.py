"""From records to observations and quarantine, in DuckDB: typing, checks, duplicates, and the files of a load.

One pass over the records types every row and notes its first problem. Everything after that touches only the rows
that have one. No statement loops over rows, and none holds the file in memory: DuckDB spills beyond its limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

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
from orchestration.ingestion.readers import RecordSet
from orchestration.ingestion.readers.record_set import FileColumn, QuickRows, literal, shortened
from orchestration.ingestion.reasons import REASONS, Problem, Unreadable
from orchestration.ingestion.registry import KpiRegistry

_MAX_BITS: Final = 2**29
"""Keys that the test for repeated ones marks in memory, one bit each."""
_MAX_CELL_COLUMNS: Final = 20_000
"""KPI columns of one wide file."""
_MAX_MESSAGES: Final = 1000
"""Different messages of one load's quarantine that are worth an enum: every row group holds all of them."""
_CONFLICT: Final = "another row of the file has the same KPI, period and vintage, and another value or status"


class Staging(FileRows):
    """The observations of one file on their way into the lake.

    Args:
        connection: in-memory connection that holds the table `registry` (see `KpiRegistry.register`).
        records: the file's records.
        contract: the feed's contract.
        registry: the KPIs.
        clock: the time of the load, aware.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        records: RecordSet,
        contract: FeedContract,
        registry: KpiRegistry,
        clock: datetime,
    ) -> None:
        super().__init__(connection, records, contract, clock)
        self._registry = registry
        self._line = f"staged.{records.line}"
        self._record_columns = "record" if records.line == "record" else "record, line"
        self._raw_text = "record_texts.raw_text"
        if records.has_raw_text:
            self._record_columns += ", raw_text"
            self._raw_text = "coalesce(staged.raw_text, record_texts.raw_text)"

    def run(self) -> Counts:
        """Type and check every row, find duplicates, and fetch the text of what is kept out.

        Raises:
            Unreadable: DuckDB read another number of records than the file has.
        """
        total = self._records.count
        absent = 0
        if self._contract.layout == "wide":
            if len(self._records.header.cells) > _MAX_CELL_COLUMNS:
                raise Unreadable("unreadable_file", f"more than {_MAX_CELL_COLUMNS} KPI columns")
            absent = self._stage_wide_rows()
            total = total * len(self._records.header.cells) - absent
        self._stage()
        derived.withdraw_partial_sums(
            self._connection, self._contract, self.broken_records, self._records.line, self._problems
        )
        staged, wrong = self._one("select count(*), count(problem) from staged")
        if self._records.quick:
            (quick,) = self._one("select count(kpi) from quick_rows")
            staged += quick
        refuse_other_count(total, staged)
        if self._records.quick:
            self._gather_repeated(self._records.quick)
        conflicting, collapsed = self._find_duplicates()
        broken = self.broken_records
        quick_periods = (
            "union all select period_start from quick_rows where kpi is not null" if self._records.quick else ""
        )
        oldest, newest = self._one(
            f"""
            select min(period_start), max(period_start)
            from (select period_start from staged where problem is null {self._kept()} {quick_periods})
            """
        )
        self._collect_texts(wrong + conflicting)
        return Counts(
            read=total + broken,
            accepted=staged - wrong - conflicting,
            quarantined=wrong + conflicting + broken,
            collapsed=collapsed,
            absent=absent,
            by_reason=self._by_reason(conflicting),
            oldest=oldest,
            newest=newest,
        )

    def write_observations(self, path: Path, lineage: Lineage) -> None:
        """Write the accepted rows, in no promised order: each says on which line it stood."""
        # Enums reach Parquet as dictionaries without hashing every row: half the time of texts.
        units = sorted({kpi.unit for kpi in self._registry.kpis})
        unit_type = f"enum({', '.join(map(literal, units))})"
        loaded_at = f"timestamp {literal(lineage.loaded_at.isoformat(sep=' '))}"
        normal = constant("A")
        shared = f"{constant(self._contract.source_type)} as source_type"
        staged = f"""
            select
                registry.kpi_id,
                staged.period_start as period_start_on,
                staged.value,
                cast(registry.unit as {unit_type}) as unit,
                coalesce(staged.obs_status, 'A') as obs_status,
                {shared},
                staged.recorded_by,
                staged.available_at,
                coalesce(staged.available_at, {loaded_at}) as vintage_at,
                {lineage.columns(self._line)}
            from staged
            inner join registry on staged.kpi_no = registry.kpi_no
            where staged.problem is null {self._kept()}
        """
        quick = self._records.quick
        if quick:
            available = "quick_rows.available_at" if quick.has_available_at else "cast(null as timestamp)"
            vintage = available if quick.has_available_at else loaded_at
            unit, join = constant(units[0]), ""
            if len(units) > 1:
                self._connection.execute(
                    f"create or replace temp table kpi_units as "
                    f"select kpi_no, cast(unit as {unit_type}) as unit from registry"
                )
                unit = "kpi_units.unit"
                join = "inner join kpi_units on kpi_units.kpi_no = cast(enum_code(quick_rows.kpi) as integer)"
            rows = f"""
                select
                    quick_rows.kpi as kpi_id,
                    quick_rows.period_start as period_start_on,
                    quick_rows.value,
                    {unit} as unit,
                    {normal} as obs_status,
                    {shared},
                    cast(null as enum('')) as recorded_by,
                    {available} as available_at,
                    {vintage} as vintage_at,
                    {lineage.columns(f"quick_rows.rowid + {quick.first_line}")}
                from quick_rows
                {join}
                where quick_rows.kpi is not null
            """
            (others,) = self._one("select count(*) from staged where problem is null")
            if others:
                staged = staged.replace("registry.kpi_id,", "cast(registry.kpi_id as quick_kpi) as kpi_id,", 1)
                staged = staged.replace("coalesce(staged.obs_status, 'A')", normal, 1)
                rows += f" union all {staged}"
        else:
            rows = staged
        self._connection.execute("set preserve_insertion_order = false")
        try:
            self._connection.execute(f"copy ({rows}) to {literal(str(path))} ({PARQUET})")
        finally:
            self._connection.execute("set preserve_insertion_order = true")

    def write_quarantine(self, path: Path, lineage: Lineage) -> None:
        """Write every row that was kept out, with its reason and its text, in no promised order."""
        suggestions = self._suggestions("kpi_text", "KPI", self._registry.ids)
        self._name_verdicts(suggestions)
        tables = {"cell_columns": self._cell_table(), "suggestions": suggestions}
        self._copy_quarantine(self._quarantine_sql(path, lineage), tables)

    def _name_verdicts(self, suggestions: pa.Table) -> None:
        """Make what the quarantine says often: types of its reasons and messages, and the messages of KPIs' ranges.

        Enums reach Parquet as dictionaries without hashing every row.
        """
        connection = self._connection
        connection.execute(
            f"create or replace temp type quarantine_reason as enum ({', '.join(map(literal, REASONS))})"
        )
        of_ranges = [(number, one.message) for number, one in enumerate(self._problems, 1) if "$min" in one.message]
        numbered = ", ".join(f"({number}, {literal(message)})" for number, message in of_ranges)
        connection.execute(
            f"""
            create or replace temp table range_messages as
            select
                problem,
                kpi_no,
                replace(
                    replace(message, '$min', coalesce(valid_min::varchar, 'any')),
                    '$max', coalesce(valid_max::varchar, 'any')
                ) as message
            from registry
            cross join (values {numbered}) as problems (problem, message)
            """
        )
        texts = {_CONFLICT, *(one.message for one in self._problems)}
        texts.update(text for (text,) in connection.execute("select distinct message from range_messages").fetchall())
        for table in (suggestions, self._records.rejects):
            texts.update(table.column("message").unique().to_pylist())
        kind = f"enum ({', '.join(map(literal, sorted(texts)))})" if len(texts) <= _MAX_MESSAGES else "varchar"
        connection.execute(f"create or replace temp type quarantine_message as {kind}")

    def _collect_texts(self, kept_out: int) -> None:
        """Fetch the text of every row that is kept out. The file is not needed after this."""
        connection = self._connection
        connection.execute("create or replace temp table record_texts (record bigint, raw_text varchar)")
        if not kept_out:
            return
        missing = "and raw_text is null" if self._records.has_raw_text else ""
        wanted = f"""
            select record from staged where problem is not null {missing}
            union all
            select staged.record
            from staged
            inner join duplicates on staged.rowid = duplicates.staged_row
            where duplicates.is_conflict {missing}
        """
        if connection.execute(f"select record from ({wanted}) limit 1").fetchall():
            self._records.texts(connection, wanted)

    def _quarantine_sql(self, path: Path, lineage: Lineage) -> str:
        return f"""
            copy (
                with kept_out as (
                    select
                        {self._line} as line,
                        coalesce(
                            {self._by_problem("reason_code", "quarantine_reason")},
                            cast('duplicate_in_file' as quarantine_reason)
                        ) as reason_code,
                        coalesce(
                            {self._by_problem("column_name")},
                            cell_columns.column_name,
                            {literal(self._column_of("value"))}
                        ) as column_name,
                        coalesce(staged.raw_value, cast(staged.value as varchar)) as raw_value,
                        {self._raw_text} as raw_text,
                        coalesce(
                            cast(suggestions.message as quarantine_message),
                            cast(range_messages.message as quarantine_message),
                            {self._by_problem("message", "quarantine_message")},
                            cast({literal(_CONFLICT)} as quarantine_message)
                        ) as message,
                        coalesce(registry.kpi_id, staged.kpi_text) as kpi_id
                    from staged
                    left join duplicates on staged.rowid = duplicates.staged_row
                    left join cell_columns on staged.cell_no = cell_columns.cell_no
                    left join registry on staged.kpi_no = registry.kpi_no
                    left join range_messages
                        on staged.kpi_no = range_messages.kpi_no
                        and staged.problem = range_messages.problem
                    left join record_texts on staged.record = record_texts.record
                    left join suggestions
                        on staged.kpi_text = suggestions.kpi_text
                        and {self._by_problem("reason_code")} = 'unknown_kpi'
                    where staged.problem is not null or duplicates.is_conflict
                    union all
                    select
                        line,
                        cast(reason_code as quarantine_reason),
                        null,
                        null,
                        raw_text,
                        cast(message as quarantine_message),
                        null
                    from record_rejects
                )
                select
                    reason_code,
                    column_name,
                    {shortened("raw_value")} as raw_value,
                    {shortened("raw_text")} as raw_text,
                    message,
                    kpi_id,
                    cast(null as varchar) as key_result_id,
                    {lineage.columns("line")}
                from kept_out
            ) to {literal(str(path))} ({PARQUET})
        """

    def _stage(self) -> None:
        contract, registry_join = self._contract, "left join registry on parsed.kpi_text = registry.kpi_id"
        source, columns = self._long_source() if contract.layout == "long" else self._wide_source()
        kpi, (number, parsed) = derived.kpi_id(columns, contract), derived.number(columns, contract)
        period = values.period(columns["period"], contract, self._today)
        helpers = {**kpi.helpers, **period.helpers, **number.helpers}
        columns = {"kpi": FileColumn("kpi_text"), "value": FileColumn("value_sent", "DOUBLE"), **columns}
        problems = [*kpi.problems, *_kpi_problems(contract), *self._unit_problems(columns, helpers), *period.problems]
        problems += [*number.problems, *_range_problems(), *derived.sum_problems(contract)]
        available = "cast(null as timestamp)"
        if "available_at" in columns:
            moment = values.moment(columns["available_at"], contract, self._latest)
            helpers |= moment.helpers
            problems += moment.problems
            available = moment.value
        # An enum takes a byte per row, a text sixteen.
        optional = dict.fromkeys(("obs_status", "recorded_by"), "cast(null as enum(''))")
        for name in optional:
            if name in columns:
                helpers[f"{name}_text"] = values.text_of(columns[name])
                optional[name] = self._present(f"{name}_text")
                problems.append(without_control(name))
        self._problems = problems
        cases = " ".join(f"when {problem.condition} then {number}" for number, problem in enumerate(problems, 1))
        # A list, and not IN, which becomes a join.
        fields = ", ".join(literal(problem.field) for problem in problems)
        raw = " ".join(f"when {literal(field)} then {as_sent(column)}" for field, column in columns.items())
        computed = ",\n".join(f"{expression} as {name}" for name, expression in helpers.items())
        self._connection.execute(
            f"""
            create or replace temp table staged as
            with source as ({source}),
            parsed as (select source.*, {computed} from source),
            judged as (
                select
                    parsed.*,
                    registry.kpi_no,
                    registry.grain,
                    case {cases} end as problem
                from {parsed} as parsed
                {registry_join}
            )
            select
                {self._record_columns},
                cell_no,
                kpi_no,
                case when kpi_no is null then kpi_text end as kpi_text,
                case grain
                    when 'week' then cast(date_trunc('week', period_day) as date)
                    when 'month' then cast(date_trunc('month', period_day) as date)
                    when 'quarter' then cast(date_trunc('quarter', period_day) as date)
                    else period_day
                end as period_start,
                value,
                {available} as available_at,
                {optional["obs_status"]} as obs_status,
                {optional["recorded_by"]} as recorded_by,
                cast(problem as utinyint) as problem,
                case list_extract([{fields}], problem) {raw} end as raw_value
            from judged
            """
        )

    def _long_source(self) -> tuple[str, dict[str, FileColumn]]:
        fields, columns = self._field_columns()
        listed = ", ".join(f"{expression} as {name}" for name, expression in fields.items())
        return (
            f"select {self._record_columns}, cast(null as integer) as cell_no, {listed} from {self._records.relation}",
            columns,
        )

    def _stage_wide_rows(self) -> int:
        """Read a wide file once into `wide_rows`; return how many of its cells are empty."""
        fields, _ = self._field_columns()
        cells = self._cells()
        listed = ", ".join(f"{expression} as {name}" for name, expression in fields.items())
        cell_list = ", ".join(f"{cell.sql} as cell_{number}" for number, cell in enumerate(cells))
        listed = ", ".join(part for part in (listed, cell_list) if part)
        self._connection.execute(
            f"create or replace temp table wide_rows as "
            f"select {self._record_columns}, {listed} from {self._records.relation}"
        )
        listed = ", ".join(f"cell_{number}" for number in range(len(cells)))
        empty = self._is_absent(FileColumn("cell", cells[0].kind))
        (absent,) = self._one(f"select count(*) from (select unnest([{listed}]) as cell from wide_rows) where {empty}")
        return int(absent)

    def _wide_source(self) -> tuple[str, dict[str, FileColumn]]:
        fields, columns = self._field_columns()
        cells = self._cells()
        numbers = ", ".join(map(str, range(len(cells))))
        ids = ", ".join(literal(kpi) for _, kpi in self._records.header.cells)
        texts = ", ".join(f"cell_{number}" for number in range(len(cells)))
        kept = "".join(f", {name}" for name in fields)
        value = FileColumn("value_raw", cells[0].kind)
        source = f"""
            select * from (
                select
                    {self._record_columns},
                    unnest([{numbers}]) as cell_no,
                    unnest([{ids}]) as kpi_raw,
                    unnest([{texts}]) as value_raw
                    {kept}
                from wide_rows
            )
            where not {self._is_absent(value)}
        """
        return source, columns | {"kpi": FileColumn("kpi_raw"), "value": value}

    def _is_absent(self, cell: FileColumn) -> str:
        return values.is_missing(values.text_of(cell), self._contract)

    def _cells(self) -> list[FileColumn]:
        """Return the KPI columns, all of one kind."""
        cells = [self._records.columns[name] for name, _ in self._records.header.cells]
        if len({cell.kind for cell in cells}) == 1:
            return cells
        # Columns of several types meet as text; typed numbers get the contract's decimal mark there.
        mark = literal(self._contract.decimal_mark)
        return [
            cell if cell.kind == "text" else FileColumn(f"replace(cast({cell.sql} as varchar), '.', {mark})")
            for cell in cells
        ]

    def _unit_problems(self, columns: Mapping[str, FileColumn], helpers: dict[str, str]) -> list[Problem]:
        contract, problems = self._contract, []
        if "unit" in columns:
            helpers["unit_text"] = _id_text(columns["unit"])
            expected = literal(contract.unit) if contract.unit else "registry.unit"
            wanted = f"the contract's, {contract.unit}" if contract.unit else "the KPI's"
            missing = values.is_missing("unit_text", contract)
            problems.append(Problem(missing, "missing_value", "unit", "no unit"))
            problems.append(Problem(f"unit_text <> {expected}", "unit_mismatch", "unit", f"the unit is not {wanted}"))
        if contract.unit and contract.scale == 1:
            problems.append(
                Problem(
                    f"registry.unit <> {literal(contract.unit)}",
                    "unit_mismatch",
                    "value",
                    f"sent in {contract.unit}, and the KPI has another unit; do: declare `scale` in feeds.yml",
                )
            )
        return problems

    def _gather_repeated(self, quick: QuickRows) -> None:
        """Move quick rows whose key stands more than once to `staged`, where duplicates are told apart."""
        connection = self._connection
        key = "kpi_no, period_start, available_at"
        available = "available_at" if quick.has_available_at else "cast(null as timestamp) as available_at"
        every = f"""(
            select cast(enum_code(kpi) as integer) as kpi_no, period_start, {available}
            from quick_rows
            where kpi is not null
            union all
            select {key} from staged where problem is null
        )"""
        rows, first, last = self._one(f"select count(*), min(period_start), max(period_start) from {every}")
        if not rows:
            return
        days = (last - first).days + 1
        bits = days * len(self._registry.kpis)
        if bits <= _MAX_BITS:
            # KPI and period alone, without the vintage: when those are distinct, everything is.
            (distinct,) = self._one(
                f"""
                select bit_count(bitstring_agg(kpi_no * {days} + (period_start - {_day(first)}), 0, {bits - 1}))
                from (select cast(kpi_no as bigint) as kpi_no, period_start from {every})
                """
            )
            if distinct == rows:
                return
        connection.execute(
            f"create or replace temp table repeated as select {key} from {every} group by {key} having count(*) > 1"
        )
        match = f"""
            from quick_rows
            inner join repeated
                on cast(enum_code(quick_rows.kpi) as integer) = repeated.kpi_no
                and quick_rows.period_start = repeated.period_start
                {"and quick_rows.available_at = repeated.available_at" if quick.has_available_at else ""}
            where quick_rows.kpi is not null
        """
        connection.execute(
            f"""
            insert into staged by name
            select
                quick_rows.rowid + {quick.first_line} as record,
                repeated.kpi_no,
                quick_rows.period_start,
                quick_rows.value,
                repeated.available_at
            {match}
            """
        )
        connection.execute(f"update quick_rows set kpi = null where rowid in (select quick_rows.rowid {match})")

    def _find_duplicates(self) -> tuple[int, int]:
        """Fill `duplicates`; return how many rows conflict and how many are identical to one that stays."""
        key = "kpi_no, period_start, available_at"
        connection = self._connection
        connection.execute(
            "create or replace temp table duplicates (staged_row bigint, is_conflict boolean, is_surplus boolean)"
        )
        (found,) = self._one(
            f"select count(*) from (select 1 from staged where problem is null group by {key} having count(*) > 1)"
        )
        self._has_duplicates = bool(found)
        if not found:
            return 0, 0
        connection.execute(
            f"""
            insert into duplicates
            with repeated as (
                select
                    {key},
                    count(distinct value) > 1
                    or count(distinct coalesce(obs_status, 'A')) > 1
                    or count(distinct coalesce(recorded_by, '')) > 1 as is_conflict
                from staged
                where problem is null
                group by {key}
                having count(*) > 1
            )
            select
                staged.rowid,
                repeated.is_conflict,
                row_number() over (
                    partition by staged.kpi_no, staged.period_start, staged.available_at
                    order by staged.record, staged.rowid
                ) > 1
            from staged
            inner join repeated
                on staged.kpi_no = repeated.kpi_no
                and staged.period_start = repeated.period_start
                and staged.available_at is not distinct from repeated.available_at
            where staged.problem is null
            """
        )
        return self._count_duplicates()

    def _kept(self) -> str:
        """Return the condition that leaves out conflicting rows and surplus identical ones."""
        if not self._has_duplicates:
            return ""
        return "and staged.rowid not in (select staged_row from duplicates where is_conflict or is_surplus)"

    def _place_of(self, problem: Problem) -> str | None:
        # The columns of a wide file are its KPIs: which one it was is the cell's to say.
        if self._contract.layout == "wide" and problem.field in ("kpi", "value"):
            return None
        return super()._place_of(problem)

    def _cell_table(self) -> pa.Table:
        cells = self._records.header.cells
        return pa.table(
            {
                "cell_no": pa.array(range(len(cells)), pa.int32()),
                "column_name": pa.array([name for name, _ in cells], pa.string()),
            }
        )


def _day(day: date) -> str:
    return f"date {literal(day.isoformat())}"


def _kpi_problems(contract: FeedContract) -> list[Problem]:
    return [
        Problem(values.is_missing("kpi_text", contract), "missing_value", "kpi", "no KPI id"),
        Problem("registry.kpi_no is null", "unknown_kpi", "kpi", "no KPI of this id is defined"),
        Problem("registry.lifecycle = 'retired'", "retired_kpi", "kpi", "the KPI is retired"),
    ]


def _range_problems() -> list[Problem]:
    message = "outside the KPI's valid range, $min to $max"
    return [Problem("value < registry.valid_min or value > registry.valid_max", "out_of_range", "value", message)]


def _id_text(column: FileColumn) -> str:
    return f"nfc_normalize({values.text_of(column)})"
