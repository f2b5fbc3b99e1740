from solver.grid import *


def solve(I):
    """The object is put into the frame, flipped if necessary so that its colours meet those of the frame's sides."""
    x1 = keep_color(I, 4)
    x2 = whole(x1)
    x3 = crop_region(x2, I, SIZE, MAX)
    x4 = box_mask(x2)
    x5 = mask_not(x4)
    x6 = apply_mask(I, x5)
    x7 = crop_content(x6)
    x8 = drop_color(x3, 4)
    x9 = split_lines(x8, VERTICAL)
    x10 = nth(x9, 0)
    x11 = ranked_color(x10, MAX)
    x12 = split_lines(x7, VERTICAL)
    x13 = nth(x12, 0)
    x14 = ranked_color(x13, MAX)
    x15 = fill_solid(x7, x11)
    x16 = fill_solid(x7, x14)
    x17 = combine(x15, x16, (0, 0, 0, 1, 0))
    x18 = content_mask(x17)
    x19 = transform(x7, FLIP_LR)
    x20 = where(x18, x7, x19)
    x21 = center_on(x20, x3)
    return x21
