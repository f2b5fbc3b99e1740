"""Tree search over typed steps: one tree, grown by interchangeable agents (agents.py) that select its leaves; by
default Monte-Carlo tree search with PUCT (Rosin 2011; Silver et al. 2017; progressive widening: Coulom 2007; value
mixture of best and mean: as in rStar-Math's terminal-guided backups).

A node is a *state*: the values of a program prefix's variables, whatever their order. Prefixes with equal values
meet in one node (transposition). Expanding a node asks the policy for steps, runs them all at once, drops what fails
or adds no new value, and keeps the rest as children with renormalised priors. A visit opens at most
`widening`·√(visits + 1) of them.

Selection at node s with N visits, over its opened children a:

    U(a) = Q(a) + c · P(a) · √N / (1 + n(a)),   Q = ½ best + ½ mean,   unvisited: Q = Q(s) − fpu_reduction

Every evaluation is backed up to every node on the way to the root. A node without open children closes; a closed
child is not selected again, and closing reaches its ancestors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from ..executor import Executor, LibraryExecutor, Value
from ..policy import Policy


@dataclass(eq=False)
class Node:
    """values: the variables, input first, newest last. prior: P of the step that led here (of its first parent).
    own: value of the state itself, 0..1. visits, total, best: backed-up statistics. pending: visits under way
    (virtual loss). unopened: executed steps not yet children, least likely first. closed: nothing left below.
    number: in the order of being opened, 0 for the root."""

    values: tuple[Value, ...]
    prior: float
    own: float = 0.0
    depth: int = 0
    number: int = 0
    visits: int = 0
    total: float = 0.0
    best: float = 0.0
    pending: int = 0
    expanded: bool = False
    closed: bool = False
    children: list[Node] = field(default_factory=list)
    unopened: list[tuple[float, Value]] = field(default_factory=list)

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
    root."""

    agent: str = "pw-mcts"
    beam_width: int = 64
    c_puct: float = 1.5
    fpu_reduction: float = 0.1
    widening: float = 2.0
    virtual_loss: float = 0.0
    batch: int = 32
    num_steps: int = 96
    max_depth: int = 6


class Tree:
    """One search tree. The tree knows no engine: `policy` proposes steps; `evaluate(value)` gives a new value's
    standing in 0..1 (its reward, or what a preference model says); `execute` runs steps
    (None: library steps alone).

    roots: states to start from, each with its prior. A dummy root joins several (`tree of trees`).
    """

    def __init__(
        self, roots: Sequence[tuple[tuple[Value, ...], float]], policy: Policy, evaluate: Callable[[Value], float],
        rules: TreeRules, rng: np.random.Generator,
        execute: Executor | None = None,
    ) -> None:  # fmt: skip
        from .agents import AGENTS

        self.execute = execute or LibraryExecutor()
        self.policy, self.evaluate, self.rules, self.rng = policy, evaluate, rules, rng
        self.agent = AGENTS[rules.agent](rules)
        self.num_executed = 0
        self.seconds = {"policy": 0.0, "expand": 0.0}
        self.nodes: dict[frozenset[bytes], Node] = {}
        self.root = Node((), 1.0, expanded=True)
        for values, prior in roots:
            node = Node(values, prior, own=evaluate(values[-1]), number=len(self.nodes) + 1)
            if node.key not in self.nodes:
                self.nodes[node.key] = node
                self.root.children.append(node)

    def step(self) -> int:
        """Select a batch of leaves, expand them, back up. Returns the number of leaves; 0 when nothing is left."""
        paths = self.agent.select(self)
        fresh = []
        for path in paths:
            leaf = path[-1]
            if not leaf.expanded and leaf not in fresh:
                fresh.append(leaf)
        began = time.perf_counter()
        proposals = self.policy.propose([leaf.values for leaf in fresh], self.rules.num_steps, self.rng)
        proposed = time.perf_counter()
        for leaf, steps in zip(fresh, proposals, strict=True):
            self._expand(leaf, steps)
        self.seconds["policy"] += proposed - began
        self.seconds["expand"] += time.perf_counter() - proposed
        for path in paths:
            for node in path:
                node.pending -= 1
            self.backup(path, path[-1].own)
        return len(paths)

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
        closed. Those at the greatest depth are never selected: their value is backed up at once."""
        node = path[-1]
        while node.unopened and (len(node.children) < allowed or all(c.closed for c in node.children)):
            prior, value = node.unopened.pop()
            child = Node((*node.values, value), prior, depth=node.depth + 1, number=len(self.nodes) + 1)
            known = self.nodes.get(child.key)
            if known is None:
                child.own = self.evaluate(value)
                child.closed = child.depth >= self.rules.max_depth
                self.nodes[child.key] = child
                known = child
                if child.closed:
                    self.backup([*path, child], child.own)
            if known is not node and known not in node.children:
                node.children.append(known)

    def _expand(self, leaf: Node, steps: Sequence) -> None:
        """Run the proposed steps; executed survivors wait as unopened children with renormalised priors."""
        leaf.expanded = True
        have = {v.key for v in leaf.values}
        survivors: list[tuple[float, Value]] = []
        self.num_executed += len(steps)
        for step, value in zip(steps, self.execute(leaf.values, steps), strict=True):
            if value is None or value.key in have:
                continue
            have.add(value.key)
            value.cost = leaf.values[-1].cost - step.log_probability
            survivors.append((float(np.exp(step.log_probability)), value))
        total = sum(p for p, _ in survivors)
        survivors.sort(key=lambda s: s[0])
        leaf.unopened = [(p / total, v) for p, v in survivors]
        leaf.closed = not survivors

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
    def exhausted(self) -> bool:
        return self.root.closed or not any(not c.closed for c in self.root.children)
