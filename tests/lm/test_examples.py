"""The solved examples that ship for few-shot prompts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from solver.executor import input_value
from solver.lm.examples import load_examples
from solver.lm.prompt import PromptBuilder
from solver.lm.prompt_format import PromptFormat
from solver.lm.template import PromptTask
from solver.prefix import Prefix
from solver.task_sets import load_set

TOOLS = Path(__file__).parents[2] / "tools"


def test_examples_are_hand_written_solutions_that_solve_their_tasks():
    examples = load_examples()
    assert len(examples) >= 30
    assert len({e.task.task_id for e in examples}) == len(examples)
    for example in examples:
        assert example.rule
        for pair in (*example.task.train, *example.task.test):
            assert np.array_equal(example.program.run(pair.input), pair.output)


def test_the_list_is_what_the_tool_makes():
    import check_solutions
    import choose_examples

    programs, tasks = check_solutions.load_solutions(), check_solutions.allowed_tasks()
    chosen = choose_examples.choose(programs, tasks, 40, 800, 5)
    assert [e.task.task_id for e in load_examples()] == chosen
    assert [e.program for e in load_examples()] == [programs[name] for name in chosen]
    assert [e.rule for e in load_examples()] == [
        choose_examples.rule_of(check_solutions.FOLDER / f"{name}.py") for name in chosen
    ]


def test_a_few_shot_prompt_of_a_real_task():
    task = PromptTask.of(load_set("arc-agi-1/dev")[0])
    prompts = PromptBuilder(PromptFormat("few-shot", num_examples=3), task, len, 100_000, 48, load_examples())
    start = input_value([*task.inputs, *task.tests])
    texts = [prompts.build(Prefix.of((start,)), rollout).shared for rollout in (0, 1)]
    assert texts[0] != texts[1]
    assert all(text.count("hint ") == 3 and text.count("x1 = ") >= 3 for text in texts)
