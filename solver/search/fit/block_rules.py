"""Block rules: every part of a grid laid out, each as a block that a small tree says.

A layout tells which block of the output each part must give; a few kinds of blocks are sought that give them all, and
trees (`part_trees.py`) that say which part gives which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..words.layouts import as_they_lie, block, in_line
from .divided import Parts
from .layout_blocks import Blocks
from .layout_kinds import Layout
from .part_trees import vote
from .rule import ACTION_COST, LEAF_COST, Rule

LAYOUTS = (
    Layout(as_they_lie, (0,), 0, 0.5),
    Layout(in_line, (0, 0, 0), 0, 0.5),
    Layout(in_line, (1, 0, 0), 0, 0.5),
)
"""In which all parts may be laid out."""

MAX_BLOCK_CELLS, MAX_BLOCKS = 49, 6
"""Cells of one block, and different kinds of them."""

CELL_COST, PICTURE_COST = 1.0, 1.5
"""Nats that a block costs that is the same for all parts: one cell, or a picture."""

CHECKS_PER_TREES = 800
"""Table checks (see root.py) that it costs to grow trees for one layout."""


@dataclass(frozen=True, eq=False)
class _Option:
    """A kind of block that is right for parts of two pairs. pictures: of every part, int8 [h, w] each. right: bool
    [training parts]. text: as Python for part `k`. cost: nats."""

    pictures: list[np.ndarray]
    right: np.ndarray
    text: str
    cost: float


def block_rules(
    blocks: Blocks, targets: Sequence[np.ndarray], rng: np.random.Generator, stop: Callable[[], bool]
) -> tuple[list[Rule], int]:
    """The block rules over one division, and the checks that they took. targets: int8 [H, W], of the training pairs."""
    found: list[Rule] = []
    checks = 0
    known: set[bytes] = set()
    for layout in LAYOUTS:
        if stop():
            break
        wanted = _wanted(blocks.parts, layout, targets)
        key = b"" if wanted is None else b"".join(w.tobytes() for w in wanted)
        if wanted is None or key in known:
            continue
        known.add(key)
        used = _enough(_options(blocks, wanted))
        if used:
            checks += CHECKS_PER_TREES
            found += _rules(blocks.parts, layout, used, targets, rng)
    return found, checks


def _wanted(parts: Parts, layout: Layout, targets: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """The block that each training part must give under a layout, int8 [h, w], all of one shape; None if there are no
    such."""
    out, shape = [], None
    for number, target in enumerate(targets):
        own = parts.of(number)
        ones = [np.full((1, 1), k + 1, np.int8) for k in range(len(own))]
        plan = layout.lay_out(ones, parts.boxes[:, own])
        if plan is None or target.shape[0] % plan.shape[0] or target.shape[1] % plan.shape[1]:
            return None
        high, wide = target.shape[0] // plan.shape[0], target.shape[1] // plan.shape[1]
        if shape not in (None, (high, wide)) or high * wide > MAX_BLOCK_CELLS:
            return None
        shape = (high, wide)
        split = target.reshape(plan.shape[0], high, plan.shape[1], wide).swapaxes(1, 2)
        if split[plan == 0].any():
            return None
        out += [split[plan == k + 1][0] for k in range(len(own))]
    return out


def _options(blocks: Blocks, wanted: Sequence[np.ndarray]) -> list[_Option]:
    """The kinds of blocks that are right for parts of two pairs: those that parts give, and wanted pictures as they
    are."""
    parts, shape = blocks.parts, wanted[0].shape
    every = [
        (blocks.made(number), one.call, one.cost)
        for number, one in enumerate(blocks.every)
        if shape == (1, 1) or one.how != "cell"
    ]
    for picture in {w.tobytes(): w for w in wanted}.values():
        cost = CELL_COST if shape == (1, 1) else PICTURE_COST
        every.append(([picture] * len(parts.grid_of), f"np.array({picture.tolist()}, np.int8)", cost))
    found = []
    for pictures, text, cost in every:
        if all(picture.shape == shape for picture in pictures):
            right = np.array([np.array_equal(pictures[k], w) for k, w in zip(parts.train, wanted, strict=True)])
            if len(np.unique(parts.grid_of[parts.train][right])) >= min(2, parts.num_train):
                found.append(_Option(pictures, right, text, cost))
    return found


def _enough(options: Sequence[_Option]) -> list[_Option]:
    """Two or more kinds of blocks of which one is right for every training part, each time the one that is right for
    most of those left; none if there are no such."""
    used: list[_Option] = []
    left = np.ones(len(options[0].right), bool) if options else np.zeros(0, bool)
    while left.any() and len(used) < MAX_BLOCKS:
        best = max(options, key=lambda option: (int((option.right & left).sum()), -option.cost))
        if not (best.right & left).any():
            return []
        used.append(best)
        left &= ~best.right
    return used if len(used) > 1 and not left.any() else []


def _rules(
    parts: Parts, layout: Layout, used: Sequence[_Option], targets: Sequence[np.ndarray], rng: np.random.Generator
) -> list[Rule]:
    """The rules whose trees say which of the used blocks a part gives."""
    right = np.zeros((len(parts.grid_of), len(used)), bool)
    right[parts.train] = np.array([option.right for option in used]).T

    def give(choice: np.ndarray, grid: int) -> np.ndarray | None:
        own = parts.of(grid)
        return layout.lay_out([used[choice[k]].pictures[k] for k in own], parts.boxes[:, own])

    def counts(choice: np.ndarray, pair: int) -> bool:
        out = give(choice, pair)
        return out is not None and np.array_equal(out, targets[pair])

    voted, confirmed = vote(parts, right, rng, counts)
    rules = []
    for tree, choice in voted:
        items = [give(choice, grid) for grid in range(len(parts.labels))]
        if any(item is None for item in items):
            continue
        value = parts.laid_out(items, *_program(layout, used, tree.text(parts.questions.texts)))
        cost = LEAF_COST * tree.num_leaves + ACTION_COST + layout.cost + sum(option.cost for option in used)
        rules.append(Rule(value, confirmed, cost))
    return rules


def _program(layout: Layout, used: Sequence[_Option], choice: str) -> tuple[list[str], list]:
    """A rule's lines of Python and their functions, see `Parts.laid_out`. choice: as Python over `seen`."""
    lines = [f"choice = np.zeros(labels.max(), np.int64) + {choice}", "blocks = []"]
    lines += ["for k in range(labels.max()):"]
    for number, option in enumerate(used):
        lines += [f"    if choice[k] == {number}:", f"        blocks.append({option.text})"]
    more, functions = layout.program("where")
    return [*lines, *more], [block, *functions]
