from solver.grid import *


def solve(I):
    """The lines grow upwards and step to the right around cells of colour 5."""
    x1 = rays_of(I, 2, UP)
    x2 = shift(I, DOWN)
    x3 = mask_of_color(x2, 5)
    x4 = mask_of_color(x1, 2)
    x5 = mask_logic(x3, x4, AND)
    x6 = mask_grid(x5, 2)
    x7 = shift(x6, RIGHT)
    x8 = mask_of_color(x7, 2)
    x9 = fill_mask(x1, x8, 2)
    x10 = rays_of(x9, 2, UP)
    return x10
