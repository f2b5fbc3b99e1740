"""How the budget of a task is shared over its views, in seconds or nodes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..budget import Budget

VIEW_SHARES = {1: (1.0,), 2: (0.6, 0.4), 3: (0.5, 0.3, 0.2)}
"""Shares of a task's budget by number of views; from four on the last fifth is divided equally."""

FORMS_SHARE = 0.3
"""Of a task's budget, for its normal forms together, if it has any; after the first view, as far as that goes."""


def view_shares(num_views: int, has_forms: bool) -> list[float]:
    """Of the budget, for every view. What normal forms take the first view gives a quarter of, if there are others."""
    first, *others = VIEW_SHARES.get(num_views) or (0.5, 0.3, *[0.2 / (num_views - 2)] * (num_views - 2))
    if not has_forms:
        return [first, *others]
    if not others:
        return [first - FORMS_SHARE]
    return [first - FORMS_SHARE / 4, *(share - share / sum(others) * FORMS_SHARE * 3 / 4 for share in others)]


@dataclass(frozen=True)
class ViewClock:
    """A view's part of the task's budget: from share `begin` on, `share` of it, `spent` nodes before it."""

    budget: Budget
    begin: float
    share: float
    spent: int

    @property
    def time_left(self) -> Callable[[], float] | None:
        """Seconds until the view's time is over; None where nodes are counted."""
        seconds = self.budget.seconds
        return None if seconds is None else lambda: seconds * (self.begin + self.share) - self.budget.elapsed_s

    def end_of(self, part: float) -> float | None:
        """When `part` of the view's time will be over, by time.monotonic; None where nodes are counted."""
        seconds = self.budget.seconds
        if seconds is None:
            return None
        return time.monotonic() + seconds * (self.begin + self.share * part) - self.budget.elapsed_s

    def rest(self) -> ViewClock:
        """The clock of what the view still has."""
        gone = min(self.budget.share_spent, self.begin + self.share) - self.begin
        return ViewClock(self.budget, self.begin + gone, self.share - gone, self.budget.spent_nodes)

    def expired(self, part: float, nodes: int = 0) -> bool:
        """Whether `part` of the view's budget is gone, `nodes` having been executed in it."""
        self.budget.spent_nodes = self.spent + nodes
        return self.budget.expired(self.begin + self.share * part)
