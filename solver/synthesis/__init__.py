"""Made-up tasks for training: scenes, random programs over them, and the files that hold them.

    scenes.py    pictures of the project's own
    inputs.py    where the inputs of a made-up task come from: scenes, ARC-AGI-1 training tasks, RE-ARC
    mutations.py programs changed at random
    growth.py    random typed programs over one set of inputs, grown as a pool of executed values
    selection.py which of the grown programs become tasks
    shards.py    the files
    found.py     programs that searches found for public tasks, checked, as tasks to train on
    augment.py   the same programs on turned and recoloured inputs

Nothing here is needed to solve a task, and nothing here imports torch.
"""
