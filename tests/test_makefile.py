"""The Makefile: `help` is the default and lists every target; nothing needs a prepared machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TARGETS = (
    "help", "install", "evaluate", "solve", "test", "bench", "notebook", "wheelhouse", "rehearse", "weights-dataset",
    "upload", "submit", "check", "fix", "clean",
)  # fmt: skip

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*words, folder=ROOT):
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *words], cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_help_is_the_default_and_lists_every_target():
    shown = make().stdout
    assert shown == make("help").stdout
    assert tuple(re.findall(r"^  ([\w-]+) +\w", shown, re.MULTILINE)) == TARGETS


@pytest.mark.parametrize("target", ["evaluate", "test", "bench", "check"])
def test_on_a_fresh_machine_each_target_installs_first(tmp_path, target):
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    lines = make("-n", target, folder=tmp_path).stdout
    assert lines.index("-m venv .venv") < lines.index("pip install") < len(lines.rstrip()) - 10


def test_evaluate_takes_its_variables():
    line = make("-n", "evaluate", "SET=arc-agi-1/dev", "TASKS=7", "SECONDS=2", "WORKERS=3").stdout
    assert "--set arc-agi-1/dev --tasks 7 --seconds 2 --workers 3 --out runs/evaluate" in line
    assert "--set arc-agi-1/evaluation --tasks 40 --seconds 4" in make("-n", "evaluate").stdout


def test_a_language_model_brings_what_it_runs_on():
    lines = make("-n", "evaluate", "POLICY=my weights").stdout
    assert "pip install --quiet -e '.[cpu]'" in lines
    assert '--policy "my weights"' in lines
    assert '--policy "p" --ppm "q r"' in make("-n", "evaluate", "POLICY=p", "PPM=q r").stdout
    assert "--ppm" not in lines
    assert "'.[gpu]'" in make("-n", "solve", "TASKS=x.json", "POLICY=w", "EXTRA=gpu").stdout
    assert "--policy" not in make("-n", "evaluate").stdout


def test_check_never_writes_and_ci_runs_the_tests():
    assert "--fix" not in make("-n", "check").stdout
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text()
