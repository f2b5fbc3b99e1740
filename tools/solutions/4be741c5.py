from solver.grid import *


def solve(I):
    """One cell for each of the colour areas, in their order."""
    x1 = majority_lines(I, HORIZONTAL)
    x2 = dedupe_lines(x1)
    x3 = squeeze(x2)
    x4 = majority_lines(I, VERTICAL)
    x5 = dedupe_lines(x4)
    x6 = squeeze(x5)
    x7 = pair(x3, x6)
    x8 = pick(x7, NUM_COLORS_IN, MAX)
    return x8
