"""Engines without a model, for servers in processes of their own: they answer by seed and prompt, after a fixed time.

What happens to a server is said by files in a folder: `die` ends its process in the middle of a call, `hang` stops its
signs of life; each happens once. `calls` keeps the size of every call.
"""

from __future__ import annotations

import os
import time
from math import log
from pathlib import Path
from zlib import crc32

import numpy as np

from solver.errors import InputError
from solver.grid.types import Symmetry
from solver.lm.client import RemoteEngine, RemoteScorer, Servers
from solver.lm.engine import Answer, StopRule, TokenAnswer, TokenRequest, merge_answers
from solver.lm.policy import LanguageModelPolicy, PreferenceModel
from solver.lm.prompt import PromptBuilder
from solver.lm.prompt_format import PromptFormat
from solver.lm.server import WholeCalls
from solver.lm.template import PromptTask

REFUSED = "refuse me"


class Characters:
    """A token is a character: what `TokenText` does, without a tokenizer."""

    end_ids: frozenset[int] = frozenset()

    def count_tokens(self, text):
        return len(text)

    def chat(self, system, user, begun):
        return f"<system>{system}<user>{user}<answer>{begun}"

    def prompt_ids(self, prompt):
        return tuple(map(ord, prompt.shared)), tuple(map(ord, prompt.rest))

    def token_request(self, request):
        return TokenRequest(*self.prompt_ids(request.prompt), request.sampling, StopRule(frozenset(), "\n"))

    def answers(self, request, found):
        texts = ["".join(map(chr, answer.tokens)) for answer in found]
        return merge_answers(
            Answer(text, answer.log_probability, len(text), answer.count, answer.ended)
            for text, answer in zip(texts, found, strict=True)
        )


class FakeModel:
    """latency: seconds a call. folder: of the files that say what happens."""

    def __init__(self, latency: float, folder: Path) -> None:
        self.latency, self.folder = latency, folder

    def call(self, questions, deadline):
        with open(self.folder / "calls", "a") as file:
            file.write(f"{len(questions)}\n")
        time.sleep(self.latency)
        if self._once("die"):
            os._exit(9)
        if self._once("hang"):
            time.sleep(60)
        return [self._answer(question) for question in questions]

    def _once(self, name):
        try:
            (self.folder / name).unlink()
        except FileNotFoundError:
            return False
        return True

    def _answer(self, question):
        if not isinstance(question, TokenRequest):
            return crc32(_text(question[1]).encode()) % 1000 / 500 - 1
        rest = _text(question.own)
        if REFUSED in rest:
            raise ValueError("that is no prompt")
        rng = np.random.default_rng([question.sampling.seed, crc32(rest.encode())])
        newest = int(rest.split()[-2][1:]) - 1 if rest.endswith("=") else 0
        name = f"x{newest}" if newest else "I"
        texts = [f" transform({name}, {Symmetry(int(k)).name})\n" for k in rng.choice(len(Symmetry), 3, replace=False)]
        return [TokenAnswer(tuple(map(ord, text)), log(rng.uniform(0.05, 0.3))) for text in texts]


def _text(ids):
    return "".join(map(chr, ids))


def make_engines(latency, folder):
    """What a server drives: one model behind both names."""
    model = FakeModel(latency, Path(folder))
    return {"policy": WholeCalls(model.call), "ppm": WholeCalls(model.call)}


def make_verbose(latency, folder):
    """A policy whose answer has as many tokens as the cube of its question's."""

    def call(questions, deadline):
        return [[TokenAnswer((7,) * len(question.own) ** 3, -1.0)] for question in questions]

    return {"policy": WholeCalls(call)}


def make_none(folder):
    raise InputError("weights: damaged")


def make_slowly(seconds, latency, folder):
    time.sleep(seconds)
    return make_engines(latency, folder)


def calls(folder):
    """The size of every call so far."""
    path = Path(folder) / "calls"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def remote(addresses, slot=0):
    """Engine and scorer of these servers."""
    servers, text = Servers(addresses, slot), Characters()
    return RemoteEngine(servers, text, 100_000), RemoteScorer(servers, text, 100_000)


class FakeLanguageModel:
    """What a ProgramSource asks for policies, over any engine and scorer (`LanguageModel`)."""

    def __init__(self, engine, scorer, sampling):
        self.engine, self.scorer, self.sampling = engine, scorer, sampling

    def policy(self, task, time_left=None):
        prompts = PromptBuilder(PromptFormat(), PromptTask.of(task), len, 100_000, 16)
        return (
            LanguageModelPolicy(self.engine, prompts, self.sampling, time_left=time_left),
            PreferenceModel(self.scorer, prompts, time_left),
        )
