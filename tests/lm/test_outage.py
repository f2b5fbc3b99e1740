"""A language model that fails in the middle of a search: what was found stays, and the grammar goes on."""

from __future__ import annotations

import logging
import re

import numpy as np
import pytest

from solver.budget import Budget
from solver.executor import LibraryExecutor, apply, input_value
from solver.grid.registry import FUNCTIONS
from solver.lm.client import EngineError
from solver.lm.engine import Answer, QueueEngine, Sampling
from solver.lm.loading import LanguageModel
from solver.lm.outage import GuardedExecutor, Outage
from solver.lm.prompt_format import PromptFormat
from solver.lm.template import PromptTask
from solver.policy import FreeStep, Step
from solver.sandbox.executor import FITTED, FreeValue
from solver.sandbox.slot import SandboxError
from solver.search.grammar import Grammar
from solver.search.source import ProgramSource
from solver.settings import LanguageModelSettings, SearchSettings
from solver.tasks import Pair, Task
from solver.vote import choose_attempts

FREE = PromptFormat(free_python=True, step_end="\n\n")
NEAR = " transform(I, ROT180)\n\n"
"""Right on the first pair alone."""


class Flaky(QueueEngine):
    """Writes the same steps again and again; from the given call on it raises."""

    def __init__(self, texts, fails_at=1000, scorer_fails_at=1000):
        super().__init__()
        self.texts, self.fails_at, self.scorer_fails_at = texts, fails_at, scorer_fails_at
        self.num_calls = self.num_scored = 0

    def generate(self, requests, deadline=None):
        self.num_calls += 1
        if self.num_calls >= self.fails_at:
            raise EngineError("an engine refused a question (lost)")
        return [[Answer(text, -1.0, 1) for text in self.texts] for _ in requests]

    def score(self, prompts, deadline=None):
        self.num_scored += 1
        if self.num_scored >= self.scorer_fails_at:
            raise RuntimeError("out of memory")
        return [0.0] * len(prompts)


class Broken(LibraryExecutor):
    """A sandbox that is there no more."""

    def __call__(self, values, steps):
        raise SandboxError("the sandbox does not start: no answer")


def task():
    """The outputs are upside down; those of the first pair are symmetric."""
    rng = np.random.default_rng(0)
    inputs = [rng.integers(0, 6, (5, 6)).astype(np.int8) for _ in range(4)]
    inputs[0][:, 3:] = inputs[0][:, 2::-1]
    return Task("t", tuple(Pair(g, g[::-1].copy()) for g in inputs[:3]), (Pair(inputs[3]),))


def solve(engine, agent="pw-mcts", execute=None, rollouts=0, scored=False):
    """The tree alone, in a mixture in which the grammar counts nothing."""
    settings = LanguageModelSettings(
        policy="x", batch=1, grammar_weight=0.0, uniform_weight=0.0, rollout_programs=rollouts
    )
    scorer = {"scorer": engine, "ppm_format": FREE} if scored else {}
    model = LanguageModel(engine, FREE, Sampling(num_samples=4), settings, **scorer)
    search = SearchSettings(
        num_views=1,
        use_enumeration=False,
        use_fitted=False,
        use_stacking=False,
        num_steps=1000,
        widening=50.0,
        agent=agent,
    )
    source = ProgramSource(search, language_model=model, execute=execute)
    return source.solve(task(), Budget(nodes=8000), 0, lambda _: None)


def assert_solved(findings):
    first, _ = choose_attempts(task(), {"program": findings})[0]
    assert first.exact
    assert np.array_equal(first.grid, task().test[0].input[::-1])


@pytest.mark.parametrize("agent", ["pw-mcts", "mcts", "beam"])
def test_a_policy_that_fails_leaves_the_tree_to_the_grammar(agent, caplog):
    engine = Flaky([NEAR], fails_at=2)
    findings = solve(engine, agent)
    assert engine.num_calls == 2  # and is asked no more
    assert_solved(findings)
    assert any("ROT180" in answer.origin and not answer.exact for answer in findings.answers)
    assert findings.note == (
        "language model: 1 of 1 answers were steps; "
        "language model failed (EngineError: an engine refused a question (lost)), went on without"
    )
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info[0] is EngineError


