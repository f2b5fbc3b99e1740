"""What a language model reads and writes.

One text template serves every tokenizer: a character a cell, a line a row, a statement a line.

    input
    00300
    00000
    output
    30000
    00000
    test
    00040
    00000
    program
    x1 = find_objects(I, CONN8, ONE_COLOR)
    # Objects 1
    x2 = move_objects(x1, LEFT)
    # Objects 1
    x3 =

A prompt ends where the next step's call begins; the model goes on with ` paint_alone(x2)` and the step's end. Lines
with `#` are sketches of what the step before gave on the training pairs, so every prefix is valid Python. A model may
answer with Python of its own where its format says so (`PromptFormat.free_python`). The *short*
format is for fine-tuned models: a hint, if there is one, and the task. The *few-shot* format puts a system text and
solved examples before it. Models that think first answer with a whole program (`PromptFormat.thinking`).
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..executor import Value, apply, input_value
from ..grid.registry import FAMILIES, FUNCTIONS
from ..grid.types import CHOICES, Color, Coloring, Connectivity, Grid, Grids, Int, Mask, Objects
from ..program import FreeStatement, Program, ProgramError, Ref, Statement, parse_steps, read_python, variable_name
from ..tasks import Task

VERSION = 1
"""Of the template. Weights say which one they were trained with."""

STYLES = ("short", "few-shot")

HINT, INPUT, OUTPUT, TEST, PROGRAM = "hint ", "input\n", "output\n", "test\n", "program\n"
SKETCH_WORDS = {
    **{"size": " size ", "right": " right ", "objects": " objects ", "solved": " solved "},
    **{"same": " same", "subset": " subset", "superset": " superset", "other": " other"},
}
TYPE_WORDS = {kind: f"# {kind.__name__}" for kind in (Grid, Mask, Objects, Grids, Color, Int)}
TEMPLATE_WORDS = (HINT, INPUT, OUTPUT, TEST, PROGRAM, *TYPE_WORDS.values(), *SKETCH_WORDS.values())
"""Texts of the template that tokenizer.py gives a token each."""


@dataclass(frozen=True)
class PromptFormat:
    """How a model is asked, stored with its weights as "prompt" in solver.json.

    style: 'short' (fine-tuned) or 'few-shot'. version: of the template. step_begin, step_end: markers around a step,
    ordinary text or special tokens; generation stops at step_end. sketch: whether executed results are shown after
    each step. free_python: whether an answer that is not one call of the library may be Python of its own, one or more
    whole statements of which the first assigns the next variable (run in the sandbox); step_end is then more than the
    end of a line. num_examples: solved examples in a few-shot prompt, at most. chat: whether the prompt is put into the
    tokenizer's chat template. thinking: the model answers with a thinking part up to `thinking_end` and then a whole
    program, perhaps fenced; else with the next step alone.
    """

    style: str = "short"
    version: int = VERSION
    step_begin: str = ""
    step_end: str = "\n"
    sketch: bool = True
    free_python: bool = False
    num_examples: int = 4
    chat: bool = False
    thinking: bool = False
    thinking_end: str = "</think>"

    def __post_init__(self) -> None:
        if faults := self._faults():
            raise InputError("prompt: " + "; ".join(faults))

    def _faults(self) -> list[str]:
        kinds = {f.name: type(f.default) for f in fields(self)}
        faults = [
            f"{name} must be {kind.__name__}" for name, kind in kinds.items() if type(getattr(self, name)) is not kind
        ]
        if faults:
            return faults
        if self.style not in STYLES:
            faults.append(f"style {self.style!r} is none of {', '.join(STYLES)}")
        if self.version != VERSION:
            faults.append(f"version {self.version} of the template; this solver has {VERSION}")
        if not self.step_end:
            faults.append("step_end must not be empty")
        if self.num_examples < 0:
            faults.append("num_examples must be at least 0")
        if self.free_python and not self.step_end.strip() and self.step_end.count("\n") < 2:
            faults.append("free_python needs a step_end that does not end every line, such as a blank line")
        if self.free_python and self.thinking:
            faults.append("free_python and thinking exclude one another")
        if self.thinking and self.style != "few-shot":
            faults.append("thinking needs style 'few-shot'")
        return faults

    @classmethod
    def from_json(cls, content: Any) -> PromptFormat:
        """Raises InputError naming every unknown key and wrong value."""
        if not isinstance(content, dict):
            raise InputError("prompt: must be an object")
        if unknown := sorted(content.keys() - {f.name for f in fields(cls)}):
            raise InputError(f"prompt: unknown {', '.join(unknown)}")
        return cls(**content)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, eq=False)
class PromptTask:
    """A task as a search sees it (in its view). inputs, targets: of the training pairs, int8 [H, W] each. tests: test
    inputs. hint: a description in words, '' for none. task_id: so that no example is the task itself."""

    inputs: tuple[np.ndarray, ...]
    targets: tuple[np.ndarray, ...]
    tests: tuple[np.ndarray, ...]
    hint: str = ""
    task_id: str = ""

    @classmethod
    def of(cls, task: Task, hint: str = "") -> PromptTask:
        return cls(
            tuple(p.input for p in task.train),
            tuple(p.output for p in task.train if p.output is not None),
            tuple(p.input for p in task.test),
            hint,
            task.task_id,
        )

    @classmethod
    def seen(cls, start: Value, targets: Sequence[np.ndarray], hint: str = "", task_id: str = "") -> PromptTask:
        """A task in a view. start: the input there, training pairs first. targets: the training outputs there."""
        num_train = len(targets)
        return cls(tuple(start.items[:num_train]), tuple(targets), tuple(start.items[num_train:]), hint, task_id)


@dataclass(frozen=True)
class Prompt:
    """shared: what all prompts of a task begin with, tokenized on its own, so that engines keep its attention cache.
    rest: the program so far."""

    shared: str
    rest: str


@dataclass(frozen=True, eq=False)
class Example:
    """A solved task for few-shot prompts. rule: what it does, in words."""

    task: Task
    program: Program
    rule: str


# texts


def grid_text(grid: np.ndarray) -> str:
    """A character a cell, a line a row."""
    return "".join("".join(map(str, row)) + "\n" for row in grid.tolist())


def task_text(task: PromptTask) -> str:
    """The training pairs, then the test inputs, then the line that begins a program."""
    parts = [HINT + " ".join(task.hint.split()) + "\n"] if task.hint else []
    for grid, target in zip(task.inputs, task.targets, strict=True):
        parts += [INPUT, grid_text(grid), OUTPUT, grid_text(target)]
    for grid in task.tests:
        parts += [TEST, grid_text(grid)]
    return "".join([*parts, PROGRAM])


def sketch(value: Value, targets: Sequence[np.ndarray]) -> str:
    """What a result looks like on the training pairs, as a comment line without its end.

    Grid: pairs of the right size, share of the outputs' cells that are right in percent (rounded down; 100 only if
    all are), objects in the first pair (8-connected, any colour), how its colours relate to the outputs', pairs
    solved. Mask: percent of cells set, a number a pair. Others: the count or the number itself, a pair.
    """
    items = value.items[: len(targets)]
    word = TYPE_WORDS[value.type]
    if value.type is Grid:
        return word + _grid_sketch(items, targets)
    if value.type is Mask:
        numbers = [int(100 * mask.mean()) for mask in items]
    elif value.type is Objects:
        numbers = [int(objects.count) for objects in items]
    elif value.type is Grids:
        numbers = [len(grids.shapes) for grids in items]
    else:
        numbers = [int(number) for number in items]
    return word + "".join(f" {number}" for number in numbers)


def _grid_sketch(grids: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> str:
    pairs = [(g, t) for g, t in zip(grids, targets, strict=True) if g.shape == t.shape]
    right = sum(int((g == t).sum()) for g, t in pairs)
    solved = sum(np.array_equal(g, t) for g, t in pairs)
    percent = 100 * right // sum(t.size for t in targets)
    count = FUNCTIONS["find_objects"].kernel(grids[0], int(Connectivity.CONN8), int(Coloring.ANY_COLOR)).count
    total, words = len(targets), SKETCH_WORDS
    return (
        f"{words['size']}{len(pairs)}/{total}{words['right']}{percent}{words['objects']}{int(count)}"
        f"{words[_palette_relation(grids, targets)]}{words['solved']}{solved}/{total}"
    )


def _palette_relation(grids: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> str:
    has, wanted = (set(np.concatenate([g.ravel() for g in many]).tolist()) for many in (grids, targets))
    if has == wanted:
        return "same"
    if has < wanted:
        return "subset"
    return "superset" if has > wanted else "other"


_FREE_RULES = [
    "Where no function fits, lines of Python with NumPy (np) may compute a variable instead; the first assigns it.",
]


def system_text(free_python: bool = False) -> str:
    """What a model that is not fine-tuned is told: the rules of the language, and every function and constant."""
    lines = [
        "Each task shows pairs of grids, a digit a cell, a line a row. One rule turns every input into its output.",
        "The program computes the output from the input I, one call of a library function a line, each result in a",
        "new variable: x1, x2, ... Arguments are earlier variables, named constants, or integers. Colour 0 is the",
        "background. Comments after # describe what a line gave on the training pairs.",
        *_FREE_RULES * free_python,
        "",
        "Constants: " + "; ".join(f"{c.__name__}: {', '.join(m.name for m in c)}" for c in CHOICES),
    ]
    for family in FAMILIES:
        signatures = [f.signature for f in FUNCTIONS.values() if f.family == family]
        lines += ["", f"Functions, {family}:", *signatures]
    return "\n".join(lines) + "\n\n"


# programs as prefixes


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
        values = [input_value(inputs)]
        for statement in program.statements:
            args = [values[a.index] if isinstance(a, Ref) else a for a in statement.args]
            value = apply(statement.function, args, len(inputs))
            if value is None:
                return None
            values.append(value)
        return cls(tuple(values), program.statements)

    @property
    def is_free(self) -> bool:
        """Whether some step is free Python."""
        return Program(self.statements).is_free

    @property
    def next_target(self) -> str:
        """`x3 =`, where the next step begins."""
        return f"{variable_name(len(self.values))} ="


def prefix_segments(
    prompt_format: PromptFormat, prefix: Prefix, targets: Sequence[np.ndarray]
) -> list[tuple[str, bool]]:
    """The text of a prefix in pieces, each with whether a model writes it (else it is given)."""
    pieces: list[tuple[str, bool]] = []
    for index, statement in enumerate(prefix.statements, 1):
        name = variable_name(index)
        text, given = statement.render(name), f"{name} ="
        if not text.startswith(given):  # of free Python that did not come from a prompt
            given = ""
        pieces.append((prompt_format.step_begin + given, False))
        pieces.append((text.removeprefix(given) + prompt_format.step_end, True))
        if prompt_format.sketch:
            pieces.append((sketch(prefix.values[index], targets) + "\n", False))
    return pieces


def solution_segments(prompt_format: PromptFormat, task: PromptTask, program: Program) -> list[tuple[str, bool]] | None:
    """A training example: a task's text and the steps of its program, each piece with whether it is learned.

    The first piece is the prompt's shared part. None where a step of the program has no result.
    """
    prefix = Prefix.run(program, [*task.inputs, *task.tests])
    if prefix is None:
        return None
    return [(task_text(task), False), *prefix_segments(prompt_format, prefix, task.targets)]


# prompts


@dataclass
class PromptBuilder:
    """Makes the prompts of one task.

    count_tokens: of a text, by the model's tokenizer. context_length: tokens that prompt and answer may have
    together. max_new_tokens: of an answer. examples: solved tasks; each rollout shows others. What does not fit is
    left out, examples first, then the hint; `dropped` counts what was, in words. chat: (system, user, begun answer) →
    text.
    """

    prompt_format: PromptFormat
    task: PromptTask
    count_tokens: Callable[[str], int]
    context_length: int
    max_new_tokens: int
    examples: Sequence[Example] = ()
    chat: Callable[[str, str, str], str] | None = None
    dropped: Counter[str] = field(default_factory=Counter)

    PREFIX_RESERVE = 256
    """Tokens kept free for the program when examples are chosen, so that prompts of a task begin alike."""

    def __post_init__(self) -> None:
        self.examples = [e for e in self.examples if e.task.task_id != self.task.task_id]
        self._shared: dict[tuple[int, bool], tuple[str, int] | None] = {}

    def build(self, prefix: Prefix, rollout: int = 0, for_score: bool = False, with_hint: bool = True) -> Prompt | None:
        """The prompt that asks for the next step of a prefix, or (for_score) shows the prefix alone; None if it does
        not fit, or if a step of the prefix is free Python, such as the rules that program search fits, and the
        format has none: the model has never seen any. rollout: how often this tree was asked before. with_hint:
        whether the task's hint is shown."""
        if prefix.is_free and not self.prompt_format.free_python:
            self.dropped["states of other steps"] += 1
            return None
        turn = rollout % len(self.examples) if self._num_examples else 0
        kind = (turn, with_hint and bool(self.task.hint))
        if kind not in self._shared:
            self._shared[kind] = self._make_shared(*kind)
        shared = self._shared[kind]
        pieces = "".join(text for text, _ in prefix_segments(self.prompt_format, prefix, self.task.targets))
        rest = pieces if for_score or self.prompt_format.thinking else self._begin_step(pieces, prefix)
        if shared is None or shared[1] + self.count_tokens(rest) + self.max_new_tokens > self.context_length:
            self.dropped["states too long"] += 1
            return None
        return self._finish(shared[0], rest)

    @property
    def _num_examples(self) -> int:
        wanted = self.prompt_format.num_examples if self.prompt_format.style == "few-shot" else 0
        return min(wanted, len(self.examples))

    def _begin_step(self, pieces: str, prefix: Prefix) -> str:
        return f"{pieces}{self.prompt_format.step_begin}{prefix.next_target}"

    def _make_shared(self, turn: int, with_hint: bool) -> tuple[str, int] | None:
        """The beginning of all prompts of a rollout, with as many examples as fit, and its tokens."""
        room = self.context_length - self.max_new_tokens - self.PREFIX_RESERVE
        system = system_text(self.prompt_format.free_python) if self.prompt_format.style == "few-shot" else ""
        chosen = [self.examples[(turn + k) % len(self.examples)] for k in range(self._num_examples)]
        bodies = [self._example_text(example) for example in chosen]
        plain = task_text(replace(self.task, hint=""))
        own = task_text(self.task) if with_hint else plain
        if with_hint and self.count_tokens(system + own) > room:
            own = plain
            self.dropped["hints too long"] += 1
        while bodies and self.count_tokens(system + "".join(bodies) + own) > room:
            bodies.pop()
            self.dropped["examples too long"] += 1
        text = system + "".join(bodies) + own
        if self.prompt_format.thinking:
            text += _ASK_PROGRAM
        tokens = self.count_tokens(text)
        # The reserve is for examples to leave; a bare task may use it.
        return (text, tokens) if tokens + self.max_new_tokens <= self.context_length else None

    def _example_text(self, example: Example) -> str:
        task = PromptTask.of(example.task, example.rule)
        pieces = solution_segments(self.prompt_format, task, example.program)
        if pieces is None:
            raise ValueError(f"example {example.task.task_id}: a step has no result")
        return "".join(text for text, _ in pieces) + "\n"

    def _finish(self, shared: str, rest: str) -> Prompt:
        if not self.prompt_format.chat:
            return Prompt(shared, rest)
        if self.chat is None:
            raise ValueError("this prompt format needs a chat template")
        if self.prompt_format.thinking:
            return Prompt(self.chat("", shared + rest, ""), "")
        begun = self.chat("", shared, rest)
        cut = begun.rindex(rest)
        return Prompt(begun[:cut], begun[cut:])


_ASK_PROGRAM = "Answer with the whole program, one call a line, in a block fenced by ```. It begins with these lines:\n"


# answers


def read_step(prompt_format: PromptFormat, prefix: Prefix, answer: str) -> Statement | FreeStatement:
    """The step that a model's answer proposes, free Python only where the format has it. Raises ProgramError if it is
    none.

    An answer that thinks first must repeat the prefix; the first statement after it counts.
    """
    types = [value.type for value in prefix.values]
    if not prompt_format.thinking:
        text = prefix.next_target + answer.partition(prompt_format.step_end)[0]
        try:
            statements = parse_steps(text, types)
            if len(statements) != 1:
                raise ProgramError("more than one statement in a step")
        except ProgramError:
            if not prompt_format.free_python:
                raise
            return _read_free_step(text, len(types))
        return statements[0]
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
