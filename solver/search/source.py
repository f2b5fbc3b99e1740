"""Program search as a source of answers: all views of a task, one after the other, root pass and tree."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from ..answers import Findings
from ..budget import Budget
from ..errors import InputError
from ..executor import Executor, LibraryExecutor
from ..lm.outage import GuardedExecutor
from ..lm.template import PromptTask
from ..policy import Policy
from ..settings import SearchSettings
from ..tasks import Task
from .clock import FORMS_SHARE, ViewClock, view_shares
from .deepen import tree_pass
from .findings import NAME, TaskFindings
from .fitting import Rules
from .forms import forms
from .grammar import Grammar
from .lattice import searched_views
from .memory import return_memory
from .rollouts import Rollouts, roll_out
from .root import RootPass, ViewedTask, palette_of
from .root_settings import RootSettings
from .trace import save_trace, trace_head, trace_of
from .tree import TreeRules
from .views import View

if TYPE_CHECKING:
    from ..lm.loading import LanguageModel, TaskPolicy

MakePolicy = Callable[[ViewedTask, Grammar], Policy]
"""Makes what proposes steps for one task as one view shows it."""

FORM_ROUNDS = ((0.1, 120, 0),)
"""The one round of a normal form, see `RootSettings`. Its tables are over few values, so that rules come to their turn,
and it settles no task. It is itself a step before a rule, so that there are no two-step rules."""

FIRST_SHARE = 0.6
"""With a language model: the root pass's share for its first round, which is to settle easy tasks without the model."""

MUCH_BYTES = 64 << 20
"""A tree that took so much leaves gaps behind that are worth giving back."""


