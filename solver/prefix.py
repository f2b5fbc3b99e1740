"""Programs as far as they are written: what a state of the search stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .executor import Value, execute_all, input_value
from .program import FreeStatement, Program, Statement, variable_name


@dataclass(frozen=True, eq=False)
class Prefix:
    """The program that a state stands for. values: its variables in order, I first; those that the state only implies
    (what its values were made from) among them. statements: one less."""

    values: tuple[Value, ...]
    statements: tuple[Statement | FreeStatement, ...]

    @classmethod
    def of(cls, state: Sequence[Value]) -> Prefix:
        """state: as in `Policy.propose`, the input first; its values are made from it and from one another."""
        values: list[Value] = [state[0]]
        index = {state[0].key: 0}
        statements: list[Statement | FreeStatement] = []

        def visit(value: Value) -> int:
            if value.key not in index:
                if value.is_input:
                    raise ValueError("a value of the state is not made from its input")
                statement = value.statement([visit(parent) for parent in value.parents])
                index[value.key] = len(values)
                values.append(value)
                statements.append(statement)
            return index[value.key]

        for value in state[1:]:
            visit(value)
        return cls(tuple(values), tuple(statements))

    @classmethod
    def run(cls, program: Program, inputs: Sequence[np.ndarray]) -> Prefix | None:
        """A whole program with its values over all inputs (training, then test); None where a step has no result."""
        values = execute_all(program, input_value(inputs))
        return None if values is None else cls(tuple(values), program.statements)

    @property
    def is_free(self) -> bool:
        """Whether some step is free Python."""
        return Program(self.statements).is_free

    @property
    def next_target(self) -> str:
        """`x3 =`, where the next step begins."""
        return f"{variable_name(len(self.values))} ="
