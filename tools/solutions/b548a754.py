from solver.grid import *


def solve(I):
    """The framed rectangle grows until it reaches the lone cell."""
    x1 = find_objects(I, CONN8, ANY_COLOR)
    x2 = drop_single_cells(x1)
    x3 = paint_alone(x2)
    x4 = crop_content(x3)
    x5 = whole(I)
    x6 = box_mask(x5)
    x7 = border_color(x4)
    x8 = fill_mask(I, x6, x7)
    x9 = center_color(x4)
    x10 = interior(x8, x9)
    return x10