def test_rollouts_that_fail_cost_nothing_else():
    findings = solve(Flaky([NEAR], fails_at=1), rollouts=8)
    assert_solved(findings)
    assert "language model failed (EngineError: an engine refused a question (lost)), went on" in findings.note


def test_a_preference_model_that_fails_leaves_the_policy():
    engine = Flaky([NEAR, " transform(I, FLIP_UD)\n\n", " nothing(\n\n"], scorer_fails_at=1)
    findings = solve(engine, scored=True)
    assert_solved(findings)
    assert engine.num_scored == 1
    assert "language model failed" not in findings.note
    assert "preference model failed (RuntimeError: out of memory), went on without" in findings.note


def test_free_python_that_breaks_what_runs_it_leaves_library_steps():
    engine = Flaky([" I.copy()\n\n", NEAR])
    findings = solve(engine, execute=Broken())
    assert_solved(findings)
    assert engine.num_calls == 1
    assert any("ROT180" in answer.origin for answer in findings.answers)
    assert "(SandboxError: the sandbox does not start: no answer), went on without" in findings.note


def test_what_prompts_leave_out_is_told_of_both_models():
    engine = Flaky([NEAR])
    engine.context_length = 100  # less than the task takes
    note = solve(engine, scored=True).note
    told = r"language model: 0 of 0 answers were steps, \d+ scored states too long, \d+ states too long"
    assert re.fullmatch(told, note)
    assert engine.num_calls == 0


def test_the_next_task_asks_again():
    engine = Flaky([" transform(I, FLIP_UD)\n\n"], fails_at=1)
    assert solve(engine).note
    engine.fails_at = 1000
    findings = solve(engine)
    assert_solved(findings)
    assert findings.note == "language model: 2 of 2 answers were steps"


class NoSandbox(Broken):
    """Cannot confirm either."""

    def confirm(self, value, start):
        raise SandboxError("the sandbox does not start: no answer")


def upside_down(start, target):
    """A step of free Python: a fitted one, or as a model wrote it."""
    value = FreeValue.fitted([g[::-1] for g in start.items], (start,), ("I",), f"{target} = I[::-1]", 1.0)
    value.target = target
    return value


def test_without_a_sandbox_the_searchs_own_programs_are_taken_as_in_a_search_without_a_model():
    start, outage = input_value(task().inputs), Outage("language model")
    guarded = GuardedExecutor(NoSandbox(), outage)
    for fitted in (upside_down(start, FITTED), apply(FUNCTIONS["transform"], [upside_down(start, FITTED), 0])):
        assert guarded.confirm(fitted, start)
    assert outage.reason == "SandboxError: the sandbox does not start: no answer"
    for written in (upside_down(start, "x1"), apply(FUNCTIONS["transform"], [upside_down(start, "x1"), 0])):
        assert not guarded.confirm(written, start)


@pytest.mark.parametrize("answer", [True, False])
def test_a_model_that_fails_takes_nothing_from_what_confirms_programs(answer):
    start, outage = input_value(task().inputs), Outage("language model")
    outage.begin(EngineError("lost"))
    execute = LibraryExecutor()
    execute.confirm = lambda value, given: answer
    for target in (FITTED, "x1"):
        assert GuardedExecutor(execute, outage).confirm(upside_down(start, target), start) == answer


class Slow(LibraryExecutor):
    """Every free step takes a second of what is left."""

    def __init__(self, left_s):
        self.left_s = left_s

    def __call__(self, values, steps):
        self.left_s -= sum(isinstance(step, FreeStep) for step in steps)
        return [values[0] for _ in steps]


def test_free_steps_are_not_begun_when_the_time_is_over():
    start, slow = input_value(task().inputs), Slow(1.5)
    model = LanguageModel(Flaky([]), FREE, Sampling(), LanguageModelSettings(policy="x"))
    shown = PromptTask.of(task())
    models = model.task_policy(shown, Grammar.shipped(), [0], lambda: slow.left_s)
    execute = ProgramSource(SearchSettings(), language_model=model, execute=slow)._executor(models)
    library = Step(FUNCTIONS["transform"], (("value", 0), ("constant", 0)), -1.0)
    free = [FreeStep(f"x1 = I + {k}", -1.0) for k in range(4)]
    found = execute([start], [free[0], library, free[1], free[2], library, free[3]])
    assert [value is not None for value in found] == [True, True, True, False, True, False]
    assert slow.left_s == -0.5
