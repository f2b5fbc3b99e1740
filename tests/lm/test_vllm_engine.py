"""What the vLLM engine does around vLLM, with a stand-in for vLLM's own engine: which cannot run without a GPU."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

pytest.importorskip("transformers")

from test_weights import make

from solver.errors import InputError
from solver.lm import vllm_engine
from solver.lm.engine import Request, Sampling, TokenAnswer
from solver.lm.prompt import Prompt
from solver.lm.tokenizer import save_tokenizer
from solver.lm.vllm_engine import VllmEngine, VllmScorer


class Core:
    """vLLM's LLMEngine, as far as it is used: each request is done after `steps` steps."""

    def __init__(self, steps=1):
        self.steps, self.requests, self.aborted = steps, {}, []

    def add_request(self, request_id, prompt, params):
        assert prompt["type"] == "token"
        if len(prompt["prompt_token_ids"]) > 100:
            raise ValueError("longer than the maximum model length")
        name = f"{request_id}-internal"
        self.requests[name] = [request_id, prompt["prompt_token_ids"], params, self.steps]
        return name

    def abort_request(self, names, internal):
        assert internal
        self.aborted += names
        for name in names:
            self.requests.pop(name, None)

    def step(self):
        found = []
        for name, request in list(self.requests.items()):
            request[3] -= 1
            if request[3] == 0:
                del self.requests[name]
                found.append(self.output(*request[:3]))
        return found

    def output(self, request_id, ids, params):
        if hasattr(params, "task"):
            data = SimpleNamespace(float=lambda: SimpleNamespace(flatten=lambda: [len(ids) / 8]))
            return SimpleNamespace(request_id=request_id, finished=True, outputs=SimpleNamespace(data=data))
        outputs = [
            SimpleNamespace(token_ids=[5, 6 + k], cumulative_logprob=-1.0 - k, finish_reason=("stop", "length")[k % 2])
            for k in range(params.n)
        ]
        return SimpleNamespace(request_id=request_id, finished=True, outputs=outputs)


@pytest.fixture
def core(monkeypatch):
    """A module `vllm` whose LLM is the stand-in; what it was made with is in core.options."""
    core = Core()

    def llm(**options):
        core.options = options
        return SimpleNamespace(llm_engine=core)

    modules = {name: ModuleType(name) for name in ("vllm", "vllm.sampling_params", "vllm.model_executor")}
    modules["vllm.model_executor.models"] = ModuleType("models")
    modules["vllm"].LLM = llm
    modules["vllm"].SamplingParams = modules["vllm"].PoolingParams = SimpleNamespace
    modules["vllm.sampling_params"].RequestOutputKind = SimpleNamespace(FINAL_ONLY=2)
    modules["vllm.model_executor.models"].registry = SimpleNamespace()
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    for name in vllm_engine.ENVIRONMENT:
        monkeypatch.setenv(name, "1")
    return core


@pytest.fixture
def folder(tmp_path):
    make(tmp_path)
    save_tokenizer(tmp_path)
    return tmp_path


def ask(seed=0, **sampling):
    return Request(Prompt("input\n1\n", "x1 ="), Sampling(num_samples=2, stop="\n", seed=seed, **sampling))


def test_requests_join_and_leave_between_steps(core, folder):
    core.steps = 2
    engine = VllmEngine(folder, 100, 3 << 30)
    question = engine.text.token_request(ask())
    engine.add(7, question, None)
    assert engine.step() == []
    engine.add(8, question, None)
    assert engine.step() == [(7, [TokenAnswer((5, 6), -1.0), TokenAnswer((5, 7), -2.0, ended=False)])]
    assert engine.busy
    engine.add(9, question, None)
    engine.abort([7, 8])
    assert core.aborted == ["8-internal"]
    assert [key for _ in range(2) for key, _ in engine.step()] == [9]
    assert not engine.busy
    assert engine._samplings == {}


