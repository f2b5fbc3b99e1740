from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

from solver.configuration import as_dict, as_toml, load
from solver.errors import SettingsError
from solver.settings import RunSettings, Settings, load_settings
from solver.synthesis.generate import SynthesisSettings
from solver.training.settings import TrainingSettings


def faults_of(*assignments: str, toml: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(toml, assignments)
    return str(caught.value).splitlines()


def test_defaults_without_anything():
    assert load_settings(None, []) == Settings()


def test_assignments_win_over_the_file_and_the_file_over_defaults(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[run]\nseconds = 3\nworkers = 4\n[search]\nuse_mcts = false\n")
    settings = load_settings(file, ["run.workers=5", "run.nodes = 7"])
    assert (settings.run.seconds, settings.run.workers, settings.run.nodes) == (3.0, 5, 7)
    assert isinstance(settings.run.seconds, float)
    assert settings.search.use_mcts is False
    assert settings.search.use_fitted is True


def test_none_takes_an_optional_setting_back(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[run]\nnodes = 5\n")
    assert load_settings(file, ["run.nodes=none"]).run.nodes is None


def test_one_error_names_every_fault(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[run]\nsecnds = 3\nworkers = true\n[serch]\nnum_views = 1\n")
    faults = faults_of("run.seconds=-1", "search.num_views=many", "novalue", toml=file)
    assert len(faults) == 6
    text = "\n".join(faults)
    assert "run.secnds; did you mean run.seconds?" in text
    assert "run.workers must be a whole number, not True" in text
    assert "serch.num_views; did you mean search.num_views?" in text
    assert "run.seconds must be at least 0.01, not -1" in text
    assert "search.num_views must be a whole number, not 'many'" in text
    assert "novalue: must be group.name=value" in text
    assert all(str(file) in fault for fault in faults[:3])


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("run.workers=2.0", "a whole number"),
        ("run.seconds=nan", "finite"),
        ("run.seconds=inf", "finite"),
        ("run.seed=-1", "at least 0"),
        ("run.nodes=0", "at least 1"),
        ("run.nodes=lots", "a whole number or none"),
        ("search.use_mcts=1", "true or false"),
        ("seconds=3", "did you mean run.seconds?"),
        ("lm.policy=\udcff", "text that can be written again"),
        ("run.lanes=['\udcff']", "text that can be written again"),
        (r'search.trace="a\u0000b"', "text that can be written again"),
        ("run.seed=" + "9" * 5000, "a whole number"),
        ("run.lanes=" + "[" * 2000, "a list"),
        ("run=3", "unknown setting run"),
        ("run.=3", "unknown setting run"),
        ("nonsense.entirely=3", "there are run.seconds"),
        ("=3", "unknown setting"),
    ],
)
def test_bad_assignments(assignment, words):
    (fault,) = faults_of(assignment)
    assert words in fault


@pytest.mark.parametrize("content", ["seconds = 3", "[run]\nseconds = [3]", "[[run]]\nseconds = 3"])
def test_bad_files(tmp_path, content):
    file = tmp_path / "mine.toml"
    file.write_text(content)
    assert len(faults_of(toml=file)) == 1


def test_a_byte_order_mark_is_accepted(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xef\xbb\xbf[run]\nseconds = 3\n")
    assert load_settings(file).run.seconds == 3.0


@pytest.mark.parametrize(
    "content", [b"[run\n", b"\xff\xfe", b"[run]\nlanes = " + b"[" * 2000, b"[run]\nseed = " + b"9" * 5000]
)
def test_no_toml(tmp_path, content):
    file = tmp_path / "mine.toml"
    file.write_bytes(content)
    assert "not TOML" in faults_of(toml=file)[0]


def test_missing_file_and_bad_assignment_together(tmp_path):
    faults = faults_of("run.sed=1", toml=tmp_path / "absent.toml")
    assert len(faults) == 2
    assert "No such file" in faults[0]
    assert "did you mean run.seed?" in faults[1]


def test_settings_made_in_python_are_checked_too():
    with pytest.raises(SettingsError, match="workers"):
        RunSettings(workers=0)
    with pytest.raises(SettingsError, match=r"seconds.*\n.*seed"):
        RunSettings(seconds=0.0, seed=-5)


def test_as_dict_is_json():
    d = as_dict(Settings())
    assert json.loads(json.dumps(d)) == d
    assert d["run"]["workers"] == 2
    assert set(d) == {"run", "search", "vision", "sandbox", "lm"}


def test_all_settings_are_listed_as_a_file_that_gives_the_defaults(tmp_path):
    text = as_toml(Settings)
    file = tmp_path / "all.toml"
    file.write_text(text)
    assert load_settings(file) == Settings()
    names = {f"{group}.{name}" for group, values in as_dict(Settings()).items() for name in values}
    listed, group = set(), ""
    for line in text.splitlines():
        if line.startswith("["):
            group = line.strip("[]")
        elif found := re.match(r"(?:# )?(\w+) = ", line):
            listed.add(f"{group}.{found[1]}")
    assert listed == names
    assert max(map(len, text.splitlines())) <= 130
    assert "# wall clock of a task and worker [a number, 0.01 to 1,000,000]\nseconds = 10.0" in text
    assert 'none, 1 to 1,000,000,000,000,000]\n# nodes = "none"' in text
    file.write_text(re.sub(r'^# (\w+ = "none")$', r"\1", text, flags=re.MULTILINE))
    assert load_settings(file) == Settings()
    assert '\ntrace = "none"' in file.read_text()


@pytest.mark.parametrize("kind", [Settings, TrainingSettings, SynthesisSettings])
def test_every_setting_says_what_it_is(kind):
    groups = get_type_hints(kind).values()
    assert [f"{group.__name__}.{f.name}" for group in groups for f in fields(group) if not f.metadata["about"]] == []


@pytest.mark.parametrize("kind", [TrainingSettings, SynthesisSettings])
def test_a_list_of_settings_is_the_file_that_tools_read(tmp_path, kind):
    file = tmp_path / "all.toml"
    file.write_text(as_toml(kind))
    assert load(kind, file) == kind()
