"""The one custom expectation of the project.

Import this module inside the function that uses it: it imports Great Expectations, which takes five seconds.
"""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.expectations import UnexpectedRowsExpectation


class RuleHolds(UnexpectedRowsExpectation):  # type: ignore[misc]
    """Expect the query of a rule to return no row.

    The stock expectation also fetches up to 200 offending rows, with a second scan. Ours are written by one set-based
    insert, all of them and with their owners, so only the count is asked for.
    """

    rule_id: str

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.row_count",)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        count = metrics["unexpected_rows_query.row_count"]
        return {"success": count == 0, "result": {"observed_value": count}}
