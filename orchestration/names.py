"""The names there are of one kind, and which of them a misspelt one was meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from orchestration.errors import nearest

if TYPE_CHECKING:
    import duckdb

_FEW: Final = 500
"""So many names are all compared with a misspelt one; of more, only those of the shortlist are."""
_SHORTLIST: Final = 20


class Names(set[str]):
    """A set of names that finds the nearest to one that is not in it, quickly also among tens of thousands.

    Comparing a name with 20,000 others takes `difflib` half a second, and a company's files may hold hundreds that
    dangle. DuckDB counts the edits to all of them in milliseconds; `difflib` then chooses among the nearest.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__(names)
        self._listed: tuple[int, duckdb.DuckDBPyConnection] | None = None

    def nearest(self, name: str) -> str | None:
        """Return the name that was probably meant, or None when nothing is close."""
        return nearest(name, sorted(self) if len(self) <= _FEW else self._shortlist(name))

    def _shortlist(self, name: str) -> list[str]:
        """Return the names that are few edits away; a length too different would be no suggestion."""
        rows = self._connection().execute(
            "select name from listed where len(name) between 0.4 * len($name) and 2.5 * len($name) "
            "order by levenshtein($name, name), name limit $most",
            {"name": name, "most": _SHORTLIST},
        )
        return [found for (found,) in rows.fetchall()]

    def _connection(self) -> duckdb.DuckDBPyConnection:
        """Return DuckDB with all names in its table `listed`, made anew when names were added."""
        if self._listed is None or self._listed[0] != len(self):
            import duckdb
            import pyarrow as pa

            connection = duckdb.connect(config={"threads": 1})
            connection.register("given", pa.table({"name": pa.array(self, pa.string())}))
            connection.execute("create table listed as select name from given")
            self._listed = len(self), connection
        return self._listed[1]
