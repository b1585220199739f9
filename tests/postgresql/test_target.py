"""Where to publish, and what is refused before anything is sent."""

from __future__ import annotations

import dataclasses

import pytest

from orchestration.errors import PublicationError
from orchestration.publication.postgresql.publish import publish_current
from orchestration.publication.postgresql.target import target_of
from orchestration.settings import Settings, load_settings
from tests.postgresql.small_release import FACTS, column

URL = "postgresql+psycopg://publisher:s3cret@db.example.com/analytics"


def test_url_in_the_environment_switches_it_on(monkeypatch):
    assert load_settings({}).postgres == "off"
    assert load_settings({"LOS_POSTGRES_URL": " "}).postgres == "off"
    assert load_settings({"LOS_POSTGRES_URL": URL}).postgres == "url"
    assert load_settings({"LOS_POSTGRES_URL": URL, "LOS_POSTGRES": "off"}).postgres == "off"
    monkeypatch.setenv("LOS_POSTGRES_URL", URL)
    target = target_of(load_settings(postgres_schema="okr"))
    assert target.uri == "postgresql://publisher:s3cret@db.example.com/analytics"
    assert (target.schema, target.bi_role, target.secret) == ("okr", "los_bi", "s3cret")


@pytest.mark.parametrize(("url", "words"), [("", "is not set"), ("mysql://u:s3cret@h/d", "is not a PostgreSQL URL")])
def test_other_url_is_refused_without_telling_it(monkeypatch, url, words):
    monkeypatch.setenv("LOS_POSTGRES_URL", url)
    with pytest.raises(PublicationError, match=words) as caught:
        target_of(Settings(postgres="url"))
    assert "s3cret" not in str(caught.value)


def test_there_must_be_a_release(tmp_path):
    with pytest.raises(PublicationError, match="no release to publish"):
        publish_current(Settings(data_dir=tmp_path, postgres="url"))


def test_type_that_has_no_counterpart_is_refused(releases):
    content = releases.content(1)
    odd = FACTS.model_copy(update={"columns": (*FACTS.columns, column("blob", "blob"))})
    with pytest.raises(PublicationError, match="cannot be published to PostgreSQL"):
        releases.publish(dataclasses.replace(content, tables=(content.tables[0], odd, content.tables[2])))
