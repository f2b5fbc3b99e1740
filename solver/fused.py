"""Fused enumerator: grids of many programs in one arena, grown by all one-grid steps in compiled code.

A *chain step* is a call of a library function whose only non-constant argument is one Grid and whose result is a
Grid. All of them, with all their constants, are numbered in `chain_steps()`. `GridStore.expand` applies a range of
them to a stored value over all inputs of a task, hashes each result, drops what is not applicable or already there,
compares with the training outputs, and keeps the rest: no Python between two nodes.

The dispatcher over the library functions is generated as source text beside the compile cache, because numba can
cache only functions that come from a file.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np

from .executor import Value, digest
from .grid.registry import FUNCTIONS, Function, cache_folder, kernel, source_digest
from .grid.types import MAX_SIDE, Grid
from .program import Ref, Statement

MAX_CONSTANTS = 3
CROWDED = 0.85
"""Part of a store's values or cells, from which on it counts as crowded."""
NO_PARENT = -1


@dataclass(frozen=True)
class ChainStep:
    """One Grid→Grid step with its constants; `position` of the grid among the arguments."""

    function: Function
    position: int
    constants: tuple[int, ...]

    def args(self, grid: Value) -> list[Value | int]:
        args: list[Value | int] = list(self.constants)
        args.insert(self.position, grid)
        return args

    def statement(self, index: int) -> Statement:
        args: list[Ref | int] = list(self.constants)
        args.insert(self.position, Ref(index))
        return Statement(self.function, tuple(args))


def chain_functions() -> list[tuple[Function, int]]:
    """The functions that have chain steps, with the position of their grid argument."""
    found = []
    for function in FUNCTIONS.values():
        grids = [i for i, p in enumerate(function.parameters) if p.type is Grid]
        others = [p for p in function.parameters if p.type is not Grid]
        if (
            function.returns is Grid
            and len(grids) == 1
            and all(p.values for p in others)
            and len(others) <= MAX_CONSTANTS
        ):
            found.append((function, grids[0]))
    return found


@cache
def chain_steps() -> tuple[ChainStep, ...]:
    """All chain steps, grouped by function in the registry's order."""
    return tuple(
        ChainStep(function, position, constants)
        for function, position in chain_functions()
        for constants in itertools.product(*(p.values for p in function.parameters if p.type is not Grid))
    )


@cache
def _step_table() -> np.ndarray:
    """int64 [num_steps, 1 + MAX_CONSTANTS]: number of the function, then its constants."""
    number = {f.name: i for i, (f, _) in enumerate(chain_functions())}
    table = np.zeros((len(chain_steps()), 1 + MAX_CONSTANTS), np.int64)
    for row, step in zip(table, chain_steps(), strict=True):
        row[0] = number[step.function.name]
        row[1 : 1 + len(step.constants)] = step.constants
    return table


def _dispatch_source() -> str:
    """Source of `dispatch(number, grid, a, b, c)`: a binary tree of ifs over the library's kernels, and `expand`."""
    functions = chain_functions()
    lines = [
        "import numpy as np",
        "",
        "from solver.fused import score_value",
        "from solver.grid.registry import FUNCTIONS, kernel",
        "",
    ]
    lines += [f'_f{i} = FUNCTIONS["{f.name}"].kernel' for i, (f, _) in enumerate(functions)]
    lines += ["", "", "@kernel", "def dispatch(number, grid, a, b, c):"]

    def branch(low: int, high: int, indent: int) -> None:
        pad = " " * indent
        if high - low == 1:
            function, position = functions[low]
            args = list("abc"[: len(function.parameters) - 1])
            args.insert(position, "grid")
            lines.append(f"{pad}return _f{low}({', '.join(args)})")
            return
        middle = (low + high) // 2
        lines.append(f"{pad}if number < {middle}:")
        branch(low, middle, indent + 4)
        branch(middle, high, indent)

    branch(0, len(functions), 4)
    return "\n".join(lines) + _EXPAND_SOURCE


