"""Every table of the lake, gathered from the packages that own them."""

from __future__ import annotations

import pyarrow as pa

from orchestration.audit.tables import TABLES as AUDIT
from orchestration.company.tables import TABLES as COMPANY
from orchestration.ingestion.tables import TABLES as INGESTION
from orchestration.planning.tables import TABLES as PLANNING

LAKE_TABLES: dict[str, pa.Schema] = {**COMPANY, **INGESTION, **AUDIT, **PLANNING}
"""Lake entity -> Arrow schema; `Lake.ensure(LAKE_TABLES)` makes all of them readable."""
