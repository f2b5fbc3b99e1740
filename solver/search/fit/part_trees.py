"""Small trees that say what becomes of every part, and their vote.

A tree asks questions about a part (`part_questions.py`) until a leaf says one of a few actions. Several trees are
grown, each from a random part of the questions, and what most of them say counts. A pair is *confirmed* if what most
trees of the other pairs alone say gives its output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .divided import Parts
from .part_questions import Questions
from .trees import Tree, question_merits

NUM_TREES, MAX_LEAVES, MAX_RULES = 20, 6, 2
"""Trees that vote, leaves of one, and trees that are kept of such a vote."""

CHECKS_PER_TREE = 40
"""Table checks (see root.py) that it costs to grow one tree, once from all pairs and once without each."""


class PartTree(Tree):
    """One over parts, with what it chooses for all of them."""

    def choose(self, answers: np.ndarray) -> np.ndarray:
        """The action of every part, int64 [parts]. answers: see `Questions`."""
        if self.question < 0:
            return np.full(answers.shape[1], self.action)
        return np.where(answers[self.question], self.yes.choose(answers), self.no.choose(answers))

    def text(self, texts: Sequence[str]) -> str:
        """As Python that gives `choose`. texts: see `Questions`."""
        if self.question < 0:
            return str(self.action)
        return f"np.where({texts[self.question]}, {self.yes.text(texts)}, {self.no.text(texts)})"


@dataclass
class _Node:
    """What trees have in common at a set of parts: the action that most of them have right, how many it has wrong, and
    what every question is worth there, once that was asked."""

    action: int
    wrong: int
    merit: np.ndarray | None = None


_Nodes = dict[bytes, _Node]
"""By the parts' numbers, as bytes."""


def grow(questions: Questions, parts: np.ndarray, right: np.ndarray, use: np.ndarray, nodes: _Nodes) -> PartTree | None:
    """A tree over some parts without a wrong one. parts: their numbers, int64. right: bool [all parts, actions]. use:
    numbers of questions to ask. nodes: what is known of sets of parts, for all trees with the same `right`."""

    def leaf(here: np.ndarray) -> PartTree:
        known = nodes.get(here.tobytes())
        if known is None:
            number = right[here].sum(0)
            known = nodes[here.tobytes()] = _Node(int(number.argmax()), len(here) - int(number.max()))
        return PartTree(here, known.action, known.wrong)

    root = leaf(parts)
    leaves = [root]
    while True:
        worst = max(leaves, key=lambda one: one.wrong)
        if worst.wrong == 0:
            return root
        if len(leaves) == MAX_LEAVES or not len(use):
            return None
        node = nodes[worst.items.tobytes()]
        if node.merit is None:
            node.merit = _merit(questions, worst.items, right)
        merit = node.merit[use]
        best = int(merit.argmax())
        if merit[best] < 0:
            return None
        worst.question = int(use[best])
        answer = questions.answers[worst.question, worst.items]
        worst.yes, worst.no = leaf(worst.items[answer]), leaf(worst.items[~answer])
        leaves = [one for one in leaves if one is not worst] + [worst.yes, worst.no]


def _merit(questions: Questions, parts: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Of every question how many parts are right after it, with a bonus for halves that are right as a whole; −1
    where it does not divide the parts."""
    answers, good = questions.as_floats[:, parts], right[parts].astype(np.float32)
    yes = answers @ good
    no = good.sum(0) - yes
    num_yes = answers.sum(1)
    num_no = len(parts) - num_yes
    return question_merits(yes.max(1), no.max(1), num_yes, num_no)


def vote(
    parts: Parts,
    right: np.ndarray,
    rng: np.random.Generator,
    counts: Callable[[np.ndarray, int], bool],
    one: bool = False,
) -> tuple[list[tuple[PartTree, np.ndarray]], int]:
    """The trees over all training parts that choose most as all trees together do, each with its choices (int64
    [parts]), and how many pairs confirm them. A pair is confirmed if what most trees of the other pairs choose counts
    as right there.

    right: bool [parts, actions]. counts: whether choices for all parts are right on a pair. one: whether action 1 is
    for one part of each grid, the one for which most trees choose it."""
    questions = parts.questions
    # In a random order, in which those that are asked more often come earlier.
    drawn = rng.random((NUM_TREES, len(questions.texts))) / questions.shares
    uses = [np.argsort(order, kind="stable")[: int((order < 1.0).sum())] for order in drawn]
    most = _most_in_grid if one else _most_chosen

    def grown(own: np.ndarray) -> list[tuple[PartTree, np.ndarray]]:
        nodes: _Nodes = {}
        trees = [grow(questions, own, right, use, nodes) for use in uses] if len(own) else []
        return [(tree, tree.choose(questions.answers)) for tree in trees if tree is not None]

    confirmed = 0
    for pair in range(parts.num_train):
        choices = [choice for _, choice in grown(parts.train[parts.grid_of[parts.train] != pair])]
        confirmed += bool(choices) and counts(most(choices, parts), pair)
        if pair == 1 and not confirmed:
            return [], 0  # seldom right: the time goes to others
    trees = grown(parts.train)
    if not trees:
        return [], 0
    return _nearest(trees, most([choice for _, choice in trees], parts)), confirmed


def _most_chosen(choices: Sequence[np.ndarray], _: Parts) -> np.ndarray:
    """What most of several choices say, part by part."""
    table = np.array(choices)
    return np.array([np.bincount(column).argmax() for column in table.T], np.int64)


def _most_in_grid(choices: Sequence[np.ndarray], parts: Parts) -> np.ndarray:
    """1 for the part of each grid, or those equal to it, for which most of several choices are 1; 0 for others."""
    often = np.array(choices).sum(0)
    return (often == np.maximum.reduceat(often, parts.first)[parts.grid_of]) * 1


def _nearest(trees: Sequence[tuple[PartTree, np.ndarray]], voted: np.ndarray) -> list[tuple[PartTree, np.ndarray]]:
    """The trees whose choices are most as voted, of equal ones those that were grown more often; of trees that choose
    the same the smallest."""
    found: dict[bytes, tuple[PartTree, np.ndarray, int]] = {}
    for tree, choice in trees:
        known, _, often = found.get(choice.tobytes(), (tree, choice, 0))
        smaller = known if known.num_leaves <= tree.num_leaves else tree
        found[choice.tobytes()] = (smaller, choice, often + 1)
    order = sorted(found.values(), key=lambda known: (-(known[1] == voted).mean(), -known[2]))
    return [(tree, choice) for tree, choice, _ in order[:MAX_RULES]]
