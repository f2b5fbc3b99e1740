from solver.grid import *


def solve(I):
    """The area between the four lines is cut out, and its specks send lines to the side of their colour."""
    x1 = mask_of_color(I, 0)
    x2 = mask_grid(x1, 1)
    x3 = count_in_line(x2, HORIZONTAL)
    x4 = count_in_line(x2, VERTICAL)
    x5 = mask_of_color(x3, 0)
    x6 = mask_of_color(x4, 0)
    x7 = mask_logic(x5, x6, AND)
    x8 = mask_grid(x7, 1)
    x9 = whole(x8)
    x10 = crop_region(x9, I, SIZE, MAX)
    x11 = trim(x10, 1)
    x12 = ranked_color(x11, MAX)
    x13 = connect(x10, VERTICAL)
    x14 = connect(x10, HORIZONTAL)
    x15 = split_lines(x10, HORIZONTAL)
    x16 = nth(x15, 0)
    x17 = nth(x15, -1)
    x18 = ranked_color(x16, MAX)
    x19 = ranked_color(x17, MAX)
    x20 = fill_solid(x10, x12)
    x21 = fill_solid(x10, x18)
    x22 = fill_solid(x10, x19)
    x23 = combine(x20, x21, (0, 0, 0, 1, 0))
    x24 = combine(x20, x22, (0, 0, 0, 1, 0))
    x25 = overlay(x23, x24)
    x26 = content_mask(x25)
    x27 = where(x26, x13, x14)
    return x27