_EXPAND_SOURCE = '''

@kernel
def expand(value, wanted, num_inputs, num_train, table, cells, offsets, shapes, parents, steps, keys, index,
           targets, target_offsets, target_shapes, matches, state):
    """See GridStore.expand; arrays are the store's. state: [num_values, num_cells, num_nodes, full]."""
    num_values, num_cells = state[0], state[1]
    capacity, mask = parents.shape[0], index.shape[0] - 1
    for step in wanted:
        if num_values >= capacity or num_cells + num_inputs * 900 > cells.shape[0]:
            state[3] = 1
            break
        state[2] += 1
        key = np.uint64(1469598103934665603)
        used = num_cells
        ok = True
        for i in range(num_inputs):
            h, w = shapes[value, i, 0], shapes[value, i, 1]
            start = offsets[value, i]
            grid = cells[start : start + h * w].reshape((h, w))
            out = dispatch(table[step, 0], grid, table[step, 1], table[step, 2], table[step, 3])
            oh, ow = out.shape
            if oh == 0 or ow == 0 or oh > 30 or ow > 30:
                ok = False
                break
            offsets[num_values, i] = used
            shapes[num_values, i, 0] = oh
            shapes[num_values, i, 1] = ow
            key = (key ^ np.uint64(oh * 31 + ow)) * np.uint64(1099511628211)
            for r in range(oh):
                for c in range(ow):
                    v = out[r, c]
                    cells[used] = v
                    used += 1
                    key = (key ^ np.uint64(v + 1)) * np.uint64(0x9E3779B97F4A7C15)
                    key ^= key >> np.uint64(29)
        if not ok:
            continue
        slot = np.int64(key & np.uint64(mask))
        while index[slot] >= 0 and keys[index[slot]] != key:
            slot = (slot + 1) & mask
        if index[slot] >= 0:
            continue
        index[slot] = num_values
        keys[num_values] = key
        parents[num_values] = value
        steps[num_values] = step
        score_value(num_values, num_train, cells, offsets, shapes, targets, target_offsets, target_shapes, matches)
        num_values += 1
        num_cells = used
    state[0], state[1] = num_values, num_cells
'''


@kernel
def score_value(value, num_train, cells, offsets, shapes, targets, target_offsets, target_shapes, matches):
    """Fill matches[value] = (bits of pairs with the right size, bits of pairs that are right, right cells)."""
    size_bits, exact_bits, right_cells = 0, 0, 0
    for i in range(num_train):
        h, w = shapes[value, i, 0], shapes[value, i, 1]
        if h != target_shapes[i, 0] or w != target_shapes[i, 1]:
            continue
        size_bits |= 1 << i
        a, b = offsets[value, i], target_offsets[i]
        right = 0
        for k in range(h * w):
            right += cells[a + k] == targets[b + k]
        right_cells += right
        if right == h * w:
            exact_bits |= 1 << i
    matches[value, 0] = size_bits
    matches[value, 1] = exact_bits
    matches[value, 2] = right_cells


