"""What searches found becomes documents: verified programs for a policy, pairs of states for a preference model."""

from __future__ import annotations

import json
import lzma
import shutil
from pathlib import Path

import numpy as np
import orjson
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import train_policy
import train_ppm

from solver.answers import Attempt, TaskResult
from solver.lm.text import load_tokenizer
from solver.program import parse
from solver.re_arc import grid_text, read_grid
from solver.run.results import to_json
from solver.search.deepen import tree_pass
from solver.search.grammar import Grammar
from solver.search.root import RootPass, ViewedTask
from solver.search.root_settings import RootSettings
from solver.search.trace import Trace, TraceNode, load_trace, save_trace, trace_head, trace_of
from solver.search.tree import TreeRules
from solver.search.views import views
from solver.synthesis.found import checked_programs, found_sets, has_table
from solver.synthesis.generate import ProgramSet
from solver.synthesis.shards import read_shard, shard_path, shard_paths, write_shard
from solver.task_sets import load_set, trainable
from solver.tasks import task_digest
from solver.training.documents import Documents
from solver.training.preferences import PreferredNode, preferred, verified_traces

FLIP = "def solve(I):\n    x1 = transform(I, FLIP_UD)\n    return x1"
COLORS = tuple(c for c in range(10) for _ in (0, 1))
TABLE = f"def solve(I):\n    x1 = transform(I, FLIP_UD)\n    x2 = lookup(x1, {COLORS})\n    return x2"
WRONG = "def solve(I):\n    x1 = transform(I, FLIP_LR)\n    return x1"
FLIPPED = "68b16354"


@pytest.fixture(scope="module")
def tasks():
    return trainable(with_dev=True)


@pytest.fixture(scope="module")
def re_arc(tmp_path_factory) -> Path:
    """RE-ARC pairs of the flip task; every third is none of it."""
    rng = np.random.default_rng(0)
    pairs = []
    for number in range(60):
        grid = rng.integers(0, 9, rng.integers(2, 6, 2)).astype(np.int8)
        pairs.append([grid_text(grid), grid_text(grid[::-1] if number % 3 else grid[:, ::-1])])
    path = tmp_path_factory.mktemp("re_arc") / "re_arc.jsonl.xz"
    path.write_bytes(lzma.compress(orjson.dumps({"task": FLIPPED, "pairs": pairs}) + b"\n"))
    return path


def texts_of(folder: Path) -> list[str]:
    documents, tokenizer = Documents.load([folder]), load_tokenizer(folder / "tokenizer")
    found = []
    for start, length in zip(documents.starts, documents.lengths, strict=True):
        tokens, _ = documents.split(documents.tokens[start:][:length])
        found.append(tokenizer.decode(tokens.tolist(), skip_special_tokens=True))
    return found


# --- programs


def test_programs_are_checked_on_what_the_search_did_not_see(tasks, re_arc, tmp_path):
    texts = {FLIPPED: [FLIP, TABLE, WRONG, "no program"]}
    assert checked_programs(texts, tasks, None) == {FLIPPED: [parse(FLIP), parse(TABLE)]}
    assert checked_programs(texts, tasks, re_arc) == {FLIPPED: [parse(FLIP), parse(TABLE)]}  # 6 of 10 are right
    lines = orjson.loads(lzma.decompress(re_arc.read_bytes()))
    lines["pairs"] = lines["pairs"][::3]
    strange = tmp_path / "re_arc.jsonl.xz"
    strange.write_bytes(lzma.compress(orjson.dumps(lines)))
    assert checked_programs(texts, tasks, strange) == {}


