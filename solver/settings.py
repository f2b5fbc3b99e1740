"""All settings of the solver, by group; `arc-solve settings` lists them. How they are read: configuration.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .configuration import Checked, as_dict, load, setting
from .errors import SettingsError
from .sandbox import LAYERS

__all__ = ["LanguageModelSettings", "RunSettings", "SandboxSettings", "SearchSettings", "Settings", "VisionSettings",
           "as_dict", "load_settings"]  # fmt: skip


@dataclass(frozen=True)
class RunSettings(Checked):
    """How a run spends its time."""

    seconds: float = setting(10.0, "wall clock of a task and worker", low=0.01, high=1e6)
    nodes: int | None = setting(
        None, "executed statements of a task, instead of seconds; no clock influences the result", low=1, high=10**15
    )
    total_s: float | None = setting(
        None, "wall clock of the whole run, compiling and loading included, instead of seconds", low=1.0, high=1e6
    )
    pass_shares: tuple[float, ...] = setting(
        (1.0,),
        "the run goes through all tasks once for each of these, with that part of its time (scaled to a sum of 1), so "
        "that all have an answer early; a task whose answer is settled is not searched again",
        low=0.001,
        high=1e6,
    )
    keep_ballots: bool = setting(
        False, "whether results.jsonl holds all that was voted over, for tools/calibrate_trust.py and tools/revote.py"
    )
    lanes: tuple[str, ...] = setting(
        (),
        "functions of your own, 'module:function', which are given the settings and return lanes of workers "
        "(solver.sources.Lane) that run beside the solver's; docs/extending.md",
    )
    workers: int = setting(2, "worker processes of program search", low=1, high=1024)
    seed: int = setting(0, "of the whole run; tasks get children of it", low=0, high=2**63 - 1)
    grace_s: float = setting(
        10.0,
        "how long a task may overrun its time, and the run its end, before processes are killed",
        low=0.1,
        high=1e5,
    )
    max_stretch: float = setting(
        3.0, "the most time that one task may get of what others left over, as a multiple of seconds", low=1.0, high=1e3
    )
    min_task_s: float = setting(0.5, "the least time that a task gets", low=0.001, high=1e5)
    start_timeout_s: float = setting(
        900.0,
        "how long the first worker may take to get ready (compiling, loading), beyond the budget",
        low=1.0,
        high=1e5,
    )
    stop_s: float = setting(1.0, "between asking a worker to stop and killing it", low=0.0, high=60.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.pass_shares:
            raise SettingsError("run: pass_shares must name at least one pass")


@dataclass(frozen=True)
class SearchSettings(Checked):
    """Program search.

    Without enumeration the tree starts from the input, and from what a language model's rollouts reach. Part rules,
    layout rules and normal forms go with fitted steps; growth rules and two-step rules go with part rules, canvases and
    pieces with layout rules. Lattices are views.
    """

    use: bool = setting(True, "whether to search programs at all")
    num_views: int = setting(
        2, "views of a task that are searched, beside that of a lattice: recoloured, transposed, rotated", low=1, high=6
    )
    use_enumeration: bool = setting(True, "whether programs are enumerated")
    use_stacking: bool = setting(True, "whether partial results are laid over one another")
    use_fitted: bool = setting(True, "whether last steps are fitted to the pairs")
    use_part_rules: bool = setting(True, "whether rules for the parts of a grid are among the fitted steps")
    use_layouts: bool = setting(True, "whether rules that lay out parts are among them")
    use_steps: bool = setting(True, "whether rules of two steps are among them")
    use_forms: bool = setting(True, "whether normal forms are searched where the first view settles nothing")
    use_lattices: bool = setting(True, "whether grids of panels are seen as one cell a panel")
    use_mcts: bool = setting(True, "whether a tree is grown where all that settles nothing")
    most_s: float | None = setting(
        None, "seconds that a task may take in one pass, however many it is given; none: all", low=0.01, high=1e6
    )
    root_share: float = setting(
        0.6, "share of a view's budget for what comes before the tree, which gets the rest", low=0.05, high=1.0
    )
    agent: str = setting(
        "pw-mcts",
        "what grows the tree: PUCT with progressive widening, PUCT, or a beam",
        choices=("pw-mcts", "mcts", "beam"),
    )
    c_puct: float = setting(1.5, "weight of a step's prior", low=0.0, high=100.0)
    fpu_reduction: float = setting(0.1, "how much worse than its parent an unvisited state is held", low=-1.0, high=1.0)
    widening: float = setting(2.0, "children opened per √visits (pw-mcts)", low=0.1, high=1e3)
    beam_width: int = setting(64, "states kept of each depth (beam)", low=1, high=100_000)
    num_steps: int = setting(96, "steps asked for per state", low=1, high=100_000)
    max_depth: int = setting(6, "most statements below a state that the tree starts from", low=1, high=100)
    batch: int = setting(32, "states expanded in one call of the policy", low=1, high=4096)
    tree_mib: int = setting(1024, "about what a tree may take in memory; then it grows no more", low=1, high=10**6)
    trace: str | None = setting(None, "folder for a trace of every tree; none: no traces")


@dataclass(frozen=True)
class VisionSettings(Checked):
    """The vision model, a second source of answers."""

    device: str = setting(
        "auto",
        "auto: one worker on each GPU, if there are GPUs, torch and weights; cuda: the same, and a run without is "
        "refused; cpu: one worker, slow; off: none",
        choices=("auto", "cuda", "cpu", "off"),
    )
    weights: str | None = setting(None, "folder of its weights; none: those that ship with the solver")
    max_runs: int = setting(
        4,
        "tuning runs of a task in each pass, if its time allows; all of them vote (one where nodes are counted)",
        low=1,
        high=100,
    )
    memory_gib: float | None = setting(
        None, "most device memory that a worker's tensors may hold; none: all there is", low=0.1, high=1e4
    )
    num_samples: int = setting(8_500, "pairs seen in one tuning run; 0: no tuning", low=0, high=10**7)
    batch: int = setting(4, "pairs of a step", low=1, high=4096)
    optimizer: str = setting(
        "muon", "muon: for the cores' matrices, and AdamW for the rest; or AdamW for all", choices=("adamw", "muon")
    )
    rate: float = setting(3e-4, "peak learning rate of AdamW", low=0.0, high=1.0)
    matrix_rate: float = setting(5e-4, "peak learning rate of Muon", low=0.0, high=1.0)
    canvas: int | None = setting(
        None, "side of the canvas, in cells; none: as the weights were trained", low=32, high=1024
    )
    large_canvas: int | None = setting(
        None,
        "side of the one for tasks with a grid that fits the other at scale 1 only, 0 for none; none: as trained",
        low=0,
        high=1024,
    )
    min_scale: int | None = setting(
        None, "least scale at which grids are drawn, where it fits; none: as trained", low=1, high=30
    )
    dropout: float | None = setting(
        None, "while tuning, of what the model's layers add; none: as trained", low=0.0, high=0.9
    )
    num_loops: int | None = setting(None, "loops of the model, tuning and predicting; none: all", low=1, high=100)
    num_symmetries: int = setting(6, "views of a task: so many of identity, three turns and two mirrors", low=1, high=6)
    num_colorings: int = setting(
        9, "random colourings in which each of them but the identity is seen, too", low=0, high=1000
    )
    num_placements: int = setting(10, "predictions of a test input in each of these views", low=1, high=1000)


@dataclass(frozen=True)
class LanguageModelSettings(Checked):
    """The language models of the search tree: the policy proposes steps, the preference model (PPM) values states.

    Where a default is none and nothing else is said, the weights say what holds. The temperature goes by rollout, which
    is a call of the policy in one tree: from `temperature` to `temperature_high` over `num_rollouts` of them.
    """

    policy: str | None = setting(None, "folder of a policy's weights")
    ppm: str | None = setting(None, "folder of a preference model's weights; it runs beside a policy")
    shipped: bool = setting(
        True,
        "whether, where no policy is named, those that ship with the solver are used: if what they need is installed "
        "and run.seconds gives a task 100 s",
    )
    ppm_weight: float = setting(
        0.5, "share of the PPM in a state's value; the rest is the state's reward", low=0.0, high=1.0
    )
    engine: str = setting(
        "auto",
        "vllm: a server a GPU, which all workers ask; transformers: on the CPU, one model a worker",
        choices=("auto", "transformers", "vllm"),
    )
    strict: bool = setting(False, "refuse to run if the weights can't be used; else the grammar goes on alone")
    weight: float = setting(0.7, "of the model in the mixture that proposes steps", low=0.0, high=1e3)
    grammar_weight: float = setting(0.2, "of the grammar in it", low=0.0, high=1e3)
    uniform_weight: float = setting(0.1, "of all steps alike in it", low=0.0, high=1e3)
    batch: int = setting(4, "states asked for in one call", low=1, high=1024)
    num_samples: int | None = setting(None, "answers a state", low=1, high=4096)
    max_new_tokens: int | None = setting(None, "tokens of an answer, at most", low=1, high=65536)
    temperature: float | None = setting(None, "of sampling", low=0.0, high=10.0)
    temperature_high: float | None = setting(None, "where its schedule ends; none: as it began", low=0.0, high=10.0)
    top_p: float | None = setting(None, "of sampling", low=0.001, high=1.0)
    top_k: int | None = setting(None, "of sampling; 0: all tokens", low=0, high=10**6)
    repetition_penalty: float | None = setting(None, "of sampling", low=0.1, high=10.0)
    num_examples: int | None = setting(None, "solved examples in a few-shot prompt, at most", low=0, high=100)
    schedule: str = setting(
        "constant",
        "of the temperature; 'beta' follows the distribution function of Beta(alpha, beta)",
        choices=("constant", "linear", "beta"),
    )
    num_rollouts: int = setting(100, "length of the schedule", low=1, high=10**6)
    alpha: int = setting(2, "of the schedule 'beta'", low=1, high=100)
    beta: int = setting(2, "of the schedule 'beta'", low=1, high=100)
    per_child: float = setting(
        0.0, "added to the temperature for each step that a state was given before", low=0.0, high=10.0
    )
    first_factor: float = setting(2.0, "how many times more answers the first rollout draws", low=0.1, high=100.0)
    seeded: bool = setting(True, "a seed for every request where nodes are counted, so that such runs repeat")
    hints: str | None = setting(
        None,
        "JSON file of descriptions in words by task id, shown to the policy in views that leave the grids as they are",
    )
    hint_schedule: str = setting(
        "always",
        "bootstrap: in the first hint_rollouts rollouts, then with a probability that falls to 0 over hint_fade more",
        choices=("always", "bootstrap"),
    )
    hint_rollouts: int = setting(10, "see hint_schedule", low=0, high=10**6)
    hint_fade: int = setting(40, "see hint_schedule", low=0, high=10**6)
    num_prompts: int = setting(
        1,
        "more than 1 makes a tree of trees, every root once for each prompt: they begin with different examples, and "
        "every other one leaves the hint out",
        low=1,
        high=64,
    )
    rollout_programs: int = setting(
        64, "programs that the policy writes for a task before the search", low=0, high=10**5
    )
    rollout_statements: int = setting(6, "statements of such a program, at most", low=1, high=100)
    rollout_share: float = setting(0.3, "share of the time that they may take", low=0.0, high=1.0)
    rollout_discount: float = setting(
        0.8, "what the use of a function in a step counts, compared with the step before it", low=0.0, high=1.0
    )
    guide_weight: float = setting(
        5.0,
        "how much a use in all of these programs counts in the grammar of the task, where a function's own mass is "
        "about 1",
        low=0.0,
        high=1e6,
    )
    served: bool = setting(False, "with transformers one server for all workers, instead of a model in each")
    cache_gib: float = setting(
        3.0, "GiB of a GPU for the keys and values of each model, beside its weights", low=0.1, high=1e4
    )
    wait_s: float = setting(
        0.0,
        "how long a worker waits for its server before its first task; without one it goes on by the grammar alone (in "
        "a run that counts nodes it waits)",
        low=0.0,
        high=1e5,
    )
    silence_s: float = setting(
        60.0,
        "after so long without a sign of life a server is held to hang, and started again; one on the CPU, which "
        "answers in whole calls, after so long beyond its call's deadline",
        low=1.0,
        high=1e5,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight + self.grammar_weight + self.uniform_weight <= 0:
            raise SettingsError("lm: weight, grammar_weight and uniform_weight must not all be 0")
        if self.ppm is not None and self.policy is None:
            raise SettingsError("lm: ppm needs a policy beside it (lm.policy)")


@dataclass(frozen=True)
class SandboxSettings(Checked):
    """Limits of a free Python program, and what protects from it."""

    wall_s: float = setting(10.0, "wall clock of a program for all its inputs, or of a step", low=0.01, high=1e5)
    cpu_s: int = setting(10, "processor time, in the whole seconds that the kernel counts", low=1, high=10**5)
    memory_bytes: int = setting(512 << 20, "address space above what an empty program has", low=16 << 20, high=1 << 40)
    max_processes: int = setting(1, "processes and threads, the program's own included", low=1, high=1000)
    file_bytes: int = setting(1 << 20, "size of one file", low=0, high=1 << 40)
    temporary_bytes: int = setting(
        16 << 20, "of all its files together (without mounts of its own it can make none)", low=1 << 16, high=1 << 40
    )
    max_open_files: int = setting(
        16, "descriptors, the program's own three and its line home included", low=4, high=1000
    )
    output_bytes: int = setting(4 << 20, "all that a program may send home", low=1 << 10, high=1 << 30)
    layers: tuple[str, ...] = setting(
        LAYERS,
        "kernel layers that may be used; those that the kernel refuses are left out (`arc-solve doctor` tells)",
        choices=LAYERS,
    )
    modules: tuple[str, ...] = setting(
        (), "what programs may import besides sandbox.LIGHT_MODULES, FULL_MODULES and the grid library"
    )
    probe_pairs: int | None = setting(
        None,
        "validation begins with so many random training pairs and goes on only if all are right; none: all at once",
        low=1,
        high=100,
    )
    start_timeout_s: float = setting(
        900.0, "how long the sandbox may take to start (compiling, loading)", low=1.0, high=1e5
    )


@dataclass(frozen=True)
class Settings:
    """All settings, by group."""

    run: RunSettings = field(default_factory=RunSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    vision: VisionSettings = field(default_factory=VisionSettings)
    lm: LanguageModelSettings = field(default_factory=LanguageModelSettings)
    sandbox: SandboxSettings = field(default_factory=SandboxSettings)


def load_settings(toml_path: Path | None, assignments: Sequence[str] = ()) -> Settings:
    """The solver's settings: see `configuration.load`. Raises SettingsError naming every fault."""
    return load(Settings, toml_path, assignments)
