"""Drawing rules: a few actions, and a small tree that says which part of a grid gets which.

The actions are sought first (`part_actions.py`): for every part one of them must agree with the output, and together
they must explain all that changed. Trees are grown for each such set of actions (`part_trees.py`). Where no rule is
sure, single actions that do no harm are *steps* from which others go on (`step_rules.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..words.drawings import NUM_PLAIN
from .divided import CHECKS_PER_DRAWING, Parts
from .part_actions import ActionTable
from .part_trees import CHECKS_PER_TREE, NUM_TREES, vote
from .rule import LEAF_COST, DifferentRules, Rule, Step

MAX_VOCABULARIES, MAX_VOCABULARY = 40, 6
"""Sets of actions that trees are grown for, and actions of such a set."""

MAX_STEPS = 4
"""Single actions that are kept under one division for other rules to go on from."""

Vocabulary = tuple[int, ...]
"""Numbers of actions."""


class DrawingRules:
    """The drawing rules over one division into parts, for outputs of the inputs' shapes."""

    def __init__(self, parts: Parts, targets: Sequence[np.ndarray], stop: Callable[[], bool]) -> None:
        """targets: int8 [H, W], of the training pairs."""
        self.parts, self.targets, self.stop = parts, targets, stop
        self.table = ActionTable(parts, targets, stop)
        self._own_checks = 0

    @property
    def num_checks(self) -> int:
        """Table checks (see root.py) that all of it took so far."""
        return self.table.num_checks + self._own_checks

    def fits(self, rng: np.random.Generator) -> list[Rule]:
        """Rules that give all training outputs, the most confirmed and cheapest first."""
        parts, table, found = self.parts, self.table, DifferentRules()
        for vocabulary in self._vocabularies():
            if self.stop():
                break
            right = np.zeros((len(parts.grid_of), len(vocabulary)), bool)
            reach = table.reach[:, vocabulary]
            right[parts.train] = table.valid[:, vocabulary] & (reach == reach.max(1, keepdims=True))
            self._own_checks += CHECKS_PER_TREE * NUM_TREES
            voted, confirmed = vote(parts, right, rng, lambda choice, pair, v=vocabulary: table.gives(v, choice, pair))
            for tree, choice in voted:
                if not all(table.gives(vocabulary, choice, pair) for pair in range(parts.num_train)):
                    continue
                items = [table.paint(vocabulary, choice, number) for number in range(len(parts.stacks))]
                value = parts.value(items, *table.program(vocabulary, tree.text(parts.questions.texts)))
                found.add(value, confirmed, LEAF_COST * tree.num_leaves + sum(table.price(a) for a in vocabulary))
        return found.best_first()

    def _vocabularies(self) -> list[Vocabulary]:
        """Sets of actions of which every part has one that agrees, and that together explain all changed cells; the
        smallest and cheapest first."""
        table = self.table
        if not table.num_changed or not table.actions:
            return []
        if not table.covered.any(0).all() or not table.valid.any(1).all():
            return []
        bad = np.unique(~table.valid, axis=0).astype(np.float32)
        unexplained = np.unique(~table.covered.T, axis=0).astype(np.float32)
        found = _up_to_two(bad, unexplained) or self._of_three(bad, unexplained) or self._larger()
        self._own_checks += len(table.actions)
        return sorted(found, key=lambda v: (len(v), sum(table.price(a) for a in v)))[:MAX_VOCABULARIES]

    def _of_three(self, bad: np.ndarray, unexplained: np.ndarray) -> list[Vocabulary]:
        found: list[Vocabulary] = []
        for a in range(bad.shape[1]):
            if self.stop() or len(found) > 4 * MAX_VOCABULARIES:
                break
            both = _complete_pairs(bad[bad[:, a] > 0], unexplained[unexplained[:, a] > 0])
            both[: a + 1] = False
            found += [(a, int(b), int(c)) for b, c in np.argwhere(np.triu(both, 1))]
        return found

    def _larger(self) -> list[Vocabulary]:
        """Larger sets, one after each action that draws nothing new: what mends most comes next."""
        table, found = self.table, []
        for first in range(min(NUM_PLAIN, len(table.actions))):
            chosen = [first]
            valid, covered = table.valid[:, first], table.covered[first]
            while len(chosen) < MAX_VOCABULARY and not (valid.all() and covered.all()):
                gain = (table.valid & ~valid[:, None]).sum(0) + (table.covered & ~covered).sum(1)
                best = int(gain.argmax())
                if not gain[best]:
                    break
                chosen.append(best)
                valid, covered = valid | table.valid[:, best], covered | table.covered[best]
            if valid.all() and covered.all() and len(chosen) > 3:
                found.append(tuple(chosen))
        return found

    def steps(self) -> list[Step]:
        """Actions for all parts, or for those that one question tells from the others, that change something in two
        pairs and nothing but to what the outputs have; those that explain most first."""
        parts, table = self.parts, self.table
        if not table.actions or self.stop():
            return []
        asked = parts.questions
        texts = [None, *asked.texts, *(f"~({text})" for text in asked.texts)]
        answers = np.concatenate([np.ones((1, len(parts.grid_of)), bool), asked.answers, ~asked.answers])
        shares = np.concatenate([[2.0], asked.shares, 0.9 * asked.shares])
        chosen = answers[:, parts.train].astype(np.float32)
        reach = np.maximum(table.reach, 0).astype(np.float32)
        pairs = [parts.grid_of[parts.train] == pair for pair in range(parts.num_train)]
        gain = np.array([chosen[:, own] @ reach[own] for own in pairs])
        good = (chosen @ (~table.valid).astype(np.float32) == 0) & ((gain > 0).sum(0) >= min(2, len(pairs)))
        merit = np.where(good, gain.sum(0) + 0.01 * shares[:, None], 0.0)  # [questions, actions]
        self._own_checks += CHECKS_PER_DRAWING * len(table.actions)
        found: list[Step] = []
        for action in np.argsort(-merit.max(0), kind="stable"):
            question = int(merit[:, action].argmax())
            if not merit[question, action] or len(found) == MAX_STEPS:
                break
            step = self._step(int(action), texts[question], answers[question])
            if step is not None and all(step.value.key != other.value.key for other in found):
                found.append(step)
        return found

    def _step(self, action: int, question: str | None, chosen: np.ndarray) -> Step | None:
        """One action as an executed step, None if it does harm or all there is to do. chosen: for which parts."""
        parts, table = self.parts, self.table
        choice = np.where(chosen, 0, -1)
        items = [table.paint((action,), choice, number) for number in range(len(parts.stacks))]
        explained = 0
        for item, grid, target in zip(items, parts.base.items, self.targets, strict=False):
            if ((item != grid) & (item != target)).any():
                return None
            explained += int((item != grid).sum())
        if explained == table.num_changed:
            return None
        text = "0" if question is None else f"np.where({question}, 0, -1)"
        cost = table.price(action) + LEAF_COST * (question is not None)
        return Step(parts.value(items, *table.program((action,), text)), explained, cost)


def _up_to_two(bad: np.ndarray, unexplained: np.ndarray) -> list[Vocabulary]:
    """Single actions, and pairs of others, that are complete. bad: float32 [kinds of parts, actions], 1 where an
    action is wrong. unexplained: the same of kinds of changed cells."""
    found: list[Vocabulary] = [(int(a),) for a in np.flatnonzero(~bad.any(0) & ~unexplained.any(0))]
    single = {a for (a,) in found}
    both = np.argwhere(np.triu(_complete_pairs(bad, unexplained), 1))
    return found + [(int(a), int(b)) for a, b in both if a not in single and b not in single]


def _complete_pairs(bad: np.ndarray, unexplained: np.ndarray) -> np.ndarray:
    """Whether of two actions one is right wherever the other is not, bool [actions, actions]."""
    return (bad.T @ bad == 0) & (unexplained.T @ unexplained == 0)
