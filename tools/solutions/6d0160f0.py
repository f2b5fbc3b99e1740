from solver.grid import *


def solve(I):
    """The panel that holds the 4 is copied to the panel whose place in the grid is that of the 4 in its panel; all other panels are emptied."""
    x1 = mask_of_color(I, 5)
    x2 = mask_not(x1)
    x3 = objects_from_mask(x2, CONN4)
    x4 = mask_of_color(I, 4)
    x5 = keep_overlapping(x3, x4)
    x6 = crop_region(x5, I, SIZE, MAX)
    x7 = keep_color(x6, 4)
    x8 = expand_cells(x7, x6, 0)
    x9 = split_parts(x8, 3, 3)
    x10 = unsplit(x9, I)
    return x10
