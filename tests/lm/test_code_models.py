"""Code models of other people: another tokenizer (byte-level pairs), another architecture, chat templates."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM  # noqa: E402

from solver.errors import InputError  # noqa: E402
from solver.executor import input_value  # noqa: E402
from solver.lm.engine import StopRule  # noqa: E402
from solver.lm.examples import load_examples  # noqa: E402
from solver.lm.loading import LanguageModel  # noqa: E402
from solver.lm.prompt import PromptBuilder, solution_segments  # noqa: E402
from solver.lm.prompt_format import PromptFormat  # noqa: E402
from solver.lm.template import PromptTask  # noqa: E402
from solver.lm.text import TokenText  # noqa: E402
from solver.lm.tokenizer import encode_prompt, encode_segments  # noqa: E402
from solver.lm.transformers_engine import TransformersEngine  # noqa: E402
from solver.lm.weights import seal_weights  # noqa: E402
from solver.prefix import Prefix  # noqa: E402
from solver.search.grammar import Grammar  # noqa: E402
from solver.settings import LanguageModelSettings  # noqa: E402
from solver.task_sets import load_set  # noqa: E402

SOLUTIONS = sorted((Path(__file__).parents[2] / "tools" / "solutions").glob("*.py"))
CHAT = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% if not loop.last %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|end|><|assistant|>{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer_of_code():
    """Byte-level pairs learned from programs, as code models have them: tokens run over the end of a line."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    ends = ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=800, special_tokens=ends, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    lines = [line + "\n" for path in SOLUTIONS for line in path.read_text().splitlines()]
    tokenizer.train_from_iterator(lines, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", chat_template=CHAT)


@pytest.fixture(scope="module")
def folder(tokenizer_of_code, tmp_path_factory):
    folder = tmp_path_factory.mktemp("code-model")
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=832, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=32768, eos_token_id=0, bos_token_id=0,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer_of_code.save_pretrained(folder)
    return folder


def test_every_token_that_ends_a_line_ends_a_step(folder):
    text = TokenText(folder)
    rule = text.stop_rule("\n")
    texts = {text.decode([i]) for i in rule.token_ids}
    assert ")\n" in texts
    assert all("\n" in word for word in texts if word)
    for path in SOLUTIONS[:40]:
        ids = text.tokenizer.encode(path.read_text())
        assert text.decode(ids) == path.read_text()


def test_training_text_has_the_tokens_that_a_search_sees(tokenizer_of_code):
    example = load_examples()[3]
    segments = solution_segments(PromptFormat(), PromptTask.of(example.task), example.program)
    ids, learned = encode_segments(tokenizer_of_code, segments)
    assert ids == encode_prompt(tokenizer_of_code, segments[0][0], "".join(text for text, _ in segments[1:]))
    text = tokenizer_of_code.decode([i for i, flag in zip(ids, learned, strict=True) if flag])
    for statement in example.program.statements:
        assert statement.render("x").removeprefix("x = ") in text
    assert "# Grid" not in text


@pytest.mark.parametrize("chat", [False, True])
def test_a_code_model_is_asked_few_shot(folder, chat):
    seal_weights(folder, "policy", PromptFormat("few-shot", num_examples=2, chat=chat), 20_000, "random", "MIT")
    model = LanguageModel.load(LanguageModelSettings(policy=str(folder), engine="transformers", num_samples=2))
    task = load_set("arc-agi-1/training")[0]
    policy = model.task_policy(PromptTask.of(task), Grammar(), [0, 1])
    start = input_value(task.inputs)
    (steps,) = policy.mixtures[0].propose([(start,)], 8, np.random.default_rng(0))
    assert len(steps) == 8  # the grammar's, whatever random weights write
    prompt = policy.own.prompts.build(Prefix.of((start,)))
    assert prompt.rest == "x1 ="
    assert prompt.shared.startswith("<|user|>Each task" if chat else "Each task")
    assert prompt.shared.endswith("program\n<|end|><|assistant|>" if chat else "program\n")
    assert policy.counts["steps"] + policy.counts["no step"] + policy.counts["unfinished"] == 4  # twice as wide


def test_a_missing_chat_template_is_found_when_loading(folder, tokenizer_of_code, tmp_path):
    for path in folder.iterdir():
        if path.name not in ("solver.json", "chat_template.jinja"):
            (tmp_path / path.name).write_bytes(path.read_bytes().replace(b'"chat_template"', b'"no_template"'))
    seal_weights(tmp_path, "policy", PromptFormat("few-shot", chat=True), 20_000, "random", "MIT")
    with pytest.raises(InputError, match="chat template"):
        LanguageModel.load(LanguageModelSettings(policy=str(tmp_path), engine="transformers"))


def test_thinking_models_read_the_whole_task_in_their_template(folder):
    text = TokenText(folder)
    task = load_set("arc-agi-1/training")[0]
    prompts = PromptBuilder(
        PromptFormat("few-shot", chat=True, thinking=True, num_examples=1), PromptTask.of(task), text.count_tokens,
        20_000, 1000, load_examples(), text.chat,
    )  # fmt: skip
    prompt = prompts.build(Prefix.of((input_value(task.inputs),)))
    assert prompt.rest == ""
    assert prompt.shared.endswith("begins with these lines:\n<|end|><|assistant|>")


def test_a_stop_text_of_several_characters_may_come_about_by_several_tokens(tmp_path):
    words = {"a": 0, "\n": 1, "\n\n": 2, "<|end|>": 3, "<|step|>": 4}
    tokenizer = Tokenizer(models.BPE(words, [("\n", "\n")]))
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(["<|end|>", "<|step|>"])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>").save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"eos_token_id": 3}')
    text = TokenText(tmp_path)
    assert text.stop_rule("\n\n") == StopRule(frozenset({2, 3}), "\n\n")
    # What is one character or a special token is in one token.
    assert text.stop_rule("\n") == StopRule(frozenset({1, 2, 3}), "")
    assert text.stop_rule("<|step|>") == StopRule(frozenset({3, 4}), "")
    ends = [
        TransformersEngine._ends(SimpleNamespace(text=text), ids, text.stop_rule("\n\n")) for ids in ((0, 1), (0, 1, 1))
    ]
    assert ends == [False, True]
