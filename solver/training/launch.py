"""Preparing documents, training and exporting, as the command lines of both training tools do it."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..configuration import as_dict, load
from ..errors import InputError, SettingsError
from ..lm.adapter import ADAPTER_CONFIG
from ..lm.prompt import PromptFormat
from ..lm.weights import POLICY, PPM, read_weights
from ..synthesis.shards import shard_paths
from ..weights import file_hash
from .documents import FACTS_FILE, Documents, PartWriter, remove_parts, write_facts
from .preparation import Encoder, Preparation
from .processes import choose_device, join_processes, run_processes
from .settings import TrainingSettings, faults

logger = logging.getLogger(__name__)

TOKENIZER_FOLDER = "tokenizer"
VOCABULARY_STEP = 64
"""Models from nothing have a multiple of this many rows of embeddings, which multiplies faster."""

Part = Callable[[Encoder, Preparation], PartWriter]
"""Makes the documents of one part; it travels to the process that does it by pickle."""


def load_tokenizer(folder: Path) -> Any:
    """A Hugging Face tokenizer, without network. Raises InputError."""
    from transformers import AutoTokenizer

    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: no tokenizer ({str(error).splitlines()[0]})") from error


# --- documents


def prepare_documents(
    parts: Sequence[Part],
    out: Path,
    group: int,
    how: Preparation,
    weights: Path | None,
    workers: int,
    sources: dict[str, Any],
) -> int:
    """Make a folder of documents of several parts, with several processes; parts that a stopped call left there are
    taken out. weights: a folder whose tokenizer is used; None for this project's own. sources: what the documents come
    from, to be kept with them. Returns the number of documents. Raises InputError, also if there is none."""
    from .. import warm
    from ..lm.tokenizer import save_tokenizer

    if weights is None:
        save_tokenizer(out / TOKENIZER_FOLDER)
    else:
        load_tokenizer(weights).save_pretrained(out / TOKENIZER_FOLDER)
    num_vocabulary = Encoder(load_tokenizer(out / TOKENIZER_FOLDER)).num_vocabulary
    warm.prepare(workers)
    remove_parts(out)
    num_documents = 0
    with warm.worker_pool(workers, _take_job, (how, out)) as pool:
        for count in pool.imap_unordered(_run_job, list(enumerate(parts))):
            num_documents += count
    if not num_documents:
        raise InputError(f"{out}: nothing to learn from in what was given")
    facts = {
        "prompt": how.prompt_format.to_json(),
        "tokenizer": file_hash(out / TOKENIZER_FOLDER / "tokenizer.json"),
        **sources,
        "copies": how.copies,
        "seed": how.seed,
    }
    write_facts(out, num_vocabulary, group, **facts)
    return num_documents


@dataclass(frozen=True)
class _Worker:
    encoder: Encoder
    how: Preparation
    out: Path


_workers: list[_Worker] = []


def _take_job(how: Preparation, out: Path) -> None:
    """What a worker process begins with."""
    _workers[:] = [_Worker(Encoder(load_tokenizer(out / TOKENIZER_FOLDER)), how, out)]


def _run_job(numbered: tuple[int, Part]) -> int:
    number, part = numbered
    worker = _workers[0]
    writer = part(worker.encoder, worker.how)
    writer.write(worker.out, number)
    return len(writer)


def documents_facts(folders: Sequence[Path]) -> dict[str, Any]:
    """What folders of documents agree on: prompt format and tokenizer. Raises InputError if they don't."""
    found = []
    for folder in folders:
        try:
            facts = json.loads((folder / FACTS_FILE).read_text())
            found.append({name: facts[name] for name in ("prompt", "tokenizer", "num_vocabulary", "group")})
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{folder}: no tokenised documents ({error})") from error
    if any(facts != found[0] for facts in found):
        raise InputError(f"{', '.join(map(str, folders))}: made with different tokenizers or prompt formats")
    return found[0]


# --- training


@dataclass(frozen=True)
class TrainOrder:
    """What a training run is started with; every process gets the same. kind: 'policy' or 'ppm'. documents: folders to
    learn from; held_out: folders to measure the loss on, or none. weights: a folder to start from instead of from
    nothing; where the run goes on, None stands for the one that it was begun with. adapter: an exported one to begin
    with instead of a new one, in a run with adapters. resume: a checkpoint to go on from instead of the run's own.
    deadline: of time.monotonic."""

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
    begun_with = _assignments(_checkpoint_facts(order).get("settings", {}))
    settings = load(TrainingSettings, order.settings_file, order.assignments, first=begun_with)
    if found := faults(settings):
        raise SettingsError("\n".join(found))
    return settings


