"""What is fitted in the rounds of a root pass: which kinds, in which order, over which grids, and what only once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..executor import Value
from .candidates import Candidates
from .enumerate import Enumerator
from .fit.canvas import canvases
from .fit.cell_rules import CellFitter, vote_cost
from .fit.decision_trees import Decider
from .fit.growth_rules import fit_growth
from .fit.layout_rules import fit_layout
from .fit.object_rules import fit_objects
from .fit.part_rules import fit_parts
from .fit.pieces import fitted_pieces
from .fit.pool import Pool
from .fit.rule import Fit, Rule, Step
from .fit.step_rules import best_steps, fit_steps
from .fit.tables import Fitter
from .root_settings import RootSettings

PART_RULE_SIZE = 2
"""Statements that a part rule counts as beyond one: it does not settle a task in the first round, where short programs
of the library are still to come."""

MAX_LAYOUT_RULES = 8
"""Layout rules that are kept: one task may have dozens that differ on the test inputs only."""

MAX_STEP_RULES = 12
"""Two-step rules that are kept."""

RULES_TIME_SHARE = 1 / 3
"""Of the time that a root pass has left, for part, growth and layout rules of one round."""

Rules = dict[tuple[Callable[..., Any], bytes], tuple[list[Rule], list[Step]]]
"""Part, layout, growth and two-step rules, by what sought them and the grids that they are over; and the single actions
that two-step rules go on from, where these were looked for, too."""


class Fitting:
    """The fits of one root pass.

    kept: where what they find goes. enumerator: with the store of all that is known. targets: of the training pairs,
    int8 [H, W]. rules: those found in the same view before, which need not be sought again; it adds its own.
    num_checks: table checks so far.
    """

    def __init__(
        self,
        kept: Candidates,
        enumerator: Enumerator,
        targets: Sequence[np.ndarray],
        settings: RootSettings,
        rng: np.random.Generator,
        rules: Rules,
    ) -> None:
        self.kept, self.enumerator, self.store, self.targets = kept, enumerator, enumerator.store, targets
        self.settings, self.rng, self.rules = settings, rng, rules
        self.num_checks = 0
        self._bases = [0]  # numbers of the input and its canvases
        # What was done and need not be done again: whether canvases and pieces are placed; numbers of the grids that
        # part rules were sought over; whether layout and growth rules were sought.
        self._is_placed = False
        self._divided: set[int] = set()
        self._laid_out = self._grown = False
        self._steps: list[Step] = []  # for two-step rules
        self._cell_fitter = CellFitter(self.store, targets)

    def place_canvases_and_pieces(self, stop: Callable[[], bool]) -> None:
        """Add what has the outputs' sizes, canvases and pieces, to what is known, once; after the first enumeration, so
        that short programs come before."""
        if self._is_placed or not self.settings.use_layouts:
            return
        self._is_placed = True
        for value in canvases(self.store.value(0), self.targets):
            self.enumerator.take(value)
            number, _ = self.store.place(value)
            self._bases += [number] if number >= 0 else []
        if not self._same_shapes():
            pieces, checks = fitted_pieces(self.store.value(0), self.targets, stop)
            self.num_checks += checks
            for piece in pieces:
                self.store.place(piece)

    def run(self, pool: Pool | None, stop: Callable[[], bool], deadline: float | None) -> None:
        """The fits of one round, from the simplest kind to the richest, until one kind has a fit confirmed on every
        pair. Where no value has the outputs' shapes only part and layout rules are left.

        pool: the values that fits are sought among. deadline: when all of the root pass's time is over, by
        time.monotonic; None where nodes are counted."""
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
                    self.kept.keep(fit.value, exact=share == 1.0, right_pairs=num_train, confirmed=share)
            if any(fit.confirmed == num_train for fit in fits) or stop():
                return True
        return False

    def _fit_richest(self, pool: Pool, stop: Callable[[], bool], deadline: float | None) -> None:
        """Where nothing is sure: part rules over the pool's best grid, then cell rules, then two-step rules."""
        if not (self._fit_rules(pool, stop, deadline) or self._fit_cells(pool, stop, deadline)):
            self._fit_steps(_share_of_time(stop, deadline))

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
            for number in self._bases:
                self._keep_rules(fit_growth, self.store.value(number), stop, self.settings.max_candidates)
        return is_sure

    def _fit_parts(self, pool: Pool | None, stop: Callable[[], bool]) -> bool:
        """Part rules over one grid after the other, until every pair confirms one; returns whether one does."""
        store, limit = self.store, self.settings.max_candidates
        nearest = [] if pool is None else [int(pool.numbers[store.matches[pool.numbers, 2].argmax()])]
        for number in (*self._bases, *nearest):
            if number not in self._divided:
                self._divided.add(number)
                steps = None if number else self._steps  # steps go on from the input alone
                if self._keep_rules(fit_parts, store.value(number), stop, limit, steps):
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
        self,
        search: Callable[..., Any],
        base: Value,
        stop: Callable[[], bool],
        limit: int,
        found_steps: list[Step] | None = None,
        **more: Any,
    ) -> bool:
        """Seek rules over a grid and keep the first of them. Returns whether all pairs confirm one. found_steps: what
        takes in the best single actions that the search comes by; None where it does not look for any. more: arguments
        of the search."""
        num_train, rng = self.store.num_train, self.rng.spawn(1)[0]
        if (search, base.key) in self.rules:
            rules, steps = self.rules[search, base.key]
        else:
            every: list[Step] = []
            more |= {} if found_steps is None else {"steps": every}
            rules, checks = search(base, self.targets, rng, stop, **more)
            steps = best_steps(every)
            self.num_checks += checks
            if not stop():
                self.rules[search, base.key] = rules, steps
        if found_steps is not None:
            found_steps += steps
        for rule in rules[:limit]:
            cost, exact = rule.vote_cost(num_train), rule.confirmed == num_train
            self.kept.keep(rule.value, exact=exact, right_pairs=num_train, extra_cost=cost, extra_size=PART_RULE_SIZE)
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
            self.kept.keep(fit.value, exact=fit.confirmed == num_train, right_pairs=num_train, extra_cost=cost)
        return any(fit.confirmed == num_train for fit in fits)

    def forget(self) -> None:
        """Give back the memory of what the rounds have in common."""
        self._cell_fitter.forget()


def _share_of_time(stop: Callable[[], bool], deadline: float | None) -> Callable[[], bool]:
    """`stop`, or that rules have had their share of the time until `deadline`."""
    if deadline is None:
        return stop
    now = time.monotonic()
    end = now + RULES_TIME_SHARE * (deadline - now)
    return lambda: stop() or time.monotonic() >= end
