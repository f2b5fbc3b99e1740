"""What a model's answer says: the step that it proposes for a prefix."""

from __future__ import annotations

import ast
import re

from ..grid.types import Grid
from ..prefix import Prefix
from ..program import FreeStatement, ProgramError, Ref, Statement, parse_step, parse_steps, read_python, variable_name
from .prompt_format import PromptFormat


def read_step(prompt_format: PromptFormat, prefix: Prefix, answer: str) -> Statement | FreeStatement:
    """The step that a model's answer proposes, free Python only where the format has it. Raises ProgramError if it is
    none.

    An answer that thinks first must repeat the prefix; the first statement after it counts.
    """
    types = [value.type for value in prefix.values]
    if not prompt_format.thinking:
        text = prefix.next_target + answer.partition(prompt_format.step_end)[0]
        try:
            return parse_step(text, types)
        except ProgramError:
            if not prompt_format.free_python:
                raise
            return _read_free_step(text, len(types))
    statements = parse_steps("\n".join(_program_lines(prompt_format, answer)), [Grid])
    done = len(prefix.statements)
    if tuple(statements[:done]) != prefix.statements or len(statements) == done:
        raise ProgramError("the answer does not go on from the prefix")
    return statements[done]


def _read_free_step(text: str, num_values: int) -> FreeStatement:
    """Python that assigns the variable that follows on `num_values`. ProgramError if its first statement does not."""
    tree, target = read_python(text), variable_name(num_values)
    first = tree.body[0]
    if not (isinstance(first, ast.Assign) and isinstance(first.targets[0], ast.Name) and first.targets[0].id == target):
        raise ProgramError(f"a step of free Python begins by assigning {target}")
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    reads = [index for index in range(num_values) if variable_name(index) in names]
    return FreeStatement(ast.unparse(tree), target, tuple(map(variable_name, reads)), tuple(map(Ref, reads)))


_FENCED = re.compile(r"```[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)


def _program_lines(prompt_format: PromptFormat, answer: str) -> list[str]:
    """Statements of a whole program in an answer: of solve(I) if it defines that, without its return."""
    text = answer.rpartition(prompt_format.thinking_end)[2]
    blocks = _FENCED.findall(text)
    text = blocks[-1] if blocks else text
    for marker in (prompt_format.step_begin, prompt_format.step_end):
        if marker.strip():
            text = text.replace(marker, "\n")
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ProgramError(f"not Python: {error}") from error
    body = next((node.body for node in body if isinstance(node, ast.FunctionDef) and node.name == "solve"), body)
    kept = [n for n in body if isinstance(n, ast.Assign)]
    return [ast.unparse(node) for node in kept]