def _checkpoint_facts(order: TrainOrder) -> dict[str, Any]:
    """What the checkpoint that a run goes on from says of it; nothing where there is none. Raises InputError."""
    from ..vision.checkpoint import has_checkpoint, read_facts

    checkpoint = checkpoint_of(order)
    return read_facts(checkpoint) if has_checkpoint(checkpoint) else {}


def _assignments(settings: dict[str, dict[str, Any]]) -> list[str]:
    return [f"{group}.{name}={json.dumps(v)}" for group, values in settings.items() for name, v in values.items()]


def checkpoint_of(order: TrainOrder) -> Path:
    return order.resume or order.run / "checkpoint"


def train(order: TrainOrder) -> None:
    """Train with as many processes as ordered, this one being the only one if that is 1."""
    from ..vision.checkpoint import has_checkpoint

    if order.resume and not has_checkpoint(order.resume):
        raise InputError(f"{order.resume}: no checkpoint")
    if order.weights is None and (begun_from := _checkpoint_facts(order).get("weights")):
        order = replace(order, weights=Path(begun_from))  # an adapter's checkpoint does not hold what it is over
    settings = settings_of_run(order)  # faults show before any process starts
    if order.adapter and not (order.weights and settings.adapter.rank):
        raise InputError(f"{order.adapter}: an adapter to begin with needs --weights and --set adapter.rank")
    documents_facts([*order.documents, *order.held_out])
    _check_vocabulary(order)
    if order.held_out_tasks is not None:
        from .. import warm

        shard_paths(order.held_out_tasks)
        warm.prepare(os.cpu_count() or 1)  # here, where no GPU waits for it
    os.environ.setdefault("NCCL_NVLS_ENABLE", "0")
    if order.processes == 1:
        train_process(0, order)
    else:
        run_processes(train_process, (order,), order.processes)


def _check_vocabulary(order: TrainOrder) -> None:
    """Raises InputError where the documents' tokens are others than those of the run that goes on, or of the weights:
    an older library's vocabulary is about as large, so that nothing else would show it."""
    folders = [checkpoint_of(order).parent / TOKENIZER_FOLDER] if _checkpoint_facts(order) else []
    folders += [order.weights] if order.weights else []
    own = load_tokenizer(order.documents[0] / TOKENIZER_FOLDER).get_vocab()
    for folder in folders:
        if (folder / "tokenizer.json").is_file() and load_tokenizer(folder).get_vocab() != own:
            raise InputError(f"{order.documents[0]}: other tokens than {folder}; prepare them with --weights {folder}")


