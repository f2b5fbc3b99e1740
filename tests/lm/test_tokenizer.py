"""The tokenizer of our own models: every text of the language survives a round trip, a token a cell."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers")

from hypothesis import assume, given, settings, strategies as st  # noqa: I001
from transformers import AutoTokenizer

from solver.errors import InputError
from solver.executor import input_value
from solver.grid.registry import CONSTANTS, FUNCTIONS
from solver.grid.types import Color, Grid, Int, Table
from solver.lm.prompt import solution_segments
from solver.lm.prompt_format import PromptFormat
from solver.lm.template import PromptTask, grid_text
from solver.lm.text import load_tokenizer
from solver.lm.tokenizer import encode_prompt, encode_segments, save_tokenizer, vocabulary
from solver.program import Program, Ref, Statement, parse
from solver.task_sets import load_set

SOLUTIONS = sorted((Path(__file__).parents[2] / "tools" / "solutions").glob("*.py"))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(folder)
    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def there_and_back(tokenizer, text):
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.unk_token_id not in ids
    return tokenizer.decode(ids), len(ids)


def test_every_solution_survives(tokenizer):
    assert len(SOLUTIONS) > 200
    for path in SOLUTIONS:
        text = path.read_text()
        assert there_and_back(tokenizer, text)[0] == text
        bare = parse(text).render()
        assert there_and_back(tokenizer, bare)[0] == bare


def random_program(rng: random.Random) -> Program:
    """Type-correct statements, of every function in turn."""
    kinds = [Grid]
    statements = []
    for function in rng.sample(list(FUNCTIONS.values()), 60):
        args = []
        for parameter in function.parameters:
            known = [i for i, kind in enumerate(kinds) if kind is parameter.type]
            if parameter.type is Table:
                args.append(tuple(rng.randint(-30000, 30000) for _ in range(rng.randint(1, 5))))
            elif parameter.is_choice:
                args.append(rng.choice(parameter.values))
            elif known:
                args.append(Ref(rng.choice(known)))
            elif parameter.type in (Color, Int):
                args.append(rng.randint(0, 9) if parameter.type is Color else rng.randint(-99, 99))
        if len(args) == len(function.parameters):
            statements.append(Statement(function, tuple(args)))
            kinds.append(function.returns)
    return Program(tuple(statements))


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_random_programs_survive(tokenizer, rng):
    text = random_program(rng).render()
    assert there_and_back(tokenizer, text)[0] == text


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_any_ascii_text_survives(tokenizer, text):
    assume(not any(special in text for special in vocabulary()[:4]))  # these are read as what they name
    assert there_and_back(tokenizer, text)[0] == text


def test_a_token_a_cell_and_one_a_row(tokenizer):
    grid = np.arange(12, dtype=np.int8).reshape(3, 4) % 10
    assert there_and_back(tokenizer, grid_text(grid))[1] == 15


def test_a_step_is_a_token_a_word(tokenizer):
    assert there_and_back(tokenizer, "x2 = keep(x1, SIZE, MAX)\n") == ("x2 = keep(x1, SIZE, MAX)\n", 8)


def test_the_vocabulary_holds_every_word_once():
    tokens = vocabulary()
    assert len(tokens) == len(set(tokens)) < 512
    assert {f" {name}(" for name in FUNCTIONS} | set(CONSTANTS) | set("0123456789") <= set(tokens)
    assert tokens[:4] == ["<pad>", "<s>", "</s>", "<unk>"]


def test_prompt_parts_are_tokenized_apart_after_one_beginning(tokenizer):
    ids = encode_prompt(tokenizer, "input\n1\n", "x1 =")
    assert ids == [tokenizer.bos_token_id, *tokenizer.encode("input\n1\nx1 =", add_special_tokens=False)]


def test_learned_tokens_are_the_calls(tokenizer):
    tasks = {task.task_id: task for task in load_set("arc-agi-1/training")}
    path = next(p for p in SOLUTIONS if p.stem == "0520fde7")
    segments = solution_segments(PromptFormat(), PromptTask.of(tasks[path.stem]), parse(path.read_text()))
    ids, learned = encode_segments(tokenizer, segments)
    assert len(ids) == len(learned)
    assert tokenizer.decode(ids, skip_special_tokens=True) == "".join(text for text, _ in segments)
    text = tokenizer.decode([i for i, flag in zip(ids, learned, strict=True) if flag])
    assert text == "".join(text for text, flag in segments if flag)
    shared, rest = segments[0][0], "".join(text for text, _ in segments[1:])
    assert ids == encode_prompt(tokenizer, shared, rest)  # what is trained on is what a search asks


def test_the_folder_is_a_plain_one(tmp_path):
    save_tokenizer(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"tokenizer.json", "tokenizer_config.json"}
    assert "auto_map" not in json.loads((tmp_path / "tokenizer_config.json").read_text())


def test_grids_of_the_input_value_are_text():
    value = input_value([np.zeros((1, 2), np.int8)])
    assert grid_text(value.items[0]) == "00\n"


def test_a_folder_that_is_no_tokenizer_is_told_in_one_line_whatever_the_error_says(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="no such folder"):
        load_tokenizer(tmp_path / "absent")
    for error, told in ((ValueError(), "ValueError"), (RuntimeError("too old\nmore"), "too old")):

        def load(*args, error=error, **options):
            raise error

        monkeypatch.setattr(AutoTokenizer, "from_pretrained", load)
        with pytest.raises(InputError, match=rf"does not load \({told}\)$"):
            load_tokenizer(tmp_path)
