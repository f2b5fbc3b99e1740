"""The warm process that programs are forked from: `python zygote.py OPTIONS` (see `start` in slot.py for the options).

It imports NumPy (and the grid library, compiled, in the full variant), puts the layers in force, and then obeys
one-byte orders on its control socket:

    R + descriptor   fork a program whose line home is the descriptor
    K                kill the program with all it started, clear its folder; answers with its wait status (int32)
    end of file      kill everything and end

It never runs a program itself and never sees what a program sends home, so that one program can leave nothing behind
for the next. It is single-threaded.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from solver.sandbox import FULL_MODULES, LIGHT_MODULES, child, layers, memory, protocol

FINISHED = struct.Struct("<i")
_DESCRIPTOR = struct.Struct("i")


class Zygote:
    """options: folder (the programs' temporary directory), layers, number (a number no other zygote of this machine
    has), full (whether to load the grid library and FULL_MODULES, too), modules, and the limits of SandboxSettings."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.in_force: list[str] = []
        self.refused: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        self.uid: int | None = None

    def try_layer(self, name: str, action: Any) -> None:
        if name not in self.options["layers"]:
            self.refused[name] = "switched off"
            return
        try:
            action()
        except OSError as error:
            self.refused[name] = error.strerror or str(error)
        else:
            self.in_force.append(name)

    def run(self, control: socket.socket) -> None:
        """Never returns."""
        self.try_layer("namespaces", layers.enter_namespaces)
        pid = os.fork()
        if pid:
            control.close()
            _, status = os.waitpid(pid, 0)
            os._exit(os.waitstatus_to_exitcode(status) & 255)
        layers.prctl(layers.PR_SET_PDEATHSIG, signal.SIGKILL)
        layers.prctl(layers.PR_SET_CHILD_SUBREAPER, 1)
        self.load()
        self.confine()
        self.prepare()
        report = {"layers": self.in_force, "refused": self.refused, "missing": self.missing}
        control.sendall(protocol.frame(b"R", json.dumps(report).encode()))
        os.dup2(1, 2)  # from here on there is nobody to complain to
        gc.collect()
        memory.fill_holes()
        gc.freeze()
        self.serve(control)

    def load(self) -> None:
        import numpy as np

        child.PRELUDE["np"] = np
        if self.options["full"]:
            names = (*LIGHT_MODULES, *FULL_MODULES, *self.options["modules"])
        else:
            names = LIGHT_MODULES
        for name in names:
            try:
                importlib.import_module(name)
            except ImportError as error:
                self.missing[name] = str(error)
        if self.options["full"]:
            random = importlib.import_module("random")
            random.seed(0)
            np.random.seed(0)
            import solver.grid
            from solver.warm import compile_functions

            compile_functions(list(solver.grid.FUNCTIONS))
            child.PRELUDE |= {name: getattr(solver.grid, name) for name in solver.grid.__all__}
        child.rehearse()
        os.environ.clear()
        layers.use_huge_pages()

    def confine(self) -> None:
        """Layers that hold for the zygote and all programs alike. A program may have files only in a file system of its
        own that limits them all together, and where nothing else can be opened."""
        folder = self.options["folder"]
        self.base_bytes = layers.address_space_bytes()
        if "namespaces" in self.in_force:
            try:
                layers.own_mounts(folder, self.options["temporary_bytes"])
            except OSError as error:
                self.refused["mounts"] = error.strerror or str(error)
            else:
                self.in_force.insert(1, "mounts")
        self.try_layer("user", self.find_user)
        os.chdir(folder)
        self.folder = folder
        self.try_layer("root", self.change_root)
        has_mounts = "mounts" in self.in_force
        self.try_layer("landlock", lambda: layers.landlock(self.folder, has_mounts))
        self.has_files = has_mounts and bool({"root", "landlock"} & set(self.in_force))
        if self.has_files and self.uid is not None:
            os.chown(self.folder, self.uid, self.uid)
        self.try_layer("seccomp", lambda: layers.zygote_filter(self.has_files).install())

    def find_user(self) -> None:
        """The first user id that this process can take; OSError if there is none."""
        failure = OSError(1, "not root")
        for uid in layers.user_candidates(self.options["number"]):
            pid = os.fork()
            if not pid:
                try:
                    layers.take_group(uid)
                    layers.take_user(uid)
                    os._exit(0)
                except OSError as error:
                    os._exit(error.errno or 1)
            _, status = os.waitpid(pid, 0)
            if status == 0:
                self.uid = uid
                return
            failure = OSError(status >> 8, os.strerror(status >> 8))
        raise failure

    def change_root(self) -> None:
        os.chroot(self.folder)
        os.chdir("/")
        self.folder = "/"

    def prepare(self) -> None:
        """All that can be done once instead of in every program."""
        options, forces = self.options, set(self.in_force)
        own_processes = options["max_processes"] if self.uid is not None else 1
        self.may_fork = own_processes > 1
        inherited = (
            (resource.RLIMIT_AS, self.base_bytes + options["memory_bytes"]),
            (resource.RLIMIT_FSIZE, options["file_bytes"]),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_MEMLOCK, 0),
        )
        for which, size in inherited:
            resource.setrlimit(which, layers.allowed_limit(which, size))
        num_files = options["max_open_files"] if self.has_files else 0
        own = (
            (resource.RLIMIT_CPU, options["cpu_s"], options["cpu_s"] + 1),
            (resource.RLIMIT_NOFILE, num_files),
            (resource.RLIMIT_NPROC, own_processes),
        )
        calls: list[Callable[[], int | None]] = [partial(os.setpgid, 0, 0)]
        calls += [partial(resource.setrlimit, which, layers.allowed_limit(which, *sizes)) for which, *sizes in own]
        if self.uid is not None:
            layers.take_group(self.uid)
            calls.append(partial(os.setresuid, self.uid, self.uid, self.uid))
        elif os.geteuid() == 0:
            calls.append(layers.prepared_drop())
        layers.prctl(layers.PR_SET_NO_NEW_PRIVS, 1)
        calls.append(layers.prepared_prctl(layers.PR_SET_PDEATHSIG, signal.SIGKILL))
        if "seccomp" in forces:
            self.filter = layers.program_filter(self.may_fork)
            calls.append(self.filter.prepared())
        self.calls = tuple(calls)
        self.rehearse()
        self.can_clear = self.has_files or "seccomp" not in forces  # else no file can be made, nor listed
        self.has_ipc = self.uid is not None and not {"namespaces", "seccomp"} & forces

    def rehearse(self) -> None:
        """Make calls like those that begin a program, here without effect, for the same reason as child.rehearse."""
        limit = partial(resource.setrlimit, resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE))
        made_already = layers.prepared_prctl(layers.PR_SET_NO_NEW_PRIVS, 1)
        calls = (limit, partial(os.setresuid, -1, -1, -1), made_already)
        for _ in range(child.NUM_REHEARSALS):
            make_calls(calls)

    # orders

    def serve(self, control: socket.socket) -> None:
        """Obey orders until the control socket ends; never returns."""
        pid, self.control = 0, control.fileno()
        room = socket.CMSG_LEN(_DESCRIPTOR.size)
        while True:
            order, attached, _, _ = control.recvmsg(1, room)
            if order == b"R":
                (descriptor,) = _DESCRIPTOR.unpack(attached[0][2])
                pid = layers.fork()
                if not pid:
                    self.become_program(descriptor)
                os.close(descriptor)
            elif order == b"K":
                control.send(FINISHED.pack(self.finish(pid)))
                pid = 0
            else:
                if pid:
                    self.finish(pid)
                os._exit(0)

    def become_program(self, descriptor: int) -> None:
        """Be the program's process; never returns. A layer that is refused now ends it before the program begins."""
        try:
            os.close(self.control)
            if make_calls(self.calls):
                os._exit(1)
            child.main(descriptor, os._exit)
        finally:
            os._exit(0)

    def finish(self, pid: int) -> int:
        """Kill a program with everything that it started; its wait status."""
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):  # it may have had no time to make its group
            os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if self.may_fork or (self.has_ipc and layers.has_ipc()):
            self.end_user()
        if self.can_clear:
            clear(self.folder)
        return status

    def end_user(self) -> None:
        """Remove what the programs' user id has left in the kernel, kill all its processes, and reap those that became
        ours."""
        killer = os.fork()
        if not killer:
            layers.take_user(self.uid)
            try:
                if self.has_ipc:
                    layers.remove_ipc(self.uid)
                os.kill(-1, signal.SIGKILL)
            finally:
                os._exit(0)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)


def make_calls(calls: tuple[Callable[[], int | None], ...]) -> int:
    """Make system calls in turn; what the first one that fails returns, else 0."""
    for call in calls:
        code = call()
        if code:
            return code
    return 0


def clear(folder: str) -> None:
    """Remove everything in a folder, however deep, whatever its modes. OSError if something withstands."""
    token, number = "", 0
    while names := os.listdir(folder):
        token = token or os.urandom(8).hex()
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isdir(path):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for inner in os.listdir(path):
                os.rename(os.path.join(path, inner), os.path.join(folder, f"{token}-{number}"))
                number += 1
            os.rmdir(path)


def main() -> None:
    options = json.loads(sys.argv.pop())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Zygote(options).run(socket.socket(fileno=options["control"]))