def train_process(rank: int, order: TrainOrder) -> None:
    """One process of a run, on GPU number `rank` of those visible."""
    import torch
    import torch.distributed as dist

    from ..vision.checkpoint import has_checkpoint
    from .models import POLICY
    from .objectives import Completion, Preference
    from .trainer import Trainer

    world = order.processes
    device = choose_device(order.device, rank, world)
    if world > 1:
        join_processes(rank, world, order.port, device)
    settings = settings_of_run(order)
    documents = Documents.load(order.documents)
    model = make_model(order, settings, documents.num_vocabulary)
    objective = Completion(settings.train.auxiliary) if order.kind == POLICY else Preference()
    shared = documents_facts(order.documents)
    facts = {"kind": order.kind, "num_vocabulary": documents.num_vocabulary, "prompt": shared["prompt"]}
    facts |= {"tokenizer": shared["tokenizer"], "weights": str(order.weights) if order.weights else None}
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
        (order.run / "settings.json").write_text(json.dumps(as_dict(settings), indent=1) + "\n")
        (order.run / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
    evaluate = _evaluation(order, trainer, PromptFormat.from_json(shared["prompt"]))
    trainer.run(order.run, deadline=order.deadline, evaluate=evaluate)
    if device.type == "cuda" and rank == 0:
        logger.info("peak device memory %.1f GiB", torch.cuda.max_memory_allocated() / 2**30)
    if world > 1:
        dist.destroy_process_group()


def make_model(order: TrainOrder, settings: TrainingSettings, num_vocabulary: int) -> Any:
    """The model that a run trains, as it is before the first step."""
    from .models import add_adapter, load_adapter, load_model, new_model

    train = settings.train
    if order.weights:
        has_adapter = settings.adapter.rank > 0
        model = load_model(order.kind, order.weights, bf16=has_adapter and order.device == "cuda", seed=train.seed)
        if model.config.vocab_size < num_vocabulary:
            raise InputError(f"{order.weights}: {model.config.vocab_size} tokens, the documents have {num_vocabulary}")
    else:
        num_rows = -(-num_vocabulary // VOCABULARY_STEP) * VOCABULARY_STEP
        model = new_model(order.kind, settings.model, num_rows, train.seed)
    if settings.adapter.rank:
        model = add_adapter(order.kind, model, settings.adapter, train.seed)
        if order.adapter:
            load_adapter(model, order.adapter, settings.adapter)
    return model


def context_of(model: Any) -> int:
    from .models import base_of

    return int(base_of(model).config.max_position_embeddings)


def _evaluation(order: TrainOrder, trainer: Any, prompt_format: PromptFormat) -> Any:
    """Measures on held-out documents (loss) and tasks (solutions written and run), as far as there are any."""
    from .evaluation import ModelEngine, held_out_tasks, write_solutions
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


# --- export

MAX_SHARD = "15MB"
EXPORT_FACTS = "training.json"
"""In the export of a run with adapters: what `merge_adapter` needs to know of the run."""


def export(run: Path, out: Path, trained_on: str, licence: str) -> None:
    """Write a run's averaged weights as a weights folder in bf16; of a run with adapters the adapter alone, to be
    merged by `merge_adapter`. Raises InputError."""
    import torch

    from .trainer import Trainer

    try:
        facts = json.loads((run / "facts.json").read_text())
        chosen = json.loads((run / "settings.json").read_text())
        settings = load(TrainingSettings, None, _assignments(chosen))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{run}: no training run ({error})") from error
    weights = Path(facts["weights"]) if facts["weights"] else None
    order = TrainOrder(facts["kind"], run, (), weights=weights, device="cpu")
    model = make_model(order, settings, facts["num_vocabulary"])
    progress = Trainer.load_averaged(model, settings, run / "checkpoint")
    refuse_existing(out)
    told = {"steps": progress["step"], "tokens": progress["num_tokens"], "settings": as_dict(settings)}
    if settings.adapter.rank:
        _save_adapter(model.to(torch.bfloat16), {**facts, "training": told}, run / TOKENIZER_FOLDER, out)
        if facts["kind"] == PPM:
            _seal_adapter(out, Path(facts["weights"]), trained_on, licence)
        else:
            logger.info("%s: an adapter; tools/merge_lora.py makes weights of it and of its base", out)
        return
    _write_weights(model.to(torch.bfloat16), facts, run / TOKENIZER_FOLDER, out, trained_on, licence, told)


def _save_adapter(model: Any, facts: dict[str, Any], tokenizer: Path, out: Path) -> None:
    """Write an adapter without the paths and the card that peft puts in."""
    from .models import save_model

    save_model(model, out)
    (out / "README.md").unlink(missing_ok=True)
    path = out / ADAPTER_CONFIG
    config = {**json.loads(path.read_text()), "base_model_name_or_path": None}
    path.write_text(json.dumps(config, indent=1) + "\n")
    told = {name: fact for name, fact in facts.items() if name != "weights"}
    (out / EXPORT_FACTS).write_text(json.dumps(told, indent=1) + "\n")
    shutil.copytree(tokenizer, out / TOKENIZER_FOLDER)


def _seal_adapter(out: Path, base: Path, trained_on: str, licence: str) -> None:
    """Make an exported preference model's adapter a weights folder, if what it was trained on is one."""
    from ..lm.adapter import seal_adapter

    try:
        weights = read_weights(base, POLICY)
    except InputError as error:
        logger.info("%s can be merged, but not used as it is: %s", out, error)
        return
    seal_adapter(out, PPM, weights, trained_on, licence)


def merge_adapter(adapter: Path, base: Path, out: Path, trained_on: str, licence: str) -> None:
    """Write the model in `base` with an exported adapter merged in as a weights folder in bf16. Raises InputError."""
    import torch

    from .models import load_model, merged

    try:
        facts = json.loads((adapter / EXPORT_FACTS).read_text())
        kind, told = facts["kind"], facts["training"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{adapter}: no exported adapter ({error})") from error
    model = load_model(kind, base)
    try:
        whole = merged(model, adapter)
    except (ValueError, RuntimeError, KeyError) as error:
        raise InputError(f"{adapter}: does not fit {base} ({str(error).splitlines()[0]})") from error
    refuse_existing(out)
    _write_weights(whole.to(torch.bfloat16), facts, adapter / TOKENIZER_FOLDER, out, trained_on, licence, told)


def refuse_existing(out: Path) -> None:
    if out.exists():
        raise InputError(f"{out}: is there already")


def _write_weights(
    model: Any, facts: dict[str, Any], tokenizer: Path, out: Path, trained_on: str, licence: str, told: dict[str, Any]
) -> None:
    from ..lm.weights import seal_weights
    from .models import save_model

    save_model(model, out, max_shard_size=MAX_SHARD)
    for path in tokenizer.iterdir():
        shutil.copy(path, out / path.name)
    prompt_format = PromptFormat.from_json(facts["prompt"])
    seal_weights(out, facts["kind"], prompt_format, context_of(model), trained_on, licence, **told)
