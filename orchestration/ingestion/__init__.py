"""Feeds: their contracts, readers, typing and quarantine. Knows nothing of dbt."""
