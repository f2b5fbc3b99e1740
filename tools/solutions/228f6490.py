from solver.grid import *


def solve(I):
    """The two shapes in colours of their own move into the holes of the same shape."""
    x1 = find_objects(I, CONN4, ONE_COLOR)
    x2 = keep(x1, COLOR_COUNT, MIN)
    x3 = sort_objects(x2, SIZE)
    x4 = crop_all(x3)
    x5 = nth(x4, 0)
    x6 = nth(x4, 1)
    x7 = ranked_color(x5, MAX)
    x8 = ranked_color(x6, MAX)
    x9 = enclosed_regions(I)
    x10 = objects_mask(x9)
    x11 = mask_grid(x10, x7)
    x12 = find_pattern(x11, x5)
    x13 = mask_logic(x12, x10, AND)
    x14 = mask_grid(x10, x8)
    x15 = find_pattern(x14, x6)
    x16 = mask_logic(x15, x10, AND)
    x17 = erase(x2, I)
    x18 = fill_mask(x17, x16, x8)
    x19 = fill_mask(x18, x13, x7)
    return x19
