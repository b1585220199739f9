"""Objects in an S3-compatible store, by Arrow's own client: listed by pattern, fetched one by one.

What an object holds is told by the hash of its bytes alone. An ETag is no hash of the content (of uploads in parts,
of encrypted objects), and another store may choose it freely; so every object is fetched in every run.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from orchestration.errors import FeedError
from orchestration.ingestion.contracts import S3Source
from orchestration.ingestion.physical import BLOCK_BYTES
from orchestration.ingestion.sources.delivery import Delivery
from orchestration.ingestion.sources.environment import from_environment, masked

_ATTEMPTS: Final = 4
"""At each request, with growing pauses; by the AWS SDK's standard rules."""
_CONNECT_SECONDS: Final = 10
_REQUEST_SECONDS: Final = 60
_FINAL: Final = re.compile(
    r"ACCESS_DENIED|INVALID_ACCESS_KEY|SIGNATURE_DOES_NOT_MATCH|NO_SUCH_BUCKET|NO_SUCH_KEY|RESOURCE_NOT_FOUND"
    r"|AccessDenied|NoSuchBucket|does not exist|Forbidden|HTTP response code 40[0134]|not a regular file"
)
"""Errors that trying again does not mend."""


@dataclass(frozen=True)
class _Store:
    """A store, and what to keep out of messages about it."""

    filesystem: Any
    feed: str
    url: str
    secrets: tuple[str, ...]

    def failure(self, error: Exception) -> FeedError:
        text = masked(" ".join(str(error).split())[:500], self.secrets)
        is_final = _FINAL.search(text) is not None
        return FeedError(
            f"{self.url} cannot be read: {text}",
            file="feeds.yml",
            column=self.feed,
            remedy="mend the address, the key or its rights" if is_final else "it is tried again later",
            retryable=not is_final,
        )


def s3_objects(source: S3Source, feed: str, spool_dir: Path) -> Iterator[Delivery]:
    """Yield the objects that the pattern matches, in the order of their keys; each is fetched when it is read."""
    store = _open(source, feed)
    for number, (key, size) in enumerate(sorted(_matching(source, store))):
        # Formats are told by a name's end; the rest of a key is no name that every disk takes.
        suffixes = "".join(PurePosixPath(key).suffixes[-2:])
        path = spool_dir / f"object-{number}{suffixes if suffixes.isascii() and len(suffixes) < 40 else ''}"
        yield Delivery(f"s3://{source.bucket}/{key}", path, fetch=_fetcher(store, f"{source.bucket}/{key}", size, path))


def _open(source: S3Source, feed: str) -> _Store:
    from pyarrow import fs

    options: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS, "request_timeout": _REQUEST_SECONDS}
    secrets: list[str] = []
    if source.anonymous:
        options["anonymous"] = True
    for field, option in (
        ("key_env", "access_key"),
        ("secret_env", "secret_key"),
        ("session_token_env", "session_token"),
    ):
        name = getattr(source, field)
        if name:
            options[option] = from_environment(name, feed)
            secrets.append(options[option])
    if source.region:
        options["region"] = source.region
    if source.endpoint_env:
        endpoint = urlsplit(from_environment(source.endpoint_env, feed))
        if endpoint.scheme not in ("http", "https") or not endpoint.hostname or endpoint.username:
            raise FeedError(
                f"{source.endpoint_env} holds no address of a store",
                file="feeds.yml",
                column=feed,
                expected="https://host:port, without credentials",
            )
        options |= {"scheme": endpoint.scheme, "endpoint_override": endpoint.netloc}
        options.setdefault("region", "us-east-1")  # otherwise AWS is asked where the bucket lies
    store = _Store(None, feed, source.url, tuple(secrets))
    try:
        retries = fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS)
        filesystem = fs.S3FileSystem(**options, retry_strategy=retries, background_writes=False)
    except (OSError, ValueError) as error:
        failure = store.failure(error)
    else:
        return _Store(filesystem, feed, source.url, tuple(secrets))
    raise failure


def _matching(source: S3Source, store: _Store) -> Iterator[tuple[str, int]]:
    """Yield key and size of every object that the pattern matches."""
    from pyarrow import fs

    bucket, pattern = source.bucket, source.key_pattern
    parts = pattern.split("/")
    plain = next((number for number, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts))
    if plain == len(parts):
        selector: Any = [f"{bucket}/{pattern}"]
    else:
        base = "/".join([bucket, *parts[:plain]])
        is_deep = plain < len(parts) - 1
        selector = fs.FileSelector(base, recursive=is_deep, allow_not_found=plain > 0)
    try:
        entries = store.filesystem.get_file_info(selector)
    except OSError as error:
        failure = store.failure(error)
    else:
        for entry in entries:
            key = entry.path.removeprefix(f"{bucket}/")
            if entry.type == fs.FileType.File and not key.endswith("/") and _matches(key, pattern):
                yield key, entry.size
        return
    raise failure


def _matches(key: str, pattern: str) -> bool:
    """Tell whether a key matches a pattern as a landed file would: * within a part, ** any parts, no hidden names."""
    return key == pattern or _expression(pattern).fullmatch(key) is not None


@lru_cache(maxsize=64)
def _expression(pattern: str) -> re.Pattern[str]:
    expression = ""
    parts = pattern.split("/")
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        if part == "**":
            expression += r"(?:(?!\.)[^/]+/)*" + (r"(?!\.)[^/]+" if is_last else "")
            continue
        hidden = "" if part.startswith(".") else r"(?!\.)"
        translated = "".join(_sign(sign) for sign in re.split(r"(\*+|\?|\[!?\]?[^\]]*\])", part))
        expression += hidden + translated + ("" if is_last else "/")
    return re.compile(expression, re.DOTALL)


def _sign(text: str) -> str:
    """Return what a piece of a pattern stands for, as a regular expression that no slash matches."""
    if text.startswith("*"):
        return "[^/]*"
    if text == "?":
        return "[^/]"
    if text.startswith("[") and text.endswith("]") and len(text) > 2:
        inner = text[1:-1].replace("\\", r"\\").replace("[", r"\[")
        return f"(?!/)[{'^' + inner[1:] if inner.startswith('!') else inner}]"
    return re.escape(text)


def _fetcher(store: _Store, path: str, size: int, target: Path) -> Any:
    def fetch() -> None:
        try:
            written = 0
            with store.filesystem.open_input_stream(path, compression=None) as remote, target.open("wb") as local:
                while block := remote.read(BLOCK_BYTES):
                    written += local.write(block)
            now = store.filesystem.get_file_info(path).size
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EROFS):
                raise
            failure = store.failure(error)
        else:
            if written == size == now:
                return
            failure = FeedError(
                f"s3://{path} changed while it was fetched, or came in part",
                file="feeds.yml",
                column=store.feed,
                expected=f"{size} bytes",
                found=f"{written} bytes",
                remedy="it is tried again later",
                retryable=True,
            )
        raise failure

    return fetch
