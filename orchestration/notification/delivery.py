"""Delivery: each message once to each address, tried again when it fails, and kept when it cannot be delivered.

Below `notifications/`: `sent/` holds what each reader was told last, by address; `dead_letters/` what could not be
delivered, with the reason, until a later message to the same reader gets through.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from orchestration.notification.digests import Message

ATTEMPTS = 3
FIRST_WAIT_SECONDS = 2.0
"""Before the second attempt; each further wait is twice as long."""

Send = Callable[[str, str, str], str | None]
"""(address, title, body) -> None when it was delivered, else what went wrong."""


@dataclass(frozen=True)
class Delivery:
    """What became of the messages of one run.

    Attributes:
        sent: Delivered in this run.
        unchanged: Not sent, because their reader was told the same last time.
        dead: Not deliverable; each is kept with its reason.
        reasons: One sentence for each of those, without an address or a secret.
    """

    sent: int
    unchanged: int
    dead: int
    reasons: tuple[str, ...]


def deliver(
    messages: Iterable[Message],
    addresses: Sequence[str],
    folder: Path,
    *,
    send: Send | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Delivery:
    """Deliver each message to each address.

    Args:
        messages: What to deliver.
        addresses: Apprise URLs, in which `{person}` and `{email}` stand for the reader.
        folder: Where `sent/` and `dead_letters/` are.
        send: How; through Apprise when None.
        wait: Called with seconds between attempts.
    """
    sending = send or send_by_apprise
    sent = unchanged = 0
    reasons = []
    for message in messages:
        for place, template in enumerate(addresses, start=1):
            key = _key(message.to, template)
            record, dead = folder / "sent" / f"{key}.json", folder / "dead_letters" / f"{key}.json"
            if _told(record) == message.fingerprint:
                unchanged += 1
                continue
            error = _attempt(message, template, sending, wait)
            content = {"to": message.to, "title": message.title, "fingerprint": message.fingerprint}
            if error is None:
                _write(record, content)
                dead.unlink(missing_ok=True)
                sent += 1
            else:
                _write(dead, content | {"body": message.body, "address": place, "error": error})
                reasons.append(f"{message.to}, address {place} ({_scheme(template)}): {error}")
    return Delivery(sent, unchanged, len(reasons), tuple(reasons))


def send_by_apprise(address: str, title: str, body: str) -> str | None:
    """Send one message through Apprise. Returns None when it was delivered, else what went wrong."""
    import apprise

    notifier = apprise.Apprise(
        asset=apprise.AppriseAsset(
            app_id="LineOfSight",
            app_desc="Line of Sight",
            async_mode=False,
            storage_mode=apprise.PersistentStoreMode.MEMORY,
        )
    )
    # What Apprise says of a failure stands in its log alone, and an address holds secrets.
    with _Heard(logging.getLogger("apprise")) as heard:
        if not notifier.add(address):
            return "no service knows this kind of address"
        delivered = notifier.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT)
    if delivered:
        return None
    return (heard.last or "it was not delivered").replace(address, "(address)")


def _attempt(message: Message, template: str, send: Send, wait: Callable[[float], None]) -> str | None:
    if "{email}" in template and not message.email:
        return "no e-mail address is known"
    address = template.replace("{person}", quote(message.to, safe="")).replace(
        "{email}", quote(message.email or "", safe="")
    )
    error: str | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            wait(FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
        try:
            error = send(address, message.title, message.body)
        except Exception as raised:  # a service's client may raise anything, and the next reader waits
            error = type(raised).__name__
        if error is None:
            return None
    return f"{error}, after {ATTEMPTS} attempts"


class _Heard(logging.Handler):
    """Listens to a logger for a while, and keeps what it said last."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logging.WARNING)
        self._logger = logger
        self.last: str | None = None

    def __enter__(self) -> _Heard:
        self._propagated, self._logger.propagate = self._logger.propagate, False
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagated

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage().splitlines()[0][:200]


def _key(to: str, template: str) -> str:
    return hashlib.sha256(f"{to}\0{template}".encode()).hexdigest()[:32]


def _scheme(template: str) -> str:
    return urlsplit(template).scheme or "no scheme"


def _told(record: Path) -> str | None:
    try:
        return str(json.loads(record.read_text(encoding="utf-8"))["fingerprint"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    temporary.replace(path)
