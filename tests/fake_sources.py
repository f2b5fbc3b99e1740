"""Sources that behave well, and badly, on purpose: what the runner's tests run in worker processes.

A task says what happens to it: the first row of its test input starts with the two digits of a behaviour, the
second row with a number that the answer repeats.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from solver.answers import Answer, DeviceLostError, Findings, Judgement
from solver.errors import InputError
from solver.run.runner import run
from solver.sources import Lane
from solver.tasks import Pair, Task

(GOOD, SLOW, RAISES, EXITS, KILLED, HANGS, LABELS, USES_ALL, BAD_GRID, REPORTS_THEN_DIES, REPORTS_TWICE) = range(11)


def task(task_id: str, behaviour: int = GOOD, number: int = 0, num_tests: int = 1, side: int = 2) -> Task:
    """A task for the fake sources; side: size of its grids, so that some tasks are larger."""
    grid = np.zeros((side, side), np.int8)
    grid[0, 0], grid[0, 1], grid[1, 0] = behaviour // 10, behaviour % 10, number
    pairs = tuple(Pair(grid, np.full((1, 3), 7, np.int8)) for _ in range(num_tests))
    return Task(task_id, (Pair(grid, grid.T.copy()),), pairs)


class FakeSource:
    """Answers with the seed, the number and the nodes it was given, so that runs can be compared."""

    name = "fake"

    def solve(self, task, budget, seed, report, before=None):
        tens, units, number = (int(task.test[0].input[cell]) for cell in ((0, 0), (0, 1), (1, 0)))
        behaviour = 10 * tens + units
        first = [[number, seed % 10], [seed // 10 % 10, seed // 100 % 10]]
        nodes = 1
        if behaviour == SLOW:
            report(self.findings(task, [[number]], exact=False))
            time.sleep(0.05)
        elif behaviour == RAISES:
            raise RuntimeError("no idea")
        elif behaviour == EXITS:
            sys.exit(3)
        elif behaviour == KILLED:
            os.kill(os.getpid(), signal.SIGKILL)
        elif behaviour == HANGS:
            report(self.findings(task, [[number, 5]], exact=True))
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            ctypes.PyDLL(None).sleep(60)  # native code that keeps the interpreter's lock
        elif behaviour == LABELS:
            first = [[int(any(pair.output is not None for pair in task.test))]]
        elif behaviour == USES_ALL:
            nodes = 0
            while not budget.expired():
                budget.spend(1)
                nodes += 1
                if budget.nodes is None:
                    time.sleep(0.005)
        elif behaviour == BAD_GRID:
            first = [[99, -1]]
        elif behaviour == REPORTS_THEN_DIES:
            report(self.findings(task, [[number, 6]], exact=True))
            os._exit(7)
        elif behaviour == REPORTS_TWICE:
            report(self.findings(task, [[number, 1]], exact=True))
            report(self.findings(task, [[number, 2]], exact=True))
            time.sleep(60)
        return self.findings(task, first, exact=True, nodes=nodes)

    def findings(self, task, rows, *, exact, nodes=1):
        grids = tuple(np.array(rows) for _ in task.test)
        answer = Answer(grids, 1.0, self.name, f"rows {rows}", exact)
        return Findings([answer], nodes, {"search": 0.001})


class SecondSource(FakeSource):
    """Always has an answer of its own."""

    name = "second"

    def solve(self, task, budget, seed, report, before=None):
        return self.findings(task, [[8, 8]], exact=False)


class PatientSource(FakeSource):
    """Counts how often it has worked on a task, using all its time; a task of number 9 is settled at once."""

    name = "patient"

    def solve(self, task, budget, seed, report, before=None):
        runs = (before.num_runs if before else 0) + 1
        settled = int(task.test[0].input[1, 0]) == 9
        while not (settled or budget.nodes or budget.expired()):
            time.sleep(0.002)
        found = self.findings(task, [[runs]], exact=True)
        found.num_runs, found.settled = runs, settled
        return found


class AddingSource(FakeSource):
    """Answers with how often it has worked on a task, which adds up; uses all its time after it has reported."""

    name = "adding"

    def solve(self, task, budget, seed, report, before=None):
        runs = (before.num_runs if before else 0) + 1
        found = self.findings(task, [[runs]], exact=False)
        found.num_runs, found.whole_weight = runs, float(runs)
        report(found)
        while not (budget.nodes or budget.expired()):
            time.sleep(0.002)
        return found


class ThoroughSource(FakeSource):
    """Uses all its time, of which it needs half a second at least, and twenty seconds for grids with a side of more
    than ten cells; always has an answer of its own."""

    name = "thorough"

    def least_s(self, side):
        return 20.0 if side > 10 else 0.5

    def solve(self, task, budget, seed, report, before=None):
        while not (budget.nodes or budget.expired()):
            time.sleep(0.002)
        return self.findings(task, [[8, 8]], exact=False)


class JudgingSource(FakeSource):
    """Answers with how many grids others propose for the first test input, and finds the last of these likely."""

    name = "judge"
    judges = True

    def solve(self, task, budget, seed, report, before=None, others=()):
        found = self.findings(task, [[len(others[0]) if others else 0]], exact=False)
        given = others[0] if others else ()
        found.judged = tuple([[Judgement(grid, 9.0 / (n + 1)) for n, grid in enumerate(given)]] * len(task.test))
        return found


class ThreeSource(FakeSource):
    """Three answers that are worth the same, under the name of program search."""

    name = "program"

    def solve(self, task, budget, seed, report, before=None):
        found = [self.findings(task, [[n, n, n]], exact=False) for n in (1, 2, 3)]
        return Findings([answer for one in found for answer in one.answers])


class DiesLate(FakeSource):
    """Its process dies after most of a second over tasks of number 1; others are through at once."""

    def solve(self, task, budget, seed, report, before=None):
        if int(task.test[0].input[1, 0]) == 1:
            time.sleep(0.85)
            os._exit(7)
        return self.findings(task, [[2]], exact=False)


class DiesAfterRuns(FakeSource):
    """Its process dies after two runs that say the same; one that knows of runs before says of how many."""

    def solve(self, task, budget, seed, report, before=None):
        if before is not None:
            return self.findings(task, [[before.num_runs]], exact=True)
        for num_runs in (1, 2):
            found = self.findings(task, [[9]], exact=True)
            found.num_runs = num_runs
            report(found)
            time.sleep(1.1)
        os._exit(7)


class TameSource(FakeSource):
    """Answers every task, whatever its behaviour."""

    def solve(self, task, budget, seed, report, before=None):
        return self.findings(task, [[4, 2]], exact=True)


class LosesDeviceOnce(FakeSource):
    """Its first process of a run loses its device with its first task. mark: a file that tells later ones."""

    def __init__(self, mark):
        self.mark = Path(mark)

    def solve(self, task, budget, seed, report, before=None):
        if not self.mark.exists():
            self.mark.touch()
            raise DeviceLostError("the device is lost")
        return self.findings(task, [[os.getpid() % 10]], exact=True)


class LosesDevice(FakeSource):
    """Loses its device with every task, a moment after it has reported twice."""

    name = "losing"

    def solve(self, task, budget, seed, report, before=None):
        for number in (1, 2):
            report(self.findings(task, [[number]], exact=True))
        raise DeviceLostError("the device is lost")


class Dies(FakeSource):
    """Its process dies with every task."""

    name = "dying"

    def solve(self, task, budget, seed, report, before=None):
        os._exit(7)


class OddSource(FakeSource):
    """Its findings hold what only its own package can read, and numbers of NumPy's types."""

    def solve(self, task, budget, seed, report, before=None):
        found = self.findings(task, [[3]], exact=True, nodes=np.int64(7))
        found.answers.append(Answer(found.answers[0].outputs, OddError("a", "weight"), self.name, "", False))
        found.phases, found.note = {"search": np.float32(0.5)}, OddError("a", "note")
        return found


