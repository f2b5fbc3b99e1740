"""When a run writes what: by a clock and a folder that are made up."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from solver.run import saving
from solver.run.saving import FINISHED_WRITE_S, IMPROVED_WRITE_S, PARTIAL_WRITE_S, RETRY_WRITE_S, Saver


class Folder:
    """Writes down what it is asked to write; the submission cannot be written while `is_full`."""

    def __init__(self):
        self.written, self.is_full, self.problems = [], False, {}

    def add_results(self, results):
        self.written.append(["lines", *results])

    def write_submission(self, best):
        self.written.append(["submission", dict(best)])
        return not self.is_full

    def write_partial(self):
        self.written.append(["partial"])

    def taken(self):
        """What was written since this was asked last, in one word each."""
        names = [name for name, *_ in self.written]
        self.written.clear()
        return names


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(s=1000.0)
    monkeypatch.setattr(saving.time, "monotonic", lambda: now.s)
    return now


def test_nothing_new_is_not_written(clock):
    folder = Folder()
    saver = Saver(folder, {})
    assert saver.due() == math.inf
    saver.save()
    assert folder.taken() == []
    clock.s += PARTIAL_WRITE_S
    saver.save()
    assert folder.taken() == ["partial"]
    saver.save(final=True)
    assert folder.taken() == ["lines", "partial"]


def test_lines_are_written_at_once_and_the_submission_not_too_often(clock):
    folder, best = Folder(), {}
    saver = Saver(folder, best, ["faulty"])
    saver.save()
    assert folder.written == [["lines", "faulty"]]
    folder.taken()
    best["a"] = "first"
    saver.improved()
    saver.save()
    assert folder.written == [["submission", {"a": "first"}]]
    folder.taken()
    saver.improved()
    assert saver.due() == clock.s + IMPROVED_WRITE_S
    saver.save()
    assert folder.taken() == []
    saver.finished("a")
    saver.improved()  # which is less urgent
    assert saver.due() == clock.s + FINISHED_WRITE_S
    saver.save()
    assert folder.taken() == ["lines"]
    clock.s += FINISHED_WRITE_S
    saver.save()
    assert folder.taken() == ["submission"]


def test_what_cannot_be_written_is_tried_again_and_in_the_end_in_any_case(clock):
    folder = Folder()
    saver, folder.is_full = Saver(folder, {}), True
    saver.finished("a")
    saver.save()
    assert folder.taken() == ["lines", "submission"]
    assert saver.due() == clock.s + RETRY_WRITE_S
    saver.save()
    assert folder.taken() == []
    folder.problems["results.jsonl"] = "No space left"
    clock.s += RETRY_WRITE_S
    folder.is_full = False
    saver.save()
    assert folder.taken() == ["lines", "submission", "partial"]
    assert saver.due() == math.inf
    saver.improved()
    saver.save(final=True)
    assert folder.taken() == ["lines", "submission", "partial"]


def test_what_takes_long_to_write_is_written_less_often(clock, monkeypatch):
    folder = Folder()
    saver = Saver(folder, {})

    def slowly():
        folder.written.append(["partial"])
        clock.s += 2.0

    monkeypatch.setattr(folder, "write_partial", slowly)
    for wait_s, written in ((PARTIAL_WRITE_S, 1), (PARTIAL_WRITE_S, 0), (33.0, 0), (2.0, 1)):
        clock.s += wait_s
        saver.save()
        assert len(folder.taken()) == written
