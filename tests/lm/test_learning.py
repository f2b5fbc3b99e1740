"""A small model that learns made-up tasks: the tree then solves them because of its priors."""

from __future__ import annotations

import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny import save_policy  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from solver.executor import execute, input_value  # noqa: E402
from solver.grid.registry import FUNCTIONS  # noqa: E402
from solver.lm.loading import LanguageModel  # noqa: E402
from solver.lm.prompt import solution_segments  # noqa: E402
from solver.lm.prompt_format import PromptFormat  # noqa: E402
from solver.lm.template import PromptTask  # noqa: E402
from solver.lm.tokenizer import encode_segments  # noqa: E402
from solver.lm.weights import seal_weights  # noqa: E402
from solver.program import Program, Ref, Statement  # noqa: E402
from solver.search.grammar import Grammar  # noqa: E402
from solver.search.tree import Tree, TreeRules  # noqa: E402
from solver.settings import LanguageModelSettings  # noqa: E402

NUM_TASKS = 20


def made_up_tasks() -> list[tuple[PromptTask, Program]]:
    """Programs of two statements that need both, on grids of 4×4."""
    rng = random.Random(4)
    found: list[tuple[PromptTask, Program]] = []
    steps = [(FUNCTIONS[name], values) for name in ("transform", "shift", "roll", "gravity")
             for values in FUNCTIONS[name].parameters[1].values]  # fmt: skip
    steps += [(FUNCTIONS["replace_color"], (a, b)) for a in (1, 2) for b in (5, 6, 7)]
    while len(found) < NUM_TASKS:
        grids = [np.array([[rng.randrange(4) for _ in range(4)] for _ in range(4)], np.int8) for _ in range(3)]
        chosen = rng.sample(steps, 2)
        statements = tuple(
            Statement(function, (Ref(k), *(values if isinstance(values, tuple) else (values,))))
            for k, (function, values) in enumerate(chosen)
        )
        program, start = Program(statements), input_value(grids)
        value = execute(program, start)
        halfway = execute(Program(statements[:1]), start)
        if value is None or value.key in (start.key, halfway.key):
            continue
        found.append((PromptTask(tuple(grids[:2]), value.items[:2], tuple(grids[2:])), program))
    return found


def train(folder, tasks, num_steps=70):
    """Learn the tasks by heart: loss over the steps' tokens alone."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = [encode_segments(tokenizer, solution_segments(PromptFormat(), task, p)) for task, p in tasks]
    length = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [0] * (length - len(ids)) for ids, _ in rows])
    labels = torch.tensor([
        [i if flag else -100 for i, flag in zip(ids, flags, strict=True)] + [-100] * (length - len(ids))
        for ids, flags in rows
    ])  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.0)
    for step in range(num_steps):
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * min(1.0, (step + 1) / 20)
        loss = model(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    seal_weights(folder, "policy", PromptFormat(), 2048, "20 made-up tasks, by heart", "MIT-0")
    return float(loss.detach())


def num_solved(folder, tasks) -> int:
    """Tasks that a tree over the model alone solves in a few expansions."""
    settings = LanguageModelSettings(
        policy=str(folder), engine="transformers", num_samples=8, grammar_weight=0.0, uniform_weight=0.0
    )
    model = LanguageModel.load(settings)
    solved = 0
    for task, _ in tasks:
        found = []

        def evaluate(value, task=task, found=found):
            right = all(np.array_equal(g, t) for g, t in zip(value.items, task.targets, strict=False))
            found.extend([value] if right else [])
            return float(right)

        policy = model.task_policy(task, Grammar(), [0, 1, 2, 3, 5, 6, 7]).mixtures[0]
        start = input_value([*task.inputs, *task.tests])
        tree = Tree([((start,), 1.0)], [policy], evaluate, TreeRules(batch=2, max_depth=2), np.random.default_rng(0))
        for _ in range(6):
            tree.step()
        solved += bool(found)
    return solved


@pytest.mark.slow
def test_a_tree_solves_what_its_model_has_learned(tmp_path):
    tasks = made_up_tasks()
    save_policy(tmp_path, hidden_size=64, intermediate_size=128, num_hidden_layers=2, initializer_range=0.05)
    before = num_solved(tmp_path, tasks)
    loss = train(tmp_path, tasks)
    assert loss < 0.3
    assert before <= 4
    after = num_solved(tmp_path, tasks)
    assert after >= 17
