"""Build a folder of wheels from which the solver installs without an index: what Kaggle's notebook attaches.

    python tools/make_wheelhouse.py [--out build/wheelhouse] [--python 3.12 --platform manylinux_2_28_x86_64]
                                    [--extra vision] [--with vllm==0.24.0]

The wheels are for this interpreter unless another Python or platform is named. The set is then installed with no index
into an empty environment, without a network where this machine allows that, and the solver started there; if there is
no interpreter of the named version here, pip only resolves it.

Limits: without an interpreter of the named version, pip evaluates conditions of dependencies for the one that runs it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from command_line import arguments, main_of

from solver.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
PIP = ("-I", "-m", "pip", "--disable-pip-version-check", "--quiet")


def build(out: Path, python: str | None, platforms: Sequence[str], extras: Sequence[str], more: Sequence[str]) -> Path:
    """Fill the folder; returns the solver's own wheel. Raises CalledProcessError if pip fails."""
    make_empty(out)
    pip = [find_python(python) or sys.executable, *PIP]
    with tempfile.TemporaryDirectory() as folder:
        copy_sources(Path(folder))
        subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(out), folder], check=True)
    wheel = next(out.glob("arc_solver-*.whl"))
    target = cross(python, platforms)
    wanted = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
    subprocess.run([*pip, "download", "--only-binary=:all:", "--dest", str(out), *target, wanted, *more], check=True)
    return wheel


def copy_sources(folder: Path) -> None:
    """Copy all that the solver's wheel is made of: setuptools keeps its build folder from one build to the next, and
    packs modules, too, that the project has long removed."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "solver", folder / "solver", ignore=shutil.ignore_patterns("__pycache__"))


def make_empty(out: Path) -> None:
    """Make the folder, or take out the wheels of before. Raises InputError if there is anything else in it."""
    out.mkdir(parents=True, exist_ok=True)
    files = sorted(out.iterdir())
    if strange := [path.name for path in files if path.suffix != ".whl"]:
        raise InputError(f"{out}: holds {strange[0]}, which is no wheel: choose a folder of its own")
    for path in files:
        path.unlink()


def cross(python: str | None, platforms: Sequence[str]) -> list[str]:
    """pip's words for wheels of another Python (as in '3.13') and platforms."""
    words = [word for platform in platforms for word in ("--platform", platform)]
    if python:
        tag = "cp" + python.replace(".", "")
        words += ["--python-version", python, "--implementation", "cp"]
        words += ["--abi", tag, "--abi", "abi3", "--abi", "none"]
    return words


def find_python(version: str | None) -> str | None:
    """An interpreter of a version (None: this one's), or None if there is none here."""
    if version in (None, f"{sys.version_info[0]}.{sys.version_info[1]}"):
        return sys.executable
    places = [shutil.which(f"python{version}"), *Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    for place in filter(None, places):
        asked = [str(place), "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip() == version:
            return str(place)
    return None


def unshared(*kinds: str) -> list[str]:
    """The command that gives a process namespaces of its own, of these kinds (--net), or nothing if this machine allows
    none."""
    words = ["unshare", "--map-root-user", *kinds]
    if shutil.which("unshare") and subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
        return words
    return []


def check(out: Path, python: str | None, platforms: Sequence[str], extras: Sequence[str], more: Sequence[str]) -> str:
    """Install everything with no index into an empty environment and start the solver there, or at least resolve it;
    which of them, in words. Raises CalledProcessError."""
    offline = unshared("--net")
    how = "with no index and no network" if offline else "with no index"
    wanted = ["--no-index", "--find-links", str(out), f"arc-solver[{','.join(extras)}]" if extras else "arc-solver"]
    interpreter = find_python(python)
    with tempfile.TemporaryDirectory() as folder:
        if interpreter is None:
            dry = ["install", "--dry-run", "--only-binary=:all:", "--target", folder, *cross(python, platforms)]
            subprocess.run([*offline, sys.executable, *PIP, *dry, *wanted, *more], check=True)
            return f"resolves {how} (no Python {python} here to install it)"
        subprocess.run([interpreter, "-m", "venv", folder], check=True)
        inside = [*offline, str(Path(folder) / "bin" / "python")]
        subprocess.run([*inside, *PIP, "install", *wanted, *more], check=True)
        subprocess.run([*inside, *PIP, "check"], check=True)
        subprocess.run([*inside, "-I", "-m", "solver", "--version"], check=True, cwd=folder)
    this = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return f"installs {how} on Python {python or this}"


def make(args: argparse.Namespace) -> None:
    began = time.monotonic()
    build(args.out, args.python, args.platform, args.extra, args.more)
    built_s = time.monotonic() - began
    checked = check(args.out, args.python, args.platform, args.extra, args.more)
    wheels = sorted(args.out.glob("*.whl"))
    size = sum(path.stat().st_size for path in wheels) / 2**20
    check_s = time.monotonic() - began - built_s
    print(f"{args.out}: {len(wheels)} wheels, {size:.1f} MiB in {built_s:.0f} s; {checked} in {check_s:.0f} s")


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/wheelhouse"))
    parser.add_argument("--python", help="of the notebook's image, such as 3.12 (default: this one)")
    parser.add_argument("--platform", action="append", default=[], help="wheel platform tag, as often as needed")
    parser.add_argument("--extra", action="append", default=[], help="of the solver's own extras, such as vision")
    parser.add_argument("--with", dest="more", action="append", default=[], help="further requirement")
    parser.set_defaults(run_command=make)
    return main_of("make_wheelhouse", parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
