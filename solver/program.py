"""Programs of the step language: statements over the grid library, written out as real Python and read back.

A program file looks like this, and needs nothing but the installed package to run:

    from solver.grid import *

    def solve(I):
        x1 = find_objects(I, CONN8, ANY_COLOR)
        x2 = crop_object(x1, SIZE, MAX)
        return x2

`parse` accepts exactly this form (one call of a library function a statement, arguments earlier variables, named
constants, ints, or tuples of ints) and nothing else; other Python is not a program of library steps.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from .grid.registry import CONSTANTS, FUNCTIONS, Function, Parameter
from .grid.types import NUM_COLORS, Color, Grid, Int, Table

INPUT_NAME = "I"


class ProgramError(ValueError):
    """A text is not a program of library steps; the message names the line."""


@dataclass(frozen=True)
class Ref:
    """An argument that is a variable: 0 is the input I, k the result of the k-th statement."""

    index: int


Argument = Ref | int | tuple[int, ...]


@dataclass(frozen=True)
class Statement:
    """One step: a library function and its arguments, in order."""

    function: Function
    args: tuple[Argument, ...]

    def with_args(self, args: tuple[Argument, ...]) -> Statement:
        return Statement(self.function, args)

    def render(self, target: str, names: Sequence[str] | None = None) -> str:
        """The statement as Python: `x2 = keep(x1, SIZE, MAX)`. names: what to call the variables."""
        words = []
        for parameter, arg in zip(self.function.parameters, self.args, strict=True):
            if isinstance(arg, Ref):
                words.append(names[arg.index] if names else variable_name(arg.index))
            else:
                words.append(literal_text(parameter, arg))
        return f"{target} = {self.function.name}({', '.join(words)})"


@dataclass(frozen=True)
class FreeStatement:
    """One step of free Python: one or more whole statements that assign the variable `target`.

    reads: names of the earlier variables in the text; args: which variables they are. Other names are the step's own.
    """

    text: str
    target: str
    reads: tuple[str, ...]
    args: tuple[Ref, ...]

    def with_args(self, args: tuple[Argument, ...]) -> FreeStatement:
        return replace(self, args=args)

    def render(self, target: str, names: Sequence[str] | None = None) -> str:
        """The step's lines, its variables renamed; names of its own that are those of other variables by now, too."""
        called = [names[a.index] if names else variable_name(a.index) for a in self.args]
        new = dict(zip(self.reads, called, strict=True)) | {self.target: target}
        if any(a != b for a, b in new.items()):
            new |= {name: _own_name(name, self.text) for name in self._own_variables(new, target)}
        return rename(self.text, new)

    def _own_variables(self, new: dict[str, str], target: str) -> set[str]:
        """Names of its own that a variable has when it is called by its new names: of one of these or one before."""
        last = int(target[1:] or 0) if _VARIABLE.fullmatch(target) else -1
        found = set(_VARIABLE.findall(self.text)) - new.keys()
        return {name for name in found if name in new.values() or int(name[1:] or 0) <= last}


_VARIABLE = re.compile(r"\bx[1-9][0-9]*\b|\bI\b")


def _own_name(name: str, text: str) -> str:
    """A name like this one that the text does not have."""
    while re.search(rf"\b{name}\b", text):
        name += "_"
    return name


def rename(text: str, names: dict[str, str]) -> str:
    """Python source with variables renamed, all at once, everywhere they occur. Raises ProgramError for no Python."""
    # Programs carry the same functions along again and again: these are renamed once, each by itself.
    pieces = _top_level(text)
    try:
        found = [_renamed(piece, tuple((a, b) for a, b in names.items() if a in piece)) for piece in pieces]
    except ProgramError:
        return _renamed(text, tuple(names.items()))
    written = [one for one in found if one]  # not comments
    return "\n".join("\n" * (k > 0 and one.startswith(_SET_APART)) + one for k, one in enumerate(written))


_SET_APART = ("def ", "class ", "async def ", "@")
"""What comes after an empty line where a syntax tree is written out."""

MAX_RENAMED = 4096
"""Pieces of source that are kept renamed."""


def _top_level(text: str) -> list[str]:
    """A text cut before every line that is not indented. If all pieces can be read they are what the whole says: what
    is cut within a statement can't."""
    lines = text.splitlines(keepends=True)
    starts = [k for k, line in enumerate(lines) if k and line[0] not in " \t\f\r\n)]}#"]
    return ["".join(lines[a:b]) for a, b in pairwise([0, *starts, len(lines)])]


