"""Composed ids and derived values in SQL: what feeds.yml declares of several columns, and every way it can fail.

A value that is added up over rows is the same in each of these rows. The ordinary way then keeps one of them and counts
the others as collapsed. Such a sum is whole or not there: a row that cannot be read takes the other rows of its KPI and
period with it, and a row of which not even these can be told stops the file, since any sum may lack it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

import duckdb
from duckdb.sqltypes import VARCHAR

from orchestration.ingestion import values
from orchestration.ingestion.contracts import FeedContract
from orchestration.ingestion.derived_models import DerivedValue
from orchestration.ingestion.readers.record_set import FileColumn, literal
from orchestration.ingestion.reasons import Problem, Unreadable
from orchestration.ingestion.templates import filtered, placeholders
from orchestration.ingestion.values import Parsed
from orchestration.wording import counted

_FILTER: Final = "template_text"
_BLANK: Final = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
"""What Python's strip() takes off: mappings make ids of the same columns, and those must be the same ids. The last
blank of Unicode is U+3000."""
_LACKS_A_ROW: Final = "another row that is added to this value cannot be read: the sum would lack it"


def prepare(connection: duckdb.DuckDBPyConnection, contract: FeedContract) -> None:
    """Give a connection the filters of templates, once, when the contract has one."""
    if not any(name for made in contract.composed.values() for _, _, name in placeholders(made.template)):
        return
    known = "select 1 from duckdb_functions() where function_name = $name"
    if not connection.execute(known, {"name": _FILTER}).fetchone():
        connection.create_function(_FILTER, filtered, [VARCHAR, VARCHAR], VARCHAR)


def kpi_id(columns: Mapping[str, FileColumn], contract: FeedContract) -> Parsed:
    """Read a KPI's id: of its column, or composed."""
    return text("kpi", "KPI's id", columns, contract)


def text(field: str, what: str, columns: Mapping[str, FileColumn], contract: FeedContract) -> Parsed:
    """Read a field that is a text, NFC: of its column, or composed; null when a part of it is missing.

    Args:
        field: the field; the helper that holds its text is named after it.
        what: the field in words.
        columns: how each field and part is reached.
        contract: the feed's contract.
    """
    composed = contract.composed.get(field)
    if composed is None:
        found = values.text_of(columns[field])
        return Parsed({f"{field}_text": f"nfc_normalize({found})"}, f"{field}_text", ())
    part_of = {column: part for part, column in composed.parts(field).items()}
    helpers, problems, missing = {}, [], []
    for part in part_of.values():
        column = columns[part]
        as_text = column.sql if column.kind == "text" else f"cast({column.sql} as varchar)"
        helpers[f"{part}_text"] = f"nfc_normalize(trim({as_text}, {literal(_BLANK)}))"
        missing.append(values.is_missing(f"{part}_text", contract))
        problems.append(Problem(missing[-1], "missing_value", part, f"no value for this part of the {what}"))
    texts = []
    for before, name, filter_name in placeholders(composed.template):
        texts.append(literal(unicodedata.normalize("NFC", before)))
        if name is not None:
            part = f"{part_of[name]}_text"
            texts.append(f"{_FILTER}({part}, {literal(filter_name)})" if filter_name else part)
    whole = f"case when not ({' or '.join(missing)}) then nfc_normalize({' || '.join(texts)}) end"
    return Parsed(helpers | {f"{field}_text": whole}, f"{field}_text", tuple(problems))


def number(columns: Mapping[str, FileColumn], contract: FeedContract) -> tuple[Parsed, str]:
    """Read a value: of its column, or derived. Returns that, and the relation over `parsed` that holds the value."""
    derived = contract.derived_value
    if derived is None:
        return values.number(columns["value"], contract), "parsed"
    helpers: dict[str, str] = {}
    problems: list[Problem] = []
    parts = [part for part in derived.parts() if part.startswith("value")]
    for part in parts:
        read = _part(columns[part], contract, derived, part)
        helpers |= read.helpers
        problems += read.problems
    relation, operands = "parsed", [f"{part}_sent" for part in parts]
    if derived.sum_over:
        summed, relation = _summed(columns, contract, derived, parts, problems)
        helpers |= summed.helpers
        problems += summed.problems
        operands = [f"{part}_sum" for part in parts]
    sent, more = _operation(derived, operands, parts)
    is_as_written = derived.column is not None and not derived.sum_over and columns[parts[0]].kind == "text"
    scaled = values.scaled_value(contract.scale, f"{parts[0]}_number_text" if is_as_written else None)
    relation = f"(select *, {sent} as value_sent, {scaled.helpers['value']} as value from {relation})"
    return Parsed(helpers, "value", (*problems, *more, *scaled.problems)), relation


def _part(column: FileColumn, contract: FeedContract, derived: DerivedValue, part: str) -> Parsed:
    if derived.pattern is None or column.kind != "text":
        return values.number(column, contract, part)
    whole = f"trim({column.sql})"
    fits = f"regexp_full_match({whole}, {literal(derived.pattern)})"
    taken = f"regexp_extract({whole}, {literal(f'^(?:{derived.pattern})$')}, 1)"
    # What does not fit stays as it is: it may be a text that means no value.
    read = values.number(FileColumn(f"case when {fits} then {taken} else {whole} end"), contract, part)
    missing, *others = read.problems
    unfit = Problem(f"not {fits}", "not_a_number", part, f"expected a text of the form {derived.pattern}")
    return Parsed(read.helpers, read.value, (missing, unfit, *others))


