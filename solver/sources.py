"""The sources of answers that a run uses, made from its settings: one lane of workers a kind of source."""

from __future__ import annotations

import importlib
import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING

from .answers import Source
from .devices import list_gpus, use_gpu
from .errors import InputError, SettingsError
from .run.plan import compile_limit_s, start_limit_s
from .run.services import Service
from .settings import Settings
from .vision import FORMAT as VISION_FORMAT
from .vision import KIND as VISION_KIND
from .weights import MANIFEST, read_manifest, weights_digest

if TYPE_CHECKING:
    from .lm.loading import LanguageModel

logger = getLogger(__name__)

MakeSources = Callable[..., Sequence[Source]]

VISION_BYTES = 8 << 30
"""What a worker of the vision model needs of a GPU while it tunes."""

VISION_PACKAGES = ("torch", "safetensors")
MODEL_PACKAGES = ("torch", "transformers", "peft")
"""What the vision model and the shipped language models need."""

MODEL_MIN_S = 100.0
"""Seconds a task from which on the shipped language models are used unasked. On a CPU their rollouts take some four,
and at 30 s a task they bring no more than that costs (docs/measurements.md)."""

NICENESS = 10
"""Of program search beside processes that feed a GPU or all its workers, which must not wait for a core."""

KERNELS = "solver.preload"
"""A lane that preloads this module runs the grid library: it is compiled before, and loaded once for all workers."""

SHIPPED_WEIGHTS = Path(__file__).resolve().parent.parent / "weights"


@dataclass(frozen=True)
class Lane:
    """Workers of one kind. Every task goes through every lane, each at its own pace.

    num_workers: processes. make_sources: a function of an importable module, called once in each worker with the
    settings and the worker's number in its lane (0..num_workers - 1: it says which device is its own); what it
    returns runs one after the other on every task. required: whether the run fails if no worker of it can start;
    without a lane that is not required it goes on, if there is another. services: that its workers use; with any,
    `make_sources` is also given their addresses. preload: modules that its workers should find imported, beside the
    worker's own. niceness: of its workers, above the run's own. judges: whether a source of it does (answers.Source):
    it is told what other lanes propose, and takes tasks first that these have been through. weights: SHA-256 of the
    weights that its sources read, by kind: a run goes on with no others.
    """

    name: str
    num_workers: int
    make_sources: MakeSources
    required: bool = True
    services: tuple[Service, ...] = ()
    preload: tuple[str, ...] = ()
    niceness: int = 0
    judges: bool = False
    weights: Mapping[str, str] = field(default_factory=dict)


def own_lanes(settings: Settings) -> tuple[Lane, ...]:
    """The lanes of a run with these settings: program search on the cores, the vision model on the GPUs. Either goes on
    if the other cannot start, unless more was asked for.

    Raises InputError if the vision model is asked for and cannot be had, or (lm.strict) the language model, or a folder
    for traces, or if two lanes have one name, and SettingsError if nothing is asked for.
    """
    vision = vision_lane(settings)
    on_gpu = vision is not None and settings.vision.device != "cpu"
    lanes = []
    if settings.search.use:
        check_trace_folder(settings)
        program = program_lane(settings, VISION_BYTES if on_gpu else 0)
        program = replace(program, required=vision is None or settings.lm.strict)
        lanes.append(replace(program, niceness=NICENESS) if on_gpu or program.services else program)
    if vision is not None:
        lanes.append(vision)
    for name in settings.run.lanes:
        lanes += more_lanes(name, settings)
    if not lanes:
        raise SettingsError("no source of answers: search.use is false, and there is no vision model")
    names = [lane.name for lane in lanes]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"run.lanes: two lanes have the name {', '.join(repeated)}: a task would never be finished")
    return tuple(lanes)


def check_trace_folder(settings: Settings) -> None:
    """Raises InputError if traces are asked for and nothing can be written where their folder is, or is to be made."""
    if settings.search.trace is None:
        return
    folder = Path(settings.search.trace)
    try:
        place = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        raise _no_traces(folder, error) from error


def make_trace_folder(settings: Settings) -> None:
    """Make the folder of the traces, if any are asked for. Raises InputError."""
    if settings.search.trace is None or not settings.search.use:
        return
    folder = Path(settings.search.trace)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_traces(folder, error) from error


