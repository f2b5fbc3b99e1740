"""Bring the wheels, the weights and the notebook to Kaggle, and submit: through Kaggle's own client.

    python tools/kaggle_upload.py weights --owner NAME     # weights/ as a dataset
    python tools/kaggle_upload.py wheels --owner NAME      # build/kaggle-wheels as a dataset (make wheelhouse)
    python tools/kaggle_upload.py notebook --owner NAME    # made into build/kaggle/notebook; starts a run of it there
    python tools/kaggle_upload.py submit --owner NAME --version 3 --message "first"

--dry-run shows every file and command instead of sending anything. What is sent is checked against the client's own
rules first. Credentials are the client's affair (`kaggle auth login`, or a token: kaggle.com/settings). Exit code 2 and
one line if something is missing or refused; nothing is sent twice.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command_line import arguments, main_of
from make_notebook import (
    COMPETITIONS,
    FOLDER,
    MACHINE_SHAPES,
    SLUGS,
    SOURCE,
    TITLE,
    check_owner,
    kernel_metadata,
    make_notebook,
    slugify,
    usual_datasets,
    write_kernel,
)

from solver.errors import InputError

ROOT = FOLDER.parent
TITLES = {"weights": "ARC solver weights", "wheels": "ARC solver wheels"}
LICENSE = "MIT"
METADATA = "dataset-metadata.json"
NO_CREDENTIALS = (
    "no credentials: run kaggle auth login, or put a token of kaggle.com/settings/api into ~/.kaggle/access_token"
)
MIN_QUOTA_HOURS = 0.5
"""GPU hours that the notebook's own first run needs."""

READY = "ready"
UNPACKING = frozenset(
    {
        "not_yet_persisted",
        "blobs_received",
        "blobs_decompressed",
        "blobs_copied_to_sds",
        "individual_blobs_compressed",
        "reprocessing",
    }
)
"""Of the client's words for a dataset's status (kaggle 2.2): those of one that will be ready; others are faults."""

UNPACK_S, POLL_S = 900.0, 15.0
"""How long the notebook waits for Kaggle to unpack the datasets that it reads, and how often that is asked."""

CLIENT = ("kaggle", "-W")
"""Without a line on newer versions of itself before what is asked for."""

REFUSED = r"\berror\b|\bnot valid (dataset|competition) sources\b"
"""In what the client prints with exit code 0. Without its data the notebook is pushed, and fails."""

ERROR_WORDS = ("error", "unauthorized", "forbidden", "not found", "could not find", "quota", "exceed", "must be")


@dataclass(frozen=True)
class Answer:
    """What Kaggle's client says. good: whether it went well, by its exit code. printed: what was asked for. complaint:
    what it printed as errors and warnings."""

    good: bool
    printed: str
    complaint: str = ""

    @property
    def lines(self) -> list[str]:
        return [*self.printed.splitlines(), *self.complaint.splitlines()]


@dataclass(frozen=True)
class Client:
    """Runs Kaggle's client; with dry_run it prints the commands that would change something instead."""

    dry_run: bool

    def ask(self, *words: str) -> Answer:
        """Run a command that changes nothing."""
        done = subprocess.run([*CLIENT, *words], capture_output=True, text=True, check=False)
        return Answer(done.returncode == 0, done.stdout.strip(), done.stderr.strip())

    def send(self, *words: str) -> None:
        """Run a command that changes something. Raises InputError with what the client says if it fails: it often
        reports an error with exit code 0."""
        if self.dry_run:
            print("would run:", " ".join([*CLIENT, *(repr(w) if " " in w else w for w in words)]))
            return
        answer = self.ask(*words)
        refused = [line for line in answer.lines if re.search(REFUSED, line, re.IGNORECASE)]
        if not answer.good or refused:
            raise InputError(f"kaggle {words[0]} {words[1]}: {reason(refused or answer.lines)}")
        print("\n".join(answer.lines))


def reason(lines: Sequence[str]) -> str:
    """The line that says most, in one."""
    if any(line.startswith("Authentication required") for line in lines):
        return NO_CREDENTIALS
    telling = [line for line in lines if any(word in line.lower() for word in ERROR_WORDS)]
    return (telling or [line for line in lines if line.strip()] or ["it failed and said nothing"])[-1].strip()


# what the client would refuse