class UnwritableSource(FakeSource):
    """Of a task of number 1 it counts more nodes than JSON holds; of one of number 2 it speaks in what is no text."""

    def solve(self, task, budget, seed, report, before=None):
        number = int(task.test[0].input[1, 0])
        found = self.findings(task, [[3]], exact=True, nodes=2**70 if number == 1 else 7)
        if number == 2:
            found.phases, found.note = {"search \udcff": 0.5}, "note \udcff"
            report(found)
            raise RuntimeError("no file \udcff")
        return found


class NiceSource(FakeSource):
    """Answers with the niceness of its process."""

    def solve(self, task, budget, seed, report, before=None):
        return self.findings(task, [[os.nice(0) % 10, os.nice(0) // 10]], exact=True)


def loses_device_once(settings, slot):
    return (LosesDeviceOnce(settings.vision.weights),)


def loses_device(settings, slot):
    return (LosesDevice(),)


def second_then_dies(settings, slot):
    return (SecondSource(), Dies())


class OddName(str):
    """Can be pickled, but not read back."""

    __slots__ = ()

    def __reduce__(self):
        return int, ("no number",)


class OddlyNamed(FakeSource):
    """What it finds comes under a name that cannot be read."""

    name = OddName("odd")

    def solve(self, task, budget, seed, report, before=None):
        return Findings(num_nodes=1)


def oddly_named(settings, slot):
    return (OddlyNamed(),)


class BadDevice(FakeSource):
    """Starts, and is lost with every task."""

    def solve(self, task, budget, seed, report, before=None):
        raise DeviceLostError("an error of its memory")


class HungDevice(FakeSource):
    """Starts, and hangs with every task, deaf to everything but SIGKILL."""

    def solve(self, task, budget, seed, report, before=None):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ctypes.PyDLL(None).sleep(60)


class GoodDevice(FakeSource):
    """Answers every task after a while."""

    def solve(self, task, budget, seed, report, before=None):
        time.sleep(0.12)
        return self.findings(task, [[1]], exact=True)


def one_bad_device(settings, slot):
    return (BadDevice() if slot == 1 else GoodDevice(),)


def one_hung_device(settings, slot):
    return (HungDevice() if slot == 1 else GoodDevice(),)


def all_bad_devices(settings, slot):
    return (BadDevice(),)


def half(settings, slot):
    if slot == 1:
        raise RuntimeError("this device is gone")
    return (FakeSource(),)


def nice(settings, slot):
    return (NiceSource(),)


def fake(settings, slot):
    return (FakeSource(),)


def second(settings, slot):
    return (SecondSource(),)


def thorough(settings, slot):
    return (ThoroughSource(),)


def adding(settings, slot):
    return (AddingSource(),)


def patient(settings, slot):
    return (PatientSource(),)


def dies_late(settings, slot):
    return (DiesLate(),)


def dies_after_runs(settings, slot):
    return (DiesAfterRuns(),)


def odd_findings(settings, slot):
    return (OddSource(),)


def two(settings, slot):
    return (FakeSource(), SecondSource())


def judge(settings, slot):
    return (JudgingSource(),)


def late_judge(settings, slot):
    """Not ready before other lanes have been through a task or two."""
    time.sleep(0.5)
    return (JudgingSource(),)


def three(settings, slot):
    return (ThreeSource(),)


def tame(settings, slot):
    return (TameSource(),)


def unwritable(settings, slot):
    return (UnwritableSource(),)


def broken(settings, slot):
    raise RuntimeError("cannot make sources")


class OddError(Exception):
    """Can be pickled, but not read back."""

    def __init__(self, model, wanted):
        super().__init__(f"{model}: {wanted} is needed")


class OddInputError(OddError, InputError):
    """The same, of a kind that a user can act on."""


def odd(settings, slot):
    raise OddError("model", "another version")


def odd_refusal(settings, slot):
    raise OddInputError("model", "another version")


def refused(settings, slot):
    raise InputError("weights: not found")


def refused_once_marked(settings, slot):
    """Once a file is there."""
    while not Path(settings.vision.weights).exists():
        time.sleep(0.01)
    raise InputError("weights: not found")


def dies(settings, slot):
    os._exit(9)


def run_fake(tasks, settings, out, make_sources=fake, **more):
    """A run whose only lane makes these sources."""
    return run(tasks, settings, out, lanes=[Lane("fake", settings.run.workers, make_sources)], **more)
