"""Secrets: taken from the environment when they are needed, and kept out of every message."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

from orchestration.errors import FeedError

_SHORTEST: Final = 3
"""Shorter texts are not masked: they stand in every message by chance."""


def from_environment(name: str, feed: str) -> str:
    """Return an environment variable's value, without surrounding white space.

    Raises:
        FeedError: it is not set, or empty.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        raise FeedError(
            f"the environment variable {name} is not set",
            subject=feed,
            file="feeds.yml",
            column=feed,
            remedy=f"set {name} where the pipeline runs",
        )
    return value


def masked(text: str, secrets: Iterable[str | None]) -> str:
    """Return a message with every secret, also as URLs write it, replaced by ***."""
    forms = {form for secret in secrets if secret for form in (secret, quote(secret, safe=""), quote_plus(secret))}
    for form in sorted(forms, key=len, reverse=True):
        if len(form) >= _SHORTEST:
            text = text.replace(form, "***")
    return text
