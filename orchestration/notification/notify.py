"""The step of a run that tells people: digests for whoever is asked, and operators when the gate is closed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date

import duckdb

from orchestration.audit.session import first_line
from orchestration.audit.verdict import newest_verdict
from orchestration.company.loader import read_profile
from orchestration.errors import AuditError, LosError
from orchestration.lake.store import Lake
from orchestration.notification.delivery import Delivery, Send, deliver
from orchestration.notification.digests import closed_gate, digests, failed_run, waiting_escalations
from orchestration.settings import NOTIFY_OPERATORS, NOTIFY_OWNERS, Settings


def addresses(variable: str, environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the Apprise URLs that a variable of the environment holds, apart by blanks; none when it is not set."""
    return tuple((os.environ if environment is None else environment).get(variable, "").split())


def notify(settings: Settings, lake: Lake, *, as_of: date, send: Send | None = None) -> Delivery:
    """Tell people what waits for them by the reports of a business date, and operators why nothing was published.

    Nothing is sent to a reader who was told the same last time.

    Raises:
        AuditError: There is no verdict, or the escalations cannot be read.
    """
    owners, operators = addresses(NOTIFY_OWNERS), addresses(NOTIFY_OPERATORS)
    folder = settings.data_dir / "notifications"
    company = _company_name(settings)
    found = []
    if owners:
        try:
            waiting = waiting_escalations(settings.warehouse_path, lake)
        except duckdb.Error as error:
            raise AuditError(
                f"the escalations cannot be read: {first_line(error)}", remedy="build the reports again"
            ) from error
        messages = digests(waiting, as_of=as_of, company=company, site_url=settings.site_url)
        found.append(deliver(messages, owners, folder, send=send))
    if operators:
        verdict = newest_verdict(lake, as_of)
        if verdict is None:
            raise AuditError(f"there is no verdict for {as_of}", remedy="run the audit first")
        if not verdict.passing:
            message = closed_gate(verdict.reasons, as_of=as_of, company=company, site_url=settings.site_url)
            found.append(deliver([message], operators, folder, send=send))
    return Delivery(
        sum(one.sent for one in found),
        sum(one.unchanged for one in found),
        sum(one.dead for one in found),
        tuple(reason for one in found for reason in one.reasons),
    )


def notify_of_failure(settings: Settings, *, job: str, error: str, send: Send | None = None) -> Delivery:
    """Tell operators that a run broke."""
    message = failed_run(job, error, company=_company_name(settings))
    return deliver([message], addresses(NOTIFY_OPERATORS), settings.data_dir / "notifications", send=send)


def _company_name(settings: Settings) -> str:
    try:
        return read_profile(settings.company_dir).name
    except LosError:
        return "The company"
