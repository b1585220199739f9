"""The append-only Parquet lake: whole loads only, each committed by its ledger row. Knows nothing of KPIs."""
