"""Settings: defaults in frozen dataclasses, one TOML overlay, then `--set group.name=value`.

A file looks like

    [run]
    seconds = 20
    workers = 4

    [search]
    use_mcts = false

Every fault of file and assignments together (unknown key, wrong type, out of range) is named in one
SettingsError. To add a setting, add a field with `setting(default, low=…, high=…, choices=…)`; bool, int,
float, str, `X | None` and `tuple[X, ...]` are understood. Nothing here reads argv or the environment.
"""

from __future__ import annotations

import difflib
import math
import tomllib
import types
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import SettingsError
from .sandbox import LAYERS

T = TypeVar("T")

_MISSING = object()


def setting(default: Any, *, low: float | None = None, high: float | None = None, choices: Sequence[Any] = ()) -> Any:
    """A field with a default and, for load_settings, its range (both ends included) or its possible
    values."""
    return field(default=default, metadata={"low": low, "high": high, "choices": tuple(choices)})


class _Checked:
    """Checks its own fields: also settings made in Python cannot be out of range."""

    def __post_init__(self) -> None:
        faults = [fault for f in fields(self) if (fault := _fault(type(self), f.name, getattr(self, f.name)))]
        if faults:
            raise SettingsError("\n".join(faults))


@dataclass(frozen=True)
class SearchSettings(_Checked):
    """Program search. use: whether to search programs at all. num_views: in how many rotated, mirrored or
    transposed views a task is searched.

    use_enumeration, use_stacking, use_fitted, use_part_rules, use_layouts, use_steps, use_forms, use_lattices,
    use_mcts: whether these parts of the search run; without enumeration the tree starts from the input, and from what a
    language model's rollouts reach. Part rules, layout rules and normal forms go with fitted steps; growth rules and
    two-step rules go with part rules, canvases and pieces with layout rules. Lattices are views.
    most_s: seconds that a task may take in one pass, however many it is given; None for all of them.
    root_share: share of a view's budget for the root pass; the tree gets the rest.
    agent: what grows the tree: 'pw-mcts' (PUCT with progressive widening), 'mcts' (PUCT) or 'beam'.
    c_puct, fpu_reduction, widening, beam_width, num_steps, max_depth: of the tree, see solver/search/tree.py.
    batch: leaves expanded in one call of the policy. trace: folder for a trace of every tree; None for none.
    """

    use: bool = setting(True)
    num_views: int = setting(2, low=1, high=8)
    use_enumeration: bool = setting(True)
    use_stacking: bool = setting(True)
    use_fitted: bool = setting(True)
    use_part_rules: bool = setting(True)
    use_layouts: bool = setting(True)
    use_steps: bool = setting(True)
    use_forms: bool = setting(True)
    use_lattices: bool = setting(True)
    use_mcts: bool = setting(True)
    most_s: float | None = setting(None, low=0.01, high=1e6)
    root_share: float = setting(0.6, low=0.05, high=1.0)
    agent: str = setting("pw-mcts", choices=("pw-mcts", "mcts", "beam"))
    c_puct: float = setting(1.5, low=0.0, high=100.0)
    fpu_reduction: float = setting(0.1, low=-1.0, high=1.0)
    widening: float = setting(2.0, low=0.1, high=1e3)
    beam_width: int = setting(64, low=1, high=100_000)
    num_steps: int = setting(96, low=1, high=100_000)
    max_depth: int = setting(6, low=1, high=100)
    batch: int = setting(32, low=1, high=4096)
    trace: str | None = setting(None)


