"""The names there are of one kind, and which of them a misspelt one was meant to be."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from orchestration.errors import nearest

if TYPE_CHECKING:
    import duckdb

_FEW: Final = 500
"""So many names are all compared with a misspelt one; of more, only those of the shortlist are."""
_SHORTLIST: Final = 20
"""Names that are the fewest edits away from a misspelt one."""


class Names(frozenset[str]):
    """The names there are, to find the nearest to one that is not among them, quickly also among tens of thousands.

    Comparing a name with 20,000 others takes `difflib` half a second, and a company's files may hold hundreds that
    dangle. DuckDB counts the edits to all of them in milliseconds; `difflib` then chooses among the nearest.
    """

    def nearest(self, name: str) -> str | None:
        """Return the name that was probably meant, or None when nothing is close."""
        return nearest(name, sorted(self) if len(self) <= _FEW else self._shortlist(name))

    def _shortlist(self, name: str) -> list[str]:
        """Return the names that are few edits away; a length too different would be no suggestion."""
        rows = self._listed.execute(
            "select name from listed where len(name) between 0.4 * len($name) and 2.5 * len($name) "
            "order by levenshtein($name, name), name limit $most",
            {"name": name, "most": _SHORTLIST},
        )
        return [found for (found,) in rows.fetchall()]

    @cached_property
    def _listed(self) -> duckdb.DuckDBPyConnection:
        """DuckDB with all names in its table `listed`."""
        import duckdb

        connection = duckdb.connect(config={"threads": 1})
        connection.execute("create table listed as select unnest($names) as name", {"names": list(self)})
        return connection
