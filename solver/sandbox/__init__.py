"""Free Python programs, run safely and fast: values out, never verdicts.

    pool = Pool()                                  one zygote a core; see settings.SandboxSettings for the limits
    pool.run(text, inputs)                         solve(I) on every input → ProgramResult
    steps.run_step(pool, state, text)              the next step of a prefix → the next State
    executor.SandboxExecutor(pool)                 mixed steps for the search tree

A program is forked from a warm process (zygote.py) that never runs one itself, reads its request from a socket of its
own, and sends values home (protocol.py) that the parent decodes and checks (validate.py). What the program is told is
its text and the inputs; expected outputs are in no process of the sandbox. It ends as `ok`, `error` (type, line,
message), `timeout`, `memory`, `bad_output` or `killed`, never as an exception in the parent, and is then killed with
all that it started, and its temporary directory emptied.

Which of the kernel's layers (layers.py) protect depends on the machine; `arc-solve doctor` tells. Resource limits are
always in force. A program may open descriptors, and write files, only where it has mounts of its own that limit all its
files together and where nothing else can be opened; where processes cannot be counted for the program alone, it may
start none.

What comes home is read by code that assumes an attacker: nothing is unpickled or evaluated, what few bytes stand for is
counted as if it were written out, and what the next step reads was written anew by the parent.

Not covered:

- Faults of the kernel, of Python and of NumPy below the layers, and what processors leak (timing, caches).
- A machine that grants no layer at all (no root, no namespaces, no Landlock, no seccomp): limits hold, but a program
  can signal the same user's processes, read their memory through /proc, and make empty files and folders. As root
  with every other layer switched off it has root's rights over paths.
- Without seccomp the kernel's key rings are open to a program: a few kilobytes of its user's keys may stay for the next
  one to read. (System V objects are removed.)
- Memory is address space of each process; with max_processes > 1 each has that much.
- seccomp knows x86-64 alone; elsewhere the other layers are left.
- Programs see the time and the zygote's process id, and NumPy's and Python's code as it is in memory.
- A program that lies about its own values lies about nothing else: values are all that it can send. A step's values are
  what its process says they are; run a found program as a whole (Pool.run) before its outputs are used.
- If the parent is killed outright, empty temporary directories `arc-sandbox-*` stay.
"""

LIGHT_MODULES = (
    "abc", "bisect", "cmath", "collections", "collections.abc", "contextlib", "copy", "dataclasses", "enum",
    "functools", "heapq", "io", "itertools", "json", "math", "numbers", "operator", "re", "string", "struct", "time",
    "types", "typing", "warnings", "numpy", "numpy.lib.stride_tricks", "numpy.linalg",
)  # fmt: skip
"""What every program can import. Nothing is read from the disk once the layers are in force."""

FULL_MODULES = (
    "array", "ast", "datetime", "decimal", "fractions", "inspect", "queue", "random", "statistics", "tempfile",
    "textwrap", "traceback", "unicodedata", "numpy.fft", "numpy.ma", "numpy.random",
)  # fmt: skip
"""What programs can import besides, if their text says so: such programs are forked from a larger zygote, which takes
longer. Each library that a zygote has mapped costs every one of its programs time."""

LAYERS = ("user", "namespaces", "root", "landlock", "seccomp")
"""Kernel layers that may be missing, in the order in which they are put in force; see layers.py."""
