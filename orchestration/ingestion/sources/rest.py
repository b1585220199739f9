"""The records of an HTTP endpoint, all pages together as one JSON Lines file: whole, or not at all.

Requests go to the host that the contract names and to no other, whatever redirects and links say; where a name leads
is checked on the open connection, before anything is sent. What fails for a moment (429, 5xx, time-outs, bodies cut
off) is tried again by urllib3's rules. Records keep their text: no digit changes on the way.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError

from orchestration.errors import FeedError
from orchestration.ingestion.contracts import RestSource
from orchestration.ingestion.reasons import Unreadable
from orchestration.ingestion.source_models import (
    CursorPagination,
    FromEnvironment,
    LinkPagination,
    OffsetPagination,
    PagePagination,
    forbidden_address,
    is_loopback,
)
from orchestration.ingestion.sources.content import UnorderedContent
from orchestration.ingestion.sources.delivery import Delivery
from orchestration.ingestion.sources.environment import from_environment, masked

MAX_PAGE_BYTES: Final = 256 * 1024 * 1024
"""Of one page, unpacked; it is held in memory."""
MAX_REDIRECTS: Final = 5
_LONGEST_PAUSE: Final = 120
"""Seconds: a server that asks for a longer pause is tried again by a later run."""
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_BACKOFF_SECONDS: Final = 0.5
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
"""Numbers stay text: no number is too long, and none is rounded."""


class _AddressRefused(NewConnectionError):
    """A name leads to an address that no request may go to."""


class _Guard:
    """Mix-in of connections: the address is checked when the connection stands, so that no second look-up differs."""

    host: str

    def _new_conn(self) -> socket.socket:
        connection: socket.socket = super()._new_conn()  # type: ignore[misc]
        reason = forbidden_address(connection.getpeername()[0], loopback_allowed=is_loopback(self.host))
        if reason:
            connection.close()
            raise _AddressRefused(self, f"{self.host} leads to {reason}")  # type: ignore[arg-type]
        return connection


class _GuardedHttp(_Guard, HTTPConnection):
    pass


class _GuardedHttps(_Guard, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHttp


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHttps


@dataclass(frozen=True)
class _Page:
    """One answer.

    Attributes:
        text: its body.
        url: where it came from, after redirects.
        next_link: address in the header Link with rel=next.
    """

    text: str
    url: str
    next_link: str | None


def rest_records(source: RestSource, feed: str, spool_dir: Path) -> Iterator[Delivery]:
    """Yield the endpoint's records as one delivery, named for its address."""
    path = spool_dir / "records.jsonl"
    # The mark keeps an address that ends in .gz from looking like a packed file.
    yield Delivery(f"{source.url}#records", path, fetch=lambda: _Fetch(source, feed).into(path))