@dataclass(frozen=True)
class VisionSettings(_Checked):
    """The vision model, a second source of answers.

    device: 'auto' (one worker on each GPU, if there are GPUs, torch and weights; else none), 'cuda' (the same, but
    a run without it is refused), 'cpu' (one worker; slow: it says how slow), or 'off'. weights: its folder; None for
    the one that ships with the solver. max_runs: tuning runs of a task in each pass, if its time allows; all of them
    vote. One in a run that counts nodes. memory_gib: most device memory that a worker's tensors may hold; None for all
    there is.

    num_samples: pairs seen in one tuning run, `batch` a step; 0: no tuning. optimizer: 'muon' (for the cores'
    matrices, at matrix_rate; AdamW at `rate` for the rest) or 'adamw'; peak learning rates. canvas: side in cells;
    large_canvas: of the one for tasks with a grid that fits that one at scale 1 only, 0 for none; min_scale: least
    scale at which grids are drawn, where it fits; None for what the weights were trained on. dropout: while tuning,
    of what the model's layers add; None for what the weights were trained with. num_loops: loops of the model,
    tuning and predicting; None for all.
    num_symmetries: of identity, three turns and two mirrors, so many; each but the identity also in num_colorings
    random colourings. num_placements: predictions of a test input in each of these views.
    """

    device: str = setting("auto", choices=("auto", "cuda", "cpu", "off"))
    weights: str | None = setting(None)
    max_runs: int = setting(4, low=1, high=100)
    memory_gib: float | None = setting(None, low=0.1, high=1e4)
    num_samples: int = setting(8_500, low=0, high=10**7)
    batch: int = setting(4, low=1, high=4096)
    optimizer: str = setting("muon", choices=("adamw", "muon"))
    rate: float = setting(3e-4, low=0.0, high=1.0)
    matrix_rate: float = setting(5e-4, low=0.0, high=1.0)
    canvas: int | None = setting(None, low=32, high=1024)
    large_canvas: int | None = setting(None, low=0, high=1024)
    min_scale: int | None = setting(None, low=1, high=30)
    dropout: float | None = setting(None, low=0.0, high=0.9)
    num_loops: int | None = setting(None, low=1, high=100)
    num_symmetries: int = setting(6, low=1, high=6)
    num_colorings: int = setting(9, low=0, high=1000)
    num_placements: int = setting(10, low=1, high=1000)


