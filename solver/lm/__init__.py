"""Language models as policies, and preference models as values.

prompt.py     what a model reads and writes: one text template for every tokenizer
tokenizer.py  the vocabulary of models trained from nothing for the step language
weights.py    folders of language-model weights and what is checked before a run
examples.py   solved tasks for prompts of models that are not fine-tuned
engine.py     the contract of engines, sampling, temperature schedules, and an engine fed from a queue
text.py       text to tokens and back
transformers_engine.py, vllm_engine.py   the engines; nothing else here imports torch or vllm
server.py     an engine in a process of its own that many workers ask; client.py their side of it
policy.py     LanguageModelPolicy and PreferenceModel
loading.py    which engine, what is checked before a run, policies and values for a task
"""