class _Fetch:
    """One walk over all pages."""

    def __init__(self, source: RestSource, feed: str) -> None:
        self._source = source
        self._feed = feed
        self._secrets: list[str] = []
        self._headers = {"User-Agent": "line-of-sight", "Accept": "application/json", "Accept-Encoding": "gzip"}
        names = {name.lower(): name for name in self._headers}
        for name, value in source.headers.items():
            self._headers.pop(names.get(name.lower(), ""), None)
            self._headers[name] = self._resolved(value)
        if source.token_env:
            self._headers["Authorization"] = f"Bearer {self._resolved(FromEnvironment(env=source.token_env))}"
        for name, value in self._headers.items():
            if not re.fullmatch(r"[\x20-\x7e\xa0-\xff]*", value):
                raise self._error(f"the header {name} would hold signs that no header may", retryable=False)
        self._params = {name: self._resolved(value) for name, value in source.params.items()}
        self._origin = _origin(source.url)
        self._manager = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=min(source.timeout_seconds, 30.0), read=source.timeout_seconds),
            retries=False,
        )
        self._manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def into(self, path: Path) -> str:
        """Write every record to a JSON Lines file; return the sha256 of the content."""
        content, total = UnorderedContent(), None
        with self._manager, path.open("wb") as spool:
            for page in self._pages():
                records, envelope_total = self._records(page)
                total = envelope_total if envelope_total is not None else total
                for record in records:
                    # Line ends inside of a record can only stand between its signs.
                    line = re.sub(r"[\r\n]+", " ", record).encode("utf-8", "surrogatepass")
                    content.add(line)
                    spool.write(line + b"\n")
        if self._source.total_path is not None and total != content.records:
            raise Unreadable(
                "unreadable_file",
                f"the endpoint announces {total} records and delivered {content.records}; nothing of it is taken",
            )
        return content.sha256()

    def _resolved(self, value: str | int | FromEnvironment) -> str:
        if isinstance(value, FromEnvironment):
            secret = from_environment(value.env, self._feed)
            self._secrets.append(secret)
            return secret
        return str(value)

    def _pages(self) -> Iterator[_Page]:
        """Yield page after page. The records of one are counted before the next is asked for."""
        pagination = self._source.pagination
        query = dict(self._params)
        self._page_records = 0
        passed, number = 0, pagination.start if isinstance(pagination, PagePagination) else 0
        if isinstance(pagination, (PagePagination, OffsetPagination)):
            query[pagination.param] = str(number)
            if pagination.size_param and pagination.size:
                query[pagination.size_param] = str(pagination.size)
        url = _with_query(self._source.url, query)
        seen: set[str] = set()
        before = ""
        for _ in range(self._source.max_pages):
            if url in seen:
                raise Unreadable("unreadable_file", "the pages go round in a circle: one names an earlier one as next")
            seen.add(url)
            page = self._get(url)
            yield page
            if pagination is None:
                return
            if isinstance(pagination, (PagePagination, OffsetPagination)):
                # Only an empty page is the end: a server may send fewer records than were asked for.
                if not self._page_records:
                    return
                digest = hashlib.sha256(page.text.encode("utf-8", "surrogatepass")).hexdigest()
                if digest == before:
                    raise Unreadable(
                        "unreadable_file",
                        f"two pages are the same: the endpoint does not heed the parameter {pagination.param}",
                    )
                before = digest
                number, passed = number + 1, passed + self._page_records
                query[pagination.param] = str(number if isinstance(pagination, PagePagination) else passed)
                url = _with_query(self._source.url, query)
            else:
                following = self._following(page, pagination)
                if following is None:
                    return
                url = (
                    following
                    if isinstance(pagination, LinkPagination)
                    else _with_query(self._source.url, query | {pagination.param: following})
                )
        raise Unreadable("unreadable_file", f"more than {self._source.max_pages} pages (max_pages)")

    def _following(self, page: _Page, pagination: CursorPagination | LinkPagination) -> str | None:
        """Return the next cursor or address, or None after the last page."""
        if pagination.path is None:
            link = page.next_link
        else:
            place = _locate(page.text, pagination.path)
            value = None if place is None else json.JSONDecoder(parse_int=str).raw_decode(page.text, place)[0]
            if value is not None and not isinstance(value, str):
                raise Unreadable("unreadable_file", f"what stands at {pagination.path} is no cursor or address")
            link = value
        if not link:
            return None
        if isinstance(pagination, CursorPagination):
            return link
        return self._own_address(urljoin(page.url, link), "the link to the next page")

    def _own_address(self, url: str, what: str) -> str:
        try:
            is_own = _origin(url) == self._origin
        except ValueError:
            is_own = False
        if not is_own:
            shown = masked(url.split("?")[0][:200], self._secrets)
            raise self._error(
                f"{what} leads to another host, and is not followed: {shown}",
                retryable=False,
                remedy="write the host that serves the records as the contract's url, if it may be trusted",
            )
        return url.split("#")[0]

    def _records(self, page: _Page) -> tuple[list[str], int | None]:
        """Cut a page into the texts of its records."""
        text, source = page.text, self._source
        place = _locate(text, source.record_path)
        if place is None or text[place] != "[":
            found = "nothing" if place is None else f"{text[place : place + 40]!r}"
            where = source.record_path or "the top of the page"
            raise Unreadable("unreadable_file", f"no list of records at {where}: found {found}")
        records = []
        position = _skip(text, place + 1)
        while text[position] != "]":
            _, end = _DECODER.raw_decode(text, position)
            records.append(text[position:end])
            position = _skip(text, end)
            if text[position] == ",":
                position = _skip(text, position + 1)
        self._page_records = len(records)
        total = None
        if source.total_path is not None:
            place = _locate(text, source.total_path)
            value = None if place is None else _DECODER.raw_decode(text, place)[0]
            if not isinstance(value, str) or not re.fullmatch(r"\d{1,15}", value):
                raise Unreadable("unreadable_file", f"no number of records at {source.total_path}")
            total = int(value)
        return records, total

    def _get(self, url: str) -> _Page:
        """Fetch one page, again and again while what fails may pass."""
        retry = urllib3.Retry(
            total=self._source.max_attempts - 1,
            status_forcelist=_PASSING,
            backoff_factor=_BACKOFF_SECONDS,
            backoff_max=_LONGEST_PAUSE,
            backoff_jitter=_BACKOFF_SECONDS / 2,
            respect_retry_after_header=True,
            raise_on_status=False,
        )
        while True:
            response, failure = None, None
            try:
                response = self._answer(url)
                if response.status < 400:
                    return self._page(response, url)
            except _AddressRefused as error:
                raise self._error(f"{error}", retryable=False) from None
            except (HTTPError, OSError) as error:
                failure = error
            except _Broken as error:
                failure = HTTPError(error.message)
                failure.__cause__ = error
            if response is not None and failure is None and response.status not in _PASSING:
                response.close()
                raise self._refused(response)
            if response is not None:
                response.close()
            pause = _asked_pause(retry, response)
            try:
                if pause > _LONGEST_PAUSE:
                    raise MaxRetryError(_NO_POOL, url, failure)
                retry = retry.increment("GET", url, response=response if failure is None else None, error=failure)
            except (HTTPError, OSError):
                raise self._given_up(response, failure) from None
            retry.sleep(response)

    def _answer(self, url: str) -> Any:
        """Return the answer to one request, redirects on the own host followed; its body is not read yet."""
        for _ in range(MAX_REDIRECTS + 1):
            response = self._manager.request(
                "GET", url, headers=self._headers, preload_content=False, redirect=False, retries=False
            )
            location = response.headers.get("Location")
            if response.status not in (301, 302, 303, 307, 308) or not location:
                self._url = url
                return response
            response.close()  # its body is of no use, and may be long
            url = self._own_address(urljoin(url, location), "a redirect")
        raise self._error("the address is redirected again and again", retryable=False)

    def _page(self, response: Any, url: str) -> _Page:
        """Read the body of an answer, and see that it is whole."""
        if response.status != 200:
            raise self._error(f"the endpoint answered with status {response.status}, not 200", retryable=False)
        chunks, size = [], 0
        try:
            for chunk in response.stream(1 << 20, decode_content=True):
                size += len(chunk)
                if size > MAX_PAGE_BYTES:
                    response.close()
                    raise Unreadable("unreadable_file", f"a page of more than {MAX_PAGE_BYTES >> 20} MiB")
                chunks.append(chunk)
        finally:
            response.release_conn()
        try:
            text = b"".join(chunks).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Unreadable("bad_encoding", f"a page that is not UTF-8, at byte {error.start}") from None
        try:
            # The whole page, before anything is taken from it: a body may be cut off without a sign on the way.
            _, end = _DECODER.raw_decode(text, _skip(text, 0))
        except RecursionError:
            raise Unreadable("unreadable_file", "a page that is nested too deep") from None
        except ValueError as error:
            raise _Broken(f"a page is no whole JSON: {str(error).split(':')[0]} after {len(text)} signs") from None
        if _skip(text, end) != len(text):
            raise _Broken("a page is no whole JSON: there is more after its end")
        return _Page(text, self._url, _next_link(response.headers.get("Link", "")))

    def _refused(self, response: Any) -> FeedError:
        status = response.status
        remedies = {
            401: "renew the token",
            403: "give the account the right to read",
            404: "correct the contract's url",
        }
        return self._error(
            f"the endpoint answered with status {status}",
            retryable=False,
            remedy=remedies.get(status, "correct the contract's url, headers and params"),
        )

    def _given_up(self, response: Any, failure: Exception | None) -> Exception:
        attempts = f"after {self._source.max_attempts} attempts" if self._source.max_attempts > 1 else ""
        if failure is not None and isinstance(failure.__cause__, _Broken):
            return Unreadable("unreadable_file", f"{failure.__cause__.message}; nothing of the delivery is taken")
        if failure is not None:
            text = masked(" ".join(str(failure).split())[:300], self._secrets)
            what = f"the endpoint cannot be read {attempts}: {type(failure).__name__}: {text}"
        else:
            what = f"the endpoint answered with status {response.status} {attempts}"
        return self._error(what.strip(), retryable=True, remedy="it is tried again later")

    def _error(self, message: str, *, retryable: bool, remedy: str | None = None) -> FeedError:
        return FeedError(
            masked(message, self._secrets),
            file="feeds.yml",
            column=self._feed,
            found=None,
            remedy=remedy,
            retryable=retryable,
        )


