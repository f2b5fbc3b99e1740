"""Training of the policy and of the preference model, from nothing or from a folder of weights.

    documents.py   tokenised documents in files: which tokens count, and how much
    document_folders.py   folders of them, made by several processes
    preparation.py made-up tasks, and what searches found, as documents
    preferences.py pairs of states from traces of trees
    packing.py     documents in batches of a fixed number of tokens
    attention.py   masks that keep packed documents apart
    models.py      small models from nothing, models from a folder, adapters
    objectives.py  what is minimised: completions (policy), preferences (PPM)
    trainer.py     the loop: devices, schedule, log, checkpoints that resume exactly
    settings.py    all settings of a run
    launch.py      starting a run, or going on with one
    export.py      weights folders and adapters of what a run has learned
    head.py        a preference model's head fitted again
    evaluation.py  programs that a model writes, tried out; ranks of the steps that solutions need
    measuring.py   the same of finished weights, with several processes

Needs torch and transformers, except for documents.py, document_folders.py, preparation.py, preferences.py, packing.py,
settings.py and launch.py, which can be imported without. document_folders.py needs transformers to make a folder.
"""
