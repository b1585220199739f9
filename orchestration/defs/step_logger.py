"""A console logger for people: one line for each finished step, and every warning; no event stream."""

from __future__ import annotations

import logging
import sys
from typing import Any

import dagster as dg


class _StepLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        meta: dict[str, Any] = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        step = (meta.get("step_key") or "").replace("__", "/")
        if event is not None and event.is_step_success:
            return f"  done    {step} ({event.step_success_data.duration_ms / 1000:.1f} s)"
        if event is not None and event.is_step_failure:
            return f"  failed  {step}"
        return f"  {record.levelname.lower():7} {step}: {meta.get('orig_message') or record.getMessage()}"


class _OnlyWhatMatters(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        if event is not None:
            return bool(event.is_step_success or event.is_step_failure)
        # Of steps that are not reached Dagster says so for each of their inputs; the step that failed says it once.
        is_consequence = str(getattr(record, "dagster_meta", {}).get("orig_message")).startswith(
            "Dependencies for step"
        )
        return record.levelno >= logging.WARNING and not is_consequence


@dg.logger({}, "One line for each finished step, and every warning.")
def step_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """Write to standard error, so that what a command answers can be piped."""
    logger = logging.Logger("line_of_sight.steps", level=logging.DEBUG)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_StepLines())
    handler.addFilter(_OnlyWhatMatters())
    logger.addHandler(handler)
    return logger
