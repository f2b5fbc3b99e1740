"""The commands that the documents show exist, with these options and settings. None of them is run."""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import shlex
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from solver import arguments, cli, program
from solver.configuration import load
from solver.errors import SettingsError
from solver.settings import load_settings

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
LOOP = re.compile(r"\s*for (\w+) in ([^\s;]+).*; do")
ASSIGNMENT = re.compile(r"(\w+)=(.*)", re.DOTALL)
LEFT_OUT = re.compile(r"(?<= )\[(?:[^\]|]*\|)?([^\]]*)\]")
"""What a usage line has in brackets; of alternatives the last."""


def pages() -> Iterator[tuple[str, str]]:
    """Name and text of all that shows commands."""
    for folder in (".", "docs", "kaggle_notebook", "tools", "weights"):
        found = (ROOT / folder).glob("*.md") if folder == "." else (ROOT / folder).rglob("*.md")
        yield from ((str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in sorted(found))
    for path in sorted((ROOT / "tools").glob("*.py")):
        yield f"tools/{path.name}", ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    yield "arc-solve --help", textwrap.indent(arguments.EXAMPLES, "    ")


def commands_of(text: str) -> Iterator[tuple[str, ...]]:
    """The words of each command of this project in fenced or indented blocks, or between single backticks. Variables
    that are set before stand for what they hold, a loop for its first round."""
    code, prose, is_fenced = [], [], False
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("```"):
            is_fenced = not is_fenced
        else:
            (code if is_fenced or line.startswith("    ") else prose).append(line)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", "\n".join(prose))]
    variables: dict[str, str] = {}
    for line in [*code, *spans]:
        if loop := LOOP.match(line):
            variables[loop[1]] = loop[2]
            continue
        for command in _split(LEFT_OUT.sub(r"\1", re.sub(r"\$(\w+)", lambda m: variables.get(m[1], m[0]), line))):
            if len(command) == 1 and (assignment := ASSIGNMENT.fullmatch(command[0])):
                variables[assignment[1]] = assignment[2]
            elif tool_of(command):
                yield command


def _split(line: str) -> list[tuple[str, ...]]:
    """The commands of a line of shell, without remarks; none if it is no such line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";|&<>")
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    try:
        for word in lexer:
            if set(word) <= set(";|&<>"):
                commands.append([])
            else:
                commands[-1].append(word)
    except ValueError:  # a quotation mark that stands alone
        return []
    return [tuple(words) for words in commands if words]


def tool_of(words: Sequence[str]) -> str:
    """'make', 'arc-solve', the name of a tool's module, or '' for what is no command of this project's: also a file or
    a program that is only named, and the line `arc-solve 0.1.0`, which it prints."""
    name, *words = words[1:] if words[0] == "python" and len(words) > 1 else words
    if not words or words[0][0].isdigit():
        return ""
    if name in ("make", "arc-solve", ".venv/bin/arc-solve"):
        return Path(name).name
    return Path(name).stem if re.fullmatch(r"tools/\w+\.py", name) else ""


class _AcceptedError(BaseException):
    """What a parser made of the words, carried past all that would act on it."""


def parse(main: Callable[[list[str]], int], words: list[str], monkeypatch) -> argparse.Namespace:
    """What a command line's parser makes of the words, of which any that it requires may be left out (as a text does
    that speaks of one option). Ends the process where they are refused."""
    accept = argparse.ArgumentParser.parse_args

    def stop(parser, args=None, namespace=None):
        _relax(parser)
        raise _AcceptedError(accept(parser, args, namespace))

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    try:
        main(words)
    except _AcceptedError as accepted:
        return accepted.args[0]
    raise AssertionError("the command line was not parsed")


def _relax(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        action.required = False
        for inner in action.choices.values() if isinstance(action, argparse._SubParsersAction) else ():
            _relax(inner)


def check_settings(tool: str, asked: argparse.Namespace) -> None:
    """Raises SettingsError or InputError for a setting that the tool does not have."""
    chosen: list[str] = getattr(asked, "set", None) or []
    if tool == "arc-solve" and hasattr(asked, "hours"):
        arguments.settings_of(asked, [value for value in asked.set_or_setting if "=" in value])
    elif tool == "synthesize" and chosen:
        from solver.synthesis.generate import SynthesisSettings

        load(SynthesisSettings, None, chosen)
    elif tool in ("train_policy", "train_ppm") and chosen:
        from solver.training.settings import TrainingSettings

        load(TrainingSettings, None, chosen)
    elif tool == "train_vision" and chosen:
        from train_vision import changed_config

        from solver.vision.training import TrainConfig

        changed_config(TrainConfig(), chosen)


def check_make(words: tuple[str, ...]) -> None:
    variables = [word.partition("=")[0] for word in words[1:] if "=" in word]
    targets = [word for word in words[1:] if "=" not in word]
    assert all(re.search(rf"^{target}:", MAKEFILE, re.MULTILINE) for target in targets)
    assert all(f"$({name})" in MAKEFILE or re.search(rf"^{name} \?=", MAKEFILE, re.MULTILINE) for name in variables)


SHOWN = sorted({(page, command) for page, text in pages() for command in commands_of(text)})


@pytest.mark.parametrize(("page", "command"), SHOWN, ids=[f"{page}: {' '.join(words)}"[:120] for page, words in SHOWN])
def test_a_command_that_is_shown_exists(page, command, monkeypatch):
    tool = tool_of(command)
    if tool == "make":
        check_make(command)
        return
    words = ["1" if word in ("…", "...") else word for word in command[2 if command[0] == "python" else 1 :]]
    try:
        main: Any = cli.main if tool == "arc-solve" else importlib.import_module(tool).main
        check_settings(tool, parse(main, words, monkeypatch))
    except ModuleNotFoundError as missing:
        if missing.name not in ("torch", "transformers", "tokenizers", "safetensors", "peft"):
            raise
        pytest.skip(f"needs {missing.name}")


def test_the_readmes_tree_has_every_module():
    """Of packages that it describes as a whole, the package alone."""
    tree = (ROOT / "README.md").read_text().partition("## Files")[2].partition("\n## ")[0]
    named = set(re.findall(r"\w+(?:\.\w+)?", tree))
    files = [path for folder in ("solver", "tools") for path in (ROOT / folder).glob("*.py")]
    assert {path.name for path in files if not path.stem.startswith("__")} <= named
    assert {path.parent.name for path in (ROOT / "solver").rglob("*.py")} <= named
    assert {path.stem for path in (ROOT / "solver" / "search").rglob("*.py") if path.stem != "__init__"} <= named


def test_python_files_that_are_spoken_of_exist():
    """In documents and docstrings; but for a user's own."""
    own = {"my_program.py", "turner.py"}
    sources = [path for folder in ("solver", "tools", "tests") for path in (ROOT / folder).rglob("*.py")]
    names = {path.name for path in sources} | {"notebook.py"}
    texts = {
        path: path.read_text() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")) if path.stem != "log"
    }
    for path in sources:
        nodes = ast.walk(ast.parse(path.read_text()))
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
        texts[path] = "\n".join(ast.get_docstring(node) or "" for node in nodes if isinstance(node, kinds))
    spoken_of = {(path.name, name) for path, text in texts.items() for name in re.findall(r"\b\w+\.py\b", text)}
    assert sorted((page, name) for page, name in spoken_of if name not in names | own) == []