def _no_traces(folder: Path, error: OSError) -> InputError:
    return InputError(f"search.trace: {folder}: cannot be written: {error.strerror or error}")


def more_lanes(name: str, settings: Settings) -> Sequence[Lane]:
    """What somebody's own function returns; name: 'module:function'. Raises InputError if there is none, or if it
    returns no lanes."""
    module, _, function = name.partition(":")
    try:
        lanes = list(getattr(importlib.import_module(module), function)(settings))
    except InputError:
        raise
    except Exception as error:  # a module of somebody's own raises what it likes
        raise InputError(f"run.lanes: {name!r}: {type(error).__name__}: {error}") from error
    if strange := [lane for lane in lanes if not isinstance(lane, Lane)]:
        raise InputError(f"run.lanes: {name!r}: returned {type(strange[0]).__name__}, not a Lane")
    return lanes


def program_lane(settings: Settings, beside_bytes: int = 0) -> Lane:
    """Program search on the cores, with the language model's engine server on each GPU. beside_bytes: of each GPU's
    memory, what others need there.

    A language model that can't be used is left out with a warning; with lm.strict InputError is raised.
    """
    plain = Lane("program", settings.run.workers, program_sources, preload=(KERNELS,))
    settings = with_models(settings)
    if settings.lm.policy is None:
        return plain
    from .lm.loading import check_language_model, is_served

    try:
        weights = check_language_model(settings.lm, beside_bytes)
    except InputError as error:
        if settings.lm.strict:
            raise
        logger.warning("%s; going on with the grammar alone", error)
        return plain
    if not is_served(settings.lm):
        return replace(plain, make_sources=language_model_sources, weights=weights)
    return replace(
        plain,
        weights=weights,
        make_sources=served_model_sources,
        services=engine_services(settings),
        preload=(KERNELS, "solver.lm.preload"),
    )


def with_models(settings: Settings) -> Settings:
    """The settings with the shipped language models named, if they are to be used (`lm.shipped`) and can be."""
    lm, run = settings.lm, settings.run
    if lm.policy is not None or not lm.shipped:
        return settings
    lacking = not_installed(MODEL_PACKAGES)
    if run.nodes is not None or run.total_s is not None or run.seconds < MODEL_MIN_S:
        lacking.append(f"run.seconds does not give a task {MODEL_MIN_S:.0f} s")
    folders = {kind: SHIPPED_WEIGHTS / kind for kind in ("policy", "ppm")}
    lacking += [f"{folder}: no weights" for folder in folders.values() if not (folder / MANIFEST).is_file()]
    if lacking:
        logger.info("without the shipped language models: %s", ", ".join(lacking))
        return settings
    return replace(settings, lm=replace(lm, **{kind: str(folder) for kind, folder in folders.items()}))


def not_installed(packages: Iterable[str]) -> list[str]:
    """What is missing of the packages, in words. Imports none of them."""
    return [f"{name} is not installed" for name in packages if not importlib.util.find_spec(name)]


def engine_services(settings: Settings) -> tuple[Service, ...]:
    """An engine server a GPU; with transformers one on the CPU."""
    from .lm.loading import engine_name, served_engines
    from .lm.server import serve_engines

    gpus = range(len(list_gpus()[0])) if engine_name(settings.lm) == "vllm" else [None]
    return tuple(
        Service(
            "engine server" if gpu is None else f"engine server on GPU {gpu}",
            serve_engines,
            (served_engines, settings.lm, settings.run.seed, gpu),
            facts={"gpu": gpu},
            start_timeout_s=settings.run.start_timeout_s,
            silence_s=settings.lm.silence_s,
            required=settings.lm.strict,
        )
        for gpu in gpus
    )


def language_model_sources(settings: Settings, slot: int) -> tuple[Source, ...]:
    """Program search whose tree a language model guides, loaded in this process."""
    from .lm.loading import LanguageModel

    settings = with_models(settings)
    return _guided(settings, lambda: LanguageModel.load(settings.lm))


def served_model_sources(settings: Settings, slot: int, addresses: Sequence[str]) -> tuple[Source, ...]:
    """Program search whose tree a language model guides, which servers at these addresses hold. Worker `slot` asks the
    server of its own number, if it is there."""
    from .lm.client import Servers
    from .lm.loading import LanguageModel

    settings = with_models(settings)
    servers = Servers(addresses, slot)
    sources = _guided(settings, lambda: LanguageModel.of_servers(settings.lm, servers))
    servers.wait(settings.lm.wait_s if settings.run.nodes is None else settings.run.start_timeout_s)
    return sources


