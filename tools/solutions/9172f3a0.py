from solver.grid import *


def solve(I):
    """Every cell becomes a block of three by three cells."""
    x1 = upscale(I, 3)
    return x1
