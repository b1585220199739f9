"""The target that the linter renders models for."""

from __future__ import annotations

type = "duckdb"
