from solver.grid import *


def solve(I):
    """Every third of the regions along the wavy line turns yellow."""
    x1 = index_cells(I, HORIZONTAL, 6)
    x2 = mask_of_color(x1, 0)
    x3 = index_cells(I, HORIZONTAL, 4)
    x4 = mask_of_color(x3, 1)
    x5 = mask_of_color(x1, 5)
    x6 = mask_logic(x4, x5, AND)
    x7 = index_cells(I, VERTICAL, 3)
    x8 = mask_of_color(x7, 0)
    x9 = mask_logic(x6, x8, AND)
    x10 = mask_logic(x2, x9, OR)
    x11 = background_regions(I, CONN4)
    x12 = keep_overlapping(x11, x10)
    x13 = recolor(x12, 4)
    x14 = paint(x13, I)
    return x14
