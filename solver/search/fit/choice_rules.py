"""Choice rules: a small tree that tells the part that the output is cut out of from the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..words.descriptions import described
from ..words.drawings import cut_out
from .divided import Parts
from .part_trees import CHECKS_PER_TREE, NUM_TREES, vote
from .rule import ACTION_COST, LEAF_COST, DifferentRules, Rule

CUTS = ("region", "alone", "inside", "color")
"""What of a part may be the output, see `drawings.cut_out`."""


def choice_rules(
    parts: Parts, targets: Sequence[np.ndarray], rng: np.random.Generator, stop: Callable[[], bool]
) -> tuple[list[Rule], int]:
    """Rules that cut the output out of the box of one part, the most confirmed and cheapest first; and the checks that
    this took. targets: int8 [H, W], of the training pairs."""
    found = DifferentRules()
    checks = 0
    for how in CUTS:
        every = parts.cut(how)
        cuts = [[every[k] for k in parts.of(number)] for number in range(len(parts.labels))]
        checks += len(every)
        is_right = [[np.array_equal(cut, t) for cut in here] for here, t in zip(cuts, targets, strict=False)]
        if stop() or not all(map(any, is_right)):
            continue
        right = np.zeros((len(parts.grid_of), 2), bool)
        right[parts.train, 1] = np.concatenate(is_right)
        right[:, 0] = ~right[:, 1]

        def picked(choice: np.ndarray, number: int, cuts: list = cuts) -> np.ndarray | None:
            """What the chosen parts of a grid have in common, None if they differ."""
            chosen = [cuts[number][k] for k in np.flatnonzero(choice[parts.of(number)])]
            return chosen[0] if chosen and all(np.array_equal(chosen[0], cut) for cut in chosen) else None

        def counts(choice: np.ndarray, pair: int, picked: Callable = picked) -> bool:
            mine = picked(choice, pair)
            return mine is not None and np.array_equal(mine, targets[pair])

        checks += CHECKS_PER_TREE * NUM_TREES
        voted, confirmed = vote(parts, right, rng, counts, one=True)
        for tree, choice in voted:
            items = [picked(choice, number) for number in range(len(cuts))]
            if any(item is None for item in items):
                continue
            lines = ["seen = described(base, labels)"]
            lines += [f"choice = np.zeros(labels.max(), np.int64) + {tree.text(parts.questions.texts)}"]
            lines += [f"out = cut_out(base, labels, choice.argmax(), {how!r})"]
            value = parts.value(items, lines, [described, cut_out])
            found.add(value, confirmed, LEAF_COST * tree.num_leaves + ACTION_COST)
    return found.best_first(), checks
