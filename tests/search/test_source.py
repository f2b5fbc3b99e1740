"""Program search end to end on made-up tasks, with the real library."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from grids import draw

from solver.budget import Budget
from solver.executor import apply, input_value
from solver.grid.registry import FUNCTIONS, GridError
from solver.program import Program, ProgramError, parse
from solver.sandbox.pool import Pool as Sandbox
from solver.search import source
from solver.search.candidates import candidate_of
from solver.search.findings import MAX_IN_DOUBT, TaskFindings
from solver.search.grammar import Grammar
from solver.search.memory import return_memory
from solver.search.root import RootPass, ViewedTask, palette_of
from solver.search.root_settings import RootSettings
from solver.search.source import ProgramSource
from solver.search.trace import load_trace, seen_in
from solver.search.tree import TreeRules
from solver.search.views import views
from solver.settings import SearchSettings
from solver.task_sets import trainable
from solver.tasks import Pair, Task
from solver.vote import choose_attempts


def solve(task, seed=0, nodes=30_000, **settings):
    reports = []
    findings = ProgramSource(SearchSettings(**settings)).solve(task, Budget(nodes=nodes), seed, reports.append)
    return findings, reports


def task_of(rule, count=4, seed=0, low=0, shape=(5, 6)):
    rng = np.random.default_rng(seed)
    inputs = [rng.integers(low, 5, shape).astype(np.int8) * (rng.random(shape) < 0.6) for _ in range(count)]
    inputs = [i.astype(np.int8) for i in inputs]
    pairs = [Pair(i, np.ascontiguousarray(rule(i), dtype=np.int8)) for i in inputs]
    return Task("made-up", tuple(pairs[:-1]), (Pair(pairs[-1].input),)), pairs[-1].output


RULES = {
    "rotate": np.rot90,
    "mirror beside": lambda g: np.hstack([g, g[:, ::-1]]),
    "scale": lambda g: np.kron(g, np.ones((2, 2), np.int8)),
    "colour map": lambda g: np.array([0, 3, 1, 4, 2], np.int8)[g],
    "fold": lambda g: np.where(g, g, g[:, ::-1]),
}


@pytest.mark.parametrize("name", RULES)
def test_a_simple_rule_is_found_and_its_program_gives_the_answer(name):
    task, truth = task_of(RULES[name])
    findings, reports = solve(task)
    first, _ = choose_attempts(task, {"program": findings})[0]
    assert first.exact
    assert np.array_equal(first.grid, truth)
    expected = [*(pair.output for pair in task.train), truth]
    assert all(map(np.array_equal, _run(first.origin, task.inputs), expected))
    assert reports


def assert_found(name, pairs, word, settings):
    """Of the first four pairs a program is found that is right on the fifth and has that word; none if that is None."""
    task = Task(name, tuple(pairs[:4]), (Pair(pairs[4].input),))
    findings, _ = solve(task, **settings)
    exact = [answer for answer in findings.answers if answer.exact]
    assert bool(exact) == (word is not None)
    if word is not None:
        assert np.array_equal(exact[0].outputs[0], pairs[4].output)
        assert word in exact[0].origin


@pytest.mark.parametrize("use_part_rules", [True, False])
def test_a_part_that_is_cut_out_is_found_where_no_program_is(use_part_rules):
    rng = np.random.default_rng(2)
    pairs = []
    for _ in range(5):
        grid = np.zeros((9, 9), np.int8)
        corners = [(int(k) // 2 * 5, int(k) % 2 * 5) for k in rng.permutation(4)]
        for (top, left), high, wide in zip(corners, (4, 2, 2), (4, 1, 2), strict=False):
            grid[top : top + high, left : left + wide] = rng.integers(1, 9)
        top, left = corners[0]
        pairs.append(Pair(grid, grid[top : top + 4, left : left + 4].copy()))
    settings = {"use_enumeration": False, "use_mcts": False, "use_stacking": False, "use_layouts": False}
    settings["use_part_rules"] = use_part_rules
    assert_found("largest", pairs, "cut_out" if use_part_rules else None, settings)


@pytest.mark.parametrize("use_layouts", [True, False])
def test_an_output_that_is_laid_out_is_found_where_no_program_is(use_layouts):
    rng = np.random.default_rng(3)
    pairs = []
    for _ in range(5):
        grid = np.zeros((7, 7), np.int8)
        colors, lengths = rng.permutation(np.arange(1, 10))[:3], rng.permutation(np.arange(1, 7))[:3]
        for row, (color, length) in enumerate(zip(colors, lengths, strict=True)):
            grid[2 * row + 1, :length] = color
        pairs.append(Pair(grid, colors[np.argsort(-lengths)].astype(np.int8)[None]))
    settings = {"use_enumeration": False, "use_mcts": False, "use_stacking": False, "use_part_rules": False}
    settings["use_layouts"] = use_layouts
    assert_found("in order", pairs, "in_order" if use_layouts else None, settings)


def test_a_canvas_is_drawn_on():
    rng = np.random.default_rng(4)
    pairs = []
    for k in range(5):
        grid = np.zeros((3, 3), np.int8)
        places = rng.permutation(3)
        grid[places[0], 0] = 1 + k
        grid[places[1], 1] = 6 if k % 2 else 0
        tall = 3 * (1 + k % 2)
        out = np.zeros((tall, 9), np.int8)
        for row, column in np.argwhere(grid):
            out[row, column:] = grid[row, column]
        pairs.append(Pair(grid, out))
    task = Task("rays", tuple(pairs[:4]), (Pair(pairs[4].input),))
    findings, _ = solve(task, use_enumeration=False, use_mcts=False)
    assert np.array_equal(findings.answers[0].outputs[0], pairs[4].output)
    assert "canvas" in findings.answers[0].origin


def test_what_is_found_again_has_the_best_standing_it_was_found_with():
    task, _ = task_of(RULES["rotate"])
    seen = ViewedTask.of(task, views(task, 1)[0])
    root = RootPass.begin(seen, Grammar.shipped(), RootSettings(), np.random.default_rng(0))
    value = root.store.value(0)
    for standing in ({"exact": False}, {"confirmed": 0.5}, {"confirmed": 1.0}, {"confirmed": 0.75}, {"exact": False}):
        root.kept.keep(value, **standing)
        assert len(root.candidates) == 1
    assert root.candidates[0].exact
    assert root.candidates[0].confirmed == 1.0


def test_every_answer_is_what_its_program_says():
    task, _ = task_of(RULES["fold"])
    findings, _ = solve(task)
    assert findings.answers
    for answer in findings.answers:
        *given, hidden = _run(answer.origin, task.inputs)
        assert np.array_equal(hidden, answer.outputs[0])
        fits = all(np.array_equal(g, p.output) for g, p in zip(given, task.train, strict=True))
        assert fits or not answer.exact  # rules in doubt fit, too, and are not exact


def _run(text, grids):
    """The outputs of a program of either kind; None where it has none."""
    try:
        program = parse(text)
    except ProgramError:
        with Sandbox(size=1) as sandbox:
            return sandbox.run(text, grids).outputs
    return [_run_steps(program, grid) for grid in grids]


def _run_steps(program, grid):
    try:
        return program.run(grid)
    except GridError:
        return None


def test_another_background_is_searched_as_if_it_were_black():
    task, _ = task_of(lambda g: np.where(g == 7, g[:, ::-1], g))
    swap = lambda g: np.where(g == 0, 7, g).astype(np.int8)  # noqa: E731
    shown = Task(
        "b7",
        tuple(
            Pair(swap(p.input), np.where(swap(p.input) == 7, swap(p.input)[:, ::-1], swap(p.input)).astype(np.int8))
            for p in task.train
        ),
        (Pair(swap(task.test[0].input)),),
    )
    assert views(shown, 2)[0].name == "background 7"
    findings, _ = solve(shown, num_views=1)
    grid = swap(task.test[0].input)
    first, _ = choose_attempts(shown, {"program": findings})[0]
    assert np.array_equal(first.grid, np.where(grid == 7, grid[:, ::-1], grid))


def test_inputs_may_have_backgrounds_of_their_own():
    mirrored = lambda g: np.where(g == 0, g[:, ::-1], g)  # noqa: E731
    plain, truth = task_of(mirrored, shape=(6, 8))
    # 7, 8, 9 and 6 as backgrounds, colours 1 to 4 as content.
    names = [np.array([k, *range(1, 10)], np.int8) for k in (7, 8, 9, 6)]
    pairs = [Pair(own[p.input], own[p.output]) for own, p in zip(names, plain.train, strict=False)]
    task = Task("own", tuple(pairs), (Pair(names[3][plain.test[0].input]),))
    assert views(task, 1)[0].name == "own background"
    assert views(plain, 1)[0].name == "plain"
    findings, _ = solve(task, num_views=1)
    first, _ = choose_attempts(task, {"program": findings})[0]
    assert np.array_equal(first.grid, names[3][truth])
    with Sandbox(size=1) as sandbox:
        (output,) = sandbox.run(first.origin, [task.test[0].input]).outputs
    assert np.array_equal(output, names[3][truth])


def test_pictures_in_different_colours_become_alike():
    """Rank 1 becomes rank 2, 2 becomes 3, 3 becomes 1, in other colours in every pair."""
    palettes = [(1, 2, 3), (4, 5, 6), (7, 8, 9), (3, 6, 8)]
    rng = np.random.default_rng(2)
    shape = np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 0, 0], np.int8)
    grids = [np.array((0, *p), np.int8)[rng.permutation(shape).reshape(4, 5)] for p in palettes]
    turned = [
        np.select([g == a, g == b, g == c], [b, c, a], 0).astype(np.int8)
        for g, (a, b, c) in zip(grids, palettes, strict=True)
    ]
    task = Task("ranks", tuple(map(Pair, grids[:3], turned[:3])), (Pair(grids[3]),))
    assert [v.name for v in views(task, 2)] == ["plain", "colours by rank"]
    findings, _ = solve(task)
    first, _ = choose_attempts(task, {"program": findings})[0]
    assert np.array_equal(first.grid, turned[3])
    assert np.array_equal(_run(first.origin, [grids[3]])[0], turned[3])


def test_the_same_seed_and_nodes_give_the_same_answers():
    rng = np.random.default_rng(3)
    pairs = [
        Pair(rng.integers(0, 4, (6, 6)).astype(np.int8), rng.integers(0, 4, (6, 6)).astype(np.int8)) for _ in range(3)
    ]
    task = Task("noise", tuple(pairs[:2]), (Pair(pairs[2].input),))
    (one, _), (two, _) = solve(task, nodes=60_000), solve(task, nodes=60_000)
    assert [(a.origin, a.weight) for a in one.answers] == [(a.origin, a.weight) for a in two.answers]
    assert one.num_nodes == two.num_nodes


def test_a_budget_of_nodes_is_kept_roughly():
    rng = np.random.default_rng(4)
    pairs = [
        Pair(rng.integers(0, 4, (6, 6)).astype(np.int8), rng.integers(0, 4, (6, 6)).astype(np.int8)) for _ in range(3)
    ]
    findings, _ = solve(Task("noise", tuple(pairs[:2]), (Pair(pairs[2].input),)), nodes=50_000)
    assert 50_000 <= findings.num_nodes < 100_000


def test_a_task_takes_no_longer_than_it_may_however_long_it_is_given():
    rng = np.random.default_rng(4)
    pairs = [
        Pair(rng.integers(0, 4, (6, 6)).astype(np.int8), rng.integers(0, 4, (6, 6)).astype(np.int8)) for _ in range(3)
    ]
    noise = Task("noise", tuple(pairs[:2]), (Pair(pairs[2].input),))
    short, began = ProgramSource(SearchSettings(most_s=1.0)), time.monotonic()
    found = short.solve(noise, Budget(seconds=120), 0, lambda findings: None)
    assert found.num_nodes > 0
    assert time.monotonic() - began < 60
    assert short.solve(noise, Budget(nodes=20_000), 0, lambda findings: None).num_nodes >= 20_000


@pytest.mark.parametrize("off", ["use_stacking", "use_fitted", "use_part_rules", "use_layouts", "use_mcts"])
def test_parts_can_be_switched_off(off):
    task, truth = task_of(RULES["rotate"])
    findings, _ = solve(task, nodes=8_000, **{off: False})
    assert np.array_equal(findings.answers[0].outputs[0], truth)


def test_a_search_goes_by_its_settings_whose_defaults_are_those_of_its_parts(monkeypatch):
    seen, begin = [], RootPass.begin
    monkeypatch.setattr(RootPass, "begin", lambda *args, **more: seen.append(args[2]) or begin(*args, **more))
    grow = source.tree_pass
    monkeypatch.setattr(source, "tree_pass", lambda *args: seen.append(args[2]) or grow(*args))
    solve(UNSOLVABLE, nodes=300, num_views=1)
    assert seen[:2] == [RootSettings(), TreeRules(ppm_weight=0.0)]
    seen.clear()
    tree = {"agent": "beam", "beam_width": 3, "c_puct": 0.5, "fpu_reduction": 0.2, "widening": 1.0, "batch": 2}
    tree |= {"num_steps": 9, "max_depth": 2}
    root = dict.fromkeys(("use_enumeration", "use_stacking", "use_part_rules", "use_layouts", "use_steps"), False)
    solve(UNSOLVABLE, nodes=300, num_views=1, use_forms=False, tree_mib=3, **root, **tree)
    assert seen == [RootSettings(**root), TreeRules(max_bytes=3 << 20, ppm_weight=0.0, **tree)]


def test_what_is_a_setting_has_no_other_default_anywhere():
    script = (
        "from dataclasses import fields\n"
        "from solver.settings import SearchSettings\n"
        "names = [f.name for f in fields(SearchSettings)]\n"
        "for name in names: setattr(SearchSettings, name, name)\n"
        "SearchSettings.tree_mib = 7\n"
        "from solver.search.root_settings import RootSettings\n"
        "from solver.search.tree import TreeRules\n"
        "shared = [(kind(), f.name) for kind in (RootSettings, TreeRules) for f in fields(kind) if f.name in names]\n"
        "assert len(shared) == 14 and all(getattr(made, name) == name for made, name in shared), shared\n"
        "assert TreeRules().max_bytes == 7 << 20\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_one_cell_and_full_size_tasks_do_no_harm():
    cell = Task("cell", (Pair(draw("1"), draw("2")),), (Pair(draw("1")),))
    findings, _ = solve(cell, nodes=3_000)
    assert choose_attempts(cell, {"program": findings})
    big = np.arange(900).reshape(30, 30).astype(np.int8) % 10
    huge = Task("big", tuple(Pair(big, big[::-1].copy()) for _ in range(6)), (Pair(big),) * 3)
    findings, _ = solve(huge, nodes=3_000)
    assert len(choose_attempts(huge, {"program": findings})) == 3


def test_palette_holds_background_and_frequent_colours():
    assert palette_of([draw("12"), draw("13")], [draw("4"), draw("4")]) == [0, 1, 2, 3, 4]


def test_importing_the_solver_needs_no_torch_or_vllm():
    script = (
        "import sys, solver, solver.cli, solver.sources, solver.search.source, solver.run.runner;"
        "bad = {'torch', 'vllm', 'transformers', 'peft', 'kaggle'} & set(sys.modules); sys.exit(str(bad) if bad else 0)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


UNSOLVABLE = Task(
    "../a/b",
    (Pair(draw("12/34"), draw("7")), Pair(draw("41/22"), draw("98/88"))),
    (Pair(draw("55/15")),),
)


def test_memory_goes_back_to_the_system_after_a_large_tree(monkeypatch):
    task, returned = trainable()["05269061"], []
    monkeypatch.setattr("solver.search.source.return_memory", lambda: returned.append(True))
    quick = SearchSettings(use_fitted=False, use_stacking=False, use_enumeration=False, num_views=1)
    ProgramSource(quick).solve(task, Budget(nodes=500), 0, lambda f: None)
    assert not returned
    monkeypatch.setattr("solver.search.source.MUCH_BYTES", 1)
    ProgramSource(quick).solve(task, Budget(nodes=500), 0, lambda f: None)
    assert returned
    return_memory()  # the real one


def test_a_trace_that_cannot_be_written_costs_no_answer(tmp_path):
    """As on a full disk, or where something else has the folder's name."""
    (tmp_path / "taken").touch()
    plain, _ = solve(UNSOLVABLE, nodes=2_000)
    traced, _ = solve(UNSOLVABLE, nodes=2_000, trace=str(tmp_path / "taken"))
    assert plain.phases.keys() == traced.phases.keys() >= {"tree"}
    assert [answer.origin for answer in plain.answers] == [answer.origin for answer in traced.answers]
    assert "cannot be written" in traced.note


