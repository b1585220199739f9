"""Delivery, to a receiver of our own on the loopback address."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orchestration.notification.delivery import ATTEMPTS, deliver, send_by_apprise
from orchestration.notification.digests import Message


def message(to="ada", fingerprint="1", email="ada@example.com"):
    return Message(to=to, email=email, title=f"For {to}", body="- one\n- two", fingerprint=fingerprint)


@pytest.fixture
def receiver():
    """A webhook that keeps what it gets, and answers with the codes in `answers`, then with 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.received.append((self.path, json.loads(content)))
            self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.received, server.answers = [], []
    server.url = f"json://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def run(tmp_path, waits):
    def deliver_all(messages, *addresses, **options):
        return deliver(messages, addresses, tmp_path, wait=waits.append, **options)

    return deliver_all


def letters(tmp_path):
    return [json.loads(path.read_text()) for path in sorted((tmp_path / "dead_letters").glob("*.json"))]


def test_a_message_arrives_once(receiver, run, tmp_path):
    first, second = run([message()], receiver.url), run([message()], receiver.url)

    assert (first.sent, first.unchanged, second.sent, second.unchanged) == (1, 0, 0, 1)
    ((_, content),) = receiver.received
    assert (content["title"], content["message"]) == ("For ada", "- one\n- two")
    assert letters(tmp_path) == []


def test_news_arrives(receiver, run):
    run([message()], receiver.url)

    assert run([message(fingerprint="2")], receiver.url).sent == 1
    assert len(receiver.received) == 2


def test_each_reader_has_an_address_of_their_own(receiver, run):
    run([message(), message("b.ö", email="b+c@example.com")], receiver.url + "/{person}?mail={email}")

    assert [path.split("?")[0].rstrip("/") for path, _ in receiver.received] == ["/ada", "/b.%C3%B6"]


def test_a_service_that_recovers_gets_the_message(receiver, run, waits):
    receiver.answers = [503, 500]

    assert run([message()], receiver.url).sent == 1
    assert (len(receiver.received), waits) == (3, [2.0, 4.0])


def test_what_cannot_be_delivered_is_kept_and_tried_again_by_the_next_run(receiver, run, tmp_path):
    receiver.answers = [503] * ATTEMPTS

    first = run([message(), message("bob")], receiver.url)

    assert (first.sent, first.dead) == (1, 1), "bob is not kept waiting by ada's failure"
    (letter,) = letters(tmp_path)
    assert (letter["to"], letter["title"], letter["body"]) == ("ada", "For ada", "- one\n- two")
    assert "after 3 attempts" in letter["error"]
    assert run([message(), message("bob")], receiver.url).sent == 1
    assert letters(tmp_path) == []


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("nonsense://somewhere", "no service knows this kind of address"),
        ("json://127.0.0.1:1/secret-token", "after 3 attempts"),
    ],
)
def test_an_address_that_is_wrong_is_a_dead_letter_without_its_secret(run, tmp_path, address, error):
    delivery = run([message()], address)

    assert delivery.dead == 1
    assert error in delivery.reasons[0]
    assert "secret-token" not in delivery.reasons[0]
    assert "secret-token" not in json.dumps(letters(tmp_path))


def test_a_reader_without_an_address_is_a_dead_letter(run):
    delivery = run([message(email=None)], "json://127.0.0.1:1/?to={email}")

    assert delivery.reasons == ("ada, address 1 (json): no e-mail address is known",)


def test_a_client_that_raises_is_a_dead_letter(run):
    def send(*_):
        raise RuntimeError("token abc")

    delivery = run([message()], "json://x", send=send)

    assert delivery.reasons == ("ada, address 1 (json): RuntimeError, after 3 attempts",)


def test_a_torn_record_is_sent_again(receiver, run, tmp_path):
    run([message()], receiver.url)
    for path in (tmp_path / "sent").iterdir():
        path.write_text("{")

    assert run([message()], receiver.url).sent == 1


def test_apprise_keeps_nothing_on_disk(receiver, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))

    assert send_by_apprise(receiver.url, "title", "body") is None
    assert not list(tmp_path.rglob("*"))
