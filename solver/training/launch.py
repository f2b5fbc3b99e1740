"""Starting a training run, or going on with one: what it is ordered to do, and its processes."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..configuration import as_dict, load
from ..errors import InputError, SettingsError
from ..learning.processes import choose_device, join_processes, refuse_stopped, run_processes
from ..lm.prompt_format import PromptFormat
from ..lm.text import load_tokenizer
from ..lm.weights import POLICY
from ..synthesis.shards import shard_paths
from .document_folders import TOKENIZER_FOLDER, check_vocabulary, documents_facts
from .documents import Documents
from .settings import TrainingSettings, faults

logger = logging.getLogger(__name__)

RUN_SETTINGS, RUN_FACTS = "settings.json", "facts.json"
"""Files of a run's folder, beside its log, its checkpoint and its tokenizer (TOKENIZER_FOLDER)."""


@dataclass(frozen=True)
class TrainOrder:
    """What a training run is started with; every process gets the same. kind: 'policy' or 'ppm'. documents: folders to
    learn from; held_out: folders to measure the loss on, or none. weights: a folder to start from instead of from
    nothing; where the run goes on, None stands for the one that it was begun with. adapter: an exported one to begin
    with instead of a new one, in a run with adapters. resume: a checkpoint to go on from instead of the run's own.
    deadline: of time.monotonic. held_out_tasks: made-up ones that a policy writes programs for."""

    kind: str
    run: Path
    documents: tuple[Path, ...]
    held_out: tuple[Path, ...] = ()
    weights: Path | None = None
    adapter: Path | None = None
    resume: Path | None = None
    deadline: float = math.inf
    device: str = "cuda"
    processes: int = 1
    port: int = 29512
    settings_file: Path | None = None
    assignments: tuple[str, ...] = ()
    held_out_tasks: Path | None = None
    num_held_out: int = 128
    held_out_batches: int = 16


def settings_of_run(order: TrainOrder) -> TrainingSettings:
    """A run's settings: those it was begun with, where it goes on, changed by file and assignments. Raises
    SettingsError naming every fault."""
    begun_with = assignments_of(_checkpoint_facts(order).get("settings", {}))
    settings = load(TrainingSettings, order.settings_file, order.assignments, first=begun_with)
    if found := faults(settings):
        raise SettingsError("\n".join(found))
    return settings


def _checkpoint_facts(order: TrainOrder) -> dict[str, Any]:
    """What the checkpoint that a run goes on from says of it; nothing where there is none. Raises InputError."""
    from ..learning.checkpoint import has_checkpoint, read_facts

    checkpoint = checkpoint_of(order)
    return read_facts(checkpoint) if has_checkpoint(checkpoint) else {}


def assignments_of(settings: dict[str, dict[str, Any]]) -> list[str]:
    """Settings of a run as its files hold them, as `configuration.load` takes them."""
    return [f"{group}.{name}={json.dumps(v)}" for group, values in settings.items() for name, v in values.items()]


def checkpoint_of(order: TrainOrder) -> Path:
    return order.resume or order.run / "checkpoint"


def train(order: TrainOrder) -> None:
    """Train with as many processes as ordered, this one being the only one if that is 1."""
    from ..learning.checkpoint import has_checkpoint

    if order.resume and not has_checkpoint(order.resume):
        raise InputError(f"{order.resume}: no checkpoint")
    refuse_stopped(order.run)
    if order.weights is None and (begun_from := _checkpoint_facts(order).get("weights")):
        order = replace(order, weights=Path(begun_from))  # an adapter's checkpoint does not hold what it is over
    settings = settings_of_run(order)  # faults show before any process starts
    if order.adapter and not (order.weights and settings.adapter.rank):
        raise InputError(f"{order.adapter}: an adapter to begin with needs --weights and --set adapter.rank")
    if order.held_out_tasks is not None and order.kind != POLICY:
        raise InputError(f"{order.held_out_tasks}: a preference model writes no programs for held-out tasks")
    documents_facts([*order.documents, *order.held_out])
    begun = [checkpoint_of(order).parent / TOKENIZER_FOLDER] if _checkpoint_facts(order) else []
    check_vocabulary(order.documents[0], [*begun, *([order.weights] if order.weights else [])])
    if order.held_out_tasks is not None:
        from .. import warm

        shard_paths(order.held_out_tasks)
        warm.prepare(os.cpu_count() or 1)  # here, where no GPU waits for it
    os.environ.setdefault("NCCL_NVLS_ENABLE", "0")
    if order.processes == 1:
        train_process(0, order)
    else:
        run_processes(train_process, (order,), order.processes)


