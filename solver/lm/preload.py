"""Importing this module imports what tokenizing needs (seconds, hundreds of MiB): for the fork server, whose children
then share it."""

from transformers import AutoTokenizer, PreTrainedTokenizerFast  # noqa: F401
