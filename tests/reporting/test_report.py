"""report.html: one page, whole, safe, and small; grids as PNGs; terminal pictures."""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib.image
import numpy as np
import pytest
from rich.console import Console

from solver.answers import Attempt, TaskResult
from solver.reporting.picture import PALETTE, png
from solver.reporting.report import render_report, write_report
from solver.reporting.terminal import difference, draw_grid, draw_outputs, has_color
from solver.submission import blank_attempts
from solver.task_sets import load_set
from solver.tasks import Pair, Task, TaskStub

SUMMARY = {"seconds_per_task": 1.5, "wall_s": 60, "workers": 2, "seed": 0, "version": "0.1.0",
           "settings": {"run": {"seconds": 4.0, "nodes": None}}}  # fmt: skip


def result(task, right, origin="def solve(I):\n    return I\n", **more):
    pairs = []
    for pair in task.test:
        first, second = blank_attempts(pair.input)
        first = pair.output if right else first
        pairs.append((Attempt(first, "search", origin, 1.0, True), Attempt(second)))
    return TaskResult(task.task_id, tuple(pairs), **more)


class Checker(HTMLParser):
    """Counts tags, and fails on those that are not closed."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.attrs = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attrs += attrs
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(page):
    checker = Checker()
    checker.feed(page)
    assert not checker.open
    return checker


def test_a_task_that_cannot_be_read_is_shown_with_its_fault_and_what_is_submitted():
    task = Task("good", (Pair(np.zeros((1, 1), np.int8), np.ones((1, 1), np.int8)),), (Pair(np.eye(2, dtype=np.int8)),))
    stub = TaskStub("<bad>", (np.eye(3, dtype=np.int8), None), "task <bad>: train[0]: no 'output'")
    attempts = tuple(tuple(map(Attempt, blank_attempts(grid))) for grid in stub.inputs)
    results = {stub.task_id: TaskResult(stub.task_id, attempts, "failed", stub.error)}
    page = render_report([task], results, SUMMARY, faulty=[stub])
    parsed(page)
    card = page.partition('<article class="unreadable"')[2].partition("</article>")[0]
    assert "task &lt;bad&gt;: train[0]: no &#x27;output&#x27;" in card
    assert [card.count(text) for text in ("test input 1", "test input 2", "attempt 1", "cannot be read")] == [
        1,
        1,
        2,
        1,
    ]
    assert "Cannot be read 1<" in page
    assert "All 2<" in page
    assert "tasks solved" not in page  # no truth is known
    parsed(render_report([], {}, SUMMARY, faulty=[stub]))  # not even an attempt


def test_page_of_a_whole_set_is_whole_and_small(tmp_path):
    tasks = load_set("arc-agi-1/training")
    program = "from solver.grid import *\n\ndef solve(I):\n" + "    x1 = transform(I, FLIP_LR)\n" * 9
    results = {t.task_id: result(t, n % 2, program, num_exact=1) for n, t in enumerate(tasks) if n != 5}
    path = tmp_path / "report.html"
    write_report(path, render_report(tasks, results, SUMMARY, "arc-agi-1/training"))
    assert path.stat().st_size < 4_000_000
    page = path.read_text(encoding="utf-8")
    assert parsed(page).seen.count("article") == 400
    assert "no result" in page
    assert "197 / 400" in page or re.search(r"\d+ / 400", page)


def test_page_loads_nothing_and_escapes_everything():
    nasty = '<script>alert("1")</script>&'
    task = Task(
        nasty,
        (Pair(np.zeros((1, 1), np.int8), np.ones((1, 1), np.int8)),),
        (Pair(np.zeros((2, 3), np.int8)),),
    )
    attempts = ((Attempt(np.ones((1, 1), np.int8), nasty, nasty), Attempt(np.zeros((1, 1), np.int8))),)
    made = TaskResult(nasty, attempts, "failed", nasty, phases={nasty: 1.0})
    alone = {nasty: {"tasks_solved": 0}}
    page = render_report([task], {nasty: made}, {**SUMMARY, "settings": {nasty: nasty}, "alone": alone}, nasty)
    checker = parsed(page)
    assert checker.seen.count("script") == 1
    assert not re.search(r"(src|href)=|https?://|@import", page)
    assert "default-src 'none'" in page
    assert "Truth hidden" in page


def test_verdicts_and_comments():
    tasks = load_set("arc-agi-1/training")[:3]
    first = Attempt(np.zeros((1, 1), np.int8), "search", "p", 1.0, True)
    attempts = tuple((first, Attempt(pair.output ^ 1)) for pair in tasks[2].test)
    wrong = TaskResult(tasks[2].task_id, attempts, num_exact=2)
    page = render_report(tasks, {tasks[0].task_id: result(tasks[0], True), tasks[2].task_id: wrong}, SUMMARY)
    assert "✓ right" in page
    assert "✗ wrong size" in page
    size = tasks[2].test[0].output.size
    assert f"✗ {size} of {size} cells wrong" in page
    assert "Fits, yet wrong 1" in page
    assert 'class="solved"' in page
    assert "1 / 3" in page


def test_what_fits_and_is_wrong_is_counted_whatever_tasks_are_called():
    (one,) = load_set("arc-agi-1/training")[:1]
    for task_id in ("exactwrong", "a" * 300):
        task = replace(one, task_id=task_id)
        page = render_report([task], {task_id: result(task, True, num_exact=1)}, SUMMARY)
        assert "Fits, yet wrong" not in page
        page = render_report([task], {task_id: result(task, False, num_exact=1)}, SUMMARY)
        assert "Fits, yet wrong 1<" in page


def test_what_finds_tasks_stays_in_sight_as_long_as_there_are_tasks():
    """It sticks within what it lies in."""
    page = render_report(load_set("arc-agi-1/training")[:2], {}, SUMMARY)
    inside = page.partition("<main>")[2].partition("</main>")[0]
    assert inside.startswith('<div class="bar">')
    assert inside.count("<article") == 2


def test_what_each_source_has_alone_and_what_took_time():
    tasks = load_set("arc-agi-1/training")[:1]
    made = replace(result(tasks[0], True), phases={"tune": 2.0, "vote": 0.04, "fit": 0.05})
    alone = {"program": {"tasks_solved": 7}, "vision": {"tasks_solved": 3}}
    page = render_report(tasks, {made.task_id: made}, {**SUMMARY, "alone": alone})
    assert "<b>7</b><span>program alone</span>" in page
    assert "<b>3</b><span>vision alone</span>" in page
    assert "tune 2.0 s, fit 0.1 s<" in page
    idle = replace(made, phases={"vote": 0.0})
    assert "fit all pairs<" in render_report(tasks, {made.task_id: idle}, SUMMARY)


def test_surrogates_and_no_tasks_do_not_stop_the_report(tmp_path):
    path = tmp_path / "report.html"
    write_report(path, render_report([], {}, {}))
    parsed(path.read_text())
    task = load_set("arc-agi-1/training")[0]
    write_report(path, render_report([task], {task.task_id: result(task, True, "\ud800")}, {}))
    assert "\\ud800" in path.read_text()


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (3, 7), (30, 30)])
def test_png_reads_back_as_the_grid(shape):
    grid = (np.arange(shape[0] * shape[1]) % 10).astype(np.int8).reshape(shape)
    image = matplotlib.image.imread(io.BytesIO(png(grid)), format="png")
    colors = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in PALETTE]
    shown = np.round(image[..., :3] * 255).astype(int)
    assert (shown == np.array(colors)[grid]).all()
    assert len(png(grid)) < 150 + len(zlib.compress(grid.tobytes()))


def printed(renderable, **options):
    console = Console(file=io.StringIO(), width=200, **options)
    console.print(renderable)
    return console.file.getvalue()


def test_terminal_grids_with_and_without_colour():
    grid = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]], np.int8)
    assert printed(draw_grid(grid, color=False)) == "012\n345\n678\n"
    colored = printed(draw_grid(grid), force_terminal=True, color_system="truecolor")
    assert colored.count("▀") == 6
    assert "48;2;79;204;48" in colored  # green below black
    assert draw_grid(None).plain == "—"


def test_colours_that_fall_together_are_not_used():
    options = {"force_terminal": True, "file": io.StringIO()}
    systems = {
        system: has_color(Console(color_system=system, **options)) for system in ("standard", "256", "truecolor")
    }
    assert systems == {"standard": False, "256": True, "truecolor": True}
    assert not has_color(Console(color_system="truecolor", no_color=True, **options))
    shown = {
        printed(draw_grid(np.full((2, 1), n, np.int8)), force_terminal=True, color_system="256") for n in range(10)
    }
    assert len(shown) == 10


def test_differences_in_words():
    grid = np.zeros((2, 3), np.int8)
    other = grid.copy()
    other[0, 0] = 1
    assert difference(grid, grid)[0] == "right"
    assert difference(other, grid)[0] == "1 of 6 cells wrong"
    assert difference(grid.T, grid)[0] == "wrong size: 3×2, truth 2×3"
    assert difference(None, grid)[0] == "no output"
    assert difference(grid, None)[0] == "truth hidden"
    text = printed(draw_outputs([("train 0", grid, None, grid, "line 3: ValueError: [boom]")], color=False))
    assert "train 0  no output  line 3: ValueError: [boom]" in text
