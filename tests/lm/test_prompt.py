"""Prompts and answers as text."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw

from solver.errors import InputError
from solver.executor import apply, input_value
from solver.grid.registry import FUNCTIONS
from solver.grid.types import Rank, Symmetry
from solver.lm.prompt import Example, PromptBuilder, solution_segments
from solver.lm.prompt_format import PromptFormat
from solver.lm.reading import read_step
from solver.lm.template import PromptTask, sketch, task_text
from solver.prefix import Prefix
from solver.program import FreeStatement, ProgramError, Ref, parse
from solver.tasks import Pair, Task

GRIDS = [draw("120/003"), draw("400/450")]
TASK = Task("flip", tuple(Pair(g, np.ascontiguousarray(g[::-1])) for g in GRIDS), (Pair(draw("7"), None),))
FEW = PromptFormat(style="few-shot", num_examples=2)
FLIP = parse("def solve(I):\n    x1 = transform(I, FLIP_UD)\n    return x1")


def prefix(*symmetries):
    values = [input_value(PromptTask.of(TASK).inputs)]
    for symmetry in symmetries:
        values.append(apply(FUNCTIONS["transform"], [values[-1], int(symmetry)]))
    return Prefix.of(values)


def builder(prompt_format=PromptFormat(), context=100_000, **more):  # noqa: B008
    return PromptBuilder(prompt_format, more.pop("task", PromptTask.of(TASK)), len, context, 16, **more)


def example(name, rule="the picture upside down"):
    return Example(Task(name, TASK.train, TASK.test), FLIP, rule)


def test_a_task_as_text():
    text = task_text(PromptTask.of(TASK, hint="turn  it\nover"))
    assert text == (
        "hint turn it over\ninput\n120\n003\noutput\n003\n120\ninput\n400\n450\noutput\n450\n400\ntest\n7\nprogram\n"
    )


def test_a_prompt_ends_where_the_next_call_begins():
    prompt = builder().build(prefix(Symmetry.FLIP_LR))
    assert prompt.shared == task_text(PromptTask.of(TASK))
    assert prompt.rest == ("x1 = transform(I, FLIP_LR)\n# Grid size 2/2 right 16 objects 1 same solved 0/2\nx2 =")


def test_a_prompt_for_scoring_shows_the_prefix_alone():
    assert builder().build(prefix(Symmetry.FLIP_LR), for_score=True).rest.endswith("solved 0/2\n")
    assert builder().build(prefix(), for_score=True).rest == ""


def test_the_sketch_says_solved_only_if_every_cell_is_right():
    values = prefix(Symmetry.FLIP_UD).values
    assert sketch(values[1], PromptTask.of(TASK).targets) == "# Grid size 2/2 right 100 objects 1 same solved 2/2"
    big = np.zeros((30, 30), np.int8)
    wrong = big.copy()
    wrong[0, 0] = 1
    assert "right 99 objects 0 subset solved 0/1" in sketch(input_value([big]), [wrong])
    assert "right 99 objects 1 superset solved 0/1" in sketch(input_value([wrong]), [big])
    assert "size 0/1 right 0 objects 1 other" in sketch(input_value([draw("2")]), [draw("13")])


def test_sketches_of_other_types_are_a_number_a_pair():
    start = input_value([draw("102"), draw("330"), draw("111")])  # two training pairs and a test input
    targets = [draw("1"), draw("3")]
    objects = apply(FUNCTIONS["find_objects"], [start, 1, 0])
    assert sketch(objects, targets) == "# Objects 2 1"
    assert sketch(apply(FUNCTIONS["content_mask"], [start]), targets) == "# Mask 66 66"
    color = apply(FUNCTIONS["ranked_color"], [input_value([draw("1122"[:3]), draw("330"), draw("111")]), Rank.MAX])
    assert sketch(color, targets) == "# Color 1 3"


def test_a_state_is_shown_with_all_it_was_made_from():
    """A state of the tree may hold a value whose parents it does not hold."""
    start = input_value(PromptTask.of(TASK).inputs)
    hidden = apply(FUNCTIONS["transform"], [start, int(Symmetry.FLIP_UD)])
    shown = apply(FUNCTIONS["transform"], [hidden, int(Symmetry.FLIP_LR)])
    whole = Prefix.of((start, shown))
    assert [v.key for v in whole.values] == [start.key, hidden.key, shown.key]
    assert whole.next_target == "x3 ="
    with pytest.raises(ValueError, match="not made from its input"):
        Prefix.of((hidden, start))


def test_markers_stand_around_every_step():
    marked = PromptFormat(step_begin="<s1>", step_end="\n<e1>\n", sketch=False)
    prompt = builder(marked).build(prefix(Symmetry.FLIP_LR))
    assert prompt.rest == "<s1>x1 = transform(I, FLIP_LR)\n<e1>\n<s1>x2 ="
    assert read_step(marked, prefix(), " transform(I, FLIP_UD)\n<e1>\n") == FLIP.statements[0]


def test_few_shot_examples_rotate_and_leave_out_the_task_itself():
    asked = builder(FEW, examples=[example(name) for name in ("flip", "a", "b", "c")])
    assert [e.task.task_id for e in asked.examples] == ["a", "b", "c"]
    texts = [asked.build(prefix(), rollout).shared for rollout in range(4)]
    assert texts[0].count("x1 = transform(I, FLIP_UD)\n# Grid") == 2
    assert texts[0].startswith("Each task shows pairs")
    assert all(name in texts[0] for name in ("find_objects(grid: Grid", "FLIP_UD"))
    assert texts[0] == texts[3]


def test_what_does_not_fit_is_left_out_examples_first():
    many = [example(name, rule="r" * 200) for name in "abc"]
    full = len(builder(FEW, examples=many).build(prefix()).shared)
    asked = builder(FEW, examples=many, context=full - 1 + 16 + PromptBuilder.PREFIX_RESERVE)
    assert asked.build(prefix()).shared.count("hint rrr") == 1
    assert asked.dropped == {"examples too long": 1}

    hinted = PromptTask.of(TASK, hint="h" * 300)
    asked = builder(task=hinted, context=400)
    assert "hint" not in asked.build(prefix()).shared
    assert asked.dropped["hints too long"] == 1

    asked = builder(context=60)
    assert asked.build(prefix()) is None
    assert asked.dropped["states too long"] == 1


def test_free_python_is_shown_only_to_a_model_whose_format_has_it():
    free = FreeStatement("x1 = I[::-1]", "x1", ("I",), (Ref(0),))
    state = Prefix(prefix(Symmetry.FLIP_UD).values, (free,))
    asked = builder()
    assert asked.build(state) is None
    assert asked.build(state, for_score=True) is None
    assert asked.dropped == {"states of other steps": 2}
    assert "x1 = I[::-1]" in builder(PromptFormat(free_python=True, step_end="\n\n")).build(state).rest


def test_a_long_program_does_not_fit_while_a_short_one_does():
    size = len(task_text(PromptTask.of(TASK)))
    asked = builder(context=size + 16 + 30)
    assert asked.build(prefix()) is not None
    assert asked.build(prefix(Symmetry.FLIP_LR)) is None


def test_only_the_calls_are_learned():
    pieces = solution_segments(PromptFormat(), PromptTask.of(TASK), FLIP)
    assert [text for text, learned in pieces if learned] == [" transform(I, FLIP_UD)\n"]
    assert "".join(text for text, _ in pieces).endswith("x1 = transform(I, FLIP_UD)\n# Grid size 2/2 right 100 objects "
                                                        "1 same solved 2/2\n")  # fmt: skip
    crop = parse("def solve(I):\n    x1 = find_objects(I, CONN4, ONE_COLOR)\n    x2 = crop_object(x1, SIZE, MAX)\n"
                 "    return x2")  # fmt: skip
    blank = Task("blank", (Pair(draw("0"), draw("0")),), (Pair(draw("0")),))
    assert solution_segments(PromptFormat(), PromptTask.of(blank), crop) is None


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (" transform(x5, FLIP_UD)\n", "must be a variable or a constant"),
        (" transform(I, FLIP_UD\n", "not Python"),
        (" open('x')\n", "no library function"),
        (" I\n", "is a call"),
        (" transform(I, FLIP_UD); x2 = transform(x1, FLIP_UD)\n", "more than one"),
        ("\n", "not Python"),
        (" count_objects(I)\n", r"must be Objects|no library function"),
    ],
)
def test_answers_that_are_no_step(answer, fault):
    with pytest.raises(ProgramError, match=fault):
        read_step(PromptFormat(), prefix(), answer)


THINKING = PromptFormat(style="few-shot", thinking=True)


@pytest.mark.parametrize(
    "answer",
    [
        "<think>x1 = transform(I, ROT90)? no</think>\nx1 = transform(I, FLIP_LR)\nx2 = transform(x1, FLIP_UD)\n",
        "hm</think>Here:\n```python\nfrom solver.grid import *\n\ndef solve(I):\n    x1 = transform(I, FLIP_LR)\n"
        "    # turned\n    x2 = transform(x1, FLIP_UD)\n    x3 = transform(x2, ROT90)\n    return x3\n```\nDone.",
        "</think>```\nx1 = transform(I,FLIP_LR)\nx2 = transform( x1, FLIP_UD )\n",
    ],
)
def test_a_program_after_a_thinking_part(answer):
    statement = read_step(THINKING, prefix(Symmetry.FLIP_LR), answer)
    assert statement.render("x2") == "x2 = transform(x1, FLIP_UD)"


@pytest.mark.parametrize(
    "answer",
    ["</think>x1 = transform(I, FLIP_LR)", "</think>x1 = transform(I, ROT90)\nx2 = transform(x1, ROT90)", "</think>?"],
)
def test_a_program_that_does_not_go_on_from_the_prefix(answer):
    with pytest.raises(ProgramError):
        read_step(THINKING, prefix(Symmetry.FLIP_LR), answer)


def test_thinking_models_get_the_prefix_to_repeat():
    prompt = builder(THINKING).build(prefix(Symmetry.FLIP_LR))
    assert prompt.shared.endswith("begins with these lines:\n")
    assert prompt.rest.startswith("x1 = transform(I, FLIP_LR)\n")
    assert not prompt.rest.endswith("=")


def test_a_chat_template_goes_around_task_and_begun_answer():
    chat = PromptFormat(style="few-shot", chat=True)
    prompt = builder(chat, chat=lambda system, user, begun: f"<u>{user}<a>{begun}").build(prefix())
    assert prompt.shared.startswith("<u>Each task")
    assert prompt.shared.endswith("program\n<a>")
    assert prompt.rest == "x1 ="


def test_formats_survive_json_and_name_their_faults():
    assert PromptFormat.from_json(THINKING.to_json()) == THINKING
    with pytest.raises(InputError, match="unknown colour"):
        PromptFormat.from_json({"colour": 1})
    with pytest.raises(InputError, match="version 7 of the template"):
        PromptFormat.from_json({"version": 7})
    with pytest.raises(InputError, match="step_end must be str"):
        PromptFormat.from_json({"step_end": 3})
    with pytest.raises(InputError, match="style 'long'"):
        PromptFormat(style="long")


def test_what_a_chat_template_adds_counts():
    chat, around = PromptFormat(chat=True), {"chat": lambda system, user, begun: f"<user>{user}<answer>{begun}"}
    prompt = builder(chat, **around).build(prefix())
    size = len(prompt.shared + prompt.rest) + 16
    assert builder(chat, size, **around).build(prefix()) == prompt
    tight = builder(chat, size - 1, **around)
    assert tight.build(prefix()) is None
    assert tight.dropped == {"states too long": 1}


def test_a_chat_template_may_trim_the_begun_answer():
    trims = builder(PromptFormat(chat=True), chat=lambda system, user, begun: f"<u>{user}<a>{begun.strip()}")
    prompt = trims.build(prefix(Symmetry.FLIP_LR), for_score=True)
    assert prompt.shared.endswith("program\n<a>")
    assert prompt.rest == builder().build(prefix(Symmetry.FLIP_LR), for_score=True).rest.rstrip()