class _Broken(Exception):
    """A body that is not the JSON it should be; perhaps only this time."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


_NO_POOL: Any = None


def _asked_pause(retry: urllib3.Retry, response: Any) -> float:
    """Return for how many seconds the server asks to be left alone; 0 when it does not say."""
    try:
        return (retry.get_retry_after(response) or 0.0) if response is not None else 0.0
    except HTTPError:  # no number and no date
        del response.headers["Retry-After"]
        return 0.0


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    if parts.username is not None:
        raise ValueError("credentials in an address")
    return (
        parts.scheme,
        (parts.hostname or "").rstrip("."),
        parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0),
    )


def _with_query(url: str, query: dict[str, str]) -> str:
    return f"{url}?{urlencode(query)}" if query else url


def _next_link(header: str) -> str | None:
    """Return the address with rel=next of a header Link (RFC 8288)."""
    for match in re.finditer(r"<([^<>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:\"[^\"]*\"|[^\s\",;]+))*)", header):
        relation = re.search(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s\",;]+))", match[2], re.IGNORECASE)
        if relation and "next" in (relation[1] or relation[2] or "").lower().split():
            return match[1]
    return None


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _locate(text: str, pointer: str) -> int | None:
    """Return where in a valid JSON text the value begins that a pointer leads to; None: it is not there.

    Raises:
        Unreadable: a key on the way stands twice.
    """
    position = _skip(text, 0)
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if text[position] not in "{[":
            return None
        found = _member(text, position, key) if text[position] == "{" else _element(text, position, key)
        if found is None:
            return None
        position = found
    return position


def _member(text: str, position: int, key: str) -> int | None:
    found = None
    position = _skip(text, position + 1)
    while text[position] != "}":
        name, position = _DECODER.raw_decode(text, position)
        position = _skip(text, _skip(text, position) + 1)
        if name == key:
            if found is not None:
                raise Unreadable("unreadable_file", f"the key {key!r} stands twice in a page")
            found = position
        position = _skip(text, _DECODER.raw_decode(text, position)[1])
        if text[position] == ",":
            position = _skip(text, position + 1)
    return found


def _element(text: str, position: int, key: str) -> int | None:
    if not re.fullmatch(r"0|[1-9]\d{0,6}", key):
        return None
    position = _skip(text, position + 1)
    for _ in range(int(key)):
        if text[position] == "]":
            return None
        position = _skip(text, _DECODER.raw_decode(text, position)[1])
        position = _skip(text, position + 1) if text[position] == "," else position
    return None if text[position] == "]" else position
