from __future__ import annotations

import pytest

from tests.unit.ingestion.small_feed import SmallFeed


@pytest.fixture
def feed(tmp_path) -> SmallFeed:
    return SmallFeed(tmp_path)
