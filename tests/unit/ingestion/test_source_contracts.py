"""The `source` of a contract: every error with its line and what was meant, and no secret repeated."""

from __future__ import annotations

import json

import pytest

from orchestration.company.schemas import export_schemas
from orchestration.errors import DefinitionErrors
from orchestration.ingestion.contracts import FeedsFile, contract_hash, feed_records, load_contracts
from tests.unit.ingestion.small_feed import contract

START = "feeds:\n  - id: ops\n    name: Operations\n    columns: {kpi: kpi, period: day, value: value}\n"
S3 = "{type: s3, url: s3://acme/ops/*.csv, key_env: S3_KEY, secret_env: S3_SECRET}\n    format: csv"
SQL = "{type: sql, url_env: OPS_URL, query: select kpi from measures}"
REST = "{type: rest, url: https://api.example.com/v1/m, token_env: ACME_TOKEN}"
SECRET = "ghp_0123456789abcdef"


def load(tmp_path, source):
    path = tmp_path / "feeds.yml"
    path.write_text(f"{START}    source: {source}\n", encoding="utf-8")
    return load_contracts(path)


def rest(more):
    return REST.replace("}", f", {more}}}")


@pytest.mark.parametrize(
    ("source", "kind", "form"), [(S3, "s3", "csv"), (SQL, "sql", "parquet"), (REST, "rest", "jsonl")]
)
def test_source_is_loaded(tmp_path, source, kind, form):
    (one,) = load(tmp_path, source)
    assert (one.source.type, one.format, one.source.is_remote) == (kind, form, True)
    (record,) = feed_records([one])
    assert (record.columns["source_kind"], record.columns["format"]) == (kind, form)


def test_new_options_leave_the_hash_of_other_contracts_alone():
    assert contract_hash(contract()) == contract_hash(contract(source={"type": "file", "path": "other/*"}))
    book = contract(format="xlsx")
    assert contract_hash(book) != contract_hash(contract(format="xlsx", sheet="Data"))


@pytest.mark.parametrize(
    ("source", "column", "words"),
    [
        ("{path: x}", "source.type", "missing field `type`"),
        ("{type: S3x, url: x}", "source.type", "write s3"),
        ("{type: file, path: x}", "format", "missing field `format`"),
        (SQL + "\n    format: csv", "format", "leave `format` out"),
        (S3.replace("s3://acme/ops/*.csv", "https://acme/x"), "source.url", "S3 address"),
        (S3.replace("ops/", "../"), "source.url", "plain S3 key"),
        (S3.replace(", secret_env: S3_SECRET", ""), "source.secret_env", "add secret_env"),
        (S3.replace("S3_SECRET", "wJalrXUtnFEMI/K7MDENG"), "source.secret_env", "environment variable"),
        (S3.replace("key_env", "key"), "source.key", "key_env"),
        (SQL.replace("OPS_URL", "postgresql://u:hunter2@h/d"), "source.url_env", "environment variable"),
        (SQL.replace("url_env: OPS_URL", "url: postgresql://u:hunter2@h/d"), "source.url", "unknown field"),
        (SQL.replace("select kpi from", "delete from"), "source.query", "does not read"),
        (REST.replace("https:", "ftp:"), "source.url", "not a URL of the kinds"),
        (REST.replace("https:", "file:"), "source.url", "not a URL of the kinds"),
        (REST.replace("https:", "http:"), "source.url", "unencrypted"),
        (REST.replace("api.example.com", "u:hunter2@api.example.com"), "source.url", "holds credentials"),
        (REST.replace("v1/m", "v1/m?api_key=hunter2"), "source.url", "params"),
        (REST.replace("api.example.com", "169.254.169.254"), "source.url", "metadata"),
        (
            REST.replace("https://api.example.com", '"https://[fe80::1]').replace("/m,", '/m",'),
            "source.url",
            "metadata",
        ),
        (REST.replace("api.example.com", "metadata.google.internal"), "source.url", "metadata"),
        (REST.replace("api.example.com", "2852039166"), "source.url", "disguise"),
        (REST.replace("api.example.com", "0xa9fea9fe"), "source.url", "disguise"),
        (REST.replace("ACME_TOKEN", SECRET), "source.token_env", "environment variable"),
        (rest(f"headers: {{X-Api-Key: {SECRET}}}"), "source.headers", "credential"),
        (rest(f"headers: {{X-Note: Bearer {SECRET}}}"), "source.headers", "credential"),
        (rest("params: {access_token: hunter2}"), "source.params", "credential"),
        (rest("headers: {Host: other}"), "source.headers", "not a header to set"),
        (rest("headers: {Authorization: {env: X}}"), "source.token_env", "twice"),
        (rest("pagination: {kind: pages}"), "source.pagination", "page"),
        (rest("pagination: {kind: page}, params: {page: 1}"), "source.params", "belongs to the pagination"),
        (rest("record_path: data"), "source.record_path", "JSON pointer"),
        (rest("method: POST"), "source.method", "GET"),
        (rest("max_pages: 0"), "source.max_pages", "1"),
    ],
)
def test_error_says_what_is_meant_and_repeats_no_secret(tmp_path, source, column, words):
    with pytest.raises(DefinitionErrors) as caught:
        load(tmp_path, source)
    error = caught.value.errors[0]
    assert error.column == f"feeds[0].{column}"
    assert error.line
    assert words in str(error)
    for secret in ("hunter2", SECRET, "wJalrXUtnFEMI"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("name", ["sort_key", "page_size", "fields", "monkey", "keyword"])
def test_plain_parameters_are_no_secrets(tmp_path, name):
    assert load(tmp_path, rest(f"params: {{{name}: x}}"))


def test_schema_describes_every_source(tmp_path):
    export_schemas(tmp_path, {"feeds": FeedsFile})
    definitions = json.loads((tmp_path / "feeds.schema.json").read_text())["$defs"]
    assert {"FileSource", "S3Source", "SqlSource", "RestSource"} <= definitions.keys()
    assert "format" not in definitions["FeedContract"]["required"]
    for name in ("S3Source", "SqlSource", "RestSource"):
        for field, schema in definitions[name]["properties"].items():
            assert schema.get("description"), f"{name}.{field} has no description"
