"""Free Python from a language model: what is read as a step, and a mixed program found, voted on, written and run."""

from __future__ import annotations

import re
from math import log

import numpy as np
import pytest
from test_policy import RNG, START, TASK, turned

from solver.budget import Budget
from solver.errors import InputError
from solver.grid.types import Symmetry
from solver.lm.engine import Answer, QueueEngine, Sampling
from solver.lm.loading import LanguageModel
from solver.lm.policy import LanguageModelPolicy
from solver.lm.prompt import PromptBuilder, prefix_segments
from solver.lm.prompt_format import PromptFormat
from solver.lm.reading import read_step
from solver.lm.template import PromptTask, system_text
from solver.policy import FreeStep, GrammarPolicy, MixturePolicy, Step
from solver.prefix import Prefix
from solver.program import FreeStatement, ProgramError, Ref
from solver.program_run import result_json, run_program
from solver.sandbox.executor import SandboxExecutor
from solver.sandbox.pool import Pool
from solver.search.grammar import Grammar
from solver.search.source import ProgramSource
from solver.settings import LanguageModelSettings, SandboxSettings, SearchSettings
from solver.tasks import Pair, Task
from solver.vote import choose_attempts

FREE = PromptFormat(free_python=True, step_end="\n\n")
LOOP = " I.copy()\nfor row in x1:\n    row[0] = 3\n\n"


@pytest.fixture(scope="module")
def pool():
    with Pool(SandboxSettings(wall_s=5.0), size=1) as pool:
        yield pool


def policy(*answers):
    engine = QueueEngine(answers)
    prompts = PromptBuilder(FREE, PromptTask.of(TASK), engine.count_tokens, 100_000, 16)
    return LanguageModelPolicy(engine, prompts, Sampling(num_samples=4))


def test_a_library_call_stays_a_library_step():
    for answer in (" transform(I, ROT90)\n\n", " transform(I, ROT90)"):
        statement = read_step(FREE, Prefix((START,), ()), answer)
        assert statement.function.name == "transform"


def test_statements_that_assign_the_next_variable_are_a_free_step():
    statement = read_step(FREE, Prefix((START,), ()), LOOP + "x2 = what comes after the end")
    assert statement == FreeStatement("x1 = I.copy()\nfor row in x1:\n    row[0] = 3", "x1", ("I",), (Ref(0),))
    assert read_step(FREE, Prefix((START,), ()), " 3").reads == ()


@pytest.mark.parametrize("answer", [" (", "= I\n\n", "\n\n", " I\n  x = 2\n\n", "", " I; \0", " " + "-" * 5000 + "1"])
def test_what_is_no_python_or_assigns_something_else_is_no_step(answer):
    with pytest.raises(ProgramError):
        read_step(FREE, Prefix((START,), ()), answer)


def test_without_the_option_free_python_is_no_step():
    with pytest.raises(ProgramError):
        read_step(PromptFormat(), Prefix((START,), ()), " I.copy()\n")


def test_the_option_is_stored_with_the_weights_and_checked():
    assert PromptFormat.from_json(FREE.to_json()) == FREE
    assert not PromptFormat.from_json({}).free_python
    for changes in ({"step_end": "\n"}, {"step_end": " \n"}, {"thinking": True, "style": "few-shot"}):
        with pytest.raises(InputError, match="free_python"):
            PromptFormat(**{"free_python": True, "step_end": "\n\n"} | changes)
    assert "NumPy" in system_text(free_python=True)
    assert "NumPy" not in system_text()


def test_equal_steps_in_other_words_add_up_beside_library_steps():
    lm = policy([(LOOP, log(0.2)), (" transform(I, ROT90)\n\n", log(0.25)), (LOOP.replace("    ", " "), log(0.1))])
    (steps,) = lm.propose([(START,)], 8, RNG)
    assert [type(step) for step in steps] == [FreeStep, Step]
    assert steps[0].text == "x1 = I.copy()\nfor row in x1:\n    row[0] = 3"
    assert steps[0].log_probability == pytest.approx(log(0.3))
    assert lm.engine.requests[0].sampling.stop == "\n\n"


