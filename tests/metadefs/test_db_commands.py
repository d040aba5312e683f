"""`glancetui db load-metadefs`, `export-metadefs`, `unload-metadefs`."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backends.peer import PeerUnavailable, peer_venv
from tests.metadefs.running import db, run_db
from tests.serving import clean_environment


def test_catalogue_loads_within_two_seconds_of_cpu_and_again_without_a_change(tmp_path: Path) -> None:
    db(tmp_path / "data", "upgrade")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "glancetui", "db", "load-metadefs", "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment(), cwd=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "add 33 × namespace" in done.stdout, done.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
    for flags in ((), ("--merge",), ("--prefer-new",), ("--overwrite",)):
        assert "holds all that was asked for already" in db(tmp_path / "data", "load-metadefs", *flags)


def test_on_a_new_machine_loading_makes_the_folder_and_the_database(tmp_path: Path) -> None:
    data = tmp_path / "not" / "there"
    assert run_db(data, "load-metadefs", "--dry-run").code == 1
    assert not data.exists()
    assert "add 33 × namespace" in run_db(data, "load-metadefs").out
    assert data.stat().st_mode & 0o777 == 0o750


def test_what_was_exported_loads_again_to_the_same_state(tmp_path: Path) -> None:
    db(tmp_path / "data", "load-metadefs")
    db(tmp_path / "data", "export-metadefs", str(tmp_path / "first"))
    again = ("load-metadefs", "--path", str(tmp_path / "first"), "--overwrite")
    assert "already" in db(tmp_path / "data", *again)
    db(tmp_path / "other", *again)
    db(tmp_path / "other", "export-metadefs", str(tmp_path / "second"))
    written = {file.name: file.read_bytes() for file in (tmp_path / "first").iterdir()}
    assert len(written) == 33
    assert {file.name: file.read_bytes() for file in (tmp_path / "second").iterdir()} == written


def test_glances_own_files_load_unchanged_and_export_to_the_same_state(tmp_path: Path) -> None:
    try:
        theirs = peer_venv() / "etc/glance/metadefs"
    except PeerUnavailable as error:
        pytest.skip(f"Glance's own files are not here: {error}")
    data = tmp_path / "data"
    dry = db(data, "load-metadefs", "--path", str(theirs), "--dry-run")
    loaded = db(data, "load-metadefs", "--path", str(theirs))
    assert loaded.split("Did: ")[1] == dry.splitlines()[-1].split("Would: ")[1] + "\n"
    db(data, "export-metadefs", str(tmp_path / "out"))
    assert "already" in db(data, "load-metadefs", "--path", str(tmp_path / "out"), "--overwrite")
    assert "already" in db(data, "load-metadefs", "--path", str(theirs), "--overwrite")


def test_unloading_has_to_be_meant(tmp_path: Path) -> None:
    db(tmp_path / "data", "load-metadefs")
    assert run_db(tmp_path / "data", "unload-metadefs").code == 2
    assert db(tmp_path / "data", "unload-metadefs", "OS::Compute::TPM", "--yes") == "OS::Compute::TPM\n"
    assert len(db(tmp_path / "data", "unload-metadefs", "--dry-run").splitlines()) == 32
    assert len(db(tmp_path / "data", "unload-metadefs", "--yes").splitlines()) == 32
    assert db(tmp_path / "data", "unload-metadefs", "--yes") == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "broken.json:1: this is not JSON"),
        ('{"namespace": "N", "bad": 1}', "'bad'"),
        ('{"namespace": "N", "tags": [{"name": "t"}, {"name": "t"}]}', "tags: t"),
        ('{"namespace": "N", "namespace": "N"}', "twice"),
    ],
)
def test_one_broken_file_among_good_ones_keeps_all_from_being_loaded(tmp_path: Path, text: str, said: str) -> None:
    db(tmp_path / "data", "upgrade")
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a-good.json").write_text(json.dumps({"namespace": "Good"}))
    (folder / "broken.json").write_text(text)
    ran = run_db(tmp_path / "data", "load-metadefs", "--path", str(folder))
    assert ran.code != 0
    assert said in ran.err
    assert "broken.json" in ran.err
    assert "Traceback" not in ran.err
    assert db(tmp_path / "data", "unload-metadefs", "--dry-run") == ""
