"""The tree pass: grow the tree from what the root pass reached, and close new grids with fitted steps.

A state starts from the input and one promising value of the root pass. Every new grid is compared with the outputs;
one of the right size is also tried as the missing half of a fitted pair with the pool (`fit.close`), so that the
tree may end a step before the output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..executor import Executor, LibraryExecutor, Value
from ..grid.types import Grid
from ..policy import GrammarPolicy, Policy, Preference
from .candidates import Candidate, baseline_match, keep, promising, reward
from .fit import Closer, build_pool
from .grammar import Grammar
from .root import RootPass, palette_of
from .tree import Tree, TreeRules
from .views import walk

NUM_ROOTS = 48
CLOSER_POOL = 600


def tree_pass(
    root: RootPass,
    grammar: Grammar,
    rules: TreeRules,
    use_fitted: bool,
    expired: Callable[[int], bool],
    policies: Sequence[Policy] = (),
    execute: Executor | None = None,
    preference: Preference | None = None,
) -> tuple[list[Candidate], Tree]:
    """Search on from the root pass until `expired(nodes executed here)`, the tree is exhausted, or it is solved.

    policies: propose the steps, each below roots of its own; none for the grammar. execute: runs them; None for library
    steps alone. preference: scores states; None for rewards alone. Returns what was found, and the tree.
    """
    execute = execute or LibraryExecutor()
    store, rng = root.store, root.rng
    start = store.value(0)
    targets, inputs = root.targets, root.inputs
    baseline = baseline_match(inputs, targets)
    everything = (1 << store.num_train) - 1
    pool = build_pool(store, CLOSER_POOL, rng) if use_fitted else None
    closer = Closer(store, pool) if pool is not None else None
    found: list[Candidate] = []
    solutions: dict[bytes, list[str]] = {}

    def keep_confirmed(state: Value, value: Value, **standing: Any) -> None:
        before = len(found)
        keep(found, value, root.view, root.given, grammar, **standing)
        if len(found) > before and not execute.confirm(found[-1].value, root.given):
            found.pop()
        if len(found) > before and found[-1].exact:
            solutions.setdefault(state.key, []).append(found[-1].text)

    def evaluate(value: Value) -> float:
        if value.type is not Grid:
            return 0.0
        number, is_new = store.place(value)
        if number < 0:
            return 0.0
        score = reward(store, number, baseline)
        if not is_new:
            # What the root pass knows it has kept; a solution that did not settle the task is nothing to grow from.
            if score < 1.0:
                return score
            final = walk(value, root.view.back, root.given)
            if final is not None and execute.confirm(final, root.given):
                solutions.setdefault(value.key, []).append(final.program().render())
            return 0.0
        bits = int(store.matches[number, 1])
        if score == 1.0 or (bits and score > 0.3):
            keep_confirmed(value, value, exact=score == 1.0, right_pairs=bits.bit_count(), score=score)
        if score < 1.0 and closer is not None and int(store.matches[number, 0]) == everything:
            for fit in closer.close(number):
                keep_confirmed(value, fit.value, right_pairs=store.num_train)
                score = 1.0
        return score

    numbers = promising(store, NUM_ROOTS)
    numbers = numbers[store.matches[numbers, 1] != everything]
    if 0 not in numbers:
        numbers = np.append(numbers[: NUM_ROOTS - 1], 0)
    scores = np.array([reward(store, int(k), baseline) for k in numbers])
    scores -= 0.02 * store.costs[numbers]
    priors = np.exp(4 * (scores - scores.max()))
    priors /= priors.sum()
    roots = [
        ((start,) if k == 0 else (start, store.value(int(k))), float(p)) for k, p in zip(numbers, priors, strict=True)
    ]
    tree = Tree(
        roots,
        policies or [GrammarPolicy(grammar, palette_of(inputs, targets))],
        evaluate,
        rules,
        rng,
        execute,
        preference,
        solutions,
    )
    while not expired(tree.num_executed) and not tree.exhausted and not any(c.exact for c in found) and not store.full:
        tree.step()
    return found, tree
