"""Make the Kaggle notebook and its metadata from kaggle_notebook/notebook.py.

    python tools/make_notebook.py --owner NAME [--competition arc-prize-2026-arc-agi-2] [--out build/kaggle]
    python tools/make_notebook.py --check      # exit code 1 if kaggle_notebook/arc-solver.ipynb is stale

notebook.py is in the percent format: `# %%` begins a code cell, `# %% [markdown]` one of text, in comments.
Without --owner only kaggle_notebook/arc-solver.ipynb is written; with it, a folder for `kaggle kernels push`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from command_line import arguments, main_of

from solver.errors import InputError

FOLDER = Path(__file__).resolve().parent.parent / "kaggle_notebook"
SOURCE, NOTEBOOK = FOLDER / "notebook.py", FOLDER / "arc-solver.ipynb"
COMPETITIONS = ("arc-prize-2026-arc-agi-2", "arc-prize-2025")
TITLE = "ARC solver"
SLUGS = {"wheels": "arc-solver-wheels", "weights": "arc-solver-weights"}
MACHINE_SHAPES = ("NvidiaL4", "NvidiaTeslaT4", "None")


def make_notebook(source: str) -> str:
    """The notebook as JSON text, ending in a line break. The same source gives the same bytes."""
    cells = []
    for number, (kind, body) in enumerate(split_cells(source)):
        make = nbformat.v4.new_markdown_cell if kind == "markdown" else nbformat.v4.new_code_cell
        cells.append(make(body, id=f"cell-{number:02d}"))
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def split_cells(source: str) -> list[tuple[str, str]]:
    """('markdown' or 'code', text) for each cell. Raises ValueError if there is text before the first."""
    head, *parts = re.split(r"(?m)^# %%", source)
    if head.strip():
        raise ValueError("there is text before the first cell")
    cells = []
    for part in parts:
        first, _, body = part.partition("\n")
        if first.strip() == "[markdown]":
            lines = [line.removeprefix("#").removeprefix(" ") for line in body.strip("\n").splitlines()]
            cells.append(("markdown", "\n".join(lines)))
        else:
            cells.append(("code", body.strip("\n")))
    return cells


def kernel_metadata(
    owner: str, competition: str, datasets: Sequence[str], title: str, machine_shape: str
) -> dict[str, Any]:
    """kernel-metadata.json. datasets: 'owner/slug' of the wheels and the weights. The title gives the slug."""
    return {
        "id": f"{owner}/{slugify(title)}",
        "title": title,
        "code_file": NOTEBOOK.name,
        "language": "python",
        "kernel_type": "notebook",
        "is_private": True,
        "enable_gpu": machine_shape != "None",
        "enable_internet": False,
        "machine_shape": machine_shape,
        "dataset_sources": list(datasets),
        "competition_sources": [competition],
        "kernel_sources": [],
        "model_sources": [],
    }


def usual_datasets(owner: str) -> list[str]:
    """owner/slug of the datasets that kaggle_upload.py makes."""
    return [f"{owner}/{slug}" for slug in SLUGS.values()]


def write_kernel(folder: Path, text: str, metadata: dict[str, Any]) -> Path:
    """Fill the folder that is pushed with the notebook, whose JSON is `text`, and its metadata; the latter's place."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NOTEBOOK.name).write_text(text, encoding="utf-8")
    place = folder / "kernel-metadata.json"
    place.write_text(json.dumps(metadata, indent=2) + "\n")
    return place


def check_owner(owner: str) -> None:
    """Raises InputError for what is no user name on Kaggle, such as a name in full."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", owner):
        raise InputError(f"--owner {owner!r}: no user name, as it stands in kaggle.com/NAME")


def slugify(title: str) -> str:
    """A title as Kaggle writes it in addresses."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def write(args: argparse.Namespace) -> int:
    text = make_notebook(SOURCE.read_text(encoding="utf-8"))
    if args.check:
        stale = not NOTEBOOK.is_file() or NOTEBOOK.read_text(encoding="utf-8") != text
        print(f"{NOTEBOOK.name} is {'stale: run make notebook' if stale else 'up to date'}")
        return int(stale)
    if args.owner is not None:
        check_owner(args.owner)
    NOTEBOOK.write_text(text, encoding="utf-8")
    print(NOTEBOOK)
    if args.owner is not None:
        datasets = args.datasets or usual_datasets(args.owner)
        metadata = kernel_metadata(args.owner, args.competition, datasets, args.title, args.machine_shape)
        print(write_kernel(args.out, text, metadata))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--owner", help="your Kaggle user name")
    parser.add_argument("--competition", default=COMPETITIONS[0], help=f"its slug ({', '.join(COMPETITIONS)})")
    parser.add_argument("--datasets", nargs="*", help="owner/slug of each (OWNER/arc-solver-wheels, -weights)")
    parser.add_argument("--title", default=TITLE)
    parser.add_argument("--machine-shape", default=MACHINE_SHAPES[0], choices=MACHINE_SHAPES, help="NvidiaL4: four L4s")
    parser.add_argument("--out", type=Path, default=Path("build/kaggle"))
    parser.set_defaults(run_command=write)
    return main_of("make_notebook", parser, argv)


if __name__ == "__main__":
    sys.exit(main())
