"""Program search as a source of answers: views, root pass, tree, and what they found as answers with weights."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..answers import Answer, Findings
from ..budget import Budget
from ..settings import SearchSettings
from ..tasks import Task
from .deepen import tree_pass
from .grammar import Grammar
from .root import Candidate, RootSettings, View, root_pass, views
from .tree import TreeRules

log = logging.getLogger(__name__)

FIRST_VIEW_SHARE = 0.6
"""Share of the budget for the first view, when there are several; the others share the rest equally."""

MAX_ANSWERS = 60
PARTIAL_ANSWERS = 12


@dataclass
class ProgramSource:
    """Searches programs of library steps. Every answer's origin is the text of a program that gives its outputs."""

    settings: SearchSettings
    name: str = "program"

    def __post_init__(self) -> None:
        self.grammar = Grammar.shipped()

    def solve(self, task: Task, budget: Budget, seed: int, report: Callable[[Findings], None]) -> Findings:
        """See `Source.solve`. Reports after each phase of each view."""
        candidates: list[Candidate] = []
        phases: dict[str, float] = {}
        chosen = views(task, self.settings.num_views)
        shares = _shares(len(chosen))
        generators = np.random.default_rng(seed).spawn(len(chosen))
        done = 0.0
        for view, share, rng in zip(chosen, shares, generators, strict=True):
            begin, done = done, done + share
            nodes_before = budget.spent_nodes

            def expired(
                part: float, nodes: int, begin: float = begin, share: float = share, spent: int = nodes_before
            ) -> bool:
                budget.spent_nodes = spent + nodes
                return budget.expired(begin + share * part)

            candidates += self._search_view(task, view, expired, rng, phases)
            report(self._findings(task, candidates, budget, phases))
            if budget.expired():
                break
        return self._findings(task, candidates, budget, phases)

    def _search_view(
        self, task: Task, view: View, expired: Callable[[float, int], bool], rng: np.random.Generator,
        phases: dict[str, float],
    ) -> list[Candidate]:  # fmt: skip
        root_settings = RootSettings(use_stacking=self.settings.use_stacking, use_fitted=self.settings.use_fitted)
        root_share = self.settings.root_share if self.settings.use_mcts else 1.0
        root = root_pass(
            task,
            view,
            self.grammar,
            root_settings,
            lambda part, nodes: expired(root_share * part, nodes),
            rng,
        )
        if root is None:
            return []
        _add(phases, root.phases)
        found = root.candidates
        settled = any(c.exact and c.confirmed == 1.0 for c in found)
        if self.settings.use_mcts and not settled:
            began = time.monotonic()
            found = found + tree_pass(
                view, root, self.grammar, TreeRules(), self.settings.use_fitted,
                lambda nodes: expired(1.0, root.num_nodes + nodes), rng,
            )  # fmt: skip
            _add(phases, {"tree": time.monotonic() - began})
        return found

    def _findings(self, task: Task, found: list[Candidate], budget: Budget, phases: dict[str, float]) -> Findings:
        best = sorted(found, key=lambda c: (not c.exact, -c.weight))
        kept = [c for c in best if c.exact][:MAX_ANSWERS]
        kept += [c for c in best if not c.exact][:PARTIAL_ANSWERS]
        answers = [
            Answer(c.value.items[len(task.train) :], c.weight, self.name, c.value.program().render(), c.exact)
            for c in kept
        ]
        return Findings(answers, budget.spent_nodes, dict(phases))


def _shares(count: int) -> list[float]:
    if count == 1:
        return [1.0]
    return [FIRST_VIEW_SHARE, *[(1 - FIRST_VIEW_SHARE) / (count - 1)] * (count - 1)]


def _add(phases: dict[str, float], more: dict[str, float]) -> None:
    for name, seconds in more.items():
        phases[name] = phases.get(name, 0.0) + seconds
