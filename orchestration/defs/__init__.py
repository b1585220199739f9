"""Dagster wiring, by concept. Logic stands in the packages that these files call."""
