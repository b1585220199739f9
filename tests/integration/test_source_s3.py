"""S3 sources against a local server."""

from __future__ import annotations

import gzip

import pytest

from orchestration.errors import FeedError
from orchestration.ingestion.sources.s3 import _matches
from tests.integration.remote_feed import RemoteFeed

CSV = b"kpi,day,value\nlatency,2026-01-0%d,%d\n"
S3 = {
    "type": "s3",
    "url": "s3://acme/ops/*.csv*",
    "endpoint_env": "S3_ENDPOINT",
    "key_env": "S3_KEY",
    "secret_env": "S3_SECRET",
}


@pytest.fixture(scope="module")
def server():
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(server, monkeypatch):
    import boto3

    monkeypatch.setenv("S3_ENDPOINT", server)
    monkeypatch.setenv("S3_KEY", "reader")
    monkeypatch.setenv("S3_SECRET", "s3cr3t-of-acme")
    client = boto3.client(
        "s3", endpoint_url=server, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )
    client.create_bucket(Bucket="acme")
    yield client
    for entry in client.list_objects_v2(Bucket="acme").get("Contents", []):
        client.delete_object(Bucket="acme", Key=entry["Key"])
    client.delete_bucket(Bucket="acme")


@pytest.fixture
def feed(tmp_path) -> RemoteFeed:
    return RemoteFeed(tmp_path)


def put(bucket, key, body):
    bucket.put_object(Bucket="acme", Key=key, Body=body)


def test_objects_that_match_are_loaded_once(feed, bucket):
    put(bucket, "ops/1.csv", CSV % (5, 1))
    put(bucket, "ops/2.csv.gz", gzip.compress(CSV % (6, 2)))
    for key in ("ops/.3.csv", "ops/deep/4.csv", "ops/5.txt", "other/6.csv"):
        put(bucket, key, b"no")
    report = feed.pull(S3, format="csv")
    assert [one.name for one in report.files] == ["s3://acme/ops/1.csv", "s3://acme/ops/2.csv.gz"]
    assert [row[2] for row in feed.values()] == [1.0, 2.0]
    report = feed.pull(S3, format="csv")
    assert {one.status for one in report.files} == {"unchanged"}
    put(bucket, "ops/1.csv", CSV % (5, 3))
    report = feed.pull(S3, format="csv")
    assert [one.status for one in report.files] == ["loaded", "unchanged"]


def test_one_object_and_any_depth(feed, bucket):
    put(bucket, "ops/a/b/1.csv", CSV % (5, 1))
    assert feed.pull(S3 | {"url": "s3://acme/ops/a/b/1.csv"}, format="csv").rows_accepted == 1
    assert len(feed.pull(S3 | {"url": "s3://acme/**/*.csv"}, format="csv").files) == 1
    assert feed.pull(S3 | {"url": "s3://acme/nothing/*.csv"}, format="csv").has_no_files
    assert feed.pull(S3 | {"url": "s3://acme/nothing.csv"}, format="csv").has_no_files


def test_missing_bucket_is_told_without_secrets(feed, bucket):
    with pytest.raises(FeedError) as caught:
        feed.pull(S3 | {"url": "s3://nobody/*.csv"}, format="csv")
    assert not caught.value.retryable
    assert "s3cr3t" not in str(caught.value)


def test_object_that_changes_on_the_way_is_not_taken(feed, bucket, monkeypatch):
    put(bucket, "ops/1.csv", CSV % (5, 1))
    import orchestration.ingestion.sources.s3 as s3

    listed = s3._matching
    monkeypatch.setattr(s3, "_matching", lambda *args: [(key, size + 1) for key, size in listed(*args)])
    with pytest.raises(FeedError, match="came in part") as caught:
        feed.pull(S3, format="csv")
    assert caught.value.retryable
    assert feed.rows("loads") == []


def test_store_that_does_not_answer_is_tried_again_later(feed, monkeypatch):
    monkeypatch.setenv("S3_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("S3_KEY", "reader")
    monkeypatch.setenv("S3_SECRET", "s3cr3t-of-acme")
    monkeypatch.setattr("orchestration.ingestion.sources.s3._ATTEMPTS", 1)
    with pytest.raises(FeedError) as caught:
        feed.pull(S3, format="csv")
    assert caught.value.retryable
    monkeypatch.delenv("S3_SECRET")
    with pytest.raises(FeedError, match="S3_SECRET is not set"):
        feed.pull(S3, format="csv")


@pytest.mark.parametrize(
    ("key", "pattern", "matches"),
    [
        ("a/1.csv", "a/*.csv", True),
        ("a/b/1.csv", "a/*.csv", False),
        ("a/b/1.csv", "a/**/*.csv", True),
        ("a/1.csv", "a/**/*.csv", True),
        ("a/.b/1.csv", "a/**/*.csv", False),
        ("a/.1.csv", "a/*", False),
        ("a/x1.csv", "a/?[0-9].csv", True),
        ("a/xx.csv", "a/?[!0-9].csv", True),
        ("a/x/.csv", "a/x[/]*.csv", False),
        ("a/b", "**", True),
    ],
)
def test_pattern_of_keys(key, pattern, matches):
    assert _matches(key, pattern) is matches
