"""What a root pass does, and how much."""

from __future__ import annotations

from dataclasses import dataclass

from ..settings import SearchSettings


@dataclass(frozen=True)
class RootSettings:
    """Limits of the root pass.

    use_enumeration, use_stacking, use_fitted, use_part_rules, use_layouts, use_steps: whether these parts of it run.
    Growth rules go with part rules, canvases and pieces with layouts; two-step rules need part rules.
    rounds: (share of the budget at which enumeration pauses, pool values that fits are then sought among, statements
    that a full fit may have to settle the task then and there).
    max_values, max_cells: of the store. max_objects: Objects values that rules are sought for. max_candidates: kept
    per kind of fit. max_partial: programs kept that fit only some pairs. min_score: what those must reach. What is a
    setting of a run has its default there.
    """

    use_enumeration: bool = SearchSettings.use_enumeration
    use_stacking: bool = SearchSettings.use_stacking
    use_fitted: bool = SearchSettings.use_fitted
    use_part_rules: bool = SearchSettings.use_part_rules
    use_layouts: bool = SearchSettings.use_layouts
    use_steps: bool = SearchSettings.use_steps
    rounds: tuple[tuple[float, int, int], ...] = ((0.15, 600, 2), (0.45, 1200, 3), (0.85, 2000, 4))
    max_values: int = 400_000
    max_cells: int = 400 << 20
    max_objects: int = 80
    max_candidates: int = 60
    max_partial: int = 12
    min_score: float = 0.1
