"""Language models as policies, and preference models as values.

prompt.py     what a model reads and writes: one text template for every tokenizer
tokenizer.py  the vocabulary of models trained from nothing for the step language
weights.py    folders of language-model weights and what is checked before a run
examples.py   solved tasks for prompts of models that are not fine-tuned
engine.py     the contract of engines, sampling, temperature schedules, and an engine fed from a queue
transformers_engine.py, vllm_engine.py   the engines; nothing else here imports torch, transformers or vllm
policy.py     LanguageModelPolicy and PreferenceModel, and how a scheduler batches over many trees
"""
