from solver.grid import *


def solve(I):
    """Specks below the large object send lines up to it and down to the border."""
    x1 = find_objects(I, CONN8, ONE_COLOR)
    x2 = keep(x1, SIZE, MAX)
    x3 = paint_alone(x2)
    x4 = object_color(x1, SIZE, MAX)
    x5 = drop_color(I, x4)
    x6 = ranked_color(x5, MAX)
    x7 = rays(x3, DOWN)
    x8 = content_mask(x7)
    x9 = apply_mask(x5, x8)
    x10 = overlay(x3, x9)
    x11 = rays_of(x10, x6, UP)
    x12 = rays_of(x11, x6, DOWN)
    x13 = overlay(I, x12)
    return x13
