"""Budgets: how long a search may go on, by the wall clock or, for repeatable runs, by a number of nodes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Budget:
    """What one task may spend. Exactly one of `seconds` (wall clock) and `nodes` is given.

    A node is one executed statement (over all inputs of the task). A budget of nodes never looks at the clock, so
    that a run with the same seed repeats exactly. Raises ValueError unless exactly one limit is positive.
    """

    seconds: float | None = None
    nodes: int | None = None
    spent_nodes: int = 0
    _started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.nodes is None):
            raise ValueError("a budget is either seconds or nodes")
        if (self.seconds or self.nodes or 0) <= 0:
            raise ValueError("a budget must be positive")

    def spend(self, nodes: int) -> None:
        """Count executed nodes."""
        self.spent_nodes += nodes

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started

    @property
    def share_spent(self) -> float:
        """How much of the budget is gone: 0 at the start, ≥ 1 when it is over."""
        if self.nodes is not None:
            return self.spent_nodes / self.nodes
        return self.elapsed_s / self.seconds

    def expired(self, share: float = 1.0) -> bool:
        """Whether `share` of the budget is gone: `expired(0.5)` ends a phase that may use the first half."""
        return self.share_spent >= share