@lru_cache(MAX_RENAMED)
def _renamed(text: str, names: tuple[tuple[str, str], ...]) -> str:
    tree, new = read_python(text), dict(names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = new.get(node.id, node.id)
        elif isinstance(node, ast.arg):
            node.arg = new.get(node.arg, node.arg)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [new.get(name, name) for name in node.names]
    return ast.unparse(tree)


TABLE_RANGE = np.iinfo(np.int16)
"""What an entry of a Table can hold."""
MAX_NESTING = 100
"""Of syntax: what is nested more deeply can be read and not be written out again."""


def read_python(text: str) -> ast.Module:
    """The syntax tree of a text; ProgramError if it is no Python, or nested too deeply."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ProgramError(f"not Python: {error}") from error
    level: list[ast.AST] = [tree]
    for _ in range(MAX_NESTING):
        if not level:
            return tree
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    raise ProgramError("nested too deeply")


def variable_name(index: int) -> str:
    return INPUT_NAME if index == 0 else f"x{index}"


def literal_text(parameter: Parameter, value: int | tuple[int, ...]) -> str:
    """A constant argument as the program writes it: enumerated ones by name."""
    if parameter.is_choice:
        return parameter.type(value).name
    if isinstance(value, tuple):
        return "(" + ", ".join(map(str, value)) + ("," if len(value) == 1 else "") + ")"
    return str(value)


@dataclass(frozen=True)
class Program:
    """Statements in order; the last one's result is the output. An empty program returns its input."""

    statements: tuple[Statement | FreeStatement, ...]

    def __len__(self) -> int:
        return len(self.statements)

    @property
    def is_free(self) -> bool:
        """Whether some step is free Python."""
        return any(isinstance(s, FreeStatement) for s in self.statements)

    def render(self) -> str:
        """The whole program file as text; `parse(render())` gives the same program if it is of library steps only."""
        lines = ["from solver.grid import *", "", "", f"def solve({INPUT_NAME}):"]
        if self.is_free:
            lines.insert(0, "import numpy as np")
        for i, statement in enumerate(self.statements, 1):
            lines += [f"    {line}" for line in statement.render(variable_name(i)).splitlines()]
        lines.append(f"    return {variable_name(len(self.statements))}")
        return "\n".join(lines) + "\n"

    def run(self, grid: Any) -> Any:
        """The output for one input, int8 [H, W]. Raises GridError where a step has no result, and ProgramError if
        there is free Python in it: that runs in the sandbox alone."""
        from .grid import as_grid

        variables: list[Any] = [as_grid(grid, "input")]
        for statement in self.statements:
            if isinstance(statement, FreeStatement):
                raise ProgramError("free Python runs in the sandbox")
            args = [variables[a.index] if isinstance(a, Ref) else a for a in statement.args]
            variables.append(statement.function(*args))
        return variables[-1]


def parse(text: str) -> Program:
    """Read a program of library steps. Raises ProgramError for anything else, naming the line."""
    tree = read_python(text)
    body = [n for n in tree.body if not _is_docstring(n)]
    functions = [n for n in body if isinstance(n, ast.FunctionDef)]
    for node in body:
        if node not in functions and not _is_library_import(node):
            raise ProgramError(f"line {node.lineno}: only 'from solver.grid import *' and solve() may stand here")
    if len(functions) != 1 or functions[0].name != "solve":
        raise ProgramError("a program defines exactly one function, solve(I)")
    solve = functions[0]
    parameters = solve.args
    if (
        [a.arg for a in parameters.args] != [INPUT_NAME]
        or parameters.vararg
        or parameters.kwonlyargs
        or parameters.kwarg
    ):
        raise ProgramError(f"line {solve.lineno}: solve takes one argument, {INPUT_NAME}")
    steps = [n for n in solve.body if not _is_docstring(n)]
    if solve.decorator_list or not steps or not isinstance(steps[-1], ast.Return):
        raise ProgramError(f"line {solve.lineno}: solve ends with a return")
    known: dict[str, tuple[int, Any]] = {INPUT_NAME: (0, Grid)}
    statements = _read_steps(steps[:-1], known)
    returned = steps[-1].value
    if not isinstance(returned, ast.Name) or returned.id not in known:
        raise ProgramError(f"line {steps[-1].lineno}: solve returns a variable")
    index, kind = known[returned.id]
    if kind is not Grid:
        raise ProgramError(f"line {steps[-1].lineno}: {returned.id} is {kind.__name__}, not Grid")
    return Program(trim_statements(statements, index))


def parse_steps(text: str, types: Sequence[Any]) -> list[Statement]:
    """Read statements that go on from a prefix, such as `x2 = keep(x1, SIZE, MAX)`, without def and return.

    types: of the prefix's variables in order, I first; they are called I, x1, x2, ... A name may be assigned anew.
    Raises ProgramError for anything else, naming the line.
    """
    return _read_steps(read_python(text).body, {variable_name(i): (i, kind) for i, kind in enumerate(types)})


def parse_step(text: str, types: Sequence[Any]) -> Statement:
    """The only statement of a text, see `parse_steps`. Raises ProgramError, too, if there is not exactly one."""
    statements = parse_steps(text, types)
    if len(statements) != 1:
        raise ProgramError(f"{'more than one' if statements else 'no'} statement in a step")
    return statements[0]


def trim_statements(
    statements: Sequence[Statement | FreeStatement], output: int
) -> tuple[Statement | FreeStatement, ...]:
    """Only the statements that variable `output` needs, renumbered; empty when it is the input."""
    needed: set[int] = set()
    stack = [output]
    while stack:
        index = stack.pop()
        if index and index not in needed:
            needed.add(index)
            stack += [a.index for a in statements[index - 1].args if isinstance(a, Ref)]
    order = sorted(needed)
    renumber = {0: 0} | {old: new for new, old in enumerate(order, 1)}
    return tuple(
        statements[i - 1].with_args(
            tuple(Ref(renumber[a.index]) if isinstance(a, Ref) else a for a in statements[i - 1].args)
        )
        for i in order
    )


def _read_steps(nodes: Sequence[ast.stmt], known: dict[str, tuple[int, Any]]) -> list[Statement]:
    """The statements of nodes, each a call assigned to a variable, which `known` takes in. known: name → (index, type);
    indexes of new variables follow its own."""
    first = len(known)
    statements: list[Statement] = []
    for node in nodes:
        if not (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)):
            raise ProgramError(f"line {node.lineno}: a step assigns one call to one variable")
        statement = _read_call(node.value, known)
        known[node.targets[0].id] = (first + len(statements), statement.function.returns)
        statements.append(statement)
    return statements


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_library_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "solver.grid" and node.level == 0


