"""Build a folder of wheels from which the solver installs without an index: what Kaggle's notebook attaches.

    python tools/make_wheelhouse.py [--out build/wheelhouse] [--python 3.12 --platform manylinux_2_28_x86_64]
                                    [--extra vision] [--with vllm==0.24.0]

The wheels are for this interpreter unless another Python or platform is named. Unless they are for another one, the set
is then installed with no index into an empty environment, and the solver imported there.
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

ROOT = Path(__file__).resolve().parent.parent
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def build(out: Path, python: str | None, platforms: Sequence[str], extras: Sequence[str], more: Sequence[str]) -> Path:
    """Fill the folder; returns the solver's own wheel. Raises CalledProcessError if pip fails."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    subprocess.run([*PIP, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(ROOT)], check=True)
    wheel = next(out.glob("arc_solver-*.whl"))
    target = ["--python-version", python] if python else []
    target += [word for platform in platforms for word in ("--platform", platform)]
    wanted = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
    subprocess.run(
        [*PIP, "download", "--quiet", "--only-binary=:all:", "--dest", str(out), *target, wanted, *more], check=True
    )
    return wheel


def check(out: Path, extras: Sequence[str], more: Sequence[str]) -> None:
    """Install everything with no index into an empty environment and import the solver there. Raises
    CalledProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = str(Path(folder) / "bin" / "python")
        wanted = f"arc-solver[{','.join(extras)}]" if extras else "arc-solver"
        command = [python, "-m", "pip", "install", "--quiet", "--no-index", "--find-links", str(out), wanted, *more]
        subprocess.run(command, check=True)
        subprocess.run([python, "-m", "solver", "--version"], check=True, cwd=folder)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/wheelhouse"))
    parser.add_argument("--python", help="of the notebook's image, such as 3.12 (default: this one)")
    parser.add_argument("--platform", action="append", default=[], help="wheel platform tag, as often as needed")
    parser.add_argument("--extra", action="append", default=[], help="of the solver's own extras, such as vision")
    parser.add_argument("--with", dest="more", action="append", default=[], help="further requirement")
    args = parser.parse_args(argv)
    began = time.monotonic()
    try:
        build(args.out, args.python, args.platform, args.extra, args.more)
        foreign = bool(args.python or args.platform)
        if not foreign:
            check(args.out, args.extra, args.more)
    except subprocess.CalledProcessError as error:
        print(f"make_wheelhouse: {' '.join(map(str, error.cmd[2:5]))} failed: see above", file=sys.stderr)
        return 2
    wheels = sorted(args.out.glob("*.whl"))
    size = sum(path.stat().st_size for path in wheels) / 2**20
    checked = "not installed here: for another Python or platform" if foreign else "installs with no index"
    print(f"{args.out}: {len(wheels)} wheels, {size:.1f} MiB, {checked}, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
