"""REST sources against a local server that also fails, throttles, truncates and leads astray."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from orchestration.errors import FeedError
from tests.integration.remote_feed import RemoteFeed

RECORDS = [{"kpi": "latency", "day": f"2026-01-{day:02}", "value": day} for day in range(1, 8)]
TOKEN = "t0ken-of-acme"


class Server:
    """Answers by a function: (path, query, headers, request number) -> (status, headers, body)."""

    def __init__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                parts = urlsplit(self.path)
                query = {name: texts[0] for name, texts in parse_qs(parts.query).items()}
                outer.requests.append((self.path, dict(self.headers)))
                status, headers, body = outer.answer(parts.path, query, self.headers, len(outer.requests))
                if not isinstance(body, bytes):
                    body = json.dumps(body).encode()
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                if int(headers.get("Content-Length", len(body))) != len(body):
                    self.close_connection = True

            def log_message(self, *args):
                pass

        self.requests: list = []
        self.answer = lambda path, query, headers, number: (200, {}, RECORDS)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr("orchestration.ingestion.sources.rest._BACKOFF_SECONDS", 0.001)
    server = Server()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def feed(tmp_path) -> RemoteFeed:
    return RemoteFeed(tmp_path)


def source(server, **changes):
    return {"type": "rest", "url": f"{server.url}/v1/measures"} | changes


def by_page(path, query, headers, number):
    start = (int(query["page"]) - 1) * int(query["size"])
    return 200, {}, {"data": {"items": RECORDS[start : start + int(query["size"])]}, "total": len(RECORDS)}


def by_offset(path, query, headers, number):
    start = int(query["offset"])
    return 200, {}, RECORDS[start : start + min(int(query["limit"]), 2)]  # gives fewer than it is asked for


def by_cursor(path, query, headers, number):
    start = int(query.get("cursor", 0))
    following = str(start + 3) if start + 3 < len(RECORDS) else None
    return 200, {}, {"items": RECORDS[start : start + 3], "next": following}


def by_link(path, query, headers, number):
    start = int(query.get("from", 0))
    more = {"Link": f'</v1/first>; rel="first", <{path}?from={start + 3}>; rel="next"'} if start + 3 < 7 else {}
    return 200, more, RECORDS[start : start + 3]


@pytest.mark.parametrize(
    ("answer", "changes", "requests"),
    [
        (lambda *_: (200, {}, RECORDS), {}, 1),
        (
            by_page,
            {
                "pagination": {"kind": "page", "size_param": "size", "size": 3},
                "record_path": "/data/items",
                "total_path": "/total",
            },
            4,
        ),
        (by_offset, {"pagination": {"kind": "offset", "size": 5}}, 5),
        (by_cursor, {"pagination": {"kind": "cursor", "path": "/next"}, "record_path": "/items"}, 3),
        (by_link, {"pagination": {"kind": "link"}}, 3),
    ],
)
def test_all_pages_are_one_delivery(feed, server, answer, changes, requests):
    server.answer = answer
    report = feed.pull(source(server, **changes))
    assert [row[2] for row in feed.values()] == [1, 2, 3, 4, 5, 6, 7]
    assert len(server.requests) == requests
    assert [one.name for one in report.files] == [f"{server.url}/v1/measures#records"]
    assert feed.pull(source(server, **changes)).files[0].status == "unchanged"


def test_order_of_records_is_no_content(feed, server):
    feed.pull(source(server))
    server.answer = lambda *_: (200, {}, RECORDS[::-1])
    assert feed.pull(source(server)).files[0].status == "unchanged"


def test_credentials_come_from_the_environment(feed, server, monkeypatch):
    monkeypatch.setenv("ACME_TOKEN", TOKEN)
    monkeypatch.setenv("ACME_KEY", "k3y&1")
    feed.pull(source(server, token_env="ACME_TOKEN", params={"api_key": {"env": "ACME_KEY"}, "since": 2026}))
    path, headers = server.requests[0]
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert path == "/v1/measures?api_key=k3y%261&since=2026"
    assert TOKEN not in str(feed.rows("loads"))
    assert "k3y" not in str(feed.rows("loads"))
    monkeypatch.delenv("ACME_TOKEN")
    with pytest.raises(FeedError, match="ACME_TOKEN is not set"):
        feed.pull(source(server, token_env="ACME_TOKEN"))


@pytest.mark.parametrize(
    "failure",
    [
        (429, {"Retry-After": "0"}, b""),
        (503, {"Retry-After": "soon"}, b""),
        (500, {}, b"oops"),
        (200, {"Content-Length": "5000"}, json.dumps(RECORDS).encode()),
        (200, {}, json.dumps(RECORDS).encode()[:-20]),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(json.dumps(RECORDS).encode())[:-12]),
    ],
    ids=["throttled", "retry-after-nonsense", "server-error", "cut-off", "cut-off-unseen", "gzip-cut-off"],
)
def test_what_passes_is_tried_again(feed, server, failure):
    server.answer = lambda path, query, headers, number: failure if number < 3 else (200, {}, RECORDS)
    assert feed.pull(source(server)).rows_accepted == 7
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("failure", "words", "retryable", "requests"),
    [
        ((503, {}, b""), "status 503 after 3 attempts", True, 3),
        ((429, {"Retry-After": "86400"}, b""), "status 429", True, 1),
        ((200, {"Content-Length": "5000"}, b"[]"), "IncompleteRead", True, 3),
        ((401, {}, b""), "status 401", False, 1),
        ((404, {}, b""), "status 404", False, 1),
        ((204, {}, b""), "status 204", False, 1),
        ((302, {"Location": "http://169.254.169.254/latest"}, b""), "another host", False, 1),
        ((302, {"Location": "http://localhost/x"}, b""), "another host", False, 1),
        ((302, {"Location": "file:///etc/passwd"}, b""), "another host", False, 1),
        ((302, {"Location": "/v1/measures"}, b""), "again and again", False, 6),
        ((200, {"Link": '<http://evil.example/x>; rel="next"'}, RECORDS), "another host", False, 1),
    ],
)
def test_failure_leaves_the_lake_as_it_was(feed, server, monkeypatch, failure, words, retryable, requests):
    monkeypatch.setenv("ACME_TOKEN", TOKEN)
    server.answer = lambda *_: failure
    with pytest.raises(FeedError, match=words) as caught:
        feed.pull(source(server, token_env="ACME_TOKEN", max_attempts=3, pagination={"kind": "link"}))
    assert caught.value.retryable is retryable
    assert TOKEN not in str(caught.value)
    assert len(server.requests) == requests
    assert feed.rows("loads") == []


def half(path, query, headers, number):
    return (200, {}, RECORDS[:3]) if query["page"] == "1" else (200, {}, b'[{"kpi": "latency"')


@pytest.mark.parametrize(
    ("answer", "changes", "words"),
    [
        (half, {"pagination": {"kind": "page"}}, "no whole JSON"),
        (lambda *_: (200, {}, RECORDS), {"pagination": {"kind": "page"}}, "does not heed"),
        (lambda *_: (200, {}, {"a": 1}), {}, "no list of records"),
        (lambda *_: (200, {}, {"a": {"b": None}}), {"record_path": "/a/b"}, "no list of records at /a/b"),
        (lambda *_: (200, {}, b'{"a": [], "a": []}'), {"record_path": "/a"}, "stands twice"),
        (lambda *_: (200, {}, b"[" * 100_000), {}, "nested too deep"),
        (lambda *_: (200, {}, b"\xff\xfe[]"), {}, "not UTF-8"),
        (lambda *_: (200, {}, b"<html>sign in</html>"), {}, "no whole JSON"),
        (
            lambda *_: (200, {}, {"items": RECORDS, "n": 8}),
            {"record_path": "/items", "total_path": "/n"},
            "announces 8 records and delivered 7",
        ),
        (
            lambda *_: (200, {}, {"items": RECORDS, "next": "x"}),
            {"record_path": "/items", "pagination": {"kind": "cursor", "path": "/next"}},
            "circle",
        ),
        (by_offset, {"pagination": {"kind": "offset", "size": 1}, "max_pages": 3}, "more than 3 pages"),
    ],
)
def test_delivery_is_refused_whole(feed, server, answer, changes, words):
    server.answer = answer
    report = feed.pull(source(server, max_attempts=2, **changes))
    assert report.files[0].status == "rejected"
    assert words in report.files[0].message
    assert feed.values() == []
    again = feed.pull(source(server, max_attempts=2, **changes))
    assert again.files[0].status == "unchanged"  # told once, not at every run


def test_numbers_keep_their_digits_and_bad_records_stay_out_alone(feed, server):
    body = b'[\n {"kpi": "latency", "day": "2026-01-01",\n  "value": 0.1000000000000000055},\n'
    body += b' {"kpi": "latency", "day": "2026-01-02", "value": 9007199254740993}, 7,'
    body += b' {"kpi": "latency", "day": "2026-01-03", "value": 1, "value": 2}]'
    server.answer = lambda *_: (200, {}, body)
    report = feed.pull(source(server))
    assert feed.values() == [("latency", "2026-01-01", 0.1)]
    assert report.quarantined_by_reason == {"out_of_range": 1, "ragged_row": 2}


def test_no_records_is_an_empty_file_unless_it_may_be(feed, server):
    server.answer = lambda *_: (200, {}, [])
    assert feed.pull(source(server)).files[0].reason_code == "empty_file"
    assert feed.pull(source(server), may_be_empty=True).files[0].status == "loaded"


def test_name_that_leads_elsewhere_is_refused_before_anything_is_sent(feed, server, monkeypatch):
    import socket

    resolve = socket.getaddrinfo
    port = server.server.server_port
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *args, **kwargs: resolve("127.0.0.1" if host == "api.example" else host, *args, **kwargs),
    )
    with pytest.raises(FeedError, match="an address of this machine") as caught:
        feed.pull({"type": "rest", "url": f"https://api.example:{port}/x"})
    assert not caught.value.retryable
    assert server.requests == []


def test_nobody_listens_is_tried_again_later(feed, server):
    with pytest.raises(FeedError, match="after 2 attempts") as caught:
        feed.pull({"type": "rest", "url": "http://127.0.0.1:9/x", "max_attempts": 2})
    assert caught.value.retryable
