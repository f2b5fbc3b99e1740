"""Program search as a source of answers: views, root pass, tree, and what they found as answers with weights."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..answers import Answer, Findings
from ..budget import Budget
from ..executor import Executor
from ..lm.prompt import PromptTask
from ..settings import SearchSettings
from ..tasks import Task
from .candidates import Candidate
from .deepen import tree_pass
from .grammar import Grammar
from .root import RootPass, RootSettings, palette_of
from .trace import save_trace, trace_of
from .tree import TreeRules
from .views import views

if TYPE_CHECKING:
    from ..lm.loading import LanguageModel, TaskPolicy

log = logging.getLogger(__name__)

VIEW_SHARES = {1: (1.0,), 2: (0.6, 0.4), 3: (0.5, 0.3, 0.2)}
"""Shares of a task's budget by number of views; from four on the last fifth is divided equally."""

MAX_ANSWERS = 60
PARTIAL_ANSWERS = 12


@dataclass
class ProgramSource:
    """Searches programs of steps. Every answer's origin is the text of a program that gives its outputs.

    language_model: proposes steps to the tree, beside the grammar; None for the grammar alone.
    execute: runs the tree's steps; None for library steps alone.
    """

    settings: SearchSettings
    name: str = "program"
    language_model: LanguageModel | None = None
    execute: Executor | None = None

    def __post_init__(self) -> None:
        self.grammar = Grammar.shipped()

    def solve(
        self,
        task: Task,
        budget: Budget,
        seed: int,
        report: Callable[[Findings], None],
        before: Findings | None = None,
    ) -> Findings:
        """See `Source.solve`. Reports after each view's root pass and tree; ends early once a view is settled. It
        searches anew, with more time for each phase, and keeps the programs found before."""
        candidates: list[Candidate] = []
        phases: dict[str, float] = {}
        counts: Counter[str] = Counter()
        chosen = views(task, self.settings.num_views)
        generators = np.random.default_rng(seed).spawn(len(chosen))
        begin = 0.0
        root = None
        for number, (view, share, rng) in enumerate(zip(chosen, _shares(len(chosen)), generators, strict=True)):
            clock = _ViewClock(budget, begin, share, budget.spent_nodes)
            begin += share
            root = RootPass.begin(task, view, self.grammar, self._root_settings, rng)
            if root is None:
                continue
            root.run(lambda part, nodes, clock=clock: clock.expired(self._root_share * part, nodes))
            found = root.candidates
            _add(phases, root.phases)
            report(self._findings(task, [*candidates, *found], budget, phases, before))
            if self.settings.use_mcts and not root.settled:
                began = time.monotonic()
                policy = self._policy(task, root, clock)
                more, tree = tree_pass(
                    root,
                    self.grammar,
                    self._tree_rules,
                    self.settings.use_fitted,
                    lambda nodes, clock=clock, before=root.num_nodes: clock.expired(1.0, before + nodes),
                    None if policy is None else policy.mixture,
                    self.execute,
                    None if policy is None else policy.preference,
                )
                found = found + more
                if self.settings.trace is not None:
                    path = Path(self.settings.trace) / f"{task.task_id}-{number}.jsonl"
                    save_trace(path, trace_of(tree, task_id=task.task_id, view=number))
                counts.update({} if policy is None else policy.counts)
                _add(phases, {"tree": time.monotonic() - began})
            candidates += found
            report(self._findings(task, candidates, budget, phases, before))
            if budget.expired() or root.settled:
                break
        settled = root is not None and root.settled
        findings = self._findings(task, candidates, budget, phases, before, settled=settled)
        findings.note = answers_note(counts)
        return findings

    def _policy(self, task: Task, root: RootPass, clock: _ViewClock) -> TaskPolicy | None:
        """What the language model makes of the task as the view shows it; None without one."""
        if self.language_model is None:
            return None
        num_train = len(root.targets)
        shown = root.store.value(0).items
        seen = PromptTask(tuple(shown[:num_train]), tuple(root.targets), tuple(shown[num_train:]), "", task.task_id)
        palette = palette_of(root.inputs, root.targets)
        return self.language_model.task_policy(seen, self.grammar, palette, clock.time_left)

    @property
    def _tree_rules(self) -> TreeRules:
        own = self.settings
        batch = own.batch if self.language_model is None else self.language_model.settings.batch
        return TreeRules(
            agent=own.agent,
            beam_width=own.beam_width,
            c_puct=own.c_puct,
            fpu_reduction=own.fpu_reduction,
            widening=own.widening,
            batch=batch,
            num_steps=own.num_steps,
            max_depth=own.max_depth,
            ppm_weight=0.0 if self.language_model is None else self.language_model.settings.ppm_weight,
        )

    @property
    def _root_settings(self) -> RootSettings:
        return RootSettings(use_stacking=self.settings.use_stacking, use_fitted=self.settings.use_fitted)

    @property
    def _root_share(self) -> float:
        return self.settings.root_share if self.settings.use_mcts else 1.0

    def _findings(
        self,
        task: Task,
        found: list[Candidate],
        budget: Budget,
        phases: dict[str, float],
        before: Findings | None,
        settled: bool = False,
    ) -> Findings:
        answers = [
            Answer(c.value.items[len(task.train) :], c.weight, self.name, c.value.program().render(), c.exact)
            for c in found
        ]
        findings = Findings(answers, budget.spent_nodes, dict(phases), settled=settled)
        if before is not None:
            known = {answer.origin for answer in answers}
            findings.answers += [answer for answer in before.answers if answer.origin not in known]
            findings.num_nodes += before.num_nodes
            _add(findings.phases, before.phases)
            findings.num_runs += before.num_runs
        best = sorted(findings.answers, key=lambda answer: (not answer.exact, -answer.weight))
        findings.answers = [a for a in best if a.exact][:MAX_ANSWERS]
        findings.answers += [a for a in best if not a.exact][:PARTIAL_ANSWERS]
        return findings


@dataclass(frozen=True)
class _ViewClock:
    """A view's part of the task's budget: from share `begin` on, `share` of it, `spent` nodes before it."""

    budget: Budget
    begin: float
    share: float
    spent: int

    @property
    def time_left(self) -> Callable[[], float] | None:
        """Seconds until the view's time is over; None where nodes are counted."""
        seconds = self.budget.seconds
        return None if seconds is None else lambda: seconds * (self.begin + self.share) - self.budget.elapsed_s

    def expired(self, part: float, nodes: int) -> bool:
        """Whether `part` of the view's budget is gone, `nodes` having been executed in it."""
        self.budget.spent_nodes = self.spent + nodes
        return self.budget.expired(self.begin + self.share * part)


def answers_note(counts: Counter[str]) -> str:
    """What became of language models' questions (`TaskPolicy.counts`), for people; '' if none was asked."""
    if not counts:
        return ""
    answers = sum(counts[name] for name in ("steps", "no step", "unfinished"))
    parts = [f"{counts['steps']} of {answers} answers were steps"]
    parts += [f"{counts['scored']} states scored"] * ("scored" in counts)
    parts += [f"{number} {name}" for name, number in sorted(counts.items()) if name.endswith("too long")]
    return "language model: " + ", ".join(parts)


def _shares(count: int) -> tuple[float, ...]:
    if count in VIEW_SHARES:
        return VIEW_SHARES[count]
    return (0.5, 0.3, *[0.2 / (count - 2)] * (count - 2))


def _add(phases: dict[str, float], more: dict[str, float]) -> None:
    for name, seconds in more.items():
        phases[name] = phases.get(name, 0.0) + seconds
