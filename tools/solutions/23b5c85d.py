from solver.grid import *


def solve(I):
    """Cut out the area of the rarest colour."""
    x1 = keep_ranked_color(I, MIN)
    x2 = crop_content(x1)
    return x2
