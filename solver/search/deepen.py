"""The tree pass: grow the tree from what the root pass reached, and close new grids with fitted steps.

A state starts from the input and one promising value of the root pass. Every new grid is compared with the outputs;
one of the right size is also tried as the missing half of a fitted pair with the pool (`tables.Closer`), so that the
tree may end a step before the output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..executor import Executor, LibraryExecutor, Value
from ..grid.types import Grid
from ..policy import GrammarPolicy, Policy, Preference
from .candidates import Candidate, baseline_match, candidate_of, promising, reward
from .fit.pool import build_pool
from .fit.tables import Closer
from .grammar import Grammar
from .root import RootPass, palette_of
from .tree import Tree, TreeRules
from .views import walk

NUM_ROOTS = 48
"""Values that the tree grows from, the input among them."""

CLOSER_POOL = 600
"""Pool values that a new grid is tried with."""

COST_WEIGHT, SHARPNESS = 0.02, 4.0
"""What a nat of a root's cost takes from its reward, and the nats of its prior that a whole reward is worth."""

MIN_PARTIAL = 0.3
"""Reward above which a grid that fits some pairs is kept."""


def tree_pass(
    root: RootPass,
    grammar: Grammar,
    rules: TreeRules,
    use_fitted: bool,
    expired: Callable[[int], bool],
    policies: Sequence[Policy] = (),
    execute: Executor | None = None,
    preference: Preference | None = None,
    time_left: Callable[[], float] | None = None,
) -> tuple[list[Candidate], Tree]:
    """Search on from the root pass until `expired(nodes executed here)`, the tree is exhausted or full, or the task is
    solved.

    policies: propose the steps, each below roots of its own; none for the grammar. execute: runs them; None for library
    steps alone. preference: scores states; None for rewards alone. time_left: seconds until it is expired; None where
    nodes are counted. Returns what was found, and the tree.
    """
    execute = execute or LibraryExecutor()
    judge = _Judge(root, grammar, execute, use_fitted)
    tree = Tree(
        _roots(root, judge.baseline),
        policies or [GrammarPolicy(grammar, palette_of(root.seen.inputs, root.seen.targets))],
        judge.evaluate,
        rules,
        root.rng,
        execute,
        preference,
        judge.solutions,
        lambda: time_left is not None and time_left() <= 0,
    )
    while not (expired(tree.num_executed) or tree.exhausted or tree.full or judge.is_solved or root.store.full):
        tree.step()
    return judge.found, tree


class _Judge:
    """Says what a new value of the tree is worth, and keeps what fits.

    found: the candidates. solutions: texts of those that are exact, by the key of the value that a state ends with.
    baseline: see `candidates.baseline_match`.
    """

    def __init__(self, root: RootPass, grammar: Grammar, execute: Executor, use_fitted: bool) -> None:
        self.seen, self.grammar, self.execute, self.store = root.seen, grammar, execute, root.store
        self.baseline = baseline_match(root.seen.inputs, root.seen.targets)
        pool = build_pool(root.store, CLOSER_POOL, root.rng) if use_fitted else None
        self._closer = Closer(root.store, pool) if pool is not None else None
        self.found: list[Candidate] = []
        self.solutions: dict[bytes, list[str]] = {}
        self._doubted: set[int] = set()  # values that no program gave again so far

    @property
    def is_solved(self) -> bool:
        return any(candidate.exact for candidate in self.found)

    def evaluate(self, value: Value) -> float:
        """Reward 0..1, see `candidates.reward`; 1 also for a grid that a fitted step completes, 0 for other values."""
        if value.type is not Grid:
            return 0.0
        store = self.store
        number, is_new = store.place(value)
        if number < 0:
            return 0.0
        score = reward(store, number, self.baseline)
        if not is_new and number not in self._doubted:
            return self._known(value, score)
        size_bits, bits = (int(column) for column in store.matches[number, :2])
        if score == 1.0 or (bits and score > MIN_PARTIAL):
            standing = {"exact": score == 1.0, "right_pairs": bits.bit_count(), "score": score}
            if self._keep_confirmed(value, value, **standing):
                self._doubted.discard(number)
            else:
                self._doubted.add(number)
        if is_new and score < 1.0 and self._closer is not None and size_bits == store.all_pairs:
            for fit in self._closer.close(number):
                self._keep_confirmed(value, fit.value, right_pairs=store.num_train)
                score = 1.0
        return score

    def _known(self, value: Value, score: float) -> float:
        """What the root pass knows it has kept; a solution that did not settle the task is nothing to grow from."""
        if score < 1.0:
            return score
        final = walk(value, self.seen.view.back, self.seen.given)
        if final is not None and self.execute.confirm(final, self.seen.given):
            self.solutions.setdefault(value.key, []).append(final.program().render())
        return 0.0

    def _keep_confirmed(self, state: Value, value: Value, **standing: Any) -> bool:
        """Keep a value as a candidate if running its program again gives it; returns False if it does not, and another
        program may. state: what the state ends with."""
        candidate = candidate_of(value, self.seen.view, self.seen.given, self.grammar, **standing)
        if candidate is None:
            return True
        if not self.execute.confirm(candidate.value, self.seen.given):
            return False
        self.found.append(candidate)
        if candidate.exact:
            self.solutions.setdefault(state.key, []).append(candidate.text)
        return True


def _roots(root: RootPass, baseline: float) -> list[tuple[tuple[Value, ...], float]]:
    """States to start from, each with its prior: the input, with one promising value that does not solve the task."""
    store = root.store
    numbers = promising(store, NUM_ROOTS)
    numbers = numbers[store.matches[numbers, 1] != store.all_pairs]
    if 0 not in numbers:
        numbers = np.append(numbers[: NUM_ROOTS - 1], 0)
    scores = np.array([reward(store, int(k), baseline) for k in numbers])
    scores -= COST_WEIGHT * store.costs[numbers]
    priors = np.exp(SHARPNESS * (scores - scores.max()))
    priors /= priors.sum()
    start = store.value(0)
    states = [(start,) if k == 0 else (start, store.value(int(k))) for k in numbers]
    return list(zip(states, priors.tolist(), strict=True))
