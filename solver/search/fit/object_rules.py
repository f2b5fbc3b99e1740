"""Fitted object rules: what becomes of an object as a function of one of its properties.

For objects found in the input, each one's fate is read off the training output: painted in one colour, erased, or
left as it is. A rule says that the fate follows from a property's value, or from whether the object has a rank in a
property. Confirmed means what it means in `tables.py`: the rule read off the other pairs gives this pair's output.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ...executor import Value, apply
from ...grid.fitted import COPY_FIRST
from ...grid.objects import _measure, _select
from ...grid.registry import FUNCTIONS
from ...grid.types import Objects, Property, Rank
from .rule import Fit
from .tables import _choose

ANY_FATE = (1 << 11) - 1
MAX_TABLE = 12


def fit_objects(candidates: Iterable[Value], start: Value, targets: Sequence[np.ndarray], limit: int) -> list[Fit]:
    """Rules over the given Objects values, painted on the input or on an empty grid; at most `limit` fits."""
    fits: list[Fit] = []
    empty = apply(FUNCTIONS["fill_solid"], [start, 0])
    for objects in candidates:
        for canvas in (start, empty):
            if canvas is None or len(fits) >= limit:
                continue
            fates = _fates(objects.items, canvas.items, targets)
            if fates is not None:
                fits += _rules(objects, canvas, fates, len(targets))
    return fits[:limit]


def _fates(
    objects: Sequence[Objects], canvases: Sequence[np.ndarray], targets: Sequence[np.ndarray]
) -> list[np.ndarray] | None:
    """Per pair int64 [count]: bit sets of what may have become of each object (colours, 10: left as it is). None if
    the rest of the canvas is not the output's."""
    fates = []
    for found, canvas, target in zip(objects, canvases, targets):
        if found.labels.shape != target.shape or canvas.shape != target.shape:
            return None
        outside = found.labels == 0
        if (canvas[outside] != target[outside]).any():
            return None
        bits = np.zeros(found.count, np.int64)
        for k in range(found.count):
            cells = found.labels == k + 1
            colors = target[cells]
            if (colors == colors[0]).all():
                bits[k] |= 1 << int(colors[0])
            if (colors == found.grid[cells]).all():
                bits[k] |= 1 << COPY_FIRST
        if (bits == 0).any():
            return None
        fates.append(bits)
    return fates


def _rules(objects: Value, canvas: Value, fates: list[np.ndarray], num_train: int) -> list[Fit]:
    if all((bits & (1 << COPY_FIRST)).all() for bits in fates):
        return []  # nothing happens to any object
    fits = []
    for prop in Property:
        values = [_measure(o, int(prop)) for o in objects.items[:num_train]]
        read = _read(values, fates)
        if read is not None and len(read[0]) <= MAX_TABLE:
            table = tuple(int(v) for entry in sorted(read[0].items()) for v in entry)
            fits.append(("color_objects", (int(prop),), table, read[1]))
        for rank in Rank:
            chosen = [_select(v, int(rank)).astype(np.int64) for v in values]
            read = _read(chosen, fates)
            if read is not None:
                table = (read[0].get(1, COPY_FIRST), read[0].get(0, COPY_FIRST))
                fits.append(("color_ranked_objects", (int(prop), int(rank)), table, read[1]))
    made = []
    for name, constants, table, confirmed in fits:
        value = apply(FUNCTIONS[name], [objects, canvas, *constants, table]) if confirmed else None
        if value is not None:
            value.cost = objects.cost + canvas.cost + 3.0
            made.append(Fit(value, confirmed, len(table)))
    return made


def _read(features: list[np.ndarray], fates: list[np.ndarray]) -> tuple[dict[int, int], int] | None:
    """The table from feature to fate that explains all pairs, and how many pairs it is confirmed on."""
    by_pair: list[dict[int, int]] = []
    for values, bits in zip(features, fates, strict=True):
        allowed: dict[int, int] = {}
        for value, fate in zip(values.tolist(), bits.tolist(), strict=True):
            allowed[value] = allowed.get(value, ANY_FATE) & fate
        by_pair.append(allowed)
    together: dict[int, int] = {}
    for allowed in by_pair:
        for value, fate in allowed.items():
            together[value] = together.get(value, ANY_FATE) & fate
    if not together or 0 in together.values():
        return None
    table = {value: _choose(fate) for value, fate in together.items()}
    confirmed = 0
    for p, allowed in enumerate(by_pair):
        others = [m for q, m in enumerate(by_pair) if q != p]
        confirmed += all(
            _supported(value, others) and (1 << _choose(_without(value, others))) & allowed[value] for value in allowed
        )
    return table, confirmed


def _supported(value: int, pairs: list[dict[int, int]]) -> bool:
    return any(value in allowed for allowed in pairs)


def _without(value: int, pairs: list[dict[int, int]]) -> int:
    fate = ANY_FATE
    for allowed in pairs:
        fate &= allowed.get(value, ANY_FATE)
    return fate