@dataclass(frozen=True)
class LanguageModelSettings(_Checked):
    """The language models of the search tree: the policy proposes steps, the preference model (PPM) values states.

    policy, ppm: folders of their weights; a PPM runs beside a policy. shipped: whether, where no policy is named, those
    are used that ship with the solver: if what they need is installed and `run.seconds` gives a task 100 s. ppm_weight:
    the PPM's share in a state's value; the rest is the state's reward. engine: 'vllm' (a server a GPU, which all
    workers ask), 'transformers' (on the CPU, one model a worker; with `served` one server for all) or 'auto'. strict:
    refuse to run if the weights can't be used; else the grammar goes on alone.
    weight, grammar_weight, uniform_weight: of the mixture that proposes steps. batch: states asked for in one call.

    num_samples (answers a state), max_new_tokens, temperature, top_p, top_k, repetition_penalty, num_examples: None
    for what the weights say. schedule: of the temperature by rollout, from `temperature` to `temperature_high` over
    num_rollouts calls; 'beta' follows the distribution function of Beta(alpha, beta). per_child: is added for each
    step that a state was given before. first_factor: how many times more samples the first call draws. seeded: a seed
    for every request where nodes are counted, so that such runs repeat.
    rollout_programs: how many programs the policy writes for a task before the search (0: none), of at most
    rollout_statements, in at most rollout_share of the time; guide_weight: how much a use in all of them counts in the
    grammar of the task, where a function's own mass is about 1; rollout_discount: what a step's use counts compared
    with the step before it.
    hints: JSON file of descriptions in words by task id, shown to the policy where the view leaves the grids as they
    are; None for none. hint_schedule: 'always', or 'bootstrap': in the first hint_rollouts calls of a tree, after that
    with a probability that falls to 0 over hint_fade more, then never. num_prompts: more than 1 makes a tree of trees,
    every root once for each prompt: they begin with different examples, and every other one leaves the hint out.
    cache_gib: GiB of a GPU for the keys and values of each model, beside its weights. wait_s: how long a worker waits
    for its server before its first task; without one it goes on by the grammar alone (in a run that counts nodes it
    waits). silence_s: after so long without a sign of life a server is held to hang, and started again; one on
    the CPU, which answers in whole calls, after so long beyond its call's deadline.
    """

    policy: str | None = setting(None)
    ppm: str | None = setting(None)
    shipped: bool = setting(True)
    ppm_weight: float = setting(0.5, low=0.0, high=1.0)
    engine: str = setting("auto", choices=("auto", "transformers", "vllm"))
    strict: bool = setting(False)
    weight: float = setting(0.7, low=0.0, high=1e3)
    grammar_weight: float = setting(0.2, low=0.0, high=1e3)
    uniform_weight: float = setting(0.1, low=0.0, high=1e3)
    batch: int = setting(4, low=1, high=1024)
    num_samples: int | None = setting(None, low=1, high=4096)
    max_new_tokens: int | None = setting(None, low=1, high=65536)
    temperature: float | None = setting(None, low=0.0, high=10.0)
    temperature_high: float | None = setting(None, low=0.0, high=10.0)
    top_p: float | None = setting(None, low=0.001, high=1.0)
    top_k: int | None = setting(None, low=0, high=10**6)
    repetition_penalty: float | None = setting(None, low=0.1, high=10.0)
    num_examples: int | None = setting(None, low=0, high=100)
    schedule: str = setting("constant", choices=("constant", "linear", "beta"))
    num_rollouts: int = setting(100, low=1, high=10**6)
    alpha: int = setting(2, low=1, high=100)
    beta: int = setting(2, low=1, high=100)
    per_child: float = setting(0.0, low=0.0, high=10.0)
    first_factor: float = setting(2.0, low=0.1, high=100.0)
    seeded: bool = setting(True)
    hints: str | None = setting(None)
    hint_schedule: str = setting("always", choices=("always", "bootstrap"))
    hint_rollouts: int = setting(10, low=0, high=10**6)
    hint_fade: int = setting(40, low=0, high=10**6)
    num_prompts: int = setting(1, low=1, high=64)
    rollout_programs: int = setting(64, low=0, high=10**5)
    rollout_statements: int = setting(6, low=1, high=100)
    rollout_share: float = setting(0.3, low=0.0, high=1.0)
    rollout_discount: float = setting(0.8, low=0.0, high=1.0)
    guide_weight: float = setting(5.0, low=0.0, high=1e6)
    served: bool = setting(False)
    cache_gib: float = setting(3.0, low=0.1, high=1e4)
    wait_s: float = setting(0.0, low=0.0, high=1e5)
    silence_s: float = setting(60.0, low=1.0, high=1e5)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight + self.grammar_weight + self.uniform_weight <= 0:
            raise SettingsError("lm: weight, grammar_weight and uniform_weight must not all be 0")
        if self.ppm is not None and self.policy is None:
            raise SettingsError("lm: ppm needs a policy beside it (lm.policy)")


@dataclass(frozen=True)
class SandboxSettings(_Checked):
    """Limits of a free Python program, and what protects from it.

    wall_s: wall clock of a program for all its inputs, or of a step. cpu_s: processor time, in the whole seconds the
    kernel counts. memory_bytes: address space above what an empty program has. max_processes: processes and threads,
    the program's own included. file_bytes: size of one file; temporary_bytes: of all its files together (without
    mounts of its own it can make none). max_open_files: descriptors, its own three and its line home included.
    output_bytes: all that a program may send home.
    layers: kernel layers that may be used; those the kernel refuses are left out (`arc-solve doctor` tells).
    modules: what programs may import besides sandbox.LIGHT_MODULES, FULL_MODULES and the grid library.
    probe_pairs: validation begins with that many random training pairs and goes on only if all of them are right;
    None: always all pairs.
    start_timeout_s: how long the sandbox may take to start (compiling, loading).
    """

    wall_s: float = setting(10.0, low=0.01, high=1e5)
    cpu_s: int = setting(10, low=1, high=10**5)
    memory_bytes: int = setting(512 << 20, low=16 << 20, high=1 << 40)
    max_processes: int = setting(1, low=1, high=1000)
    file_bytes: int = setting(1 << 20, low=0, high=1 << 40)
    temporary_bytes: int = setting(16 << 20, low=1 << 16, high=1 << 40)
    max_open_files: int = setting(16, low=4, high=1000)
    output_bytes: int = setting(4 << 20, low=1 << 10, high=1 << 30)
    layers: tuple[str, ...] = setting(LAYERS, choices=LAYERS)
    modules: tuple[str, ...] = setting(())
    probe_pairs: int | None = setting(None, low=1, high=100)
    start_timeout_s: float = setting(900.0, low=1.0, high=1e5)