def test_found_programs_stand_on_the_tasks_own_pairs_and_on_draws_of_re_arc(tasks, re_arc):
    programs = {FLIPPED: [parse(FLIP), parse(TABLE)]}
    assert [has_table(program) for program in programs[FLIPPED]] == [False, True]
    options = {"num_draws": 3, "max_tokens": 300}
    sets = list(found_sets(programs, tasks, re_arc, **options, seed=1))
    task = tasks[FLIPPED]
    assert len(sets) == len(task.test) + 3
    assert {one.programs for one in sets} == {(parse(FLIP),)}
    own = [*(pair.input for pair in task.train), task.test[0].input]
    assert all(np.array_equal(a, b) for a, b in zip(sets[0].inputs, own, strict=True))
    pairs = orjson.loads(lzma.decompress(re_arc.read_bytes()))["pairs"]
    right = {given for given, output in pairs[10:] if np.array_equal(read_grid(given)[::-1], read_grid(output))}
    for one in sets[1:]:
        assert 3 <= len(one.inputs) <= 5
        assert {grid_text(grid) for grid in one.inputs} <= right
    again = [[grid_text(grid) for grid in one.inputs] for one in found_sets(programs, tasks, re_arc, **options, seed=1)]
    assert again == [[grid_text(grid) for grid in one.inputs] for one in sets]
    other = [[grid_text(grid) for grid in one.inputs] for one in found_sets(programs, tasks, re_arc, **options, seed=2)]
    assert other[1:] != again[1:]


def write_results(path: Path, found: dict[str, list[str]], tasks) -> Path:
    lines = []
    for task_id, texts in found.items():
        grid = tasks[task_id].test[0].input
        attempts = tuple((Attempt(grid, origin=text), Attempt(grid)) for text in texts)
        lines.append(to_json(TaskResult(task_id, attempts)) + b"\n")
    path.write_bytes(b"".join(lines))
    return path


def test_results_become_documents_of_a_policy(tasks, re_arc, tmp_path, capsys):
    held_out = load_set("arc-agi-1/dev")[0]
    identity = "def solve(I):\n    return I"
    results = write_results(
        tmp_path / "results.jsonl", {FLIPPED: [FLIP, TABLE, WRONG], held_out.task_id: [identity]}, tasks
    )
    order = ["prepare", "--results", str(results), "--re-arc", str(re_arc), "--draws", "2", "--copies", "2"]
    assert train_policy.main([*order, "--out", str(tmp_path / "documents")]) == 0
    assert "1 tasks with verified programs" in capsys.readouterr().out
    texts = texts_of(tmp_path / "documents")
    assert len(texts) == 2 * (1 + 2)
    task = tasks[FLIPPED]
    shown = "".join(f"input\n{text(pair.input)}output\n{text(pair.output)}" for pair in task.train)
    assert any(one.startswith(f"{shown}test\n{text(task.test[0].input)}program\nx1 = transform(") for one in texts)
    assert not any("lookup" in one for one in texts)
    facts = json.loads((tmp_path / "documents" / "facts.json").read_text())
    assert facts["found"] == [FLIPPED]
    (path,) = shard_paths(tmp_path / "documents" / "found")
    assert {one.source for one in read_shard(path)} == {f"found/{FLIPPED}"}
    assert train_policy.main([*order, "--out", str(tmp_path / "again")]) == 0
    assert texts_of(tmp_path / "again") == texts


def test_parts_of_a_stopped_call_are_not_learned_from(tasks, tmp_path, capsys):
    """A call fails after it has written two parts; one that makes a single part follows."""
    out, flips, more = tmp_path / "documents", tmp_path / "flips", tmp_path / "more"
    for folder in (flips, more):
        folder.mkdir()
        (folder / "settings.json").write_text("{}")
    rng = np.random.default_rng(0)
    grids = tuple(rng.integers(0, 9, (3, 4)).astype(np.int8) for _ in range(3))
    for number in range(3):
        for folder in (flips, more)[number > 0 :]:
            write_shard(shard_path(folder, number), [ProgramSet("scene/dense", grids, (parse(FLIP),))])
    shard_path(more, 2).write_bytes(b"damaged")
    order = ["prepare", "--out", str(out), "--made"]
    assert train_policy.main([*order, str(more)]) == 2
    assert "shard-00002" in capsys.readouterr().err
    assert len(list(out.glob("tokens-*"))) == 2
    assert train_policy.main([*order, str(flips)]) == 0
    assert len(texts_of(out)) == 1


def text(grid: np.ndarray) -> str:
    return grid_text(grid).replace("/", "\n") + "\n"