def train_process(rank: int, order: TrainOrder) -> None:
    """One process of a run, on GPU number `rank` of those visible."""
    import torch
    import torch.distributed as dist

    from ..learning.checkpoint import has_checkpoint
    from .models import context_of, make_model
    from .objectives import Completion, Preference
    from .trainer import Trainer

    world = order.processes
    device = choose_device(order.device, rank, world)
    if world > 1:
        join_processes(rank, world, order.port, device)
    settings = settings_of_run(order)
    documents = Documents.load(order.documents)
    chosen = {"weights": order.weights, "adapter": order.adapter, "device": order.device}
    model = make_model(order.kind, settings, documents.num_vocabulary, **chosen)
    objective = Completion(settings.train.auxiliary) if order.kind == POLICY else Preference()
    shared = documents_facts(order.documents)
    facts = {"kind": order.kind, "num_vocabulary": documents.num_vocabulary, "prompt": shared["prompt"]}
    facts |= {"tokenizer": shared["tokenizer"], "weights": str(order.weights) if order.weights else None}
    facts["adapter"] = str(order.adapter) if order.adapter else _checkpoint_facts(order).get("adapter")
    try:
        trainer = Trainer(
            model, objective, documents, settings, device, context=context_of(model), rank=rank, world=world,
            facts=facts,
        )  # fmt: skip
    except ValueError as error:
        raise InputError(f"{', '.join(map(str, order.documents))}: {error}") from error
    checkpoint = checkpoint_of(order)
    if has_checkpoint(checkpoint):
        trainer.resume(checkpoint)
    if rank == 0:
        order.run.mkdir(parents=True, exist_ok=True)
        shutil.copytree(order.documents[0] / TOKENIZER_FOLDER, order.run / TOKENIZER_FOLDER, dirs_exist_ok=True)
        (order.run / RUN_SETTINGS).write_text(json.dumps(as_dict(settings), indent=1) + "\n")
        (order.run / RUN_FACTS).write_text(json.dumps(facts, indent=1) + "\n")
    evaluate = _evaluation(order, trainer, PromptFormat.from_json(shared["prompt"]))
    trainer.run(order.run, deadline=order.deadline, evaluate=evaluate)
    if device.type == "cuda" and rank == 0:
        logger.info("peak device memory %.1f GiB", torch.cuda.max_memory_allocated() / 2**30)
    if world > 1:
        dist.destroy_process_group()


def _evaluation(order: TrainOrder, trainer: Any, prompt_format: PromptFormat) -> Any:
    """Measures on held-out documents (loss) and tasks (solutions written and run), as far as there are any."""
    from .evaluation import ModelEngine, held_out_tasks, write_solutions
    from .models import context_of
    from .preparation import examples

    held_out = Documents.load(order.held_out) if order.held_out else None
    if held_out is not None:
        try:
            trainer.packer_of(held_out)  # here, not when training is over
        except ValueError as error:
            raise InputError(f"{', '.join(map(str, order.held_out))}: {error}") from error
    tasks = []
    if order.held_out_tasks is not None and trainer.rank == 0:
        from ..synthesis.shards import read_shard

        sets = (one for path in shard_paths(order.held_out_tasks) for one in read_shard(path))
        tasks = held_out_tasks(examples(sets, 1, context_of(trainer.model), [0]), order.num_held_out)
        logger.info("%d held-out tasks to write programs for", len(tasks))
        tokenizer = load_tokenizer(order.documents[0] / TOKENIZER_FOLDER)

    def evaluate(model: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if held_out is not None:
            loss, right = trainer.measure(held_out, order.held_out_batches)
            found |= {"held_out_loss": round(loss, 6), "held_out_right": round(right, 5)}
        if tasks:
            found |= write_solutions(ModelEngine(model, tokenizer), prompt_format, tasks).facts()
        return found

    return evaluate if held_out is not None or tasks else None
