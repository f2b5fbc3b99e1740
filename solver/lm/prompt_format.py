"""How a model is asked: what its weights say of their prompts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from ..errors import InputError
from .template import VERSION

STYLES = ("short", "few-shot")


@dataclass(frozen=True)
class PromptFormat:
    """How a model is asked, stored with its weights as "prompt" in solver.json.

    style: 'short' (fine-tuned) or 'few-shot'. version: of the template. step_begin, step_end: markers around a step,
    ordinary text or special tokens; generation stops at step_end. sketch: whether executed results are shown after
    each step. free_python: whether an answer that is not one call of the library may be Python of its own, one or more
    whole statements of which the first assigns the next variable (run in the sandbox); step_end is then more than the
    end of a line. num_examples: solved examples in a few-shot prompt, at most. chat: whether the prompt is put into the
    tokenizer's chat template. thinking: the model answers with a thinking part up to `thinking_end` and then a whole
    program, perhaps fenced; else with the next step alone.
    """

    style: str = "short"
    version: int = VERSION
    step_begin: str = ""
    step_end: str = "\n"
    sketch: bool = True
    free_python: bool = False
    num_examples: int = 4
    chat: bool = False
    thinking: bool = False
    thinking_end: str = "</think>"

    def __post_init__(self) -> None:
        if faults := self._faults():
            raise InputError("prompt: " + "; ".join(faults))

    def _faults(self) -> list[str]:
        kinds = {f.name: type(f.default) for f in fields(self)}
        faults = [
            f"{name} must be {kind.__name__}" for name, kind in kinds.items() if type(getattr(self, name)) is not kind
        ]
        if faults:
            return faults
        if self.style not in STYLES:
            faults.append(f"style {self.style!r} is none of {', '.join(STYLES)}")
        if self.version != VERSION:
            faults.append(f"version {self.version} of the template; this solver has {VERSION}")
        if not self.step_end:
            faults.append("step_end must not be empty")
        if self.num_examples < 0:
            faults.append("num_examples must be at least 0")
        if self.free_python and not self.step_end.strip() and self.step_end.count("\n") < 2:
            faults.append("free_python needs a step_end that does not end every line, such as a blank line")
        if self.free_python and self.thinking:
            faults.append("free_python and thinking exclude one another")
        if self.thinking and self.style != "few-shot":
            faults.append("thinking needs style 'few-shot'")
        return faults

    @classmethod
    def from_json(cls, content: Any) -> PromptFormat:
        """Raises InputError naming every unknown key and wrong value."""
        if not isinstance(content, dict):
            raise InputError("prompt: must be an object")
        if unknown := sorted(content.keys() - {f.name for f in fields(cls)}):
            raise InputError(f"prompt: unknown {', '.join(unknown)}")
        return cls(**content)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
