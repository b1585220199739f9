from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def landing_folder(flights: ModuleType) -> ModuleType:
    module: ModuleType = flights.landing_folder
    return module


def _writer(files: dict[str, str]):
    def write(folder: Path) -> dict[str, int]:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return dict.fromkeys(files, 1)

    return write


def _content(landing: Path) -> dict[str, str]:
    return {str(path.relative_to(landing)): path.read_text() for path in landing.rglob("*") if path.is_file()}


def test_same_version_is_not_written_again(landing_folder: ModuleType, tmp_path: Path) -> None:
    _, is_new = landing_folder.make_once(tmp_path, "v1", _writer({"a/1.csv": "one"}))
    assert is_new
    (tmp_path / "a" / "1.csv").write_text("edited by hand")
    rows, is_new = landing_folder.make_once(tmp_path, "v1", _writer({"a/1.csv": "one"}))
    assert not is_new
    assert rows == {"a/1.csv": 1}
    assert (tmp_path / "a" / "1.csv").read_text() == "edited by hand"


def test_a_file_that_vanished_is_written_again(landing_folder: ModuleType, tmp_path: Path) -> None:
    landing_folder.make_once(tmp_path, "v1", _writer({"a/1.csv": "one"}))
    (tmp_path / "a" / "1.csv").unlink()
    _, is_new = landing_folder.make_once(tmp_path, "v1", _writer({"a/1.csv": "one"}))
    assert is_new
    assert (tmp_path / "a" / "1.csv").read_text() == "one"


def test_force_writes_again(landing_folder: ModuleType, tmp_path: Path) -> None:
    landing_folder.make_once(tmp_path, "v1", _writer({"a/1.csv": "one"}))
    (tmp_path / "a" / "1.csv").write_text("edited by hand")
    landing_folder.make_once(tmp_path, "v1", _writer({"a/1.csv": "one"}), force=True)
    assert (tmp_path / "a" / "1.csv").read_text() == "one"


def test_a_new_version_replaces_its_own_files_and_no_others(landing_folder: ModuleType, tmp_path: Path) -> None:
    landing_folder.make_once(tmp_path, "v1", _writer({"a/1.csv": "one", "a/2.csv": "two"}))
    (tmp_path / "a" / "mine.csv").write_text("mine")
    landing_folder.make_once(tmp_path, "v2", _writer({"a/1.csv": "uno"}))
    content = _content(tmp_path)
    note = json.loads(content.pop(".made_by.json"))
    assert content == {"a/1.csv": "uno", "a/mine.csv": "mine"}
    assert note == {"version": "v2", "files": {"a/1.csv": 1}}


def test_a_writer_that_fails_leaves_what_was_there(landing_folder: ModuleType, tmp_path: Path) -> None:
    landing_folder.make_once(tmp_path, "v1", _writer({"a/1.csv": "one"}))
    before = _content(tmp_path)

    def fail(folder: Path) -> dict[str, int]:
        (folder / "a").mkdir()
        (folder / "a" / "1.csv").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        landing_folder.make_once(tmp_path, "v2", fail)
    assert _content(tmp_path) == before


def test_a_note_that_cannot_be_read_means_writing_again(landing_folder: ModuleType, tmp_path: Path) -> None:
    (tmp_path / ".made_by.json").write_text("[")
    _, is_new = landing_folder.make_once(tmp_path, "v1", _writer({"a/1.csv": "one"}))
    assert is_new


def test_the_version_follows_files_and_options(landing_folder: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text("1")
    first = landing_folder.version_of(file, options="x")
    assert landing_folder.version_of(file, options="x") == first
    assert landing_folder.version_of(file, options="y") != first
    file.write_text("2")
    assert landing_folder.version_of(file, options="x") != first
