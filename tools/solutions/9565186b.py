from solver.grid import *


def solve(I):
    """Everything but the most common colour turns grey."""
    x1 = keep_ranked_color(I, MAX)
    x2 = replace_color(x1, 0, 5)
    return x2
