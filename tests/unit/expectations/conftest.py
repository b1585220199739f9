"""Rules are tested on the audit's small company."""

from __future__ import annotations

from tests.unit.audit.conftest import _template, audit, clock, company  # noqa: F401
