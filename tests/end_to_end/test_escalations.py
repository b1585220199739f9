"""A KPI loses its owner: who is asked, day by day, until somebody settles it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import duckdb
import pytest

from orchestration.errors import EXIT_GATE_CLOSED
from tests.golden.defects import OPERATIONS, kpi_without_owner

OWN_02 = "OWN-02:kpi:orders"


@pytest.fixture
def received(monkeypatch):
    """Messages as (path, title, body), in the order of their arrival at a webhook on the loopback address."""
    messages = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            messages.append((self.path.strip("/"), content["title"], content["message"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"json://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("LOS_NOTIFY_URLS", url + "/{person}")
    monkeypatch.setenv("LOS_NOTIFY_OPERATORS", url + "/operators")
    yield messages
    server.shutdown()


def escalations(project, query):
    with duckdb.connect(str(project.root / "data/warehouse/warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def standing(project):
    return escalations(
        project,
        "select state, level, owner_id, age_days, is_overdue, due_on::varchar from reports.rpt_escalation "
        f"where escalation_id = '{OWN_02}'",
    )


def told(messages):
    """Who was told of the KPI since the last time."""
    who = [path for path, _, body in messages if OWN_02 in body]
    messages.clear()
    return who


def on(day):
    """Settings of a run on a day of February, its clock that evening."""
    return {"LOS_AS_OF": f"2026-02-{day}", "LOS_NOW": f"2026-02-{day}T20:00:00+00:00"}


def test_an_escalation_climbs_until_it_is_settled(golden, received):
    whole = (golden.root / OPERATIONS).read_text()
    kpi_without_owner(golden)

    assert golden.run(**on(15)) == 0
    assert standing(golden) == [("open", 0, "data_steward", 0, False, "2026-02-16")]
    assert told(received) == ["data_steward"]

    assert golden.run(**on(15)) == 0
    assert told(received) == [], "nothing has changed, so nobody hears of it again"

    assert golden.run(**on(16)) == 0
    ((state, level, head, age, is_overdue, due_on),) = standing(golden)
    assert (state, level, age, is_overdue, due_on) == ("open", 1, 1, True, "2026-02-17")
    assert head != "data_steward"
    assert told(received) == [head]

    (golden.company / "governance").mkdir(exist_ok=True)
    (golden.company / "governance/escalations.yml").write_text(
        f"""
escalations:
  - {{id: "{OWN_02}", state: acknowledged, by: {head}, on: 2026-02-16}}
  - {{id: "{OWN_02}", state: decided, by: {head}, on: 2026-02-16, next_action: name an owner, due_on: 2026-02-20}}
"""
    )
    assert golden.run(**on(17)) == 0
    assert standing(golden) == [("decided", 1, head, 2, False, "2026-02-20")], "the sponsor is not asked: it is decided"
    assert told(received) == [head]

    (golden.root / OPERATIONS).write_text(whole)
    assert golden.run(publish=False, **on(18)) == 0
    assert escalations(
        golden,
        f"select state, is_open, resolved_on::varchar from reports.rpt_escalation where escalation_id = '{OWN_02}'",
    ) == [("resolved", False, "2026-02-18")]
    assert told(received) == [], "a dry run tells nobody"
    assert escalations(
        golden,
        "select open_count, repaired_count, mean_days_to_repair from reports.rpt_integrity_history "
        "where dimension = 'rule' and dimension_id = 'OWN-02'",
    ) == [(0, 1, 3.0)]


def test_operators_hear_why_nothing_was_published(golden, received):
    kpi_without_owner(golden)

    assert golden.run(LOS_GATE="strict") == EXIT_GATE_CLOSED

    ((_, title, body),) = [message for message in received if message[0] == "operators"]
    assert "nothing was published for 2026-02-15" in title
    assert "OWN-02" in body
