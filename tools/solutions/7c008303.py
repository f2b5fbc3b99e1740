from solver.grid import *


def solve(I):
    """The green shape takes the colours of the key, each of them in one quarter."""
    x1 = split_separators(I)
    x2 = pick(x1, SIZE, MAX)
    x3 = drop_color(I, 3)
    x4 = drop_color(x3, 8)
    x5 = crop_content(x4)
    x6 = upscale(x5, 3)
    x7 = content_mask(x2)
    x8 = apply_mask(x6, x7)
    return x8
