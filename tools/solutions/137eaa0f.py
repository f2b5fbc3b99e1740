from solver.grid import *


def solve(I):
    """The pieces around the grey cells are laid over each other."""
    x1 = find_objects(I, CONN8, ANY_COLOR)
    x2 = recolor_rank(x1, TOP)
    x3 = paint_alone(x2)
    x4 = mask_of_color(I, 5)
    x5 = apply_mask(x3, x4)
    x6 = dilate(x5, CONN8)
    x7 = find_objects(x6, CONN8, ONE_COLOR)
    x8 = crop_all_regions(x7, I)
    x9 = overlay_all(x8, 0)
    return x9
