"""Two tables, row by row, whatever their order: exact, but for floats."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

TOLERANCE = 1e-9
"""Greatest difference of two floats that count as equal, relative to the greater of them and 1."""
SHOWN = 3


def differences(connection: duckdb.DuckDBPyConnection, left: str, right: str, key: Sequence[str]) -> list[str]:
    """Tell in words where two relations differ; nothing when they are equal.

    Args:
        connection: Where both can be read.
        left: The relation to measure by, as SQL that can stand after `from`.
        right: The relation to measure.
        key: Columns that identify one row.
    """
    columns = _columns(connection, left)
    others = _columns(connection, right)
    if columns != others:
        return [
            f"column {position}: {_shown(expected)} and {_shown(found)}"
            for position, (expected, found) in enumerate(_zipped(columns, others), start=1)
            if expected != found
        ]
    found = [
        f"{count} keys stand more than once on the {side}"
        for side, relation in (("left", left), ("right", right))
        if (count := _count(connection, f"select 1 from {relation} group by {', '.join(key)} having count(*) > 1"))
    ]
    if found:
        return found
    joined = f"{left} as l full join {right} as r on " + " and ".join(
        f"l.{name} is not distinct from r.{name}" for name in key
    )
    for side, other in (("l", "r"), ("r", "l")):
        alone = f"from {joined} where {other}.{key[0]} is null and {side}.{key[0]} is not null"
        if count := _count(connection, f"select 1 {alone}"):
            shown = connection.execute(f"select {_text(side, key)} {alone} order by 1 limit {SHOWN}").fetchall()
            found.append(f"{count} rows only on the {'left' if side == 'l' else 'right'}: {_listed(shown)}")
    both = f"from {left} as l inner join {right} as r using ({', '.join(key)})"
    for name, kind in columns:
        unequal = f"l.{name} is distinct from r.{name}"
        if kind in ("DOUBLE", "FLOAT"):
            near = f"abs(l.{name} - r.{name}) <= {TOLERANCE} * greatest(1, abs(l.{name}), abs(r.{name}))"
            unequal += f" and not coalesce({near}, false)"
        if count := _count(connection, f"select 1 {both} where {unequal}"):
            shown = connection.execute(
                f"select {_text('l', key)}, l.{name}, r.{name} {both} where {unequal} order by 1 limit {SHOWN}"
            ).fetchall()
            rows = "; ".join(f"{keys}: {expected!r} and {value!r}" for keys, expected, value in shown)
            found.append(f"{name} differs in {count} rows: {rows}")
    return found


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in connection.execute(f"describe select * from {relation}").fetchall()]


def _zipped(
    left: list[tuple[str, str]], right: list[tuple[str, str]]
) -> list[tuple[tuple[str, str] | None, tuple[str, str] | None]]:
    length = max(len(left), len(right))
    return [
        (left[place] if place < len(left) else None, right[place] if place < len(right) else None)
        for place in range(length)
    ]


def _shown(column: tuple[str, str] | None) -> str:
    return " ".join(column) if column else "none"


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(f"select count(*) from ({query})").fetchone()
    return row[0] if row else 0


def _text(side: str, key: Sequence[str]) -> str:
    return "concat_ws('|', " + ", ".join(f"{side}.{name}" for name in key) + ")"


def _listed(rows: list[tuple[str]]) -> str:
    return ", ".join(row[0] for row in rows)
