"""Steps from state to state: the same values as the whole program, without running it again."""

from __future__ import annotations

import time

import numpy as np
import pytest

from solver.sandbox.steps import first_state, run_step, run_steps

INPUTS = [np.array([[n, 1, 2], [3, 4, 5]], np.int8) for n in range(3)]


def follow(pool, *texts):
    state = first_state(INPUTS)
    for text in texts:
        result = run_step(pool, state, text)
        assert result.status == "ok", result.failure
        state = result.state
    return state


def at_once(pool, *texts):
    return follow(pool, "\n".join(texts))


SEQUENCES = {
    "views": ("a = I[::-1]", "a[0, 0] = 9", "b = I.copy()"),
    "the same list": ("a = [1, 2]", "b = [a, a]", "a.append(3)", "c = len(b[1])"),
    "dtypes": ("a = I.astype(np.uint8)", "b = a * 100", "c = np.where(I > 2, I, 0.5)"),
    "orders": ("a = np.asfortranarray(I)", "b = a.ravel(order='K')", "b = b + 0"),
    "containers": ("d = {'k': (1, I), 2: {3}}", "d['k'][1][0, 0] = 8", "e = sorted(d, key=str)"),
    "imports": ("import math, itertools as it", "a = math.floor(2.5)", "b = list(it.islice(it.count(a), 3))"),
    "functions": ("k = 3\ndef f(g, n=2):\n    return g[:, :n] + k", "a = f(I)", "k = 4", "b = f(I, n=1)"),
    "lambdas": ("f = lambda g: g.T", "a = f(I)", "b = f(a)"),
    "not replayable": ("import functools\nf = functools.partial(np.rot90, k=1)", "a = f(I)", "b = f(a)"),
    "classes": ("class A:\n    x = 3", "a = A()", "a.x = 5", "b = a.x + A.x"),
    "iterators": ("g = iter([1, 2, 3])", "a = next(g)", "b = next(g)"),
    "deleting": ("a = 1\nb = 2", "del a", "c = b"),
    "closures": ("def make(n):\n    return lambda g: g + n", "f = make(2)", "a = f(I)"),
    "scalars": ("a = I.sum()", "b = int(a)", "c = a / 3", "d = I[0, 0] + 100"),
    "masks": ("m = I > 2", "a = I * m", "n = ~m"),
    "numbers": ("a = 10 ** 30", "b = a + 1", "c = float('inf')", "d = -c"),
    "unusual names": ("_x = 1", "π = 3", "y = _x + π"),
    "functions in containers": ("t = [abs, 1]", "a = t[0](-3)"),
    "reads a name that hides np": ("np = 3", "a = np + 1"),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_step_by_step_is_as_at_once(pool, name):
    one, other = follow(pool, *SEQUENCES[name]), at_once(pool, *SEQUENCES[name])
    assert one.keys == other.keys
    assert one.opaque == other.opaque
    assert one.text == other.text == "\n".join(SEQUENCES[name])


def test_a_held_prefix_is_not_run_again(pool):
    state = follow(pool, "import time\ntime.sleep(0.2)\na = time.monotonic()")
    stamps = [follow_from(pool, state, f"b = {k}").variables["a"] for k in range(3)]
    assert stamps[0] == stamps[1] == stamps[2]


def follow_from(pool, state, text):
    result = run_step(pool, state, text)
    assert result.status == "ok", result.failure
    return result.state


def test_equal_states_are_told_by_their_keys(pool):
    one = follow(pool, "x = I[::-1][::-1]", "y = I.T")
    other = follow(pool, "y = np.transpose(I)", "z = I.copy()")
    assert one.variables.keys() != other.variables.keys()
    assert one.key == other.key
    assert one.keys["x"] == other.keys["z"] == one.keys["I"]
    assert one.key != follow(pool, "y = I.T + 1").key
    assert follow(pool, "y = I.astype(int)").keys["y"] != one.keys["I"]


def test_values_are_there_for_all_inputs(pool):
    state = follow(pool, "n = int(I[0, 0])\ng = I * 0 + n")
    assert state.variables["n"] == (0, 1, 2)
    assert [grid.max() for grid in state.variables["g"]] == [0, 1, 2]
    assert set(state.variables) == {"I", "n", "g"}


@pytest.mark.parametrize(
    ("text", "status", "line"),
    [
        ("a = 1\nb = 1 / (I[0, 0] - 1)", "ok", None),
        ("a = 1\nb = [5][int(I[0, 0])]", "error", 2),
        ("a = (", "error", 1),
        ("while True: pass", "timeout", None),
        ("a = bytearray(1 << 40)", "memory", 1),
        ("import os; os._exit(0)", "killed", None),
        ("a = 'x' * (1 << 26)", "bad_output", None),
        ("a = b", "error", 1),
        ("return 1", "error", 1),
        ("#" * 30_000, "error", None),
    ],
)
def test_failures(pool, text, status, line, monkeypatch):
    if status == "timeout":
        from sandbox.conftest import quick

        monkeypatch.setattr(pool, "settings", quick(wall_s=0.5))
    for state in (first_state(INPUTS), follow(pool, "import math\nf = lambda x: x")):
        result = run_step(pool, state, text)
        assert result.status == status
        assert (result.state is None) == (status != "ok")
        if status != "ok":
            assert result.failure.line == line


def test_many_steps_from_one_state(pool):
    results = run_steps(pool, first_state(INPUTS), [f"a = I + {k}" if k % 3 else "a = zz" for k in range(10)])
    assert [result.status for result in results] == ["error", "ok", "ok"] * 3 + ["error"]
    assert results[4].state.variables["a"][0][0, 0] == 4


def test_one_step_does_not_see_another(pool):
    state = first_state(INPUTS)
    run_step(pool, state, "import builtins\nbuiltins.sneaky = 1\nnp.sneaky = 1\nI[:] = 0")
    result = run_step(pool, state, "a = hasattr(np, 'sneaky') + ('sneaky' in dir(__builtins__)) + int(I[1, 2] != 5)")
    assert result.state.variables["a"] == (0, 0, 0)


def test_the_library_is_there_for_steps_that_name_it(pool):
    state = follow(pool, "o = find_objects(I, CONN8, ONE_COLOR)", "n = o.count\nx = transform(I, FLIP_LR)")
    assert all(np.array_equal(x, grid[:, ::-1]) for x, grid in zip(state.variables["x"], INPUTS, strict=True))
    assert all(n > 0 for n in state.variables["n"])


@pytest.mark.parametrize(
    "text",
    [
        "a = np.broadcast_to(np.zeros(1), (10**5, 10**5))",
        "a = []\nfor _ in range(36): a = [a, a]",
        "a = []\na += [a] * 1000\nb = [a] * 1000 + [print]",
        "a = {k: 1 for k in range(5000)}",
        "a = np.zeros(3 << 20, np.int8)\nb, c, d, e, f, g = (a[::-1] for _ in range(6))",
    ],
)
def test_values_that_stand_for_more_than_they_are_do_not_reach_the_parent(pool, text):
    began = time.monotonic()
    result = run_step(pool, first_state(INPUTS), text)
    assert result.status in ("ok", "bad_output")
    assert time.monotonic() - began < 4
    if result.state:
        assert "b" in result.state.opaque


def test_a_function_nested_too_deeply_to_be_written_again_is_a_failure(pool):
    state = follow(pool, "f = lambda x: x" + " + x" * 400)
    result = run_step(pool, state, "a = f(1)")
    assert (result.status, result.failure.message) == ("error", "nested too deeply")


def test_a_step_is_sent_what_it_names_and_what_shares_parts_with_that(pool):
    state = follow(pool, "a = I[::-1]\nb = I.copy()\nc = [b, 1]\nd = 5")
    assert {group.names for group in state.groups} == {frozenset("Ia"), frozenset("bc"), frozenset("d")}

    everything = follow_from(pool, state, "found = sorted(set('abcdI') & set(dir()))")  # it looks around
    assert everything.variables["found"][0] == ["I", "a", "b", "c", "d"]
    after = follow_from(pool, state, "a[0, 0] = 9\ne = a")
    assert after.keys["b"] == state.keys["b"]
    assert after.variables["b"] is state.variables["b"]
    assert after.variables["I"][0][1, 0] == 9
    assert after.keys["I"] != state.keys["I"]
    assert follow_from(pool, state, "del d").variables.keys() == {"I", "a", "b", "c"}


@pytest.mark.parametrize(
    "text",
    [
        "x = eval('d') + 1",
        "x = globals()['d'] + 1",
        "x = vars()['d'] + 1",
        "x = (lambda: 0).__globals__['d'] + 1",
        "import sys\nx = sys._getframe().f_locals['d'] + 1",
        "exec('x = d + 1')",
        "x = \N{MATHEMATICAL SANS-SERIF SMALL D} + 1",
    ],
)
def test_variables_that_are_reached_by_other_ways_than_their_names(pool, text):
    state = follow(pool, "d = 5", "e = 6")
    assert follow_from(pool, state, text).variables["x"] == (6, 6, 6)


def test_values_of_an_earlier_hostile_step_are_written_anew_for_the_next(pool):
    """What the next step reads are bytes that the parent wrote, not those that came home."""
    padded = "l\\x01\\x00\\x00\\x00r\\x00\\x00\\x00\\x00"  # a list that holds the dict of all variables
    text = (
        "import os, struct\n"
        f"p = b'd\\x01\\x00\\x00\\x00s\\x01\\x00\\x00\\x00a{padded}'\n"
        "for k in range(3):\n    q = struct.pack('<I', k) + p\n"
        "    for fd in range(3, 9):\n        try: os.write(fd, struct.pack('<cI', b'V', len(q)) + q)\n"
        "        except OSError: pass\nos._exit(0)"
    )
    result = run_step(pool, first_state(INPUTS), text)
    assert result.status in ("ok", "bad_output")
    if result.state:
        assert run_step(pool, result.state, "b = len(a)").state.variables["b"] == (1, 1, 1)


def test_forged_states_are_refused(pool):
    for forged in ("l\\x00\\x00\\x00\\x00", "i12345678", "d\\x01\\x00\\x00\\x00i12345678N", "zzz"):
        text = (
            "import os, struct\n"
            f"p = b'\\0\\0\\0\\0' + b'{forged}'\n"
            "for fd in range(3, 9):\n    try: os.write(fd, struct.pack('<cI', b'V', len(p)) + p)\n"
            "    except OSError: pass"
        )
        assert run_step(pool, first_state(INPUTS), text).status == "bad_output"