def test_the_program_that_is_shown_is_one():
    shown = textwrap.dedent(re.search(r"^    from solver.*?^(?=\S)", program.__doc__, re.MULTILINE | re.DOTALL)[0])
    assert [statement.function.name for statement in program.parse(shown).statements] == ["find_objects", "crop_object"]


def test_the_settings_that_the_readme_shows_exist(tmp_path):
    block = re.search(r"^```\n(\[\w+\]\n.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "settings.toml").write_text(block[1])
    assert load_settings(tmp_path / "settings.toml").sandbox.probe_pairs == 2


def test_pages_are_read_as_a_person_reads_them():
    """Variables, lines that go on, remarks, words in brackets. A program that is only named is no command."""
    text = (
        "Say\n```\nboth='--set run.sed=1'\narc-solve evaluate \\\n    $both [--seed 1|--resume]  # twice\n```\n"
        "or `make  evaluate`, `make`, `tools/rehearse.py`."
    )
    first = ("arc-solve", "evaluate", "--set", "run.sed=1", "--resume")
    assert list(commands_of(text)) == [first, ("make", "evaluate")]


@pytest.mark.parametrize("words", [["--sed", "1"], ["--set", "run.sed=1"]])
def test_what_does_not_exist_is_refused(words, monkeypatch, capsys):
    with pytest.raises((SystemExit, SettingsError)):
        check_settings("arc-solve", parse(cli.main, ["evaluate", *words], monkeypatch))