def check_dataset(metadata: dict[str, Any]) -> list[str]:
    """Faults of a dataset-metadata.json, by the rules of the client (kaggle 2.2)."""
    faults = []
    title, slug = metadata.get("title", ""), metadata.get("id", "/").partition("/")[2]
    if not 6 <= len(title) <= 50:
        faults.append(f"the title {title!r} must have 6 to 50 characters, not {len(title)}")
    if not 6 <= len(slug) <= 50 or slugify(slug) != slug:
        faults.append(f"the slug {slug!r} must have 6 to 50 characters: small letters, digits, hyphens")
    if not metadata.get("id", "").partition("/")[0]:
        faults.append("no owner")
    if len(metadata.get("licenses", ())) != 1:
        faults.append("exactly one licence is needed")
    return faults


def check_kernel(metadata: dict[str, Any], folder: Path) -> list[str]:
    """Faults of a kernel-metadata.json in its folder, by the rules of the client."""
    faults = []
    title, (owner, _, slug) = metadata.get("title", ""), metadata.get("id", "").partition("/")
    if len(title) < 5:
        faults.append(f"the title {title!r} must have at least 5 characters")
    if slugify(title) != slug:
        faults.append(f"the title {title!r} gives the slug {slugify(title)!r}, not {slug!r}")
    if not owner:
        faults.append("no owner")
    if not (folder / metadata.get("code_file", "")).is_file():
        faults.append(f"{folder / metadata.get('code_file', '')}: no such file")
    if metadata.get("enable_internet", True):
        faults.append("the internet must be off")
    faults += [f"{name!r} must be owner/slug" for name in metadata.get("dataset_sources", ()) if name.count("/") != 1]
    return faults


# the commands


def upload_dataset(kind: str, args: argparse.Namespace, client: Client) -> None:
    """Create the dataset, or a new version if it is there."""
    source = args.folder or (ROOT / "weights" if kind == "weights" else ROOT / "build" / "kaggle-wheels")
    pattern = "solver.json" if kind == "weights" else "arc_solver-*.whl"
    if not any(source.rglob(pattern)):
        made_by = "it is part of the project" if kind == "weights" else "run make wheelhouse"
        raise InputError(f"{source}: no {pattern} in it ({made_by})")
    slug, title = args.slug or SLUGS[kind], args.title or TITLES[kind]
    metadata = {"title": title, "id": f"{args.owner}/{slug}", "licenses": [{"name": LICENSE}]}
    refuse(check_dataset(metadata), "dataset")
    folder = args.out / kind
    make_anew(folder, source)
    (folder / METADATA).write_text(json.dumps(metadata, indent=2) + "\n")
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", METADATA), dirs_exist_ok=True)
    show(folder, client)
    there = False if client.dry_run else exists(metadata["id"], client)
    # Folders are sent as archives, which Kaggle unpacks: the client's default leaves them out.
    if there:
        client.send("datasets", "version", "-p", str(folder), "-m", args.message, "-r", "zip", "-t")
    else:
        client.send("datasets", "create", "-p", str(folder), "-r", "zip", "-t")


def make_anew(folder: Path, source: Path) -> None:
    """Make the folder that is sent; one that an upload made before is removed first. Raises InputError where that would
    cost somebody's files."""
    inside, outside = folder.resolve(), source.resolve()
    if inside.is_relative_to(outside) or outside.is_relative_to(inside):
        raise InputError(f"{folder}: is made anew and must lie apart from {source}: give another --out")
    if folder.exists() and not (folder / METADATA).is_file():
        raise InputError(f"{folder}: was not made by an upload: give another --out, or remove it")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def exists(dataset: str, client: Client) -> bool:
    """Whether a dataset of one's own is there. Raises InputError where the client can't say (no credentials)."""
    answer = client.ask("datasets", "status", dataset)
    if answer.good:
        return True
    if any(re.search(r"\b(403|404|not found|forbidden)\b", line, re.IGNORECASE) for line in answer.lines):
        return False
    raise InputError(f"kaggle datasets status: {reason(answer.lines)}")


def upload_notebook(args: argparse.Namespace, client: Client) -> None:
    """Make the notebook and its metadata, and push them."""
    folder = args.out / "notebook"
    datasets = args.datasets or usual_datasets(args.owner)
    metadata = kernel_metadata(args.owner, args.competition, datasets, args.title or TITLE, args.machine_shape)
    write_kernel(folder, make_notebook(SOURCE.read_text(encoding="utf-8")), metadata)
    refuse(check_kernel(metadata, folder), "notebook")
    show(folder, client)
    print(json.dumps(metadata, indent=2))
    if not client.dry_run:
        if metadata["enable_gpu"]:
            check_quota(client)
        for dataset in metadata["dataset_sources"]:
            wait_until_unpacked(dataset, client)
    client.send("kernels", "push", "-p", str(folder))