def _guided(settings: Settings, load: Callable[[], LanguageModel]) -> tuple[Source, ...]:
    """Program search guided by what is loaded; without, if it does not load and lm.strict is false."""
    from .sandbox.executor import SandboxExecutor
    from .sandbox.pool import Pool
    from .search.source import ProgramSource

    try:
        model = load()
    except Exception as error:  # packages of other versions raise what they like, and must not cost the lane
        if settings.lm.strict:
            raise
        logger.warning("%s; going on with the grammar alone", error, exc_info=not isinstance(error, InputError))
        return (ProgramSource(settings.search),)
    execute = SandboxExecutor(Pool(settings.sandbox, size=1))  # starts with the first step of free Python
    return (ProgramSource(settings.search, language_model=model, execute=execute),)


def program_sources(settings: Settings, slot: int) -> tuple[Source, ...]:
    """Program search."""
    from .search.source import ProgramSource

    return (ProgramSource(settings.search),)


def vision_lane(settings: Settings) -> Lane | None:
    """The vision model's workers, one a device, or None if there are none. Raises InputError if they are asked
    for and something is missing, or the weights are damaged; else the latter is a warning."""
    wanted = settings.vision.device
    if wanted == "off":
        return None
    lacking = not_installed(VISION_PACKAGES)
    num_devices = 1
    if wanted != "cpu":
        gpus, why = list_gpus()
        num_devices = len(gpus)
        lacking += [] if gpus else [f"no GPU ({why})"]
    weights = vision_weights(settings)
    if not (weights / MANIFEST).is_file():
        lacking.append(f"{weights}: no weights")
    if not lacking:
        try:
            manifest = read_manifest(weights, VISION_KIND, VISION_FORMAT)
        except InputError as error:
            if wanted != "auto":
                raise
            logger.warning("%s; going on without the vision model", error)
            return None
        own = {VISION_KIND: weights_digest(manifest)}
        return Lane("vision", num_devices, vision_sources, required=wanted != "auto", judges=True, weights=own)
    if wanted != "auto":
        raise InputError(f"vision.device is {wanted}, but {', '.join(lacking)}")
    logger.info("without the vision model: %s", ", ".join(lacking))
    return None


def vision_weights(settings: Settings) -> Path:
    """The folder of the vision model's weights."""
    return Path(settings.vision.weights) if settings.vision.weights else SHIPPED_WEIGHTS / "vision"


def own_compile_cache(slot: int) -> None:
    """Have this process keep what torch compiles apart from what other slots' processes do, unless a folder is named.

    All of a run start at once and compile the same, and each takes its GPU for number 0: in one folder they have been
    seen to trip over each other's half-written files. A worker that is replaced finds what its slot had."""
    user = getattr(os, "getuid", lambda: 0)()
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"arc-inductor-{user}-{slot}"))


def vision_sources(settings: Settings, slot: int) -> tuple[Source, ...]:
    """The vision model on GPU number `slot`, which is the only one that this process sees from now on."""
    device = "cpu"
    if settings.vision.device != "cpu":
        use_gpu(slot)
        own_compile_cache(slot)
        device = "cuda"
    from .vision.source import VisionSource, limit_memory
    from .vision.tuning import TuningConfig

    vision, on_gpu = settings.vision, device == "cuda"
    if on_gpu and vision.memory_gib is not None:
        limit_memory(vision.memory_gib)
    config = TuningConfig(
        canvas=vision.canvas,
        large_canvas=vision.large_canvas,
        min_scale=vision.min_scale,
        dropout=vision.dropout,
        batch=vision.batch,
        num_samples=vision.num_samples,
        optimizer=vision.optimizer,
        rate=vision.rate,
        matrix_rate=vision.matrix_rate,
        num_symmetries=vision.num_symmetries,
        num_colorings=vision.num_colorings,
        num_placements=vision.num_placements,
        num_loops=vision.num_loops,
        compile=on_gpu,
        autocast=on_gpu,
    )
    compile_s = compile_limit_s(settings.run, start_limit_s(settings.run))
    return (VisionSource.ready(vision_weights(settings), device, config, vision.max_runs, compile_s),)