def _summed(
    columns: Mapping[str, FileColumn],
    contract: FeedContract,
    derived: DerivedValue,
    parts: list[str],
    problems: list[Problem],
) -> tuple[Parsed, str]:
    """Add each part up over the rows of one KPI, period and time of availability."""
    over = [part for part in derived.parts() if part.startswith("over")]
    helpers = {f"{part}_text": values.text_of(columns[part]) for part in over}
    missing = [
        Problem(values.is_missing(f"{part}_text", contract), "missing_value", part, "no value in a column of sum_over")
        for part in over
    ]
    whole = ["kpi_text", "period_day"]
    if "available_at" in columns:
        helpers["over_available_text"] = values.text_of(columns["available_at"])
        whole.append("over_available_text")
    key, one = ", ".join(whole), ", ".join([*whole, *(f"{part}_text" for part in over)])
    bad = " or ".join(f"coalesce({problem.condition}, false)" for problem in [*problems, *missing])
    # A row that stands twice counts once; two that differ are a conflict.
    differs = " or ".join(f"min({part}_sent) over row_of_sum <> max({part}_sent) over row_of_sum" for part in parts)
    places = f"""(
        select
            *,
            bool_or({bad}) over (partition by {key}) as is_bad_sum,
            row_number() over (partition by {one} order by record) = 1 as is_first_of_part,
            {differs} as is_part_in_conflict
        from parsed
        window row_of_sum as (partition by {one})
    )"""
    sums = ", ".join(
        f"case when not is_bad_sum then sum({part}_sent) filter (is_first_of_part) over (partition by {key}) end "
        f"as {part}_sum"
        for part in parts
    )
    conflict = "another row has the same KPI, period and columns of sum_over, and other numbers"
    found = Problem("is_part_in_conflict", "duplicate_in_file", parts[0], conflict)
    return Parsed(helpers, "", (*missing, found)), f"(select *, {sums} from {places})"


def _operation(derived: DerivedValue, operands: list[str], parts: list[str]) -> tuple[str, list[Problem]]:
    if derived.ratio:
        above, below = operands
        by_zero = f"{derived.ratio[1]} is 0: there is no ratio to it"
        ratio = f"{above} / nullif({below}, 0)"
        problems = [Problem(f"{below} = 0", "not_finite", parts[1], by_zero)]
        return (f"1 - {ratio}" if derived.complement else ratio), problems
    limit = values.LARGEST_EXACT
    rounded = Problem(
        f"abs(value_sent) >= {limit}", "out_of_range", "value", "beyond 2^53 a double does not hold every integer"
    )
    if derived.difference:
        return " - ".join(operands), [rounded]
    return " + ".join(operands), [rounded]


def sum_problems(contract: FeedContract) -> list[Problem]:
    """Return what only `withdraw_partial_sums` finds; no row meets its condition by itself."""
    derived = contract.derived_value
    return [Problem("false", "missing_value", "value", _LACKS_A_ROW)] if derived and derived.sum_over else []


def withdraw_partial_sums(
    connection: duckdb.DuckDBPyConnection, contract: FeedContract, broken: int, line: str, problems: list[Problem]
) -> None:
    """Keep out of `staged` every row of a KPI and period of which another row is kept out.

    Args:
        connection: holds `staged`.
        contract: the feed's contract.
        broken: records of which not even the columns could be told apart.
        line: column of `staged` with a row's line.
        problems: all of the file's, as `staged` numbers them from 1, that of `sum_problems` among them.

    Raises:
        Unreadable: a row cannot be told to belong to any KPI and period.
    """
    if not (lacks_a_row := sum_problems(contract)):
        return
    homeless = "problem is not null and (kpi_no is null and coalesce(kpi_text, '') = '' or period_start is null)"
    count, first = connection.execute(f"select count(*), min({line}) from staged where {homeless}").fetchone() or (0, 0)
    if count or broken:
        raise Unreadable(
            "unreadable_file",
            f"{counted(count + broken, 'row has', 'rows have')} no KPI and period that can be read, and the rows of "
            "this feed are added up (sum_over): any value may lack them; do: mend those rows and deliver the "
            "file again",
            line=first,
        )
    connection.execute(
        f"""
        update staged
        set problem = {problems.index(lacks_a_row[0]) + 1}
        where problem is null
            and (kpi_no, period_start) in (
                select (kpi_no, period_start) from staged where problem is not null and kpi_no is not null
            )
        """
    )


def columns_of(contract: FeedContract, field: str) -> str | None:
    """Return the columns that make a field, for the quarantine; None when one column or none fills it."""
    made = {**contract.composed, "value": contract.derived_value}.get(field)
    if made is not None:
        return ", ".join(column for part, column in made.parts().items() if not part.startswith("over"))
    return None