@cache
def _fused_module() -> ModuleType:
    """The generated module, written once per state of the library and of this file, then imported from its file."""
    text = _dispatch_source()
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    name = f"fused_{source_digest()}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    path = folder / f"{name}.py"
    if not path.exists():
        draft = folder / f"{name}.{os.getpid()}.tmp"
        draft.write_text(text)
        draft.replace(path)  # atomic: several processes may get here at once
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class GridStore:
    """Arena of Grid values of one task, without duplicates.

    Value k over input i is cells[offsets[k, i] : … + H·W], shapes[k, i] = (H, W). matches[k]: bit sets of the
    training pairs with the right size and with the right output, and the number of right cells. A value is either
    made by a chain step from `parents[k]`, or was put in as a `Value` (parents[k] = NO_PARENT).

    targets: training outputs, int8 [H, W] each. num_inputs: of the task, training first. max_values, max_cells: limits
    of memory (max_cells in bytes).
    """

    def __init__(
        self,
        targets: Sequence[np.ndarray],
        num_inputs: int,
        max_values: int = 200_000,
        max_cells: int = 256 << 20,
    ) -> None:
        self.num_inputs, self.num_train = num_inputs, len(targets)
        self.cells = np.empty(max_cells, np.int8)
        self.offsets = np.empty((max_values, num_inputs), np.int64)
        self.shapes = np.empty((max_values, num_inputs, 2), np.int64)
        self.parents = np.empty(max_values, np.int32)
        self.steps = np.empty(max_values, np.int32)
        self.keys = np.empty(max_values, np.uint64)
        self.matches = np.empty((max_values, 3), np.int64)
        self.costs = np.zeros(max_values, np.float64)
        self._index = np.full(1 << (2 * max_values - 1).bit_length(), -1, np.int32)
        self._state = np.zeros(4, np.int64)
        self._values: dict[int, Value] = {}
        self.targets = np.concatenate([t.ravel() for t in targets]).astype(np.int8)
        self.target_shapes = np.array([t.shape for t in targets], np.int64)
        sizes = self.target_shapes.prod(1)
        self.target_offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        self._expand = _fused_module().expand
        self._table = _step_table()

    def __len__(self) -> int:
        return int(self._state[0])

    @property
    def all_pairs(self) -> int:
        """The bit set of all training pairs, see `matches`."""
        return (1 << self.num_train) - 1

    @property
    def num_nodes(self) -> int:
        """Chain steps executed so far, each over all inputs."""
        return int(self._state[2])

    @property
    def full(self) -> bool:
        return bool(self._state[3])

    @property
    def crowded(self) -> bool:
        """Whether so much is taken that the rest should be left to those who come after an enumeration."""
        return self.full or max(len(self) / len(self.parents), self._state[1] / len(self.cells)) > CROWDED

    def add(self, value: Value) -> int:
        """Store a Grid value; its number if it is new, −1 if it is there already or the store is full."""
        number, is_new = self.place(value)
        return number if is_new else -1

    def place(self, value: Value) -> tuple[int, bool]:
        """Store a Grid value; the number of it or of the equal one that was there, and whether it is new. (−1, False)
        if the store is full."""
        number, used = len(self), int(self._state[1])
        if number >= len(self.parents) or used + self.num_inputs * MAX_SIDE**2 > len(self.cells):
            self._state[3] = 1
            return -1, False
        for i, item in enumerate(value.items):
            self.shapes[number, i] = item.shape
            self.offsets[number, i] = used
            self.cells[used : used + item.size] = item.ravel()
            used += item.size
        held = int(_insert(number, self.num_inputs, self.cells, self.offsets, self.shapes, self.keys, self._index))
        if held != number:
            return held, False
        self.parents[number], self.steps[number] = NO_PARENT, -1
        self.costs[number] = value.cost
        score_value(
            number, self.num_train, self.cells, self.offsets, self.shapes, self.targets, self.target_offsets,
            self.target_shapes, self.matches,
        )  # fmt: skip
        self._values[number] = value
        self._state[0], self._state[1] = number + 1, used
        return number, True

    def expand(self, number: int, steps: np.ndarray) -> range:
        """Apply chain steps (int64 [n], numbers in `chain_steps()`) to a stored value; the new values' numbers."""
        before = len(self)
        self._expand(
            number, steps, self.num_inputs, self.num_train, self._table,
            self.cells, self.offsets, self.shapes, self.parents, self.steps, self.keys, self._index, self.targets,
            self.target_offsets, self.target_shapes, self.matches, self._state,
        )  # fmt: skip
        return range(before, len(self))

    def items(self, number: int) -> tuple[np.ndarray, ...]:
        """The stored grids of a value: int8 [H, W] copies, one per input."""
        return tuple(
            self.cells[o : o + h * w].reshape(h, w).copy()
            for o, (h, w) in zip(self.offsets[number], self.shapes[number], strict=True)
        )

    def value(self, number: int) -> Value:
        """The stored value with its history, as the executor knows values."""
        if number not in self._values:
            parent = self.value(int(self.parents[number]))
            step = chain_steps()[self.steps[number]]
            items = self.items(number)
            value = Value(Grid, items, digest(Grid, items))
            value.function = step.function
            value.parents = (parent,)
            literals: list[int | None] = list(step.constants)
            literals.insert(step.position, None)
            value.literals = tuple(literals)
            value.depth = parent.depth + 1
            value.cost = float(self.costs[number])
            self._values[number] = value
        return self._values[number]


@kernel
def _insert(number, num_inputs, cells, offsets, shapes, keys, index):
    """Put value `number` into the hash index; the number of the value that is there. Same hash as in `expand`."""
    key = np.uint64(1469598103934665603)
    for i in range(num_inputs):
        h, w = shapes[number, i, 0], shapes[number, i, 1]
        key = (key ^ np.uint64(h * 31 + w)) * np.uint64(1099511628211)
        start = offsets[number, i]
        for k in range(h * w):
            key = (key ^ np.uint64(cells[start + k] + 1)) * np.uint64(0x9E3779B97F4A7C15)
            key ^= key >> np.uint64(29)
    mask = index.shape[0] - 1
    slot = np.int64(key & np.uint64(mask))
    while index[slot] >= 0 and keys[index[slot]] != key:
        slot = (slot + 1) & mask
    if index[slot] < 0:
        index[slot] = number
        keys[number] = key
    return index[slot]
