from solver.grid import *


def solve(I):
    """The inside of the larger rectangle turns red, that of the smaller one blue."""
    x1 = find_objects(I, CONN4, ONE_COLOR)
    x2 = inner_cells(x1)
    x3 = color_ranked_objects(x2, I, SIZE, MAX, (2, 1))
    return x3
