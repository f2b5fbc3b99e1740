"""The root pass over one view of a task: enumerate, fit, stack, in rounds, until something is settled.

Every round enumerates on from where the last one stopped and then looks for fits and stacks over all that is known.
Early rounds are short and look among few values, so that easy tasks end early and leave their time to others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from ..executor import Value, input_value
from ..fused import GridStore
from ..tasks import Task
from .candidates import Candidate, Candidates, baseline_match, promising, reward
from .enumerate import Enumerator
from .fit.pool import Pool, build_pool
from .fitting import Fitting, Rules
from .grammar import Grammar
from .root_settings import RootSettings
from .stack import stack
from .views import View, walk

CHECKS_PER_NODE = 20
"""A table check costs about a twentieth of an executed chain step."""


def palette_of(inputs: list[np.ndarray], targets: list[np.ndarray]) -> list[int]:
    """Colours worth naming in a program: 0 and those in at least half of the outputs or of the inputs."""
    seen_in = np.array([[c in g for c in range(10)] for g in inputs]).mean(0)
    seen_out = np.array([[c in g for c in range(10)] for g in targets]).mean(0)
    return [c for c in range(10) if c == 0 or max(seen_in[c], seen_out[c]) >= 0.5]


@dataclass(frozen=True, eq=False)
class ViewedTask:
    """A task as a view shows it. given: its real input, over all inputs. start: that in the view. inputs, targets: the
    training pairs in the view, int8 [H, W] each."""

    view: View
    given: Value
    start: Value
    inputs: list[np.ndarray]
    targets: list[np.ndarray]

    @classmethod
    def of(cls, task: Task, view: View) -> ViewedTask | None:
        """None if the view does not apply to the task."""
        given = input_value(task.inputs)
        start = walk(given, view.there, given)
        # Outputs are led into the view by the statements that lead inputs there.
        shown = input_value([p.output for p in task.train if p.output is not None])
        target = walk(shown, view.there, input_value([p.input for p in task.train]))
        if start is None or target is None:
            return None
        targets = list(target.items)
        return cls(view, given, start, list(start.items[: len(targets)]), targets)


@dataclass
class RootPass:
    """The state of a root pass in one view.

    seen: the task as the view shows it. store: all grids; the tree goes on from it. enumerator: what fills it. kept:
    the candidates. fitting: what is fitted. settled: a short full fit is among the candidates that leave-one-out does
    not doubt. phases: seconds by phase.
    """

    seen: ViewedTask
    settings: RootSettings
    store: GridStore
    enumerator: Enumerator
    kept: Candidates
    fitting: Fitting
    rng: np.random.Generator
    phases: dict[str, float] = field(default_factory=dict)
    settled: bool = False

    @classmethod
    def begin(
        cls,
        seen: ViewedTask,
        grammar: Grammar,
        settings: RootSettings,
        rng: np.random.Generator,
        known: Sequence[Value] = (),
        rules: Rules | None = None,
    ) -> RootPass:
        """A root pass that has not run yet. known: values that are there from the start, beside the input, in an order
        in which what a value is made from comes before it. rules: those that passes before it found in the same view,
        which need not be sought again; it adds its own."""
        store = GridStore(seen.targets, len(seen.start.items), settings.max_values, settings.max_cells)
        palette = palette_of(list(seen.start.items), seen.targets)
        enumerator = Enumerator(seen.start, store, grammar, palette)
        for value in known:
            enumerator.take(value)
        kept = Candidates(seen.view, seen.given, grammar)
        fitting = Fitting(kept, enumerator, seen.targets, settings, rng, {} if rules is None else rules)
        return cls(seen, settings, store, enumerator, kept, fitting, rng)

    @property
    def candidates(self) -> list[Candidate]:
        """What was found."""
        return self.kept.found

    @property
    def num_nodes(self) -> int:
        """Statements executed so far, checks of tables counted as a share of one."""
        return self.enumerator.num_nodes + self.fitting.num_checks // CHECKS_PER_NODE

    def run(
        self, expired: Callable[[float, int], bool], num_rounds: int | None = None, deadline: float | None = None
    ) -> None:
        """The first `num_rounds` rounds, None for all. expired(share, nodes): whether `share` of the budget is gone,
        after `nodes` statements here. deadline: when all of it will be, by time.monotonic; None where nodes are
        counted."""
        for share, pool_size, max_size in self.settings.rounds[:num_rounds]:
            if self.settings.use_enumeration:
                with self._phase("enumerate"):
                    self.enumerator.run(lambda share=share: expired(share, self.num_nodes))
            self._collect_enumerated()
            self.fitting.place_canvases_and_pieces(lambda: expired(1.0, self.num_nodes))
            pool = build_pool(self.store, pool_size, self.rng)
            if self.settings.use_fitted and not self.kept.has_fit(max_size):
                with self._phase("fit"):
                    self.fitting.run(pool, lambda: expired(1.0, self.num_nodes), deadline)
            if pool is not None and self.settings.use_stacking:
                with self._phase("stack"):
                    self._stack(pool)
            self.settled = self.kept.has_fit(max_size)
            if self.settled or expired(1.0, self.num_nodes):
                break  # but not where enumeration has come to its end: the later rounds look for richer fits
        self.fitting.forget()
        self._collect_partial()

    @contextmanager
    def _phase(self, name: str):
        began = time.monotonic()
        yield
        self.phases[name] = self.phases.get(name, 0.0) + time.monotonic() - began

    def _collect_enumerated(self) -> None:
        store = self.store
        exact = np.flatnonzero(store.matches[: len(store), 1] == store.all_pairs)
        for number in exact[np.argsort(store.costs[exact], kind="stable")][: self.settings.max_candidates]:
            self.kept.keep(store.value(int(number)), right_pairs=store.num_train)

    def _stack(self, pool: Pool) -> None:
        for pile in stack(self.store, pool)[: self.settings.max_candidates]:
            if pile.covered >= 1.0:
                self.kept.keep(pile.value, right_pairs=self.store.num_train)
            else:
                self.kept.keep(pile.value, exact=False, score=0.4 * pile.covered)

    def _collect_partial(self) -> None:
        """Programs that fit some pairs or come near: for the second attempt, and where nothing else is found."""
        store = self.store
        baseline = baseline_match(self.seen.inputs, self.seen.targets)
        numbers = promising(store)
        scores = np.array([reward(store, int(k), baseline) for k in numbers])
        for place in np.argsort(-scores, kind="stable")[: self.settings.max_partial]:
            bits = int(store.matches[numbers[place], 1])
            if bits != store.all_pairs and scores[place] > self.settings.min_score:
                value, right = store.value(int(numbers[place])), bits.bit_count()
                self.kept.keep(value, exact=False, right_pairs=right, score=float(scores[place]))
