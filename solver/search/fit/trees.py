"""Small trees of questions with the answers yes and no, whatever is asked of: cells (`cell_trees.py`) or parts
(`part_trees.py`)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .decision_trees import PURE_BONUS


@dataclass(eq=False)
class Tree:
    """A node: a leaf while question is −1. items: the numbers of the training cells or parts that it was grown for,
    int64. action: the best one, of a leaf. wrong: for how many of the items it is wrong. yes, no: the nodes that
    follow."""

    items: np.ndarray
    action: int
    wrong: int
    question: int = -1
    yes: Tree | None = field(default=None, repr=False)
    no: Tree | None = field(default=None, repr=False)

    @property
    def num_leaves(self) -> int:
        return 1 if self.question < 0 else self.yes.num_leaves + self.no.num_leaves


def question_merits(best_yes: np.ndarray, best_no: np.ndarray, num_yes: np.ndarray, num_no: np.ndarray) -> np.ndarray:
    """Of every question how many items are right after it, with a bonus for halves that are right as a whole; −1 where
    it does not divide the items. best_yes, best_no: how many are right in each half by its best action; num_yes,
    num_no: how many there are; float32 [questions]."""
    merit = best_yes + best_no + PURE_BONUS * (num_yes * (best_yes == num_yes) + num_no * (best_no == num_no))
    merit[(num_yes == 0) | (num_no == 0)] = -1.0
    return merit
