"""Tree search over typed steps: one tree, grown by interchangeable agents (agents.py) that select its leaves; by
default Monte-Carlo tree search with PUCT (Rosin 2011; Silver et al. 2017; progressive widening: Coulom 2007; value
mixture of best and mean: as in rStar-Math's terminal-guided backups).

A node is a *state*: the values of a program prefix's variables, whatever their order. Prefixes with equal values
meet in one node (transposition). Expanding a node asks the policy for steps, runs them all at once, drops what fails
or adds no new value, and keeps the rest as children with renormalised priors. A visit opens at most
`widening`·√(visits + 1) of them.

Selection at node s with N visits, over its opened children a:

    U(a) = Q(a) + c · P(a) · √N / (1 + n(a)),   Q = ½ best + ½ mean,   unvisited: Q = Q(s) − fpu_reduction

The value of a state is its executed reward; with a preference model (1 − w) · reward + w · (score + 1) / 2, w =
`ppm_weight`, and 1 for a state that solves the task whatever the model thinks of it. New states are scored together,
one call of the model a step.

Every evaluation is backed up to every node on the way to the root. A node without open children closes; a closed
child is not selected again, and closing reaches its ancestors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from ..executor import Executor, LibraryExecutor, Value
from ..policy import FreeStep, Policy, Preference, Step
from ..settings import LanguageModelSettings, SearchSettings

NODE_BYTES, STEP_BYTES = 2_000, 150
"""About what a node takes in memory beside its newest value, and a step that is not opened yet."""


@dataclass(eq=False)
class Node:
    """values: the variables, input first, newest last. prior: P of the step that led here (of its first parent). own:
    value of the state itself, 0..1. ppm: the preference model's score in it, −1..1; None without. visits, total, best:
    backed-up statistics. pending: visits under way (virtual loss). unopened: steps that can be executed and are no
    children yet, with their priors, least likely first. closed: nothing left below. number: in the order of being
    opened, 0 for the root. prompt: number of the policy that is asked for its steps, that of the root below which it
    was opened.
    """

    values: tuple[Value, ...]
    prior: float
    own: float = 0.0
    ppm: float | None = None
    depth: int = 0
    number: int = 0
    visits: int = 0
    total: float = 0.0
    best: float = 0.0
    pending: int = 0
    expanded: bool = False
    closed: bool = False
    prompt: int = 0
    children: list[Node] = field(default_factory=list)
    unopened: list[tuple[float, Step | FreeStep]] = field(default_factory=list)

    @property
    def mean(self) -> float:
        return self.total / self.visits if self.visits else 0.0

    @property
    def key(self) -> frozenset[bytes]:
        return frozenset(v.key for v in self.values)


@dataclass(frozen=True)
class TreeRules:
    """agent: which one selects leaves ('pw-mcts', 'mcts' or 'beam', see agents.py). c_puct: weight of the prior.
    fpu_reduction: how much worse than its parent an unvisited child is held. widening: children opened per √visits
    (pw-mcts). beam_width: states kept of each depth (beam). virtual_loss: value that a pending visit counts with
    (0 = a loss). batch: leaves per policy call. num_steps: steps asked for per leaf. max_depth: statements below the
    root. ppm_weight: share of a preference model's score in a state's value. max_bytes: about what the tree may take in
    memory. What is a setting of a run has its default there."""

    agent: str = SearchSettings.agent
    beam_width: int = SearchSettings.beam_width
    c_puct: float = SearchSettings.c_puct
    fpu_reduction: float = SearchSettings.fpu_reduction
    widening: float = SearchSettings.widening
    virtual_loss: float = 0.0
    batch: int = SearchSettings.batch
    num_steps: int = SearchSettings.num_steps
    max_depth: int = SearchSettings.max_depth
    ppm_weight: float = LanguageModelSettings.ppm_weight
    max_bytes: int = SearchSettings.tree_mib << 20


class Tree:
    """One search tree. The tree knows no engine: `policies` propose steps; `evaluate(value)` gives a new value's
    reward in 0..1, 1 for one that solves the task; `execute` runs steps (None: library steps alone); `preference`
    scores states (None: rewards alone).

    roots: states to start from, each with its prior. A dummy root joins several. With several policies, such as one
    language model with different prompts, it is a *tree of trees*: every root is there once for each of them and shares
    its prior; equal states below them are one node, and belong to the policy that came first.
    solutions: texts of programs that solve the task, by the key of the value that a state ends with, as far as
    `evaluate` notes them there; for traces. is_late: whether the time is over: asked before each leaf is expanded, as a
    batch of them may take seconds where grids are large; the rest then stay as they are. num_bytes: about what the tree
    takes in memory.
    """

    def __init__(
        self, roots: Sequence[tuple[tuple[Value, ...], float]], policies: Sequence[Policy],
        evaluate: Callable[[Value], float],
        rules: TreeRules, rng: np.random.Generator,
        execute: Executor | None = None,
        preference: Preference | None = None,
        solutions: Mapping[bytes, Sequence[str]] | None = None,
        is_late: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        from .agents import AGENTS

        self.execute, self.preference = execute or LibraryExecutor(), preference
        self.policies, self.evaluate, self.rules, self.rng = policies, evaluate, rules, rng
        self.solutions = {} if solutions is None else solutions
        self.is_late = is_late
        self.agent = AGENTS[rules.agent](rules)
        self.num_executed = 0
        self.seconds = {"policy": 0.0, "expand": 0.0} | ({} if preference is None else {"ppm": 0.0})
        self.nodes: dict[frozenset[bytes], Node] = {}
        self._unscored: list[list[Node]] = []
        self.num_opened = 0
        self.num_bytes = 0
        self.root = Node((), 1.0, expanded=True)
        for values, prior in roots:
            if frozenset(value.key for value in values) in self.nodes:
                continue
            for prompt in range(len(policies)):
                node = Node(values, prior / len(policies), number=self.num_opened + 1, prompt=prompt)
                self.root.children.append(node)
                self._admit([self.root, node])

    def step(self) -> int:
        """Select a batch of leaves, expand them, back up. Returns the number of leaves; 0 when nothing is left.

        A step that a model's error ends leaves no visit pending; states without a score are asked for by the next.
        """
        self.agent.prepare(self)
        self._score_opened()
        paths = self.agent.select(self)
        try:
            fresh = list(dict.fromkeys(path[-1] for path in paths if not path[-1].expanded))
            self._score_opened()
            if fresh:
                self._expand_all(fresh)
        finally:
            for path in paths:
                for node in path:
                    node.pending -= 1
        for path in paths:
            if path[-1].expanded:
                self.backup(path, path[-1].own)
        return len(paths)

    def _expand_all(self, leaves: Sequence[Node]) -> None:
        """Ask the policies for steps and run them."""
        for prompt, policy in enumerate(self.policies):
            own = [leaf for leaf in leaves if leaf.prompt == prompt]
            if not own:
                continue
            began = time.perf_counter()
            proposals = policy.propose([leaf.values for leaf in own], self.rules.num_steps, self.rng)
            asked = time.perf_counter()
            for leaf, steps in zip(own, proposals, strict=True):
                if self.is_late():
                    break
                self._expand(leaf, steps)
            self.seconds["policy"] += asked - began
            self.seconds["expand"] += time.perf_counter() - asked

    def _score_opened(self) -> None:
        """Ask the preference model for the new states' scores, all in one call, and mix them into their values."""
        if self.preference is None or not self._unscored:
            return
        began = time.perf_counter()
        scores = self.preference.score([path[-1].values for path in self._unscored])
        self.seconds["ppm"] += time.perf_counter() - began
        waited, self._unscored = self._unscored, []
        for path, score in zip(waited, scores, strict=True):
            node = path[-1]
            if score is not None:
                weight = self.rules.ppm_weight
                node.ppm = score
                node.own = (1 - weight) * node.own + weight * (score + 1) / 2
            if node.closed:
                self.backup(path, node.own)

    def _admit(self, path: list[Node]) -> None:
        """Take in a path's last node, a new state, and value it; what needs a preference model's score waits for it."""
        node = path[-1]
        known = self.nodes.setdefault(node.key, node)  # another one only for roots with different prompts
        node.own = self.evaluate(node.values[-1]) if known is node else known.own
        node.closed = node.depth >= self.rules.max_depth
        self.num_opened += 1
        self.num_bytes += NODE_BYTES + node.values[-1].num_bytes
        if self.preference is not None and node.own < 1:
            self._unscored.append(path)
        elif node.closed:
            self.backup(path, node.own)

    def score(self, parent: Node, child: Node) -> float:
        """PUCT with virtual loss, see the module's docstring."""
        visits = child.visits + child.pending
        parent_visits = parent.visits + parent.pending
        if child.visits:
            mean = (child.total + child.pending * self.rules.virtual_loss) / visits
            value = 0.5 * child.best + 0.5 * mean
        else:
            value = 0.5 * parent.best + 0.5 * parent.mean - self.rules.fpu_reduction
        return value + self.rules.c_puct * child.prior * sqrt(max(1, parent_visits)) / (1 + visits)

    def open_children(self, path: Sequence[Node], allowed: float) -> None:
        """Open further children of a path's last node, likeliest first, until `allowed` are open, or one that is not
        closed. Those at the greatest depth are never selected: their value is backed up as soon as it is known."""
        node = path[-1]
        while node.unopened and (len(node.children) < allowed or all(c.closed for c in node.children)):
            prior, step = node.unopened.pop()
            value = self._run([step], node)[0]
            if value is None:  # a sandbox that gave one before
                continue
            child = Node(
                (*node.values, value), prior, depth=node.depth + 1, number=self.num_opened + 1, prompt=node.prompt
            )
            known = self.nodes.get(child.key)
            if known is None:
                self._admit([*path, child])
                known = child
            if known is not node and known not in node.children:
                node.children.append(known)

    def _expand(self, leaf: Node, steps: Sequence[Step | FreeStep]) -> None:
        """Run the proposed steps; those that give something new wait as unopened children with renormalised priors.
        Their values are not kept, but made again where a child is opened: most never are, and would hold ten times the
        memory of all else."""
        leaf.expanded = True
        have = {v.key for v in leaf.values}
        survivors: list[tuple[float, Step | FreeStep]] = []
        self.num_executed += len(steps)
        for step, value in zip(steps, self._run(steps, leaf), strict=True):
            if value is None or value.key in have:
                continue
            have.add(value.key)
            survivors.append((float(np.exp(step.log_probability)), step))
        total = sum(p for p, _ in survivors)
        if survivors and not total:  # all of them too unlikely for a float
            survivors = _relative([step for _, step in survivors])
            total = sum(p for p, _ in survivors)
        survivors.sort(key=lambda s: s[0])
        leaf.unopened = [(p / total, step) for p, step in survivors]
        self.num_bytes += STEP_BYTES * len(survivors)
        leaf.closed = not survivors

    def _run(self, steps: Sequence[Step | FreeStep], node: Node) -> list[Value | None]:
        """The values of a state's steps, None where one cannot be executed."""
        values = self.execute(node.values, steps)
        for step, value in zip(steps, values, strict=True):
            if value is not None:
                value.cost = node.values[-1].cost - step.log_probability
        return values

    def backup(self, path: Sequence[Node], value: float) -> None:
        """Add one evaluation to every node of a path."""
        for node in path:
            node.visits += 1
            node.total += value
            node.best = max(node.best, value)

    def close(self, path: list[Node]) -> None:
        """Close the last node of a path and every ancestor on it that has nothing else open."""
        for node in reversed(path):
            if node.unopened or any(not c.closed for c in node.children):
                return
            node.closed = True

    @property
    def full(self) -> bool:
        """Whether it has taken the memory that it may take."""
        return self.num_bytes >= self.rules.max_bytes

    @property
    def exhausted(self) -> bool:
        return self.root.closed or not any(not c.closed for c in self.root.children)


def _relative(steps: Sequence[Step | FreeStep]) -> list[tuple[float, Step | FreeStep]]:
    """Steps with their probabilities as multiples of the likeliest one's."""
    most = max(step.log_probability for step in steps)
    logs = [(step.log_probability, step) for step in steps]
    return [(1.0 if log == most else float(np.exp(log - most)), step) for log, step in logs]
