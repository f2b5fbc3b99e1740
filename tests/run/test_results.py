from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from solver.answers import Answer, Attempt, Ballot, Findings, Judgement, TaskResult
from solver.errors import InputError
from solver.run.results import from_json, load_results, parse_partial, parse_results, to_json

finite = st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
grids = arrays(np.int8, st.tuples(st.integers(1, 30), st.integers(1, 30)), elements=st.integers(0, 9))
attempts = st.builds(Attempt, grids, text, text, finite, st.booleans(), st.dictionaries(text, finite, max_size=2))
fields = grids, finite, finite, st.booleans(), finite
ballots = st.builds(Ballot, *fields) | st.builds(Ballot, *fields, nats=finite, behind=finite)
ballots = st.lists(st.lists(ballots, max_size=2).map(tuple), max_size=2).map(tuple)
pairs = st.lists(st.tuples(attempts, attempts), max_size=3).map(tuple)
results = st.builds(
    TaskResult,
    task_id=text,
    attempts=pairs,
    alone=st.dictionaries(text, pairs, max_size=2),
    status=st.sampled_from(["done", "partial", "failed"]),
    error=text,
    seconds=finite,
    num_nodes=st.integers(0, 2**53),
    num_exact=st.integers(0, 1000),
    phases=st.dictionaries(text, finite, max_size=3),
    notes=st.dictionaries(text, text, max_size=2),
    ballots=st.dictionaries(text, ballots, max_size=2),
    no_time=st.lists(text, max_size=2).map(tuple),
)


def plain(result: TaskResult):
    """All of a result, comparable."""
    grids = {name: listed(attempts) for name, attempts in {**result.alone, "": result.attempts}.items()}
    ballots = {name: [listed([of_input])[0] for of_input in own] for name, own in result.ballots.items()}
    rest = {k: v for k, v in vars(result).items() if k not in ("attempts", "alone", "ballots")}
    return grids, ballots, rest


def listed(attempts):
    return [[(a.grid.tolist(), a.grid.dtype, *list(vars(a).values())[1:]) for a in pair] for pair in attempts]


def example(task_id: str = "0a1b2c3d") -> TaskResult:
    pair = (
        Attempt(np.array([[1, 2]], np.int8), "search", "x1 = flip(I)", 0.5, True),
        Attempt(np.eye(2, dtype="i1")),
    )
    return TaskResult(task_id, (pair,), "done", "", 1.5, 100, 2, {"root": 0.25})


@settings(max_examples=60, deadline=None)
@given(results)
def test_round_trip(result):
    line = to_json(result)
    assert b"\n" not in line
    assert plain(from_json(line)) == plain(result)
    assert to_json(from_json(line)) == line


def test_numpy_numbers_and_what_json_does_not_know():
    odd = Attempt(np.zeros((1, 1), np.int8), "a\ud800", "b", np.float64("inf"), np.bool_(True))
    result = TaskResult("x", ((odd, odd),), seconds=np.float32(0.5), num_nodes=np.int64(3), phases={"p": float("nan")})
    back = from_json(to_json(result))
    assert back.attempts[0][0].weight == 0.0
    assert back.attempts[0][0].exact is True
    assert back.attempts[0][0].source == "a\\ud800"
    assert (back.seconds, back.num_nodes, back.phases) == (0.5, 3, {"p": 0.0})


answers = st.builds(Answer, st.tuples(grids, st.none() | grids), finite, text, text, st.booleans(), finite)
judged = st.lists(st.lists(st.builds(Judgement, grids, finite), max_size=3).map(tuple), max_size=2).map(tuple)
findings = st.builds(
    Findings,
    answers=st.lists(answers, max_size=3),
    num_nodes=st.integers(0, 2**53),
    phases=st.dictionaries(text, finite, max_size=3),
    note=text,
    whole_weight=finite,
    num_runs=st.integers(0, 1000),
    settled=st.booleans(),
    judged=judged,
)


def plain_findings(found: Findings):
    """All of it, comparable."""
    outputs = [[None if grid is None else grid.tolist() for grid in answer.outputs] for answer in found.answers]
    rest = [list(vars(answer).values())[1:] for answer in found.answers]
    nats = [[(said.grid.tolist(), said.nats) for said in own] for own in found.judged]
    return outputs, rest, nats, {k: v for k, v in vars(found).items() if k not in ("answers", "judged")}


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(text, st.dictionaries(text, findings, max_size=2), max_size=2))
def test_findings_to_go_on_from_come_back_as_they_were(found):
    line = to_json(example("t"), found)
    (known,) = parse_partial(line + b"\n").values()
    result, back = known.result, known.found
    assert {lane: {s: plain_findings(one) for s, one in own.items()} for lane, own in back.items()} == {
        lane: {s: plain_findings(one) for s, one in own.items()} for lane, own in found.items()
    }
    assert plain(from_json(line)) == plain(result) == plain(example("t"))