@dataclass(frozen=True)
class RunSettings(_Checked):
    """How a run spends its time.

    seconds: wall-clock budget a task and worker; time that a task leaves over goes to those still to come.
    nodes: executed statements a task; replaces seconds, and no clock influences the result.
    total_s: wall clock of the whole run from its start, compiling and loading included; replaces seconds, too.
    pass_shares: the run goes through all tasks once for each share, with that part of the time, so that all have an
    answer early; a task whose answer is settled is not searched again. They are scaled to a sum of 1.
    keep_ballots: whether results.jsonl holds all that was voted over, for tools/calibrate_trust.py and tools/revote.py.
    lanes: functions of your own, "module:function"; each is given the settings and returns lanes of workers
    (solver.sources.Lane) that run beside the solver's own, with sources of answers of your own.
    workers: worker processes. seed: of the whole run; tasks get children of it.
    grace_s: how long a task may overrun its time, and the run its end, before processes are killed.
    max_stretch: the most time one task may get, as a multiple of `seconds`. min_task_s: the least.
    start_timeout_s: how long the first worker may take to get ready (compiling, loading); not counted in the
    budget. stop_s: between asking a worker to stop and killing it.
    """

    seconds: float = setting(10.0, low=0.01, high=1e6)
    nodes: int | None = setting(None, low=1, high=10**15)
    total_s: float | None = setting(None, low=1.0, high=1e6)
    pass_shares: tuple[float, ...] = setting((1.0,), low=0.001, high=1e6)
    keep_ballots: bool = setting(False)
    lanes: tuple[str, ...] = setting(())
    workers: int = setting(2, low=1, high=1024)
    seed: int = setting(0, low=0, high=2**63 - 1)
    grace_s: float = setting(10.0, low=0.1, high=1e5)
    max_stretch: float = setting(3.0, low=1.0, high=1e3)
    min_task_s: float = setting(0.5, low=0.001, high=1e5)
    start_timeout_s: float = setting(900.0, low=1.0, high=1e5)
    stop_s: float = setting(1.0, low=0.0, high=60.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.pass_shares:
            raise SettingsError("run: pass_shares must name at least one pass")


@dataclass(frozen=True)
class Settings:
    """All settings, by group."""

    run: RunSettings = field(default_factory=RunSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    vision: VisionSettings = field(default_factory=VisionSettings)
    lm: LanguageModelSettings = field(default_factory=LanguageModelSettings)
    sandbox: SandboxSettings = field(default_factory=SandboxSettings)


def load_settings(
    toml_path: Path | None, assignments: Sequence[str] = (), kind: type[T] = Settings, *, first: Sequence[str] = ()
) -> T:
    """Defaults, overlaid by the assignments in `first`, by the TOML file, then by assignments such as "run.seconds=5"
    (later ones win).

    kind: a frozen dataclass whose fields are groups, each a dataclass of `setting`s. Raises SettingsError with one
    line for each fault of all of them.
    """
    faults: list[str] = []
    groups = _groups(kind)
    chosen: dict[str, dict[str, Any]] = {group: {} for group in groups}
    _assign(first, groups, chosen, faults)
    if toml_path is not None:
        _overlay(toml_path, groups, chosen, faults)
    _assign(assignments, groups, chosen, faults)
    if faults:
        raise SettingsError("\n".join(faults))
    return kind(**{name: group(**chosen[name]) for name, group in groups.items()})


def as_dict(settings: Any) -> dict[str, Any]:
    """Settings as nested plain dicts, for JSON."""
    return {
        group: {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}
        for group, values in asdict(settings).items()
    }


def _groups(kind: type) -> dict[str, type]:
    return {name: group for name, group in get_type_hints(kind).items() if is_dataclass(group)}


def _overlay(path: Path, groups: dict[str, type], chosen: dict[str, dict[str, Any]], faults: list[str]) -> None:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        faults.append(f"{path}: {error.strerror}")
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        faults.append(f"{path}: not TOML: {error}")
        return
    for group, values in content.items():
        if isinstance(values, dict):
            for name, value in values.items():
                _choose(groups, chosen, faults, str(path), group, name, value=value)
        else:
            _choose(groups, chosen, faults, str(path), group, "", value=values)


def _assign(
    assignments: Sequence[str], groups: dict[str, type], chosen: dict[str, dict[str, Any]], faults: list[str]
) -> None:
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            faults.append(f"--set {assignment}: must be group.name=value")
            continue
        group, _, name = key.strip().partition(".")
        _choose(groups, chosen, faults, f"--set {assignment}", group, name, value=_value(text.strip()))


def _choose(
    groups: dict[str, type],
    chosen: dict[str, dict[str, Any]],
    faults: list[str],
    where: str,
    group: str,
    name: str,
    *,
    value: Any,
) -> None:
    """Take one value into `chosen`, or say in `faults` why not."""
    full = f"{group}.{name}" if name else group
    names = [f.name for f in fields(groups[group])] if group in groups else []
    if name not in names:
        every = [f"{g}.{f.name}" for g, kind in groups.items() for f in fields(kind)]
        near = [k for k in every if name and k.partition(".")[2] == name]
        near = near or [k for k in every if k.partition(".")[2] == group]
        near = near or difflib.get_close_matches(full, every, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(every)}"
        faults.append(f"{where}: unknown setting {full}{hint}")
        return
    kind = groups[group]
    if isinstance(value, str) and value.lower() == "none" and type(None) in get_args(_hint(kind, name)):
        value = None
    if fault := _fault(kind, name, value):
        faults.append(f"{where}: {group}.{fault}")
        return
    chosen[group][name] = _convert(_hint(kind, name), value)


def _value(text: str) -> Any:
    """What stands right of the = : a TOML value, else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def _hint(kind: type, name: str) -> Any:
    return get_type_hints(kind)[name]


def _fault(kind: type, name: str, value: Any) -> str:
    """'' or what is wrong with a value for a field."""
    meta = next(f.metadata for f in fields(kind) if f.name == name)
    wanted = _hint(kind, name)
    if _convert(wanted, value) is _MISSING:
        return f"{name} must be {_words(wanted)}, not {value!r}"
    choices, low, high = meta.get("choices", ()), meta.get("low"), meta.get("high")
    for item in value if isinstance(value, (list, tuple)) else (value,):
        if choices and item not in choices:
            return f"{name} must be one of {', '.join(map(str, choices))}, not {item!r}"
        if isinstance(item, str) and any("\ud800" <= char <= "\udfff" for char in item):
            return f"{name} must be text that can be written again, not {item!a}"
        if isinstance(item, float) and not math.isfinite(item):
            return f"{name} must be finite, not {item!r}"
        if isinstance(item, (int, float)) and not isinstance(item, bool):
            if low is not None and item < low:
                return f"{name} must be at least {low:g}, not {item!r}"
            if high is not None and item > high:
                return f"{name} must be at most {high:g}, not {item!r}"
    return ""


def _convert(wanted: Any, value: Any) -> Any:
    """`value` as the wanted type, or _MISSING: an int may stand for a float, a list for a tuple, nothing
    else."""
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        for part in get_args(wanted):
            if (converted := _convert(part, value)) is not _MISSING:
                return converted
        return _MISSING
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            return _MISSING
        items = tuple(_convert(get_args(wanted)[0], item) for item in value)
        return _MISSING if _MISSING in items else items
    if wanted is type(None):
        return None if value is None else _MISSING
    if isinstance(value, bool) and wanted is not bool:
        return _MISSING
    if wanted is float and isinstance(value, int):
        return float(value)
    return value if isinstance(value, wanted) else _MISSING


def _words(wanted: Any) -> str:
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "a text",
        type(None): "none",
    }
    if get_origin(wanted) in (Union, types.UnionType):
        return " or ".join(_words(part) for part in get_args(wanted))
    if get_origin(wanted) is tuple:
        return f"a list, each item {_words(get_args(wanted)[0])}"
    return names.get(wanted, str(wanted))
