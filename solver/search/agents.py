"""Agents: rules that select which leaves of a tree are expanded next. They share the tree and everything it does else.

    pw-mcts   PUCT with progressive widening: a visit opens at most widening · √(visits + 1) children
    mcts      PUCT over all children at once
    beam      depth by depth: of the states of a depth the `beam_width` best are expanded, by their own value, then by
              how likely their program is

A tree of trees, below several roots that differ by prompt (`lm.num_prompts`), is grown by any of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from .tree import Node, Tree, TreeRules

Path = list[Node]


class Agent(Protocol):
    """Selects the leaves that a tree expands next."""

    def prepare(self, tree: Tree) -> None:
        """Open the nodes whose values the next selection compares."""
        ...

    def select(self, tree: Tree) -> list[Path]:
        """At most `rules.batch` paths, each from the root to a leaf that is not expanded, with a pending visit added to
        its nodes. None left: the tree is finished."""
        ...


class PuctAgent:
    """Descends by the tree's PUCT score. widening: see TreeRules; infinity for all children at once."""

    def __init__(self, widening: float) -> None:
        self.widening = widening

    def prepare(self, tree: Tree) -> None:
        """Nothing: an unvisited child is selected by its prior."""

    def select(self, tree: Tree) -> list[Path]:
        paths: list[Path] = []
        while len(paths) < tree.rules.batch and (path := self._descend(tree)) is not None:
            mark_pending(path)
            paths.append(path)
        if not paths:
            tree.root.closed = True
        return paths

    def _descend(self, tree: Tree) -> Path | None:
        """Path from the root to a leaf that is not expanded yet; None if there is none.

        States that meet make cycles, and a leaf that this batch selected already is left alone (expanding it twice
        gains nothing): a descent may end without a leaf. Then it starts again without the node where it ended.
        """
        dead: set[Node] = set()
        while True:
            node, path = tree.root, [tree.root]
            while node.expanded:
                tree.open_children(path, self._allowed(node))
                candidates = [
                    child for child in node.children
                    if not child.closed and child not in dead and child not in path
                    and (child.expanded or not child.pending)
                ]  # fmt: skip
                if not candidates:
                    tree.close(path)
                    if node is tree.root:
                        return None
                    dead.add(node)
                    break
                node = max(candidates, key=lambda child: tree.score(path[-1], child))
                path.append(node)
            else:
                return path

    def _allowed(self, node: Node) -> float:
        """How many children a node may have open."""
        allowed = self.widening * math.sqrt(node.visits + node.pending + 1)
        return math.floor(allowed) if math.isfinite(allowed) else math.inf


class BeamAgent:
    """Expands the best `width` states of a depth, then opens all their children and goes on with the best of those."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.level: list[Path] = []
        self.opened: list[Path] | None = None
        self.waiting: list[Path] = []

    def prepare(self, tree: Tree) -> None:
        """Open the children of a level whose states are all expanded."""
        if self.opened is None:
            self.opened = [[tree.root, child] for child in tree.root.children]
        elif not self.waiting and not self.opened:
            self.opened = self._open_level(tree)

    def select(self, tree: Tree) -> list[Path]:
        if not self.waiting:
            self._begin_level()
        paths, self.waiting = self.waiting[: tree.rules.batch], self.waiting[tree.rules.batch :]
        if not paths:
            tree.root.closed = True
        for path in paths:
            mark_pending(path)
        return paths

    def _open_level(self, tree: Tree) -> list[Path]:
        """The children of the states that were expanded, each once, by the first path that reached it."""
        found: dict[int, Path] = {}
        for path in self.level:
            tree.open_children(path, math.inf)
            for child in path[-1].children:
                if not child.expanded:
                    found.setdefault(id(child), [*path, child])
        return list(found.values())

    def _begin_level(self) -> None:
        ranked = sorted(
            (path for path in self.opened or () if not path[-1].closed),
            key=lambda path: (-path[-1].own, path[-1].values[-1].cost, path[-1].number),
        )
        self.level, self.opened = ranked[: self.width], []
        self.waiting = list(self.level)


def mark_pending(path: Path) -> None:
    for node in path:
        node.pending += 1


AGENTS: dict[str, Callable[[TreeRules], Agent]] = {
    "pw-mcts": lambda rules: PuctAgent(rules.widening),
    "mcts": lambda rules: PuctAgent(math.inf),
    "beam": lambda rules: BeamAgent(rules.beam_width),
}