def test_a_task_whose_name_is_no_text_is_traced(tmp_path):
    """JSON may spell out half of a character, which no file and no name of a file can hold."""
    task = replace(UNSOLVABLE, task_id="a\ud800")
    traced, _ = solve(task, nodes=2_000, trace=str(tmp_path), num_views=1)
    assert "tree" in traced.phases
    (path,) = tmp_path.iterdir()
    trace = load_trace(path)
    assert trace.head["task_id"] == "a\\ud800"
    assert seen_in(trace, task).view.name == "plain"


def test_traces_stay_in_their_folder_whatever_a_task_is_called(tmp_path):
    folder = tmp_path / "traces"
    solve(UNSOLVABLE, nodes=2_000, trace=str(folder))
    assert list(tmp_path.iterdir()) == [folder]
    assert {path.name for path in folder.iterdir()} >= {"..%2Fa%2Fb-0.jsonl"}


def test_only_programs_that_are_answers_are_written_out_and_each_once(monkeypatch):
    grid = draw("0123/4567/8901")
    task = Task("t", (Pair(grid, grid[::-1].copy()),), (Pair(grid),))
    given = input_value(task.inputs)
    search = TaskFindings(task, Budget(nodes=1), lambda findings: None, None)
    view, grammar = views(task, 1)[0], Grammar.shipped()
    for a, b in itertools.combinations(range(10), 2):
        for value in (apply(FUNCTIONS["swap_colors"], [given, a, b]),) * 2:
            search.candidates.append(candidate_of(value, view, given, grammar, exact=False, score=0.1 + a / 100))
    for k in range(8):
        swapped = apply(FUNCTIONS["swap_colors"], [given, 0, 1])
        for a in range(2, 10):
            value = apply(FUNCTIONS["swap_colors"], [swapped, k, a]) if a != k else swapped
            search.candidates.append(candidate_of(value, view, given, grammar, exact=False, score=0.01))
    written = []
    render = Program.render
    monkeypatch.setattr(Program, "render", lambda program: written.append(program) or render(program))
    first, second = search.findings(), search.findings()
    assert len(first.answers) == MAX_IN_DOUBT < len(search.candidates)
    assert [a.origin for a in first.answers] == [a.origin for a in second.answers]
    assert len({a.origin for a in first.answers}) == len(first.answers)
    assert len(written) == len(first.answers)
    assert [a.weight for a in first.answers] == sorted((a.weight for a in first.answers), reverse=True)