def test_parameters_are_vllms(core, folder):
    engine = VllmEngine(folder, 100, 3 << 30, seed=4)
    options = core.options
    assert (options["kv_cache_memory_bytes"], options["max_model_len"], options["seed"]) == (3 << 30, 100, 4)
    assert options["gpu_memory_utilization"] < 0.1
    assert options["compilation_config"]["cudagraph_mode"] == "FULL_DECODE_ONLY"
    engine.add(0, engine.text.token_request(ask(seed=3, temperature=2.5)), None)
    ((_, ids, params, _),) = core.requests.values()
    assert ids == [i for part in engine.text.prompt_ids(ask().prompt) for i in part]
    assert (params.n, params.seed, params.temperature, params.logprobs) == (2, 3, 2.0, 0)
    assert params.detokenize is False
    assert params.stop is None
    assert set(params.stop_token_ids) >= {2, *engine.text.tokenizer.encode("\n", add_special_tokens=False)}


def test_a_stop_text_is_looked_for_in_all_that_is_written(core, folder):
    """vLLM leaves special tokens out of the text where it is not told otherwise: one that holds some never came."""
    engine = VllmEngine(folder, 100, 3 << 30)
    question = Request(Prompt("input\n1\n", "x1 ="), Sampling(stop="</s>\n"))
    engine.add(0, engine.text.token_request(question), None)
    ((_, _, params, _),) = core.requests.values()
    assert (params.stop, params.detokenize) == (["</s>\n"], True)
    assert (params.skip_special_tokens, params.spaces_between_special_tokens) == (False, False)


def test_greedy_samples_are_asked_for_once(core, folder):
    engine = VllmEngine(folder, 100, 3 << 30)
    ((answer,),) = engine.generate([ask(temperature=0.0)])
    assert (answer.count, answer.num_tokens, answer.log_probability) == (2, 2, -1.0)


def test_what_is_not_done_by_the_deadline_is_aborted(core, folder):
    core.steps = 10**9
    engine = VllmEngine(folder, 100, 3 << 30)
    assert engine.generate([ask(), ask()], 0.0) == [[], []]
    assert len(core.aborted) == 2
    assert not engine.busy


def test_a_prompt_that_vllm_refuses_leaves_nothing_behind(core, folder):
    engine = VllmEngine(folder, 100, 3 << 30)
    question = engine.text.token_request(Request(Prompt("1" * 200, ""), Sampling()))
    with pytest.raises(ValueError, match="maximum model length"):
        engine.add(0, question, None)
    assert (engine.busy, engine._samplings) == (False, {})


@pytest.mark.parametrize(("has_bf16", "dtype"), [(True, "bfloat16"), (False, "float16")])
def test_a_gpu_without_bf16_computes_in_float16(core, folder, monkeypatch, has_bf16, dtype):
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: has_bf16)
    VllmScorer(folder, 100, 3 << 30)
    assert core.options["dtype"] == dtype


def test_scores(core, folder):
    scorer = VllmScorer(folder, 100, 3 << 30)
    assert (core.options["runner"], core.options["enforce_eager"]) == ("pooling", True)
    scorer.add(3, ((1, 2), (3,)), None)
    ((_, ids, params, _),) = core.requests.values()
    assert (ids, params.use_activation, params.task) == ([1, 2, 3], False, "classify")
    assert scorer.step() == [(3, 3 / 8)]
    assert scorer.score([Prompt("", "12")]) == [3 / 8]  # it begins with the tokenizer's own token


def test_a_model_that_vllm_does_not_load_is_named(core, folder, monkeypatch):
    def refuse(**options):
        raise RuntimeError("CUDA out of memory\nmore")

    monkeypatch.setattr(sys.modules["vllm"], "LLM", refuse)
    with pytest.raises(InputError, match=r"vLLM does not load the model \(CUDA out of memory\)"):
        VllmEngine(folder, 100, 3 << 30)
