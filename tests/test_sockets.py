"""A long temporary folder does not keep local sockets from being made."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import fake_cli
import fake_services
import fake_sources
import pytest

import solver.sockets
from solver.run.runner import run
from solver.run.services import Service
from solver.settings import RunSettings, Settings
from solver.sockets import MAX_ADDRESS_BYTES, MAX_NAME_BYTES, make_socket_folder, short_temporary_folder
from solver.sources import Lane
from solver.tasks import raw_task

NO_SHORT_FOLDER = """
import sys, fake_cli, solver.sockets
solver.sockets.SHORT_FOLDERS = ("/no/such",)
sys.exit(fake_cli.main())
"""


@pytest.fixture
def long_folder(tmp_path):
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    return folder


def test_the_temporary_folder_is_left_only_where_it_is_too_long(monkeypatch):
    room = MAX_ADDRESS_BYTES - MAX_NAME_BYTES - 1
    for folder, is_kept in (("/" + room * "a", True), ("/" + room * "a" + "a", False), ("/" + room * "é", False)):
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setattr(os.path, "isdir", lambda _: True)
        monkeypatch.setattr(os, "access", lambda *_: True)
        assert short_temporary_folder() == (folder if is_kept else "/tmp")


def test_a_folder_takes_sockets_and_is_private(long_folder, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(long_folder))
    folder = make_socket_folder()
    try:
        assert folder.stat().st_mode & 0o777 == 0o700
        with socket.socket(socket.AF_UNIX) as line:
            line.bind(str(folder / "12345678"))
        (folder / "12345678").unlink()
    finally:
        folder.rmdir()


def test_no_short_folder_is_one_line(long_folder, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(long_folder))
    monkeypatch.setattr(solver.sockets, "SHORT_FOLDERS", ("/no/such", "/nor/this"))
    with pytest.raises(OSError, match="too long for sockets, and none of /no/such, /nor/this can be written") as raised:
        make_socket_folder()
    assert str(long_folder) in str(raised.value)


def test_services_are_found_beside_a_long_temporary_folder(tmp_path, long_folder, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(long_folder))
    services = (Service("fake", fake_services.echo, (str(tmp_path),)),)
    lane = Lane("fake", 1, fake_services.patient, services=services)
    limits = Settings(run=RunSettings(seconds=240.0, workers=1, grace_s=0.5, stop_s=0.5, min_task_s=0.05))
    record = run([fake_sources.task("t", 0, 0)], limits, tmp_path / "out", lanes=[lane])
    assert [result.notes["fake"] for result in record.results.values()] == ["1"]
    assert not list(long_folder.iterdir())


def solve(tmp_path, long_folder, *command):
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps({"t": raw_task(fake_sources.task("t", fake_sources.GOOD))}))
    words = ["fake", "solve", "--tasks", path, "--out", tmp_path / "out", "--nodes", "5", "--workers", "1"]
    environment = {**os.environ, "TMPDIR": str(long_folder)}
    command = [sys.executable, "-W", "error", *command, *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, env=environment, cwd=Path(__file__).parent
    )


def test_a_run_works_with_a_long_temporary_folder(tmp_path, long_folder):
    done = solve(tmp_path, long_folder, fake_cli.__file__)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "results.jsonl").read_bytes().count(b"\n") == 1
    assert not list(long_folder.iterdir())


def test_a_run_that_finds_no_place_for_sockets_says_why(tmp_path, long_folder):
    done = solve(tmp_path, long_folder, "-c", NO_SHORT_FOLDER)
    assert done.returncode == 2
    assert "too long for sockets" in done.stderr
    assert "Traceback" not in done.stderr
