"""Services that behave well, and badly, on purpose, and a source that asks one: what the runner's tests run."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import numpy as np
from fake_sources import FakeSource

from solver.errors import InputError


def echo(link, address, folder, *, dies_after=None):
    """Answers every connection with its process id, and writes that into the folder."""
    Path(folder, f"pid-{os.getpid()}").touch()
    Path(address).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as line:
        line.bind(address)
        line.listen()
        line.settimeout(0.05)
        link.ready("and listens")
        answered = 0
        while True:
            link.alive({"answered": answered, "wall_s": 0.5})
            try:
                connection, _ = line.accept()
            except TimeoutError:
                continue
            answered += 1
            link.alive({"answered": answered, "wall_s": 0.5})  # before the answer, which may be what ends the run
            with connection:
                connection.sendall(str(os.getpid()).encode())
            if answered == dies_after:
                os._exit(3)


def dies(link, address, folder):
    echo(link, address, folder, dies_after=1)


def never_ready(link, address, folder):
    Path(folder, f"pid-{os.getpid()}").touch()
    time.sleep(600)


def refused(link, address, folder):
    raise InputError("weights: damaged")


def faulty(link, address, folder):
    raise RuntimeError("made up")


class AskingSource(FakeSource):
    """Answers with 1 once a service answers (wanted: any or all of them), with 0 when there is no hope for one left,
    or at once if it is not patient."""

    def __init__(self, addresses, wanted=any, patient=True):
        self.addresses, self.wanted, self.patient = addresses, wanted, patient

    def solve(self, task, budget, seed, report, before=None):
        while not self.wanted(map(asked, self.addresses)):
            hope = all(Path(address).parent.exists() for address in self.addresses)
            if not self.patient or not hope:
                return self.findings(task, [[0]], exact=True)
            time.sleep(0.02)
        return self.findings(task, [[1]], exact=True)

    def findings(self, task, rows, *, exact, nodes=1):
        found = super().findings(task, rows, exact=exact, nodes=nodes)
        found.note = str(np.array(rows)[0, 0])
        return found


def asked(address):
    """Whether a service is there."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(address)
            return bool(line.recv(100))
        except OSError:
            return False


def patient(settings, slot, addresses):
    return (AskingSource(addresses),)


def thorough(settings, slot, addresses):
    return (AskingSource(addresses, all),)


def hasty(settings, slot, addresses):
    return (AskingSource(addresses, patient=False),)


def never_asks(settings, slot, addresses):
    """Goes on until it is stopped."""
    return (AskingSource(()),)