def test_which_lanes_had_no_time_and_which_are_through_comes_back_as_it_was():
    short = replace(example("t"), no_time=("vision",))
    ends = {"programs": ("done", ""), "other": ("partial", "it \ud800 hung")}
    assert from_json(to_json(short)).no_time == ("vision",)
    assert b"no_time" not in to_json(example("t"))
    known = parse_partial(to_json(short, {"programs": {"fake": Findings()}}, ends) + b"\n")["t"]
    assert (known.result.no_time, known.found.keys()) == (("vision",), {"programs"})
    assert known.ends == {"programs": ("done", ""), "other": ("partial", "it \\ud800 hung")}


@pytest.mark.parametrize("ends", [b"3", b'{"programs":"done"}', b'{"programs":["strange",""]}'])
def test_ends_that_cannot_be_read_are_none(ends):
    line = to_json(example("t"), {"programs": {"fake": Findings()}}, {"programs": ("done", "")}) + b"\n"
    known = parse_partial(line.replace(b'{"programs":["done",""]}', ends))["t"]
    assert (plain(known.result), known.found, known.ends) == (plain(example("t")), {}, {})


def test_what_is_no_judgement_is_left_out():
    grid = np.array([[1]], np.int8)
    found = Findings(judged=((Judgement(grid, float("nan")), Judgement(grid, float("inf")), Judgement(grid, 0.5)),))
    back = parse_partial(to_json(example("t"), {"lane": {"fake": found}}) + b"\n")["t"].found
    assert [said.nats for said in back["lane"]["fake"].judged[0]] == [0.5]


@pytest.mark.parametrize(
    "damage",
    [(b"[[1]]", b"[[12]]"), (b'"num_runs":1', b'"num_runs":[]'), (b'"num_runs":1', b'"num_runs":1e99')],
)
def test_findings_that_cannot_be_read_are_none(damage, caplog):
    found = Findings([Answer((np.array([[1]], np.int8),), 1.0, "fake", "", False)])
    line = to_json(example("t"), {"lane": {"fake": found}}) + b"\n"
    assert parse_partial(line)["t"].found["lane"]["fake"].num_runs == 1
    known = parse_partial(line.replace(*damage))["t"]
    assert (plain(known.result), known.found, known.ends) == (plain(example("t")), {}, {})
    assert parse_partial(b"3\nnull\n{}\n") == {}
    assert len(caplog.messages) == 4
    assert parse_partial(line[:-1]) == parse_partial(b"") == {}
    assert parse_partial(to_json(example("t")) + b"\n")["t"].found == {}


@pytest.mark.parametrize("end", range(0, 300, 7))
def test_a_torn_line_is_no_result(end):
    line = to_json(example())
    if end < len(line):
        with pytest.raises(ValueError, match="no task result"):
            from_json(line[:end])


@pytest.mark.parametrize(
    "line",
    [
        b"null",
        b"[]",
        b"{}",
        to_json(example()).replace(b"[1,2]", b"[1,12]"),
        to_json(example()).replace(b"[[1,2]]", b"[[1,2],[3]]"),
        to_json(example()).replace(b'"done"', b'"won"'),
        to_json(example()).replace(b'"0a1b2c3d"', b"17"),
        to_json(example()).replace(b'"phases":{"root":0.25}', b'"phases":3'),
        to_json(example()).replace(b'"num_nodes":100', b'"num_nodes":1e300'),
    ],
)
def test_other_json_is_no_result(line):
    with pytest.raises(ValueError, match="no task result"):
        from_json(line)


def test_what_was_read_can_be_written_again():
    line = to_json(example()).replace(b'"error":""', b'"error":null')
    assert from_json(to_json(from_json(line))).error == "None"


def test_the_last_line_of_a_task_counts_and_bad_lines_are_left_out(caplog):
    first, second = to_json(example("a")), to_json(example("b"))
    again = to_json(TaskResult("a", example().attempts, "failed", "later"))
    whole = first + b"\n" + b'{"torn": tr\n' + second + b"\n" + again + b"\n"
    found, num_bytes = parse_results(whole + second[:40])
    assert (list(found), num_bytes) == (["a", "b"], len(whole))
    assert found["a"].error == "later"
    assert "line 2" in caplog.text


@pytest.mark.parametrize("content", [b"", b'{"task_id'])
def test_nothing_whole(content):
    assert parse_results(content) == ({}, 0)


def test_load_results(tmp_path):
    (tmp_path / "results.jsonl").write_bytes(to_json(example()) + b"\n")
    assert list(load_results(tmp_path / "results.jsonl")) == ["0a1b2c3d"]
    with pytest.raises(InputError, match=r"absent\.jsonl: cannot be read"):
        load_results(tmp_path / "absent.jsonl")
