from solver.grid import *


def solve(I):
    """Each cell of the light blue square takes the colour of the cell in its quarter of the picture."""
    x1 = lines_through(I, 8, HORIZONTAL)
    x2 = lines_through(I, 8, VERTICAL)
    x3 = mask_of_color(x2, 8)
    x4 = fill_mask(x1, x3, 8)
    x5 = cell_grid(x4)
    x6 = fill_panels(x5, x4)
    x7 = drop_color(x6, 8)
    x8 = dilate(x7, CONN8)
    x9 = mask_of_color(I, 8)
    x10 = apply_mask(x8, x9)
    return x10
