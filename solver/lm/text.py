"""Text and tokens: what engines, and the clients of their servers, do with a Hugging Face tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from ..errors import InputError, first_line
from .engine import Answer, Request, StopRule, TokenAnswer, TokenRequest, merge_answers
from .prompt import Prompt
from .tokenizer import encode_prompt


def load_tokenizer(folder: Path) -> Any:
    """The Hugging Face tokenizer of a folder, without network and code of the folder's own. Raises InputError."""
    from transformers import AutoTokenizer

    if not folder.is_dir():  # transformers would take it for a name on the network
        raise InputError(f"{folder}: no such folder")
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever a foreign folder makes of it
        raise InputError(f"{folder}: the tokenizer does not load ({first_line(error)})") from error


class TokenText:
    """The tokenizer of a weights folder. An answer ends at the tokenizer's end
    token and at those that the model's generation settings name. Raises InputError if it can't be loaded."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer: Any = load_tokenizer(folder)
        own = self.tokenizer.eos_token_id
        self.end_ids = frozenset([*_end_ids(folder), *([] if own is None else [own])])
        self.count_tokens = lru_cache(maxsize=1024)(self._count_tokens)
        self.shared_ids = lru_cache(maxsize=64)(self._shared_ids)
        self.stop_rule = lru_cache(maxsize=16)(self._stop_rule)

    def _count_tokens(self, text: str) -> int:
        """Tokens of a text, those that begin a prompt among them."""
        return len(self.tokenizer.encode(text, add_special_tokens=True))

    def _shared_ids(self, shared: str) -> tuple[int, ...]:
        return tuple(encode_prompt(self.tokenizer, shared, ""))

    def prompt_ids(self, prompt: Prompt) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Token ids of a prompt's two parts."""
        return self.shared_ids(prompt.shared), tuple(self.tokenizer.encode(prompt.rest, add_special_tokens=False))

    def token_request(self, request: Request) -> TokenRequest:
        """A request in tokens."""
        shared, own = self.prompt_ids(request.prompt)
        return TokenRequest(shared, own, request.sampling, self.stop_rule(request.sampling.stop))

    def answers(self, request: TokenRequest, found: Iterable[TokenAnswer]) -> list[Answer]:
        """The different texts among the answers in tokens, most likely first."""
        stop = request.sampling.stop
        return merge_answers(
            Answer(self.decode(a.tokens, stop), a.log_probability, len(a.tokens), a.count, a.ended) for a in found
        )

    def _stop_rule(self, stop: str) -> StopRule:
        """A stop text that is one token stops at every token that contains it (')\\n' contains the end of a line); one
        of several characters also where several tokens make it up, unless it is a special token."""
        if not stop or len(ids := self.tokenizer.encode(stop, add_special_tokens=False)) != 1:
            return StopRule(self.end_ids, stop)
        texts = self.tokenizer.batch_decode([[i] for i in range(len(self.tokenizer))])
        added = self.tokenizer.added_tokens_decoder.get(ids[0])
        is_whole = len(stop) == 1 or (added is not None and added.special)
        return StopRule(self.end_ids | {i for i, text in enumerate(texts) if stop in text}, "" if is_whole else stop)

    def decode(self, token_ids: Sequence[int], stop: str = "") -> str:
        """An answer's text, without the model's own end, cut behind the stop text."""
        kept = [i for i in token_ids if i not in self.end_ids]
        text = self.tokenizer.decode(kept, clean_up_tokenization_spaces=False)
        return text[: text.index(stop) + len(stop)] if stop and stop in text else text

    def chat(self, system: str, user: str, begun: str) -> str:
        """See `Engine.chat`. Raises InputError if the tokenizer has no chat template."""
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": user})
        if begun:
            messages.append({"role": "assistant", "content": begun})
        try:
            return self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=not begun, continue_final_message=bool(begun)
            )
        except ValueError as error:
            raise InputError(f"the tokenizer's chat template: {first_line(error)}") from error


def _end_ids(folder: Path) -> list[int]:
    """The end tokens of the model's generation settings; of its configuration where there are none."""
    path = folder / "generation_config.json"
    content = orjson.loads((path if path.is_file() else folder / "config.json").read_bytes())
    ends = content.get("eos_token_id")
    return [] if ends is None else ends if isinstance(ends, list) else [ends]