def wait_until_unpacked(dataset: str, client: Client) -> None:
    """Wait for Kaggle to unpack what was uploaded: a notebook that is pushed before reads an older version, or none.
    Raises InputError if there is no such dataset, it is neither ready nor being unpacked, or that takes too long."""
    until = time.monotonic() + UNPACK_S
    is_told = False
    while True:
        answer = client.ask("datasets", "status", dataset)
        if not answer.good:
            raise InputError(f"kaggle datasets status {dataset}: {reason(answer.lines)}")
        status = answer.printed
        if status == READY:
            return
        if status not in UNPACKING:
            raise InputError(f"{dataset}: Kaggle says {status!r}, which is no status of one that is or will be ready")
        if time.monotonic() >= until:
            later = "push the notebook later: python tools/kaggle_upload.py notebook --owner …"
            raise InputError(f"{dataset}: not unpacked after {UNPACK_S / 60:.0f} min ({status}); {later}")
        if not is_told:
            print(f"waiting until Kaggle has unpacked {dataset} ({status}) …", flush=True)
            is_told = True
        time.sleep(POLL_S)


def check_quota(client: Client) -> None:
    """Raises InputError if too little is left of the week's GPU hours for the notebook's own run."""
    answer = client.ask("quota", "--csv")
    if not answer.good:
        raise InputError(f"kaggle quota: {reason(answer.lines)}")
    for row in csv.DictReader(answer.printed.splitlines()):
        left = row.get("remaining", "")
        if row.get("resource") == "GPU" and re.fullmatch(r"[\d.]+h", left) and float(left[:-1]) < MIN_QUOTA_HOURS:
            raise InputError(f"no GPU quota left: {left} of {row.get('total')}, new hours at {row.get('refreshAt')}")


def submit(args: argparse.Namespace, client: Client) -> None:
    """Submit the output of a version of the notebook that has run."""
    kernel = f"{args.owner}/{slugify(args.title or TITLE)}"
    if args.version is None or args.version < 1:
        raise InputError("submit: --version N is needed: which version of the notebook; its upload printed the number")
    words = ["-f", "submission.json", "-k", kernel, "-v", str(args.version), "-m", args.message]
    client.send("competitions", "submit", args.competition, *words)


def refuse(faults: list[str], what: str) -> None:
    if faults:
        raise InputError("\n".join(f"{what}: {fault}" for fault in faults))


def show(folder: Path, client: Client) -> None:
    """The files that are sent, and their sizes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    print(f"{'would send' if client.dry_run else 'sending'} {folder}:")
    for path in files:
        print(f"  {path.stat().st_size / 2**20:9.2f} MiB  {path.relative_to(folder)}")
    print(f"  {sum(path.stat().st_size for path in files) / 2**20:9.2f} MiB  in {len(files)} files")


COMMANDS: dict[str, Callable[[argparse.Namespace, Client], None]] = {
    "weights": lambda args, client: upload_dataset("weights", args, client),
    "wheels": lambda args, client: upload_dataset("wheels", args, client),
    "notebook": upload_notebook,
    "submit": submit,
}


def run_command(args: argparse.Namespace) -> None:
    check_owner(args.owner)
    if not args.dry_run and shutil.which("kaggle") is None:
        raise InputError("the client is not installed: pip install 'arc-solver[kaggle]'")
    COMMANDS[args.command](args, Client(args.dry_run))


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--owner", required=True, help="your Kaggle user name")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--title", help="of the dataset or notebook")
    parser.add_argument("--slug", help="of the dataset")
    parser.add_argument("--folder", type=Path, help="what becomes the dataset")
    parser.add_argument("--message", default="arc-solver", help="notes of a version or a submission")
    parser.add_argument("--competition", default=COMPETITIONS[0])
    parser.add_argument(
        "--datasets", nargs="*", help="notebook: owner/slug of each that it reads, if not the usual two"
    )
    parser.add_argument("--machine-shape", default=MACHINE_SHAPES[0], choices=MACHINE_SHAPES)
    parser.add_argument("--version", type=int, help="submit: of the notebook")
    parser.add_argument("--out", type=Path, default=Path("build/kaggle"))
    parser.set_defaults(run_command=run_command)
    return main_of("kaggle_upload", parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
