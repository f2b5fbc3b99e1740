"""Language models as policies, and preference models as values.

template.py   one text for every tokenizer: what tasks, and what steps gave, look like
prompt_format.py   how a model is asked, as its weights say
prompt.py     prompts of both; reading.py: the step that an answer proposes
tokenizer.py  the vocabulary of models trained from nothing for the step language
weights.py    folders of language-model weights and what is checked before a run
examples.py   solved tasks for prompts of models that are not fine-tuned
engine.py     the contract of engines, sampling, temperature schedules, and an engine fed from a queue
text.py       text to tokens and back
transformers_engine.py, vllm_engine.py   the engines
prefix_runner.py   a model that computes once what prompts have in common; nothing else here imports torch or vllm
server.py     an engine in a process of its own that many workers ask; client.py their side of it
policy.py     LanguageModelPolicy and PreferenceModel
outage.py     what a search goes on with where one of them fails
adapter.py    a model kept as a change of another
loading.py    which engine, what is checked before a run, policies and values for a task
"""
