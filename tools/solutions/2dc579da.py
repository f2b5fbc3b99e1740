from solver.grid import *


def solve(I):
    """The answer is the panel that holds a cell of another colour."""
    x1 = replace_color(I, 0, 9)
    x2 = split_separators(x1)
    x3 = pick(x2, NUM_COLORS_IN, MAX)
    return x3
