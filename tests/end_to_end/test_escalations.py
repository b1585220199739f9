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


def test_an_escalation_climbs_until_it_is_settled(golden, received):
    kpi_without_owner(golden)
    mended = (golden.root / OPERATIONS).read_text()

    assert golden.run(LOS_AS_OF="2026-02-12") == 0
    assert standing(golden) == [("open", 0, "data_steward", 0, False, "2026-02-13")]
    assert told(received) == ["data_steward"]

    assert golden.run(LOS_AS_OF="2026-02-12") == 0
    assert told(received) == [], "nothing has changed, so nobody hears of it again"

    assert golden.run(LOS_AS_OF="2026-02-13") == 0
    ((state, level, head, age, is_overdue, due_on),) = standing(golden)
    assert (state, level, age, is_overdue, due_on) == ("open", 1, 1, True, "2026-02-14")
    assert head != "data_steward"
    assert told(received) == [head]

    (golden.company / "governance").mkdir(exist_ok=True)
    (golden.company / "governance/escalations.yml").write_text(
        f"""
escalations:
  - {{id: "{OWN_02}", state: acknowledged, by: {head}, on: 2026-02-13}}
  - {{id: "{OWN_02}", state: decided, by: {head}, on: 2026-02-13, next_action: name an owner, due_on: 2026-02-20}}
"""
    )
    assert golden.run(LOS_AS_OF="2026-02-14") == 0
    assert standing(golden) == [("decided", 1, head, 2, False, "2026-02-20")], "the sponsor is not asked: it is decided"
    assert told(received) == [head]

    (golden.root / OPERATIONS).write_text(
        mended.replace(
            "      - {role: data_steward, person: data_steward, from: 2021-01-01, acknowledged_on: 2025-12-01}\n",
            "      - {role: data_steward, person: data_steward, from: 2021-01-01, acknowledged_on: 2025-12-01}\n"
            "      - {role: accountable_owner, person: lead_orders, from: 2021-01-01, acknowledged_on: 2025-12-01}\n",
        )
        if "person: lead_orders" not in mended
        else mended
    )
    assert golden.run(publish=False) == 0
    (settled,) = escalations(
        golden,
        f"select state, is_open, resolved_on::varchar from reports.rpt_escalation where escalation_id = '{OWN_02}'",
    )
    assert settled == ("resolved", False, "2026-02-15")
    assert told(received) == [], "a dry run tells nobody"
    (history,) = escalations(
        golden,
        "select open_count, repaired_count, mean_days_to_repair from reports.rpt_integrity_history "
        "where dimension = 'rule' and dimension_id = 'OWN-02'",
    )
    assert history == (0, 1, 3.0)


def test_operators_hear_why_nothing_was_published(golden, received):
    kpi_without_owner(golden)

    assert golden.run(LOS_GATE="strict") == EXIT_GATE_CLOSED

    ((_, title, body),) = [message for message in received if message[0] == "operators"]
    assert "nothing was published for 2026-02-15" in title
    assert "OWN-02" in body
