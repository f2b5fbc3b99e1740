"""Programs changed at random: another constant, another function of the same types, a statement left out, or two
colours exchanged throughout."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..grid.registry import FUNCTIONS, Function
from ..grid.types import Color, Grid
from ..program import Argument, Program, Ref, Statement, trim_statements

MAX_EDITS = 3


@cache
def like_functions(function: Function) -> tuple[Function, ...]:
    """Other functions with the same types of arguments and result."""
    wanted = [p.type for p in function.parameters]
    return tuple(
        f
        for f in FUNCTIONS.values()
        if f is not function and f.returns is function.returns and [p.type for p in f.parameters] == wanted
    )


def mutate(program: Program, rng: np.random.Generator) -> Program:
    """One to MAX_EDITS random edits; what a statement no longer needs is left out."""
    for _ in range(rng.integers(1, MAX_EDITS + 1)):
        if len(program) == 0:
            break
        index = int(rng.integers(len(program)))
        edit = (_change_constant, _change_function, _leave_out, _swap_colors)[rng.choice(4, p=(0.45, 0.25, 0.15, 0.15))]
        program = edit(program, index, rng)
    return program


def change_statement(statement: Statement, rng: np.random.Generator) -> Statement:
    """Another constant or another function of the same types; the statement itself where there is none."""
    edit = _change_constant if rng.random() < 0.6 else _change_function
    return edit(Program((statement,)), 0, rng).statements[0]


def _replaced(program: Program, index: int, statement: Statement) -> Program:
    return Program((*program.statements[:index], statement, *program.statements[index + 1 :]))


def _change_constant(program: Program, index: int, rng: np.random.Generator) -> Program:
    statement = program.statements[index]
    free = [
        i
        for i, (p, a) in enumerate(zip(statement.function.parameters, statement.args, strict=True))
        if isinstance(a, int) and len(p.values) > 1
    ]
    if not free:
        return program
    place = free[rng.integers(len(free))]
    args = list(statement.args)
    others = [v for v in statement.function.parameters[place].values if v != args[place]]
    args[place] = others[rng.integers(len(others))]
    return _replaced(program, index, Statement(statement.function, tuple(args)))


def _change_function(program: Program, index: int, rng: np.random.Generator) -> Program:
    statement = program.statements[index]
    others = like_functions(statement.function)
    if not others:
        return program
    function = others[rng.integers(len(others))]
    for parameter, arg in zip(function.parameters, statement.args, strict=True):
        if isinstance(arg, int) and parameter.values and arg not in parameter.values:
            return program
    return _replaced(program, index, Statement(function, statement.args))


def _leave_out(program: Program, index: int, rng: np.random.Generator) -> Program:
    """Whoever used the statement's result uses one of its arguments of the same type instead."""
    statement, number = program.statements[index], index + 1
    kinds = [Grid, *(s.function.returns for s in program.statements)]
    stand_ins = [a.index for a in statement.args if isinstance(a, Ref) and kinds[a.index] is kinds[number]]
    if not stand_ins or len(program) < 2:
        return program
    new = int(stand_ins[rng.integers(len(stand_ins))])
    rerouted = redirect(program, number, new)
    output = new if number == len(program) else len(program)
    return Program(trim_statements(rerouted, output))


def redirect(program: Program, old: int, new: int) -> tuple[Statement, ...]:
    """The statements with variable `old` read as variable `new` everywhere."""
    return tuple(
        Statement(s.function, tuple(Ref(new) if isinstance(a, Ref) and a.index == old else a for a in s.args))
        for s in program.statements
    )


def _swap_colors(program: Program, index: int, rng: np.random.Generator) -> Program:
    first, second = (int(c) + 1 for c in rng.permutation(9)[:2])
    renamed = list(range(10))
    renamed[first], renamed[second] = second, first
    return rename_colors(program, renamed)


def rename_colors(program: Program, renamed: list[int]) -> Program:
    """Colour constants c become renamed[c]. Colours inside fitted tables stay as they are."""

    def rename(statement: Statement) -> Statement:
        args: list[Argument] = []
        for parameter, arg in zip(statement.function.parameters, statement.args, strict=True):
            args.append(renamed[arg] if parameter.type is Color and isinstance(arg, int) else arg)
        return Statement(statement.function, tuple(args))

    return Program(tuple(map(rename, program.statements)))
