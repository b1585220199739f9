"""The Dagster asset of a remote feed tries again; that of landed files does not."""

from __future__ import annotations

import dagster as dg
import pytest

from orchestration.defs import ingestion
from orchestration.defs.ingestion import feed
from tests.unit.ingestion.small_feed import contract

SQL = {"type": "sql", "url_env": "OPS_URL", "query": "select 1"}


def remote():
    fields = contract().model_dump(exclude_unset=True) | {"source": SQL}
    fields.pop("format")
    return type(contract()).model_validate(fields)


def test_only_remote_feeds_are_retried():
    (policy,) = {feed(remote()).op.retry_policy}
    assert (policy.max_retries, policy.backoff) == (3, dg.Backoff.EXPONENTIAL)
    assert feed(contract()).op.retry_policy is None


@pytest.mark.parametrize("retryable", [True, False])
def test_failure_may_be_retried_when_the_error_may_pass(monkeypatch, tmp_path, retryable):
    from orchestration.defs.resources import ProjectResource
    from orchestration.errors import FeedError

    def fail(*args, **kwargs):
        raise FeedError("no answer", retryable=retryable)

    monkeypatch.setattr(ingestion, "load_contracts", lambda path: [remote()])
    monkeypatch.setattr(ingestion, "registry_for", lambda contract, lake: None)
    monkeypatch.setattr(ingestion, "ingest_feed", fail)
    monkeypatch.setenv("LOS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LOS_COMPANY_DIR", str(tmp_path))
    with pytest.raises(dg.Failure) as caught:
        feed(remote())(dg.build_asset_context(resources={"project": ProjectResource()}))
    assert caught.value.allow_retries is retryable
