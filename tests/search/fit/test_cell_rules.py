"""Cell rules: the trees, and the programs that they are written out as."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scattered import never, noise

from solver.budget import Budget
from solver.executor import apply, input_value
from solver.fused import GridStore
from solver.grid.registry import FUNCTIONS
from solver.program import ProgramError, parse
from solver.sandbox.pool import Pool as Sandbox
from solver.search.fit import cell_questions, cell_rules, cell_trees
from solver.search.fit.cell_questions import Question
from solver.search.fit.cell_rules import TIME_SHARE, CellFitter, CellRules
from solver.search.fit.cell_trees import Asked
from solver.search.fit.decision_trees import PURE_BONUS
from solver.search.fit.pool import build_pool
from solver.search.source import ProgramSource
from solver.search.words.cells import sights
from solver.search.words.families import FAMILIES, compute
from solver.settings import SearchSettings
from solver.tasks import Pair, Task


def between(grid):
    """4 where content is seen in the row on both sides, and has one colour."""
    seen = sights(grid)
    left, right = seen["color seen left"], seen["color seen right"]
    return np.where((grid == 0) & (left == right) & (left > 0), 4, grid).astype(np.int8)


def test_a_rule_is_found_confirmed_and_right_on_the_test_input():
    inputs = noise(1)
    rules = CellRules(input_value(inputs), [], [between(g) for g in inputs[:4]])
    best = rules.fits(np.random.default_rng(0), never)[0]
    assert best.confirmed == 4
    assert [g.tolist() for g in best.value.items] == [between(g).tolist() for g in inputs]


def test_a_rule_is_a_program_that_gives_the_same_in_the_sandbox():
    inputs = noise(2)
    start = input_value(inputs)
    other = apply(FUNCTIONS["shift"], [apply(FUNCTIONS["transform"], [start, 1]), 0])
    alone = [between(g) for g in inputs[:4]]
    both = [np.where(o == 1, 7, g).astype(np.int8) for g, o in zip(inputs[:4], other.items, strict=False)]
    for extra, targets in (([], alone), ([other], both)):
        fits = CellRules(start, extra, targets).fits(np.random.default_rng(0), never)
        assert fits[0].value.parents == (start, *extra)
        for fit in fits[:3]:
            final = apply(FUNCTIONS["transform"], [fit.value, 1])
            text = final.program().render()
            with pytest.raises(ProgramError):
                parse(text)
            with Sandbox(size=1) as sandbox:
                outputs = sandbox.run(text, inputs).outputs
            assert [g.tolist() for g in outputs] == [g.tolist() for g in final.items]


def test_a_rule_may_ask_for_other_grids():
    inputs = noise(3, shape=(6, 8))
    start = input_value(inputs)
    other = input_value(noise(4, shape=(6, 8)))
    targets = [np.where(o == 1, 7, g).astype(np.int8) for g, o in zip(inputs[:4], other.items, strict=False)]
    best = CellRules(start, [other], targets).fits(np.random.default_rng(0), never)[0]
    assert best.confirmed == 4
    assert best.value.parents == (start, other)
    assert best.value.items[4].tolist() == np.where(other.items[4] == 1, 7, inputs[4]).tolist()


def test_noise_is_never_confirmed():
    inputs, targets = noise(5, colors=9, density=0.9), noise(6, colors=9, density=0.9)
    fits = CellRules(input_value(inputs), [], targets[:4]).fits(np.random.default_rng(0), never)
    assert all(fit.confirmed == 0 for fit in fits)


def test_one_pair_is_confirmed_by_nothing():
    inputs = noise(7, count=2)
    fits = CellRules(input_value(inputs), [], [between(inputs[0])]).fits(np.random.default_rng(0), never)
    assert all(fit.confirmed == 0 for fit in fits)


def test_the_same_seed_gives_the_same_rules():
    inputs = noise(8)
    first, second = (
        CellRules(input_value(inputs), [], [between(g) for g in inputs[:4]]).fits(np.random.default_rng(3), never)
        for _ in range(2)
    )
    assert [f.value.text for f in first] == [f.value.text for f in second]


def stored(inputs, targets, others=()):
    """A store with the inputs and other grids, and a pool of it."""
    store = GridStore(targets, len(inputs))
    for cost, grids in enumerate([inputs, *others]):
        value = input_value(grids)
        value.cost = float(cost)
        store.add(value)
    return store, build_pool(store, 100, np.random.default_rng(0))


def told(fits):
    return [(fit.value.text, fit.value.key, fit.confirmed, fit.num_entries) for fit in fits]


class StopAfter:
    """Says after so many questions that time is over."""

    def __init__(self, count):
        self.left, self.asked = count, 0

    def __call__(self):
        self.asked += 1
        self.left -= 1
        return self.left < 0


def test_rules_are_sought_over_the_store_and_can_be_stopped():
    inputs = noise(9)
    targets = [between(g) for g in inputs[:4]]
    store, pool = stored(inputs, targets)
    fits, checks = CellFitter(store, targets).fits(pool, np.random.default_rng(0), never)
    assert fits[0].confirmed == 4
    assert checks > 0
    assert CellFitter(store, targets).fits(pool, np.random.default_rng(0), lambda: True) == ([], 0)


def test_large_tasks_are_left_alone():
    inputs = noise(10, count=11, shape=(30, 30))
    store, pool = stored(inputs, inputs[:10])
    assert CellFitter(store, inputs[:10]).fits(pool, np.random.default_rng(0), never) == ([], 0)


def test_a_tree_is_the_one_that_counting_every_cell_anew_gives():
    inputs = noise(11)
    targets = [np.where(g == 0, between(g)[:, ::-1], 5).astype(np.int8) for g in inputs[:4]]
    rules = CellRules(input_value(inputs), [input_value(noise(12))], targets)
    assert rules.prepare(never)
    right = rules.results[:, : len(rules.target)] == rules.target
    rng = np.random.default_rng(0)
    for number in range(20):
        use = np.flatnonzero(rng.random(len(rules.questions)) < 0.1 + 0.04 * number)
        asked = Asked(use, rules.answers[use, : len(rules.target)], rules._all_counts[:, use])
        node = rules._grow(np.arange(len(rules.target)), asked, asked.counts, never)
        left = [] if node is None else [node]
        while left:
            node = left.pop()
            sums = right[:, node.items].sum(1)
            assert sums[node.action] == sums.max()
            assert node.wrong == len(node.items) - sums.max()
            if node.question >= 0:
                answers = rules.answers[np.ix_(use, node.items)]
                yes = np.array([right[:, node.items[answer]].sum(1) for answer in answers])
                merit = yes.max(1) + (sums - yes).max(1) + 0.0
                for half, best in ((answers.sum(1), yes.max(1)), ((~answers).sum(1), (sums - yes).max(1))):
                    merit += PURE_BONUS * half * (half == best)
                merit[answers.all(1) | ~answers.any(1)] = -1
                assert merit[np.flatnonzero(use == node.question)[0]] == pytest.approx(merit.max(), rel=1e-6)
                left += [node.yes, node.no]


def test_later_rounds_find_what_they_would_find_without_the_earlier_ones():
    inputs = noise(13)
    targets = [between(g) for g in inputs[:4]]
    store, pool = stored(inputs, targets, [noise(14), noise(15)])
    kept = CellFitter(store, targets)
    few = build_pool(store, 2, np.random.default_rng(0))
    for pool_now, seed in ((few, 1), (pool, 2), (pool, 3)):
        again, checks = kept.fits(pool_now, np.random.default_rng(seed), never)
        fresh, fresh_checks = CellFitter(store, targets).fits(pool_now, np.random.default_rng(seed), never)
        assert told(again) == told(fresh)
        assert checks == fresh_checks
    kept.forget()
    assert told(kept.fits(pool, np.random.default_rng(3), never)[0]) == told(fresh)


def test_features_of_one_base_are_made_once(monkeypatch):
    inputs = noise(16)
    targets = [between(g) for g in inputs[:4]]
    store, _ = stored(inputs, targets, [noise(17)])
    made = []
    monkeypatch.setattr(cell_questions, "compute", lambda family, grid: made.append(family) or compute(family, grid))
    fitter = CellFitter(store, targets)
    for size in (1, 2, 2):
        fitter.fits(build_pool(store, size, np.random.default_rng(0)), np.random.default_rng(0), never)
    assert len(made) == len(FAMILIES) * len(inputs)


def test_work_that_was_stopped_goes_on_where_it_stopped(monkeypatch):
    inputs = noise(18)
    targets = [between(g) for g in inputs[:4]]
    store, pool = stored(inputs, targets)
    made = []
    monkeypatch.setattr(cell_questions, "compute", lambda family, grid: made.append(family) or compute(family, grid))
    fitter = CellFitter(store, targets)
    for _ in range(3):
        assert fitter.fits(pool, np.random.default_rng(0), StopAfter(20)) == ([], 0)
    fits, _ = fitter.fits(pool, np.random.default_rng(0), never)
    assert told(fits) == told(CellFitter(store, targets).fits(pool, np.random.default_rng(0), never)[0])
    assert len(made) == 2 * len(FAMILIES) * len(inputs)


def test_a_stop_ends_the_work_at_any_of_its_steps():
    inputs = noise(19, shape=(5, 5))
    targets = [between(g) for g in inputs[:4]]
    start = input_value(inputs)
    all_of_it = StopAfter(10**9)
    full = CellRules(start, [], targets).fits(np.random.default_rng(0), all_of_it)
    best = {fit.value.key: fit.confirmed for fit in full}
    for count in range(0, all_of_it.asked, 23):
        stop = StopAfter(count)
        fits = CellRules(start, [], targets).fits(np.random.default_rng(0), stop)
        assert stop.asked <= count + 6  # each loop asks once more, and pairs do that are not looked at
        assert all(fit.confirmed <= best[fit.value.key] for fit in fits)


def test_many_cells_are_counted_in_steps_between_which_the_clock_is_looked_at(monkeypatch):
    inputs = noise(20, shape=(12, 12))
    targets = [between(g) for g in inputs[:4]]
    whole, parts = StopAfter(10**9), StopAfter(10**9)
    first = CellRules(input_value(inputs), [], targets).fits(np.random.default_rng(0), whole)
    monkeypatch.setattr(cell_trees, "CELLS_PER_STEP", 10)
    assert told(CellRules(input_value(inputs), [], targets).fits(np.random.default_rng(0), parts)) == told(first)
    assert parts.asked > whole.asked + 50


def test_where_time_is_short_nothing_is_begun(monkeypatch):
    inputs = noise(21)
    targets = [between(g) for g in inputs[:4]]
    store, pool = stored(inputs, targets)
    fitter = CellFitter(store, targets)
    monkeypatch.setattr(cell_questions, "compute", None)
    assert fitter.fits(pool, np.random.default_rng(0), never, time.monotonic() + 0.1) == ([], 0)


def test_rules_take_a_share_of_the_time_that_is_left(monkeypatch):
    inputs = noise(22)
    targets = [between(g) for g in inputs[:4]]
    store, pool = stored(inputs, targets)
    asked = []

    class Clock:
        @staticmethod
        def monotonic():
            asked.append(1)
            return len(asked) * 0.01

    monkeypatch.setattr(cell_rules, "time", Clock)
    CellFitter(store, targets).fits(pool, np.random.default_rng(0), never, 3.0)
    assert len(asked) == pytest.approx(300 * TIME_SHARE, abs=8)


def test_where_nodes_are_counted_no_clock_is_looked_at(monkeypatch):
    inputs = noise(23)
    targets = [between(g) for g in inputs[:4]]
    store, pool = stored(inputs, targets)
    monkeypatch.setattr(cell_rules, "time", None)
    assert CellFitter(store, targets).fits(pool, np.random.default_rng(0), never)[0]


@pytest.mark.parametrize(("limit", "is_timed"), [({"nodes": 20000}, False), ({"seconds": 20.0}, True)])
def test_a_root_pass_says_when_its_time_is_over(monkeypatch, limit, is_timed):
    seen = []
    monkeypatch.setattr(CellFitter, "fits", lambda self, pool, rng, stop, deadline: (seen.append(deadline), ([], 0))[1])
    inputs, outputs = noise(24, count=4), noise(25, count=3, colors=9, density=0.9)
    pairs = tuple(Pair(a, b) for a, b in zip(inputs, outputs, strict=False))
    search = ProgramSource(SearchSettings(num_views=1, use_mcts=False, use_enumeration=not is_timed))
    now = time.monotonic()
    search.solve(Task("noise", pairs, (Pair(inputs[3]),)), Budget(**limit), 0, lambda _: None)
    assert seen
    assert all(now < deadline < time.monotonic() + 20 if is_timed else deadline is None for deadline in seen)


def test_a_question_is_written_as_what_it_asks():
    near, far = (0, "color up"), (0, "color two up")
    words = {near: "a", far: "b", (1, "steps up"): "c"}
    assert Question(near, "==", 3).text(words) == "a == 3"
    assert Question((1, "steps up"), "<=", 2).text(words) == "c <= 2"
    assert Question(near, "is", far).text(words) == "(a == b) & (a > 0)"
    assert Question(near, "as", far).text(words) == "a == b"
    assert Question(near, "as", far).names == {near, far}
    assert Question(near, "==", 3).names == {near}
