"""A small vision model that maps an input picture to an output picture, tuned to each task at test time.

    canvas.py     grids drawn on a square canvas at a scale and an offset, and read back
    model.py      the looped hybrid model
    data.py       training pairs: what may be trained on, packed files
    made.py       made-up tasks as further training tasks
    variants.py   turned and recoloured training tasks as further training tasks
    samples.py    which pairs are drawn, in which order, placed where
    training.py   settings, the training loop over 1..N GPUs
    views.py      symmetries and colour permutations of a task, and how to undo them
    graphed.py    steps recorded as a CUDA graph
    votes.py      what views gave: counted, added up over tuning runs
    tuning.py     test-time training of one task, predictions over many views, their vote
    source.py     the tuned model as a source of answers for the vote
    weights.py    the weights folder: safetensors, config.json, solver.json

Importing this package needs no torch; importing anything but data, made, views and votes does.
What it shares with other trainings is in ../learning. The recipe follows VARC (arXiv 2511.14761) and LoopViT (arXiv
2602.02156); docs/vision.md says where it differs.
"""

KIND, FORMAT = "vision", 2
"""Of its weights, as solver.json has them."""