@dataclass
class ProgramSource:
    """Searches programs of steps. Every answer's origin is the text of a program that gives its outputs.

    A language model that fails costs a task nothing but its steps and scores: the search goes on by the grammar alone,
    with what it has found, and says so in the findings' note.

    language_model: proposes steps to the tree, beside the grammar; None for the grammar alone.
    execute: runs the tree's steps; None for library steps alone.
    make_policy: a policy of your own that proposes all of the tree's steps instead (docs/extending.md); None for none.
    Raises ValueError if it is given beside a language model.
    """

    settings: SearchSettings
    name: str = NAME
    language_model: LanguageModel | None = None
    execute: Executor | None = None
    make_policy: MakePolicy | None = None

    def __post_init__(self) -> None:
        if self.language_model is not None and self.make_policy is not None:
            raise ValueError("either a language model or a policy proposes the tree's steps")
        self.grammar = Grammar.shipped()

    def solve(
        self,
        task: Task,
        budget: Budget,
        seed: int,
        report: Callable[[Findings], None],
        before: Findings | None = None,
    ) -> Findings:
        """See `Source.solve`. Reports after each view's root pass and tree; ends early once a view is settled. It
        searches anew, with more time for each phase, and keeps the programs found before."""
        if budget.seconds is not None and self.settings.most_s is not None:
            budget = Budget(seconds=min(budget.seconds, self.settings.most_s))
        chosen = searched_views(task, self.settings.num_views, self.settings.use_lattices)
        normal = forms(task) if self.settings.use_fitted and self.settings.use_forms else []
        shares = view_shares(len(chosen), bool(normal))
        generators = np.random.default_rng(seed).spawn(len(chosen) + len(normal))
        search = TaskFindings(task, budget, report, before)
        begin = 0.0
        for number, (view, share, rng) in enumerate(zip(chosen, shares, generators, strict=False)):
            seen = ViewedTask.of(task, view)
            if seen is not None:
                self._search_view(search, seen, ViewClock(budget, begin, share, budget.spent_nodes), rng, number)
            begin += share
            if budget.expired() or search.settled:
                break
            if number == 0 and normal:
                clock = ViewClock(budget, begin, FORMS_SHARE, budget.spent_nodes)
                self._search_forms(search, normal, clock, generators[len(chosen) :])
                begin += FORMS_SHARE
        return replace(search.findings(), note=search.note)

    def _search_view(
        self, search: TaskFindings, seen: ViewedTask, clock: ViewClock, rng: np.random.Generator, number: int
    ) -> None:
        """One view: the root pass; with a language model rollouts after its first round, and then the root pass anew
        under the grammar that they make; the tree. number: of the view."""
        models = self._models(search.task, seen, clock)
        grammar = self.grammar
        rules: Rules = {}
        root = RootPass.begin(seen, grammar, self._root_settings, rng, rules=rules)
        if models is not None and models.settings.rollout_programs:
            deadline = clock.end_of(FIRST_SHARE)
            root.run(lambda part, nodes: clock.expired(FIRST_SHARE * part, nodes), num_rounds=1, deadline=deadline)
            rollouts = None if root.settled else self._roll_out(search, seen, models, clock.rest(), rng)
            if rollouts is not None and rollouts.num_run:
                search.take(root)
                clock, grammar = clock.rest(), rollouts.guide(grammar, models.settings.guide_weight)
                models = models.under(grammar)
                root = RootPass.begin(seen, grammar, self._root_settings, rng, rollouts.values, rules)
        if not root.settled:
            deadline = clock.end_of(self._root_share)
            root.run(lambda part, nodes: clock.expired(self._root_share * part, nodes), deadline=deadline)
        root.enumerator.forget()
        search.take(root)
        search.report()
        if self.settings.use_mcts and not root.settled:
            self._grow_tree(search, root, grammar, models, clock, number)
            search.report()
        if models is not None:
            search.counts.update(models.counts)
            search.left_out.update(models.left_out)
            search.failures += models.notes

    def _search_forms(
        self, search: TaskFindings, normal: Sequence[View], clock: ViewClock, generators: Sequence[np.random.Generator]
    ) -> None:
        """Normal forms: a short root pass over each, as long as there is time."""
        settings = replace(self._root_settings, rounds=FORM_ROUNDS, use_steps=False)
        for view, rng in zip(normal, generators, strict=True):
            clock = clock.rest()
            seen = None if clock.expired(1.0) else ViewedTask.of(search.task, view)
            if seen is not None:
                root = RootPass.begin(seen, self.grammar, settings, rng)
                root.run(clock.expired, deadline=clock.end_of(1.0))
                search.take(root)
        search.report()

    def _roll_out(
        self, search: TaskFindings, seen: ViewedTask, models: TaskPolicy, clock: ViewClock, rng: np.random.Generator
    ) -> Rollouts:
        began, rules = time.monotonic(), models.settings
        found = roll_out(
            models.sampler,
            seen.start,
            seen.targets,
            rng,
            self._executor(models),
            num_programs=rules.rollout_programs,
            max_statements=rules.rollout_statements,
            discount=rules.rollout_discount,
            is_over=lambda: clock.expired(rules.rollout_share),
            deadline=clock.end_of(rules.rollout_share),
            given=seen.given,
        )
        search.add_phase("rollouts", time.monotonic() - began)
        search.counts.update({"rolled out": found.num_drawn, "run": found.num_run})
        return found

    def _grow_tree(
        self, search: TaskFindings, root: RootPass, grammar: Grammar, models: TaskPolicy | None, clock: ViewClock,
        number: int,
    ) -> None:  # fmt: skip
        began, before = time.monotonic(), root.num_nodes
        found, tree = tree_pass(
            root,
            grammar,
            self._tree_rules,
            self.settings.use_fitted,
            lambda nodes: clock.expired(1.0, before + nodes),
            self._policies(root.seen, grammar, models),
            self._executor(models),
            None if models is None else models.scores,
            clock.time_left,
        )
        search.candidates += found
        if self.settings.trace is not None:
            head = trace_head(search.task, number, root.seen.view)
            path = Path(self.settings.trace) / f"{quote(head['task_id'], safe=' ')}-{number}.jsonl"
            try:
                save_trace(path, trace_of(tree, **head))
            except InputError as error:  # a full disk costs the trace alone
                search.failures.append(f"trace: {error}")
        search.add_phase("tree", time.monotonic() - began)
        if tree.num_bytes >= MUCH_BYTES:
            del tree
            return_memory()

    def _models(self, task: Task, seen: ViewedTask, clock: ViewClock) -> TaskPolicy | None:
        """What the language model makes of the task as the view shows it; None without one."""
        if self.language_model is None:
            return None
        # Words such as 'to the right' and 'red' hold for the grids as they are.
        hint = "" if seen.view.there else self.language_model.hints.get(task.task_id, "")
        shown = PromptTask.seen(seen.start, seen.targets, hint, task.task_id)
        palette = palette_of(seen.inputs, seen.targets)
        return self.language_model.task_policy(shown, self.grammar, palette, clock.time_left)

    def _policies(self, seen: ViewedTask, grammar: Grammar, models: TaskPolicy | None) -> Sequence[Policy]:
        """What proposes the tree's steps; none for the grammar."""
        if self.make_policy is not None:
            return (self.make_policy(seen, grammar),)
        return () if models is None else models.mixtures

    def _executor(self, models: TaskPolicy | None) -> Executor:
        """What runs steps: free ones as long as that works for the task, and library steps in any case."""
        if self.execute is None:
            return LibraryExecutor()
        return self.execute if models is None else GuardedExecutor(self.execute, models.outage, models.own.time_left)

    @property
    def _tree_rules(self) -> TreeRules:
        own = self.settings
        batch = own.batch if self.language_model is None else self.language_model.settings.batch
        return TreeRules(
            agent=own.agent,
            beam_width=own.beam_width,
            c_puct=own.c_puct,
            fpu_reduction=own.fpu_reduction,
            widening=own.widening,
            batch=batch,
            num_steps=own.num_steps,
            max_depth=own.max_depth,
            max_bytes=own.tree_mib << 20,
            ppm_weight=0.0 if self.language_model is None else self.language_model.settings.ppm_weight,
        )

    @property
    def _root_settings(self) -> RootSettings:
        own = self.settings
        return RootSettings(
            use_enumeration=own.use_enumeration,
            use_stacking=own.use_stacking,
            use_fitted=own.use_fitted,
            use_part_rules=own.use_part_rules,
            use_layouts=own.use_layouts,
            use_steps=own.use_steps,
        )

    @property
    def _root_share(self) -> float:
        return self.settings.root_share if self.settings.use_mcts else 1.0