def test_nothing_to_learn_from_is_one_line(tasks, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert train_policy.main(["prepare", "--out", out]) == 2
    assert train_ppm.main(["prepare", "--out", out]) == 2
    assert train_policy.main(["prepare", "--results", str(tmp_path / "none"), "--out", out]) == 2
    results = write_results(tmp_path / "results.jsonl", {FLIPPED: [WRONG]}, tasks)
    assert train_policy.main(["prepare", "--results", str(results), "--out", out]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert [line.partition("nothing to learn from")[1] != "" for line in lines] == [True, True, False, True]


# --- traces


def node(number, parents, best=0.0, mean=0.0, visits=1, own=0.0, solutions=(), free=False):
    return TraceNode(
        number, parents, step="", newest=0, depth=0, prior=0.5, own=own, visits=visits, mean=mean, best=best,
        closed=False, expanded=True, unopened=0, free=free, solutions=list(solutions),
    )  # fmt: skip


def test_the_best_two_that_lead_to_a_solution_are_preferred_to_the_worst_two_that_do_not():
    nodes = [
        node(0, []),
        node(1, [0], 0.9, 0.5),
        *(node(k, [1], best, mean) for k, best, mean in [(2, 0.1, 0.1), (3, 0.3, 0.1), (4, 0.0, 0.0), (5, 0.8, 0.8)]),
        *(node(k, [1], best, mean) for k, best, mean in [(6, 0.4, 0.1), (7, 0.4, 0.3), (8, 0.4, 0.2)]),
        node(9, [6], visits=0, own=1.0, solutions=["right"]),
        node(10, [7, 2], 1.0, 1.0, solutions=["right", "other"]),
        node(11, [8], 1.0, 1.0, solutions=["spurious"]),
    ]
    # 2, 6 and 7 lead to a solution: of them 7 is best, and 2 as good as 6; of the others 4 and 3 are worst.
    found = preferred(Trace({}, nodes), {"right"})
    assert found == [PreferredNode(a, b, 0.25) for a in (7, 2) for b in (4, 3)]
    assert preferred(Trace({}, nodes), {"nothing"}) == []


def test_a_node_that_is_worth_as_much_is_no_rival():
    nodes = [node(0, []), node(1, [0], 1.0, 1.0), node(2, [1], 1.0, 1.0, solutions=["right"]), node(3, [1], 1.0, 1.0)]
    assert preferred(Trace({}, nodes), {"right"}) == []
    nodes[3] = node(3, [1], visits=0, own=0.2)
    assert preferred(Trace({}, nodes), {"right"}) == [PreferredNode(2, 3, 1.0)]


def test_a_state_that_free_python_made_is_in_no_pair():
    nodes = [node(0, []), node(1, [0], 1.0, 1.0), node(2, [1], solutions=["right"]), node(3, [1], free=True)]
    assert preferred(Trace({}, nodes), {"right"}) == []
    nodes.append(node(4, [1]))
    assert preferred(Trace({}, nodes), {"right"}) == [PreferredNode(2, 4, 1.0)]


def save_search(folder: Path, task, number: int = 0, nodes: int = 0) -> Path:
    """A real search of the tree, after a root pass of so many nodes without enumeration, and its trace."""
    view = views(task, number + 1)[number]
    settings = RootSettings(use_enumeration=False, use_fitted=False, use_stacking=False)
    root = RootPass.begin(ViewedTask.of(task, view), Grammar.shipped(), settings, np.random.default_rng(0))
    if nodes:
        root.run(lambda share, spent: spent > share * nodes)
    _, tree = tree_pass(root, Grammar.shipped(), TreeRules(batch=8, max_depth=3), True, lambda nodes: nodes > 8000)
    path = folder / f"{task.task_id}-{number}.jsonl"
    save_trace(path, trace_of(tree, **trace_head(task, number, view)))
    return path


@pytest.fixture(scope="module")
def traces(tasks, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("traces")
    for task_id, number in (("0b148d64", 1), ("23b5c85d", 0), ("007bbfb7", 1)):
        save_search(folder, tasks[task_id], number)
    return folder


def test_trees_over_fitted_canvases_become_pairs_of_their_library_states(tasks, tmp_path):
    path = save_search(tmp_path, tasks["1cf80156"], nodes=1000)
    nodes = load_trace(path).nodes
    assert 1 < sum(one.free for one in nodes) < len(nodes)
    assert train_ppm.main(["prepare", "--traces", str(tmp_path), "--out", str(tmp_path / "pairs")]) == 0
    assert len(Documents.load([tmp_path / "pairs"])) > 0


def test_traces_of_real_searches_become_pairs(traces, tmp_path, capsys):
    order = ["prepare", "--traces", str(traces), "--out"]
    assert train_ppm.main([*order, str(tmp_path / "pairs")]) == 0
    assert "3 of 3 traces have a verified solution" in capsys.readouterr().out
    documents = Documents.load([tmp_path / "pairs"])
    assert documents.group == 2
    found, _ = verified_traces([traces], None, False)
    wanted = [(one, pair) for one in found for pair in preferred(load_trace(one.path), one.verified)]
    assert len(documents) == 2 * len(wanted) > 10
    texts = texts_of(tmp_path / "pairs")
    for (one, pair), better, worse in zip(wanted, texts[::2], texts[1::2], strict=True):
        task, _, program = better.rpartition("program\n")
        assert worse.startswith(task)
        assert program != worse.rpartition("program\n")[2]
        trace = load_trace(one.path)
        if trace.nodes[pair.better].solutions and trace.head["view"] == 0:
            (program,) = {text for text in trace.nodes[pair.better].solutions if text in one.verified}
            assert trace.nodes[pair.better].step.splitlines()[-1] in program
    assert documents.weights[::2].tolist() == pytest.approx([pair.weight for _, pair in wanted])
    assert train_ppm.main([*order, str(tmp_path / "again")]) == 0
    assert texts_of(tmp_path / "again") == texts


def test_pairs_show_the_task_as_the_view_did(traces, tasks, tmp_path):
    """Colours by rank: the document's first input is the encoded one."""
    only = tmp_path / "traces"
    only.mkdir()
    shutil.copy(traces / "0b148d64-1.jsonl", only)
    assert train_ppm.main(["prepare", "--traces", str(only), "--out", str(tmp_path / "pairs")]) == 0
    encoded = parse("def solve(I):\n    x1 = encode_colors(I, I)\n    return x1").run(tasks["0b148d64"].train[0].input)
    assert {one.startswith(f"input\n{text(encoded)}output\n") for one in texts_of(tmp_path / "pairs")} == {True}


def test_tasks_held_out_are_left_out_unless_they_are_wanted(traces, tmp_path):
    held_out = next(task for task in load_set("arc-agi-1/dev") if task.task_id == "c8f0f002")  # a colour map
    folder = tmp_path / "mixed"
    shutil.copytree(traces, folder)
    path = save_search(folder, held_out)
    path.rename(folder / "zzz.jsonl")  # the name says nothing
    for with_dev in (False, True):
        found, num_traces = verified_traces([folder], None, with_dev)
        assert num_traces == 4
        assert (held_out.task_id in {one.task.task_id for one in found}) == with_dev


def test_a_training_task_that_may_not_be_trained_on_is_left_out(traces, tmp_path):
    """A run over the whole training set, as README has it, leaves a trace of it."""
    allowed = trainable(with_dev=True)
    (task,) = (task for task in load_set("arc-agi-1/training") if task.task_id not in allowed)
    path = next(traces.iterdir())
    (tmp_path / path.name).write_bytes(path.read_bytes())
    trace = load_trace(path)
    trace.head["task"] = task_digest(task)
    save_trace(tmp_path / "zzz.jsonl", trace)
    for with_dev in (False, True):
        found, num_traces = verified_traces([tmp_path], None, with_dev)
        assert (len(found), num_traces) == (1, 2)


def test_what_may_not_be_learned_from_is_one_line(traces, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    path = next(traces.iterdir())
    trace = load_trace(path)
    trace.head["task"] = "0" * 64  # such as an evaluation task's
    save_trace(foreign / path.name, trace)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / path.name).write_bytes(path.read_bytes()[:-40])
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    trace = load_trace(path)
    for one in trace.nodes:
        one.step = one.step.replace("x1 = ", "x1 = no_function")
    save_trace(wrong / path.name, trace)
    for folder, message in (
        ("empty", "no traces"), ("foreign", "none that may be trained on"), ("damaged", "no trace of a tree"),
        ("wrong", "no library step"), ("none", "no traces"),
    ):  # fmt: skip
        order = ["prepare", "--traces", str(tmp_path / folder), "--out", str(tmp_path / "out")]
        assert train_ppm.main(order) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
        assert message in line
        assert folder in line
