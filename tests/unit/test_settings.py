from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from orchestration.errors import SettingsError
from orchestration.settings import PROJECT_ROOT, load_settings, read_settings_file


def test_misspelt_variable_is_an_error_that_names_the_nearest():
    with pytest.raises(SettingsError, match="LOS_AS_OFF; did you mean LOS_AS_OF"):
        load_settings({"LOS_AS_OFF": "2013-12-31"})


def test_unknown_environment_is_an_error():
    with pytest.raises(SettingsError, match="LOS_ENVIRONMENT"):
        load_settings({"LOS_ENVIRONMENT": "prod"})


def test_all_wrong_values_are_reported_at_once():
    with pytest.raises(SettingsError) as caught:
        load_settings({"LOS_AS_OF": "tomorrow", "LOS_GATE": "open", "LOS_KEEP_RELEASES": "0"})
    message = str(caught.value)
    assert "LOS_AS_OF" in message
    assert "LOS_GATE" in message
    assert "LOS_KEEP_RELEASES" in message


def test_moment_without_offset_is_refused():
    with pytest.raises(SettingsError, match="needs an offset"):
        load_settings({"LOS_NOW": "2026-01-01T00:00:00"})


def test_other_variables_and_those_handed_to_dbt_are_left_alone():
    settings = load_settings({"HOME": "x", "LOS_RUN_ID": "r", "LOS_AS_OF": "2013-12-31", "LOS_DATA_DIR": "/tmp/x"})
    assert settings.as_of == date(2013, 12, 31)
    assert settings.landing == settings.data_dir / "landing"


def test_clock_can_be_set_for_replay():
    settings = load_settings({"LOS_NOW": "2026-01-01T02:00:00+02:00"})
    assert settings.clock() == datetime(2026, 1, 1, tzinfo=UTC)


def test_settings_file_gives_folders_from_the_project_root(tmp_path):
    path = tmp_path / "settings.env"
    path.write_text("# comment\n\nLOS_DATA_DIR = data\nLOS_AS_OF=2013-12-31\n")
    assert read_settings_file(path) == {"LOS_DATA_DIR": str(PROJECT_ROOT / "data"), "LOS_AS_OF": "2013-12-31"}


def test_settings_file_names_the_bad_line(tmp_path):
    path = tmp_path / "settings.env"
    path.write_text("LOS_GATE=strict\noops\n")
    with pytest.raises(SettingsError, match=r"settings\.env:2"):
        read_settings_file(path)
