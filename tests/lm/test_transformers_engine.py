"""The transformers engine against plain transformers: same log-probabilities, whatever is cached, shared or batched."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny import save_policy, save_ppm  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

import solver.lm.prefix_runner as module  # noqa: E402
from solver.errors import InputError  # noqa: E402
from solver.lm.engine import Request, Sampling  # noqa: E402
from solver.lm.prompt import Prompt  # noqa: E402
from solver.lm.transformers_engine import TransformersEngine, TransformersScorer, _draw  # noqa: E402

SHARED = "input\n0120\n0010\noutput\n10\n11\ntest\n333\nprogram\n"
RESTS = [
    "x1 =",
    "x1 = transform(I, FLIP_UD)\n# Grid size 2/2 right 16 objects 1 same solved 0/2\nx2 =",
    "x1 = transform(I, FLIP_UD)\n# Grid size 2/2 right 16 objects 1 same solved 0/2\nx2 = crop(x1)\n# Grid\nx3 =",
    "x1 = keep(I, SIZE, MAX)\nx2 =",
    "",
]
OTHER = "input\n7\noutput\n8\nprogram\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_policy(tmp_path_factory.mktemp("policy")).folder


@pytest.fixture
def engine(folder):
    return TransformersEngine(folder, 2048)


@pytest.fixture(scope="module")
def plain(folder):
    return AutoModelForCausalLM.from_pretrained(folder).eval()


def requests(rests=RESTS, shared=SHARED, **sampling):
    sampling = {"num_samples": 6, "max_new_tokens": 7, "stop": "\n", **sampling}
    return [Request(Prompt(shared, rest), Sampling(seed=k, **sampling)) for k, rest in enumerate(rests)]


def generated(engine, asked):
    return engine.generate_tokens([engine.text.token_request(request) for request in asked])


@torch.inference_mode()
def plain_log_probabilities(plain, engine, prompt, tokens):
    ids = [i for part in engine.text.prompt_ids(prompt) for i in part]
    logits = plain(torch.tensor([[*ids, *tokens]])).logits[0, len(ids) - 1 : -1]
    return torch.log_softmax(logits, -1)


def test_answers_have_the_models_own_log_probabilities(engine, plain):
    asked = [*requests(), *requests(RESTS[:2], OTHER)]
    for request, answers in zip(asked, generated(engine, asked), strict=True):
        assert sum(a.count for a in answers) == 6
        for answer in answers:
            wanted = plain_log_probabilities(plain, engine, request.prompt, answer.tokens)
            wanted = [float(wanted[k, t]) for k, t in enumerate(answer.tokens)]
            assert answer.log_probabilities == pytest.approx(wanted, abs=2e-4)
            assert answer.ended == (answer.tokens[-1] in engine.text.stop_rule("\n").token_ids)
            assert answer.ended or len(answer.tokens) == 7


def test_one_by_one_and_all_at_once_agree(folder):
    alone, together = TransformersEngine(folder, 2048), TransformersEngine(folder, 2048)
    one = [alone.generate([request])[0] for request in requests()]
    many = together.generate(requests())
    for left, right in zip(one, many, strict=True):
        assert [(a.text, a.count) for a in left] == [(a.text, a.count) for a in right]
        for a, b in zip(left, right, strict=True):
            assert a.log_probability == pytest.approx(b.log_probability, abs=1e-3)


def test_chunks_of_rows_change_nothing(folder, monkeypatch):
    whole = TransformersEngine(folder, 2048).generate(requests())
    monkeypatch.setattr(module, "MAX_ROWS", 7)
    monkeypatch.setattr(module, "PREFILL_CHUNK", 5)
    parts = TransformersEngine(folder, 2048).generate(requests())
    assert [[(a.text, a.count) for a in answers] for answers in whole] == [
        [(a.text, a.count) for a in answers] for answers in parts
    ]


def test_what_was_computed_is_not_computed_again(engine):
    engine.generate(requests([RESTS[1]], max_new_tokens=1))
    first = engine.runner.num_computed
    engine.generate(requests([RESTS[1]], max_new_tokens=1))
    assert engine.runner.num_computed == first + 1  # the last token of the prompt
    longer = engine.text.prompt_ids(Prompt(SHARED, RESTS[2]))[1]
    shorter = engine.text.prompt_ids(Prompt(SHARED, RESTS[1]))[1]
    engine.generate(requests([RESTS[2]], max_new_tokens=1))
    assert engine.runner.num_computed == first + 1 + len(longer) - len(shorter) + 1


def test_a_deadline_ends_answers_where_they_are(engine):
    asked = requests(max_new_tokens=500, stop="")
    began = time.monotonic()
    answers = engine.generate(asked, began + 0.5)
    assert time.monotonic() - began < 10
    found = [answer for own in answers for answer in own]
    assert found
    assert any(not answer.ended and answer.num_tokens < 500 for answer in found)
    assert engine.generate(asked, time.monotonic() - 1) == [[] for _ in asked]


def test_caches_are_bounded(engine, monkeypatch):
    monkeypatch.setattr(module, "OWN_KEPT_BYTES", 20_000)
    monkeypatch.setattr(module, "SHARED_KEPT", 2)
    for k in range(4):
        engine.generate(requests(shared=SHARED.replace("333", str(k)), max_new_tokens=1))
    assert engine.runner._own_bytes == sum(kept.nbytes for kept in engine.runner._own.values()) <= 20_000
    assert len(engine.runner._shared) == 2
    assert {key[0] for key in engine.runner._own} <= set(engine.runner._shared)


def test_the_same_seed_gives_the_same_samples_and_another_does_not(engine):
    def ask(seed):
        request = requests([RESTS[0]], num_samples=20)[0]
        return engine.generate([replace(request, sampling=replace(request.sampling, seed=seed))])[0]

    assert ask(3) == ask(3)
    assert ask(3) != ask(4)


def test_greedy_takes_the_most_likely_token(engine, plain):
    request = requests([RESTS[1]], temperature=0.0, num_samples=3)[0]
    (answer,) = generated(engine, [request])[0]
    assert answer.count == 3
    wanted = plain_log_probabilities(plain, engine, request.prompt, answer.tokens)
    assert list(answer.tokens) == wanted.argmax(-1).tolist()


def test_samples_follow_the_models_probabilities(engine, plain):
    request = requests([RESTS[0]], num_samples=4000, max_new_tokens=1)[0]
    answers = {a.tokens[0]: a.count / 4000 for a in generated(engine, [request])[0]}
    wanted = plain_log_probabilities(plain, engine, request.prompt, [0])[0].exp()
    for token in wanted.topk(5).indices.tolist():
        assert answers.get(token, 0.0) == pytest.approx(float(wanted[token]), abs=0.03)


def test_log_probabilities_of_given_tokens(engine, plain):
    prompt = Prompt(SHARED, RESTS[1])
    tokens = [30, 40, 50]
    wanted = plain_log_probabilities(plain, engine, prompt, tokens)
    assert torch.allclose(engine.log_probabilities(prompt, tokens), wanted, atol=2e-4)


def test_a_stop_text_of_several_tokens_ends_an_answer(engine):
    rule = engine.text.stop_rule("zq")
    assert rule.text == "zq"
    letters = engine.text.tokenizer.encode("azq", add_special_tokens=False)
    assert engine._ends(tuple(letters), rule)
    assert not engine._ends(tuple(letters[:2]), rule)
    assert engine.text.decode([*letters, 2], "zq") == "azq"


def generator():
    return torch.Generator().manual_seed(0)


def test_top_k_top_p_and_repetition_penalty():
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))

    def drawn(**sampling):
        return dict(_draw(logits, Sampling(**sampling), 500, (0,), generator()))

    assert set(drawn()) == {0, 1, 2, 3}
    assert set(drawn(top_k=2)) == {0, 1}
    assert set(drawn(top_p=0.5)) == {0}
    assert set(drawn(top_p=0.51)) == {0, 1}
    assert drawn(temperature=0.0) == {0: 500}
    # The penalty divides positive and multiplies negative logits of what was there before.
    assert drawn(repetition_penalty=4.0, temperature=0.0) == {1: 500}
    shifted = logits + 3
    assert dict(_draw(shifted, Sampling(repetition_penalty=2.0, temperature=0.0), 1, (0,), generator())) == {1: 1}


def test_scores_agree_with_plain_transformers_alone_and_together(tmp_path):
    folder = save_ppm(tmp_path).folder
    plain = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    scorer = TransformersScorer(folder, 2048)
    prompts = [Prompt(SHARED, rest) for rest in RESTS] + [Prompt(OTHER, RESTS[1])]
    together = scorer.score(prompts)
    with torch.inference_mode():
        for prompt, score in zip(prompts, together, strict=True):
            ids = [i for part in scorer.text.prompt_ids(prompt) for i in part]
            assert score == pytest.approx(float(plain(torch.tensor([ids])).logits), abs=2e-4)
            assert TransformersScorer(folder, 2048).score([prompt])[0] == pytest.approx(score, abs=2e-4)


def test_scores_in_chunks_are_those_of_one_call_and_end_at_the_deadline(tmp_path, monkeypatch):
    folder = save_ppm(tmp_path).folder
    prompts = [Prompt(SHARED, rest) for rest in RESTS]
    together = TransformersScorer(folder, 2048).score(prompts)
    monkeypatch.setitem(module.CHUNK_TOKENS, "cpu", 24)
    scorer = TransformersScorer(folder, 2048)
    rows = {k: scorer.text.prompt_ids(prompt)[1] for k, prompt in enumerate(prompts) if prompt.rest}
    parts = list(scorer.runner.chunks((), rows))
    assert [number for part in parts for number in part] == list(rows)
    assert 1 < len(parts) <= len(rows)
    assert all(len(part) == 1 or len(part) * max(len(rows[k]) for k in part) <= 24 for part in parts)
    assert scorer.score(prompts) == pytest.approx(together, abs=2e-4)
    assert scorer.score([Prompt(OTHER, RESTS[1])], time.monotonic()) == [None]
    # The clock strikes after the second look, in the middle of the first prompt; what is known then is kept.
    looks = iter([False] * 4 + [True] * 100)
    monkeypatch.setattr(module, "is_past", lambda deadline: deadline is not None and next(looks))
    found = TransformersScorer(folder, 2048).score(prompts, 0.0)
    assert found[-1] is None
    known = [k for k, score in enumerate(found) if score is not None]
    assert [found[k] for k in known] == pytest.approx([together[k] for k in known], abs=2e-4)


def test_a_prompt_that_is_not_read_in_time_has_no_answers(engine):
    assert generated_by(engine, time.monotonic()) == [[], []]
    assert all(generated_by(engine, None))


def generated_by(engine, deadline):
    asked = [engine.text.token_request(request) for request in requests(RESTS[:2])]
    return engine.generate_tokens(asked, deadline)


def test_qwen_models_run_too(tmp_path, folder):
    """Biases on queries, keys and values; a head size of its own; more than one query group."""
    settings = json.loads((folder / "config.json").read_text())
    names = ("vocab_size", "intermediate_size", "num_hidden_layers", "num_key_value_heads", "max_position_embeddings")
    torch.manual_seed(1)
    config = Qwen2Config(hidden_size=48, num_attention_heads=6, **{name: settings[name] for name in names})
    Qwen2ForCausalLM(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    engine, plain = TransformersEngine(tmp_path, 2048), AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    request = requests([RESTS[2]])[0]
    for answer in generated(engine, [request])[0]:
        wanted = plain_log_probabilities(plain, engine, request.prompt, answer.tokens)
        wanted = [float(wanted[k, t]) for k, t in enumerate(answer.tokens)]
        assert answer.log_probabilities == pytest.approx(wanted, abs=2e-4)


def test_models_that_cannot_run_are_refused(tmp_path, folder):
    model = LlamaForCausalLM.from_pretrained(folder)
    model.save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(settings | {"logits_scaling": 8.0}))
    with pytest.raises(InputError, match="logits with logits_scaling"):
        TransformersEngine(tmp_path, 2048)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="does not load"):
        TransformersEngine(tmp_path, 2048)
