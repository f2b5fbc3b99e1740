from solver.grid import *


def solve(I):
    """The figure inside the frame takes the colours of the four corners, each in its quarter."""
    x1 = separator_color(I)
    x2 = drop_color(I, x1)
    x3 = trim(I, 2)
    x4 = ranked_color(x3, MAX)
    x5 = drop_color(x2, x4)
    x6 = squeeze(x5)
    x7 = width(x3)
    x8 = divide(x7, 2)
    x9 = upscale(x6, x8)
    x10 = content_mask(x3)
    x11 = apply_mask(x9, x10)
    return x11
