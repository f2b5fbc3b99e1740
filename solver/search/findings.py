"""What the search of one task has found so far, as answers with weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..answers import Answer, Findings
from ..budget import Budget
from ..program import Program
from ..tasks import Task
from .candidates import Candidate
from .root import RootPass

NAME = "program"
"""Of program search as a source of answers."""

MAX_ANSWERS, MAX_IN_DOUBT = 60, 60
"""Programs that are answers: exact ones, and others."""


@dataclass
class TaskFindings:
    """What is known of a task so far. counts, left_out: what became of the language model's answers, and what its
    prompts left out, see `answers_note`. failures: of language models, and of writing traces, in words."""

    task: Task
    budget: Budget
    send: Callable[[Findings], None]
    before: Findings | None
    candidates: list[Candidate] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    settled: bool = False

    def take(self, root: RootPass) -> None:
        """Count in a root pass that is over."""
        self.candidates += root.candidates
        self.settled = root.settled
        self._add_phases(root.phases)

    def add_phase(self, name: str, seconds: float) -> None:
        self._add_phases({name: seconds})

    def _add_phases(self, more: Mapping[str, float]) -> None:
        self.phases = added(self.phases, more)

    def report(self) -> None:
        """Send what is known."""
        self.send(self.findings())

    def findings(self) -> Findings:
        """The best answers, each program once, with those from before."""
        answers = self._answers()
        findings = Findings(answers, self.budget.spent_nodes, dict(self.phases), settled=self.settled)
        if self.before is not None:
            known = {answer.origin for answer in answers}
            findings.answers += [answer for answer in self.before.answers if answer.origin not in known]
            findings.num_nodes += self.before.num_nodes
            findings.phases = added(findings.phases, self.before.phases)
            findings.num_runs += self.before.num_runs
        best = sorted(findings.answers, key=lambda answer: (not answer.exact, -answer.weight))
        findings.answers = [a for a in best if a.exact][:MAX_ANSWERS] + [a for a in best if not a.exact][:MAX_IN_DOUBT]
        return findings

    @property
    def note(self) -> str:
        """What people should know of language models and traces, '' if nothing."""
        return "; ".join(filter(None, [answers_note(self.counts, self.left_out), *dict.fromkeys(self.failures)]))

    def _answers(self) -> list[Answer]:
        """The best candidates as answers. Only these programs are written out."""
        num_train = len(self.task.train)
        left = {True: MAX_ANSWERS, False: MAX_IN_DOUBT}
        taken: set[Program] = set()
        answers: dict[str, Answer] = {}
        for c in sorted(self.candidates, key=lambda c: (not c.exact, -c.weight)):
            if left[c.exact] and c.program not in taken:
                taken.add(c.program)
                left[c.exact] -= 1
                outputs, right = c.value.items[num_train:], c.right_pairs / num_train
                answers.setdefault(c.text, Answer(outputs, c.weight, NAME, c.text, c.exact, right))
        return list(answers.values())


def answers_note(counts: Counter[str], left_out: Counter[str]) -> str:
    """What became of language models' questions (`TaskPolicy.counts`, `TaskPolicy.left_out`), for people; '' if there
    was none."""
    if not counts and not left_out:
        return ""
    answers = sum(counts[name] for name in ("steps", "no step", "unfinished"))
    parts = [f"{counts['steps']} of {answers} answers were steps"]
    parts += [f"{counts['scored']} states scored"] * ("scored" in counts)
    parts += [f"{number} {name}" for name, number in sorted(left_out.items())]
    return "language model: " + ", ".join(parts)


def added(phases: Mapping[str, float], more: Mapping[str, float]) -> dict[str, float]:
    """Seconds by phase, those of both added up."""
    return {name: phases.get(name, 0.0) + more.get(name, 0.0) for name in dict.fromkeys((*phases, *more))}
