from solver.grid import *


def solve(I):
    """The figure of 3 x 3 blocks, each block replaced by the figure itself."""
    x1 = crop_content(I)
    x2 = downscale(x1, 3)
    x3 = fractal(x2)
    return x3
