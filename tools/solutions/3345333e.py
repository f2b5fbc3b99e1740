from solver.grid import *


def solve(I):
    """The block in the rarer colour is taken away and the figure behind it is completed as its own mirror image."""
    x1 = keep_ranked_color(I, MAX)
    x2 = complete_symmetry_found(x1, FLIP_LR)
    return x2
