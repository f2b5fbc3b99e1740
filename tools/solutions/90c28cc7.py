from solver.grid import *


def solve(I):
    """One cell for each of the rectangles, in their arrangement."""
    x1 = crop_content(I)
    x2 = dedupe_lines(x1)
    return x2