def test_names_are_of_the_state_and_not_of_its_program():
    """The program of the state has a variable that the state does not hold."""
    hidden = turned(START, Symmetry.FLIP_UD)
    shown = turned(hidden, Symmetry.ROT90)
    lm = policy([(" x2 + I * 0\nx3 = x3.copy()\n\n", -1.0), (" x1 + 0\n\n", -1.0)])
    ((step,),) = lm.propose([(START, shown)], 8, RNG)
    assert step.text == "x2 = x1 + I * 0\nx2 = x2.copy()"
    assert lm.counts["no step"] == 1


def test_a_mixture_keeps_free_steps_and_adds_equal_ones_up():
    one, other = policy([(LOOP, log(0.5))]), policy([(LOOP, log(0.25))])
    mixture = MixturePolicy([(one, 0.5), (other, 0.25), (GrammarPolicy(Grammar(), [0, 1]), 0.25)])
    (steps,) = mixture.propose([(START,)], 8, RNG)
    (free,) = [step for step in steps if isinstance(step, FreeStep)]
    assert free.log_probability == pytest.approx(log(0.5 * 0.5 + 0.25 * 0.25))
    assert len(steps) == 8


def test_the_next_prompt_shows_a_free_step_as_the_model_wrote_it(pool):
    execute = SandboxExecutor(pool)
    value = execute.run([START], "x1 = I.copy()\nfor row in x1:\n    row[0] = 3")
    targets = PromptTask.of(TASK).targets
    given, written, sketch = prefix_segments(FREE, Prefix.of((START, value)), targets)
    assert (given, written) == (("x1 =", False), (LOOP, True))
    assert sketch[0].startswith("# Grid")
    other = execute.run([START], "y = I * 0\nx1 = y")
    given, written, _ = prefix_segments(FREE, Prefix.of((START, other)), targets)
    assert (given, written) == (("", False), ("y = I * 0\nx1 = y\n\n", True))


class Writer(QueueEngine):
    """Answers every prompt with a flip of the newest variable, and with Python that no library function equals."""

    def generate(self, requests, deadline=None):
        self.requests += requests
        return [self._answers(request.prompt.rest) for request in requests]

    def _answers(self, rest):
        new = int(re.search(r"x(\d+) =$", rest)[1])
        last = f"x{new - 1}" if new > 1 else "I"
        loop = (
            f" {last}.astype(int)\nfor k, cell in enumerate(x{new}[0]):\n    x{new}[0, k] = (cell * 3 + k * k) % 7\n\n"
        )
        texts = (f" transform({last}, FLIP_UD)\n\n", loop, " nothing(\n\n", " I[999]\n\n")
        return [Answer(text, log(0.2), len(text)) for text in texts]


def rule(grid):
    flipped = grid[::-1].copy()
    flipped[0] = [(int(cell) * 3 + k * k) % 7 for k, cell in enumerate(flipped[0])]
    return flipped


def test_a_mixed_program_is_found_voted_on_written_and_run(pool, tmp_path):
    rng = np.random.default_rng(0)
    inputs = [rng.integers(0, 6, (6, 7)).astype(np.int8) for _ in range(4)]
    task = Task("mixed", tuple(Pair(grid, rule(grid)) for grid in inputs[:3]), (Pair(inputs[3]),))
    settings = LanguageModelSettings(policy="x", batch=4, grammar_weight=0.0, uniform_weight=0.0)
    model = LanguageModel(Writer(), FREE, Sampling(num_samples=4), settings)
    search = SearchSettings(num_views=1, root_share=0.5, max_depth=3, use_fitted=False, use_stacking=False)
    source = ProgramSource(search, language_model=model, execute=SandboxExecutor(pool))
    findings = source.solve(task, Budget(nodes=4000), 0, lambda _: None)
    first, _ = choose_attempts(task, {"program": findings})[0]
    assert first.exact
    assert np.array_equal(first.grid, rule(inputs[3]))
    assert "FLIP_UD" in first.origin
    assert "for k, cell in enumerate" in first.origin
    path = tmp_path / "program.py"
    path.write_text(first.origin)
    found = run_program(path, task)
    assert result_json(found, task)["test"][0]["output"] == rule(inputs[3]).tolist()
    assert all(entry["correct"] for entry in result_json(found, task)["train"])
    assert "steps" in findings.note
