from solver.grid import *


def solve(I):
    """The answer is a diagonal as long as there are objects."""
    x1 = find_objects(I, CONN4, ONE_COLOR)
    x2 = count_objects(x1)
    x3 = diagonal(x2, 8)
    return x3
