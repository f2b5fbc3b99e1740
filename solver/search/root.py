"""The root pass over one view of a task: enumerate, fit, stack, in rounds, until something is settled.

Every round enumerates on from where the last one stopped and then looks for fits and stacks over all that is known.
Early rounds are short and look among few values, so that easy tasks end early and leave their time to others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..executor import Value, input_value
from ..fused import GridStore
from ..tasks import Task
from .candidates import Candidate, baseline_match, keep, promising, reward
from .enumerate import Enumerator
from .fit.canvas import canvases
from .fit.cell_rules import CellFitter, vote_cost
from .fit.decision_trees import Decider
from .fit.growth_rules import fit_growth
from .fit.layout_rules import fit_layout
from .fit.object_rules import fit_objects
from .fit.part_rules import fit_parts
from .fit.pieces import fitted_pieces
from .fit.pool import Pool, build_pool
from .fit.rule import Fit, Rule, Step
from .fit.step_rules import fit_steps
from .fit.tables import Fitter
from .grammar import Grammar
from .stack import stack
from .views import View, walk

CHECKS_PER_NODE = 20
"""A table check costs about a twentieth of an executed chain step."""

PART_RULE_SIZE = 2
"""Statements that a part rule counts as beyond one: it does not settle a task in the first round, where short programs
of the library are still to come."""

MAX_LAYOUT_RULES = 8
"""Layout rules that are kept: one task may have dozens that differ on the test inputs only."""

MAX_STEP_RULES = 12
"""Two-step rules that are kept."""

RULES_TIME_SHARE = 1 / 3
"""Of the time that a root pass has left, for part, growth and layout rules of one round."""

Rules = dict[tuple[Callable[..., Any], bytes], list[Rule]]
"""Part, layout, growth and two-step rules, by what sought them and the grids that they are over."""


@dataclass(frozen=True)
class RootSettings:
    """Limits of the root pass.

    use_enumeration, use_stacking, use_fitted, use_part_rules, use_layouts, use_steps: whether these parts of it run.
    Growth rules go with part rules, canvases and pieces with layouts; two-step rules need part rules.
    rounds: (share of the budget at which enumeration pauses, pool values that fits are then sought among, statements
    that a full fit may have to settle the task then and there).
    max_values, max_cells: of the store. max_objects: Objects values that rules are sought for. max_candidates: kept
    per kind of fit. max_partial: programs kept that fit only some pairs. min_score: what those must reach.
    """

    use_enumeration: bool = True
    use_stacking: bool = True
    use_fitted: bool = True
    use_part_rules: bool = True
    use_layouts: bool = True
    use_steps: bool = True
    rounds: tuple[tuple[float, int, int], ...] = ((0.15, 600, 2), (0.45, 1200, 3), (0.85, 2000, 4))
    max_values: int = 400_000
    max_cells: int = 400 << 20
    max_objects: int = 80
    max_candidates: int = 60
    max_partial: int = 12
    min_score: float = 0.1


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

    given: the task's real input. inputs, targets: the training pairs as the view sees them. store: all grids; the
    tree goes on from it. candidates: what was found. settled: a short full fit is among it that leave-one-out does not
    doubt. phases: seconds by phase.
    """

    view: View
    settings: RootSettings
    given: Value
    inputs: list[np.ndarray]
    targets: list[np.ndarray]
    store: GridStore
    enumerator: Enumerator
    rng: np.random.Generator
    rules: Rules = field(default_factory=dict)
    candidates: list[Candidate] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)
    num_checks: int = 0
    settled: bool = False
    # What was done and need not be done again: numbers of the grids that part rules were sought over, of canvases;
    # whether layout and growth rules were sought; steps for two-step rules; what was kept, by the value.
    _divided: set[int] = field(default_factory=set)
    _canvases: list[int] | None = None
    _laid_out: bool = False
    _grown: bool = False
    _steps: list[Step] = field(default_factory=list)
    _kept: dict[bytes, Candidate | None] = field(default_factory=dict)
    _cell_fitter: CellFitter = field(init=False)

    def __post_init__(self) -> None:
        self._cell_fitter = CellFitter(self.store, self.targets)

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
        rules = {} if rules is None else rules
        return cls(seen.view, settings, seen.given, seen.inputs, seen.targets, store, enumerator, rng, rules)

    @property
    def num_nodes(self) -> int:
        """Statements executed so far, checks of tables counted as a share of one."""
        return self.enumerator.num_nodes + self.num_checks // CHECKS_PER_NODE

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
            self._place_canvases_and_pieces(lambda: expired(1.0, self.num_nodes))
            pool = build_pool(self.store, pool_size, self.rng)
            if self.settings.use_fitted and not self._has_fit(max_size):
                with self._phase("fit"):
                    self._fit(pool, lambda: expired(1.0, self.num_nodes), deadline)
            if pool is not None and self.settings.use_stacking:
                with self._phase("stack"):
                    self._stack(pool)
            self.settled = self._has_fit(max_size)
            if self.settled or expired(1.0, self.num_nodes):
                break  # but not where enumeration has come to its end: the later rounds look for richer fits
        self._cell_fitter.forget()
        self._collect_partial()

    def _has_fit(self, max_size: int) -> bool:
        return any(c.exact and c.confirmed == 1.0 and c.size <= max_size for c in self.candidates)

    def _keep(self, value: Value, **standing: Any) -> None:
        """Keep a value once: with the best standing of the programs that give it, the first of equal ones."""
        if value.key in self._kept:
            known = self._kept[value.key]
            better = (standing.get("exact", True), standing.get("confirmed", 1.0))
            if known is None or better <= (known.exact, known.confirmed):
                return
            self.candidates = [candidate for candidate in self.candidates if candidate is not known]
        number = len(self.candidates)
        keep(self.candidates, value, self.view, self.given, self.enumerator.grammar, **standing)
        self._kept[value.key] = self.candidates[-1] if len(self.candidates) > number else None

    @contextmanager
    def _phase(self, name: str):
        began = time.monotonic()
        yield
        self.phases[name] = self.phases.get(name, 0.0) + time.monotonic() - began

    def _collect_enumerated(self) -> None:
        store = self.store
        exact = np.flatnonzero(store.matches[: len(store), 1] == store.all_pairs)
        for number in exact[np.argsort(store.costs[exact], kind="stable")][: self.settings.max_candidates]:
            self._keep(store.value(int(number)), right_pairs=store.num_train)

    def _fit(self, pool: Pool | None, stop: Callable[[], bool], deadline: float | None) -> None:
        """Run the fits from the simplest kind to the richest, until one kind has a fit confirmed on every pair. Where
        no value has the outputs' shapes only part and layout rules are left."""
        if pool is None:
            self._fit_rules(None, stop, deadline)
            return
        store, limit = self.store, self.settings.max_candidates
        fitter, decider = Fitter(store, pool, stop, limit), Decider(store, pool)
        cheapest = sorted(self.enumerator.objects, key=lambda v: v.cost)[: self.settings.max_objects]
        simple = [fitter.singles, lambda: fit_objects(cheapest, store.value(0), self.targets, limit)]
        richer = [fitter.pairs, fitter.triples, lambda: decider.fits(stop)]
        if not self._fit_tables(simple, stop):
            # Tables of two and three grids are sought beside rules: where both are found, both vote.
            is_sure = self._fit_rules(None, stop, deadline)
            if not stop() and not self._fit_tables(richer, stop) and not is_sure:
                self._fit_richest(pool, stop, deadline)
        self.num_checks += fitter.num_checks + decider.num_checks

    def _fit_tables(self, kinds: Sequence[Callable[[], list[Fit]]], stop: Callable[[], bool]) -> bool:
        """Keep one kind of fits after the other, as far as pairs confirm them. Returns whether there is no need to look
        further: every pair confirms one, or it is time to stop."""
        num_train = self.store.num_train
        for search in kinds:
            fits = search()
            for fit in fits:
                if fit.confirmed:
                    share = fit.confirmed / num_train
                    self._keep(fit.value, exact=share == 1.0, right_pairs=num_train, confirmed=share)
            if any(fit.confirmed == num_train for fit in fits) or stop():
                return True
        return False

    def _fit_richest(self, pool: Pool, stop: Callable[[], bool], deadline: float | None) -> None:
        """Where nothing is sure: part rules over the pool's best grid, then cell rules, then two-step rules."""
        if not (self._fit_rules(pool, stop, deadline) or self._fit_cells(pool, stop, deadline)):
            self._fit_steps(_share_of_time(stop, deadline))

    def _place_canvases_and_pieces(self, stop: Callable[[], bool]) -> None:
        """Add what has the outputs' sizes, canvases and pieces, to what is known, once; after the first enumeration, so
        that short programs come before."""
        if self._canvases is not None:
            return
        self._canvases = []
        if not self.settings.use_layouts:
            return
        for value in canvases(self.store.value(0), self.targets):
            self.enumerator.take(value)
            number, _ = self.store.place(value)
            self._canvases += [number] if number >= 0 else []
        if not self._same_shapes():
            pieces, checks = fitted_pieces(self.store.value(0), self.targets, stop)
            self.num_checks += checks
            for piece in pieces:
                self.store.place(piece)

    def _same_shapes(self) -> bool:
        return all(a.shape == b.shape for a, b in zip(self.store.value(0).items, self.targets, strict=False))

    def _fit_rules(self, pool: Pool | None, stop: Callable[[], bool], deadline: float | None) -> bool:
        """Layout rules, part rules over the input, canvases and the pool value that has most cells right, and growth
        rules over the input and canvases, each once: those that every pair confirms are fits, others only stand before
        programs that do not fit. Returns whether there are any of the former but for growth rules; where both are sure,
        both vote."""
        stop = _share_of_time(stop, deadline)
        is_sure = self._fit_layout(stop)
        if not self.settings.use_part_rules:
            return is_sure
        is_sure = self._fit_parts(pool, stop) or is_sure
        if not self._grown:
            self._grown = True
            for number in [0, *(self._canvases or ())]:
                self._keep_rules(fit_growth, self.store.value(number), stop, self.settings.max_candidates)
        return is_sure

    def _fit_parts(self, pool: Pool | None, stop: Callable[[], bool]) -> bool:
        """Part rules over one grid after the other, until every pair confirms one; returns whether one does."""
        store, limit = self.store, self.settings.max_candidates
        bases = [0, *(self._canvases or ())]
        if pool is not None:
            bases.append(int(pool.numbers[store.matches[pool.numbers, 2].argmax()]))
        for number in bases:
            if number not in self._divided:
                self._divided.add(number)
                steps = {} if number else {"steps": self._steps}  # steps go on from the input alone
                if self._keep_rules(fit_parts, store.value(number), stop, limit, **steps):
                    return True
        return False

    def _fit_layout(self, stop: Callable[[], bool]) -> bool:
        """Layout rules over the input, once and only where the outputs' shapes are others; kept as part rules are.
        Returns whether there are any that every pair confirms."""
        if not self.settings.use_layouts or self._same_shapes() or self._laid_out:
            return False
        self._laid_out = True
        return self._keep_rules(fit_layout, self.store.value(0), stop, MAX_LAYOUT_RULES)

    def _fit_steps(self, stop: Callable[[], bool]) -> None:
        """Two-step rules over the input, once."""
        steps, self._steps = self._steps, []
        if steps and self.settings.use_steps:
            self._keep_rules(fit_steps, self.store.value(0), stop, MAX_STEP_RULES, steps=steps)

    def _keep_rules(
        self, search: Callable[..., Any], base: Value, stop: Callable[[], bool], limit: int, **more: Any
    ) -> bool:
        """Seek rules over a grid and keep the first of them. Returns whether all pairs confirm one. more: arguments of
        the search."""
        num_train, rng = self.store.num_train, self.rng.spawn(1)[0]
        rules = self.rules.get((search, base.key))
        if rules is None:
            rules, checks = search(base, self.targets, rng, stop, **more)
            self.num_checks += checks
            if not stop():
                self.rules[search, base.key] = rules
        for rule in rules[:limit]:
            cost, exact = rule.vote_cost(num_train), rule.confirmed == num_train
            self._keep(rule.value, exact=exact, right_pairs=num_train, extra_cost=cost, extra_size=PART_RULE_SIZE)
        return any(rule.confirmed == num_train for rule in rules)

    def _fit_cells(self, pool: Pool, stop: Callable[[], bool], deadline: float | None) -> bool:
        """Cell rules: those that every pair confirms are fits, others only stand before programs that do not fit.
        Returns whether there are any of the former."""
        num_train = self.store.num_train
        # A generator of its own: what else is drawn stays as it is without cell rules.
        fits, checks = self._cell_fitter.fits(pool, self.rng.spawn(1)[0], stop, deadline)
        self.num_checks += checks
        for fit in fits:
            cost = vote_cost(fit, num_train)
            self._keep(fit.value, exact=fit.confirmed == num_train, right_pairs=num_train, extra_cost=cost)
        return any(fit.confirmed == num_train for fit in fits)

    def _stack(self, pool: Pool) -> None:
        for pile in stack(self.store, pool)[: self.settings.max_candidates]:
            if pile.covered >= 1.0:
                self._keep(pile.value, right_pairs=self.store.num_train)
            else:
                self._keep(pile.value, exact=False, score=0.4 * pile.covered)

    def _collect_partial(self) -> None:
        """Programs that fit some pairs or come near: for the second attempt, and where nothing else is found."""
        store = self.store
        baseline = baseline_match(self.inputs, self.targets)
        numbers = promising(store)
        scores = np.array([reward(store, int(k), baseline) for k in numbers])
        for place in np.argsort(-scores, kind="stable")[: self.settings.max_partial]:
            bits = int(store.matches[numbers[place], 1])
            if bits != store.all_pairs and scores[place] > self.settings.min_score:
                value, right = store.value(int(numbers[place])), bits.bit_count()
                self._keep(value, exact=False, right_pairs=right, score=float(scores[place]))


def _share_of_time(stop: Callable[[], bool], deadline: float | None) -> Callable[[], bool]:
    """`stop`, or that rules have had their share of the time until `deadline`."""
    if deadline is None:
        return stop
    now = time.monotonic()
    end = now + RULES_TIME_SHARE * (deadline - now)
    return lambda: stop() or time.monotonic() >= end
