"""The pages of the cycle on the governance site: the weekly review, and the plan of every cycle that is not over."""

from __future__ import annotations

from pathlib import Path

from orchestration.audit.session import read_only
from orchestration.publication.pages.links import Links
from orchestration.publication.pages.model import Page
from orchestration.publication.pages.planning import planning_page
from orchestration.publication.pages.weekly import weekly_page
from orchestration.publication.plan_facts import has_plan, planned_cycles, read_plan
from orchestration.publication.review import Review
from orchestration.publication.weekly_facts import read_week


def cycle_pages(warehouse: Path, review: Review, links: Links) -> list[Page]:
    """Return the pages; none while the gate is closed, for their figures did not pass either.

    Raises:
        AuditError: The warehouse cannot be opened.
    """
    if not review.verdict.passing:
        return []
    hidden = {str(row["key_result_id"]) for row in review.withheld}
    with read_only(warehouse) as connection:
        if not has_plan(connection):
            return []
        cycles = planned_cycles(connection)
        plans = [plan for cycle in cycles if (plan := read_plan(connection, cycle, hidden=hidden)) is not None]
        pages = [weekly_page(read_week(connection), review, links)]
    for number, plan in enumerate(plans):
        file = "planning.html" if number == 0 else f"planning-{number + 1}.html"
        name = "Planning" if len(plans) == 1 else f"Plan {plan.cycle['cycle_name']}"
        pages.append(planning_page(plan, file=file, name=name))
    return pages
