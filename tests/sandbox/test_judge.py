"""Verdicts are made in the parent, over all pairs, and the same with and without a first round on a few."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sandbox.conftest import quick
from solver.sandbox.judge import judge
from solver.tasks import Pair, Task

GRIDS = [np.array([[n, 1, 2], [3, 4, n]], np.int8) for n in range(5)]
TASK = Task("t", tuple(Pair(g, g[::-1].copy()) for g in GRIDS[:4]), (Pair(GRIDS[4]),))


@pytest.fixture
def probing(pool, monkeypatch):
    def set_pairs(number):
        monkeypatch.setattr(pool, "settings", quick(probe_pairs=number))
        return pool

    return set_pairs


def test_a_right_program_fits_and_has_test_outputs(probing):
    for number in (None, 1, 3, 4, 50):
        verdict = judge(probing(number), "def solve(I):\n    return I[::-1]\n", TASK, np.random.default_rng(0))
        assert verdict.fits
        assert verdict.right == (True,) * 4
        assert verdict.credit == 1
        assert np.array_equal(verdict.tests[0], GRIDS[4][::-1])


def test_all_pairs_count_for_partial_credit(pool):
    source = "def solve(I):\n    return 1 / 0 if I[0, 0] == 0 else I if I[0, 0] == 1 else I[::-1]\n"
    verdict = judge(pool, source, TASK, np.random.default_rng(0))
    assert verdict.right == (False, False, True, True)
    assert verdict.credit == 0.5
    assert not verdict.fits


def test_the_same_verdict_whatever_is_run_first(probing):
    rng = random.Random(0)
    for _ in range(15):
        wrong = [n for n in range(4) if rng.random() < 0.3]
        source = f"def solve(I):\n    return I if I[0, 0] in {wrong} else I[::-1]\n"
        verdicts = {
            number: judge(probing(number), source, TASK, np.random.default_rng(rng.randrange(1000)))
            for number in (None, 1, 2, 3)
        }
        full = verdicts[None]
        assert full.fits == (not wrong)
        for verdict in verdicts.values():
            assert verdict.fits == full.fits
            assert all(known in (None, truth) for known, truth in zip(verdict.right, full.right, strict=True))
            assert verdict.credit in (None, full.credit)


def test_a_program_that_fails_the_first_pairs_is_not_run_on_the_others(probing):
    verdict = judge(probing(2), "def solve(I):\n    return I\n", TASK, np.random.default_rng(0))
    assert verdict.right.count(None) == 2
    assert verdict.credit is None
    assert len(verdict.result.outputs) == 2


def test_the_first_pairs_are_random(probing):
    asked = {
        judge(probing(1), "def solve(I):\n    return I\n", TASK, np.random.default_rng(k)).right.index(False)
        for k in range(20)
    }
    assert asked == {0, 1, 2, 3}


def test_a_subclass_that_equals_everything_is_wrong(pool):
    source = "class G(list):\n    def __eq__(self, o): return True\ndef solve(I): return G([[5]])\n"
    assert judge(pool, source, TASK, np.random.default_rng(0)).credit == 0
