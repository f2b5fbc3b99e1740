"""Fitted steps: find how the training outputs follow, cell by cell, from one, two or three known grids.

A fitted step says that an output cell is a function of the cells at its place in one to three pool values (`lookup`,
`lookup2`, `lookup3`), or that two values combine by rules that do not depend on colours (`combine`). The function is
read off the training pairs and must have no contradiction.

Because a table can always be made large enough, what counts is leave-one-pair-out: pair p is *confirmed* when every
table entry that it uses is also supported by another pair, so that the table fitted without p still gives p's
output.

Pairs and triples are far too many for Python (4.5 M pairs for 3,000 values); the checks run in compiled code and
stop at the first contradiction.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...executor import Value, apply
from ...fused import GridStore
from ...grid.fitted import COPY_FIRST, COPY_SECOND, _relation
from ...grid.registry import FUNCTIONS, kernel
from .pool import Pool
from .rule import Fit

NUM_ACTIONS = 12  # colours 0..9, copy the first, copy the second


@kernel
def _consistent(base, num_base, pool, first, target, pair_of, num_train, table, confirmed, entries):
    """For every pool row ≥ first: is target a function of (base, row)? Fills confirmed[row] (−1: no) and entries.

    base: int16 [n] in 0..num_base−1. table: int16 [num_base·10, 2] scratch: colour, bit set of pairs.
    """
    n = target.shape[0]
    for k in range(first, pool.shape[0]):
        row = pool[k]
        for e in range(num_base * 10):
            table[e, 0] = -1
            table[e, 1] = 0
        ok = True
        for c in range(n):
            e = base[c] * 10 + row[c]
            known = table[e, 0]
            if known < 0:
                table[e, 0] = target[c]
            elif known != target[c]:
                ok = False
                break
        confirmed[k] = -1
        if not ok:
            continue
        for c in range(n):
            table[base[c] * 10 + row[c], 1] |= 1 << pair_of[c]
        lonely = 0
        used = 0
        for e in range(num_base * 10):
            bits = table[e, 1]
            if bits:
                used += 1
                if bits & (bits - 1) == 0:
                    lonely |= bits
        good = num_train
        while lonely:
            good -= lonely & 1
            lonely >>= 1
        confirmed[k] = good
        entries[k] = used


@kernel
def _errors(base, num_base, pool, target, out):
    """Cells that the best function of (base, row) gets wrong, for every pool row. Used to choose what to refine."""
    counts = np.zeros((num_base * 10, 10), np.int32)
    n = target.shape[0]
    for k in range(pool.shape[0]):
        for e in range(num_base * 10):
            for t in range(10):
                counts[e, t] = 0
        for c in range(n):
            counts[base[c] * 10 + pool[k, c], target[c]] += 1
        right = 0
        for e in range(num_base * 10):
            best = 0
            for t in range(10):
                best = max(best, counts[e, t])
            right += best
        out[k] = n - right


@kernel
def _combine_rules(a, pool, first, target, pair_of, num_train, confirmed, rules):
    """Colour-free rules for (a, row), every row ≥ first: confirmed[row] (−1: none) and rules[row, 5] actions."""
    n = target.shape[0]
    allowed = np.empty(5, np.int64)
    by_pair = np.empty((5, num_train), np.int64)
    everything = (1 << NUM_ACTIONS) - 1
    for k in range(first, pool.shape[0]):
        for e in range(5):
            allowed[e] = everything
        ok = True
        for c in range(n):
            x, y, t = a[c], pool[k, c], target[c]
            bits = 1 << t
            if x == t:
                bits |= 1 << COPY_FIRST
            if y == t:
                bits |= 1 << COPY_SECOND
            e = _relation(x, y)
            allowed[e] &= bits
            if allowed[e] == 0:
                ok = False
                break
        confirmed[k] = -1
        if not ok:
            continue
        for e in range(5):
            for p in range(num_train):
                by_pair[e, p] = everything
        seen = np.zeros((5, num_train), np.bool_)
        for c in range(n):
            x, y, t = a[c], pool[k, c], target[c]
            bits = 1 << t
            if x == t:
                bits |= 1 << COPY_FIRST
            if y == t:
                bits |= 1 << COPY_SECOND
            e = _relation(x, y)
            by_pair[e, pair_of[c]] &= bits
            seen[e, pair_of[c]] = True
        good = 0
        for p in range(num_train):
            fine = True
            for e in range(5):
                if not seen[e, p]:
                    continue
                others = everything
                support = False
                for q in range(num_train):
                    if q != p and seen[e, q]:
                        support = True
                        others &= by_pair[e, q]
                if not support or _choose(others) != _choose(others & by_pair[e, p]):
                    fine = False
            good += fine
        confirmed[k] = good
        for e in range(5):
            rules[k, e] = _choose(allowed[e]) if allowed[e] != everything else -1


@kernel
def _choose(actions):
    """The preferred action of a bit set: copying first (it does not depend on colours), then the lowest colour."""
    if actions >> COPY_FIRST & 1:
        return COPY_FIRST
    if actions >> COPY_SECOND & 1:
        return COPY_SECOND
    for color in range(10):
        if actions >> color & 1:
            return color
    return -1


def _entries(columns: list[np.ndarray], target: np.ndarray) -> tuple[int, ...]:
    """The table of a lookup over these columns, sorted, as the flat tuple that the program holds."""
    rows = np.unique(np.stack([*columns, target], axis=1), axis=0)
    return tuple(int(v) for v in rows.ravel())


class Fitter:
    """Searches the pool of a store for fitted steps; call `singles`, `pairs`, `triples` in this order.

    stop: asked between chunks of work, ends a search early. Every method returns the fits found, best first.
    """

    def __init__(self, store: GridStore, pool: Pool, stop: Callable[[], bool], max_fits: int = 200) -> None:
        self.store, self.pool, self.stop, self.max_fits = store, pool, stop, max_fits
        self.num_checks = 0
        self._solved = np.zeros(len(pool.numbers), bool)  # pool rows that determine the output by themselves

    def _make(self, name: str, rows: tuple[int, ...], table: tuple[int, ...]) -> Value | None:
        parents = [self.store.value(int(self.pool.numbers[r])) for r in rows]
        value = apply(FUNCTIONS[name], [*parents, table])
        if value is not None:
            value.cost = float(sum(self.pool.costs[r] for r in rows))
        return value

    def _lookup_fit(self, rows: tuple[int, ...], confirmed: int, entries: int) -> Fit | None:
        table = _entries([self.pool.train[r] for r in rows], self.pool.target)
        value = self._make(("lookup", "lookup2", "lookup3")[len(rows) - 1], rows, table)
        return None if value is None else Fit(value, confirmed, entries)

    def singles(self) -> list[Fit]:
        """Colour maps of one value."""
        pool = self.pool
        base = np.zeros(len(pool.target), np.int16)
        confirmed, entries = self._check(base, 1, 0)
        fits = []
        for row in np.flatnonzero(confirmed >= 0):
            self._solved[row] = True
            if len(fits) < self.max_fits and (
                fit := self._lookup_fit((int(row),), int(confirmed[row]), int(entries[row]))
            ):
                fits.append(fit)
        return fits

    def pairs(self) -> list[Fit]:
        """Two values: colour-free rules and tables, over all pairs of the pool."""
        pool, fits = self.pool, []
        confirmed = np.empty(len(pool.numbers), np.int64)
        rules = np.empty((len(pool.numbers), 5), np.int64)
        for row in range(len(pool.numbers) - 1):
            if self.stop() or len(fits) >= self.max_fits:
                break
            if self._solved[row]:
                continue
            _combine_rules(
                pool.train[row],
                pool.train,
                row + 1,
                pool.target,
                pool.pair_of,
                pool.num_train,
                confirmed,
                rules,
            )
            for other in np.flatnonzero(confirmed[row + 1 :] > 0) + row + 1:
                if self._usable(row, int(other)) and len(fits) < self.max_fits:
                    value = self._make("combine", (row, int(other)), tuple(int(v) for v in rules[other]))
                    if value is not None:
                        fits.append(Fit(value, int(confirmed[other]), int((rules[other] >= 0).sum())))
            good, entries = self._check(pool.train[row].astype(np.int16), 10, row + 1)
            for other in np.flatnonzero(good[row + 1 :] > 0) + row + 1:
                if self._usable(row, int(other)) and len(fits) < self.max_fits:
                    fit = self._lookup_fit((row, int(other)), int(good[other]), int(entries[other]))
                    if fit:
                        fits.append(fit)
        return fits

    def triples(self, num_singles: int = 40, num_pairs: int = 120) -> list[Fit]:
        """Three values: the pairs that come nearest to a table, refined by every third value."""
        pool, fits = self.pool, []
        size = len(pool.numbers)
        errors = np.empty(size, np.int64)
        _errors(np.zeros(len(pool.target), np.int16), 1, pool.train, pool.target, errors)
        ranked: list[tuple[float, int, int]] = []
        for row in np.argsort(errors + pool.costs, kind="stable")[:num_singles]:
            if self.stop():
                return fits
            pair_errors = np.empty(size, np.int64)
            _errors(pool.train[row].astype(np.int16), 10, pool.train, pool.target, pair_errors)
            self.num_checks += size
            merit = pair_errors + pool.costs + pool.costs[row]
            best = np.argsort(merit, kind="stable")[:num_pairs]
            for other in best[(pair_errors[best] > 0) & self._usable(row, best)]:
                ranked.append((float(merit[other]), *sorted((int(row), int(other)))))
        tried: set[tuple[int, int]] = set()
        for _, a, b in sorted(set(ranked))[:num_pairs]:
            if self.stop() or len(fits) >= self.max_fits:
                break
            if (a, b) in tried:
                continue
            tried.add((a, b))
            keys = pool.train[a].astype(np.int16) * 10 + pool.train[b]
            used, base = np.unique(keys, return_inverse=True)
            good, entries = self._check(base.reshape(-1).astype(np.int16), len(used), 0)
            for third in np.flatnonzero(good > 0):
                if self._usable(a, int(third)) and int(third) not in (a, b) and len(fits) < self.max_fits:
                    fit = self._lookup_fit((a, b, int(third)), int(good[third]), int(entries[third]))
                    if fit:
                        fits.append(fit)
        return fits

    def _usable(self, row: int, others: int | np.ndarray) -> bool | np.ndarray:
        """Whether a row may stand beside others in a table."""
        shapes = self.pool.test_shape
        return ~self._solved[others] & ~self._solved[row] & (shapes[others] == shapes[row])

    def _check(self, base: np.ndarray, num_base: int, first: int) -> tuple[np.ndarray, np.ndarray]:
        pool = self.pool
        confirmed = np.full(len(pool.numbers), -1, np.int64)
        entries = np.zeros(len(pool.numbers), np.int64)
        table = np.empty((num_base * 10, 2), np.int64)
        _consistent(
            base,
            num_base,
            pool.train,
            first,
            pool.target,
            pool.pair_of,
            pool.num_train,
            table,
            confirmed,
            entries,
        )
        self.num_checks += len(pool.numbers) - first
        return confirmed, entries


class Closer:
    """Tries one new grid as the missing half of a fitted pair with every value of a pool."""

    def __init__(self, store: GridStore, pool: Pool) -> None:
        self.store, self.pool = store, pool
        size = len(pool.numbers)
        self._confirmed, self._entries = np.empty(size, np.int64), np.empty(size, np.int64)
        self._rules = np.empty((size, 5), np.int64)
        self._table = np.empty((100, 2), np.int64)
        self.num_checks = 0

    def close(self, number: int, limit: int = 3) -> list[Fit]:
        """Fits of store value `number` (right size on all pairs) with a pool value, confirmed on every pair."""
        pool, store = self.pool, self.store
        row, mine = pool.row(store, number), store.value(number)
        fits: list[Fit] = []
        self.num_checks += 2 * len(pool.numbers)
        _combine_rules(row, pool.train, 0, pool.target, pool.pair_of, pool.num_train, self._confirmed, self._rules)
        for other in np.flatnonzero(self._confirmed == pool.num_train)[:limit]:
            table = tuple(int(v) for v in self._rules[other])
            fits += self._fit("combine", mine, int(other), table, int((self._rules[other] >= 0).sum()))
        _consistent(
            row.astype(np.int16), 10, pool.train, 0, pool.target, pool.pair_of, pool.num_train, self._table,
            self._confirmed, self._entries,
        )  # fmt: skip
        for other in np.flatnonzero(self._confirmed == pool.num_train)[:limit]:
            table = _entries([row, pool.train[other]], pool.target)
            fits += self._fit("lookup2", mine, int(other), table, int(self._entries[other]))
        return fits

    def _fit(self, name: str, mine: Value, row: int, table: tuple[int, ...], entries: int) -> list[Fit]:
        other = self.store.value(int(self.pool.numbers[row]))
        value = apply(FUNCTIONS[name], [mine, other, table])
        if value is None:
            return []
        value.cost = mine.cost + other.cost
        return [Fit(value, self.pool.num_train, entries)]
