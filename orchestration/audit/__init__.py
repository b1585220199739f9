"""Runs the rules against the warehouse, keeps their results, and decides: the gate."""