def _read_call(node: ast.expr, known: dict[str, tuple[int, Any]]) -> Statement:
    where = f"line {node.lineno}"
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords):
        raise ProgramError(f"{where}: a step is a call of a library function")
    function = FUNCTIONS.get(node.func.id)
    if function is None:
        raise ProgramError(f"{where}: no library function {node.func.id}")
    if len(node.args) != len(function.parameters):
        raise ProgramError(f"{where}: {function.signature} takes {len(function.parameters)} arguments")
    args = [_read_argument(p, a, known, where) for p, a in zip(function.parameters, node.args, strict=True)]
    return Statement(function, tuple(args))


def _read_argument(parameter: Parameter, node: ast.expr, known: dict[str, tuple[int, Any]], where: str) -> Argument:
    if isinstance(node, ast.Name) and node.id in known:
        index, kind = known[node.id]
        if kind is not parameter.type:
            raise ProgramError(f"{where}: {parameter.name} must be {parameter.type.__name__}, not {kind.__name__}")
        return Ref(index)
    if isinstance(node, ast.Name) and node.id in CONSTANTS:
        if not parameter.is_choice or node.id not in parameter.type.__members__:
            raise ProgramError(f"{where}: {node.id} is no {parameter.type.__name__}")
        return CONSTANTS[node.id]
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise ProgramError(f"{where}: {parameter.name} must be a variable or a constant") from None
    if parameter.type is Table and isinstance(value, tuple) and all(type(v) is int for v in value):
        if not all(TABLE_RANGE.min <= v <= TABLE_RANGE.max for v in value):
            raise ProgramError(f"{where}: {parameter.name} must hold numbers within ±{TABLE_RANGE.max}")
        return value
    if type(value) is int and value in _allowed_ints(parameter):
        return value
    raise ProgramError(f"{where}: {parameter.name} must be {parameter.type.__name__}")


def _allowed_ints(parameter: Parameter) -> Container[int]:
    """The numbers that may be written for a parameter: what a kernel can take without checks of its own."""
    if parameter.is_choice:
        return parameter.values
    if parameter.type is Color:
        return range(NUM_COLORS)
    return range(-99, 100) if parameter.type is Int else ()
