"""The company directory that the tests of this folder start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.company.company_files import FILES, put


@pytest.fixture
def company_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "company"
    for name, text in FILES.items():
        put(directory, name, text)
    return directory
