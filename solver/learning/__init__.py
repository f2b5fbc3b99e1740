"""What every training shares, of language models and of the vision model, tuning at test time included.

    optimizer.py   Muon for matrices and AdamW for the rest, or AdamW for all
    steps.py       what training steps have in common: arithmetic, gradients, averages
    checkpoint.py  what a run needs to go on exactly where it stopped
    packing.py     tensors in eight or four bits
    processes.py   several processes of one run
    seeds.py       seeds of named random streams

Needs torch; seeds.py and processes.py can be imported without.
"""
