from solver.grid import *


def solve(I):
    """Cells move straight to the line of their colour, and all others disappear."""
    x1 = find_objects(I, CONN4, ONE_COLOR)
    x2 = drop_single_cells(x1)
    x3 = paint_alone(x2)
    x4 = dilate(x3, CONN4)
    x5 = object_color(x2, COLOR, MAX)
    x6 = object_color(x2, COLOR, MIN)
    x7 = keep_color(I, x5)
    x8 = connect_both(x7, HORIZONTAL)
    x9 = pair(x4, x8)
    x10 = common_cells(x9)
    x11 = keep_color(I, x6)
    x12 = connect_both(x11, HORIZONTAL)
    x13 = pair(x4, x12)
    x14 = common_cells(x13)
    x15 = drop_color(I, x5)
    x16 = drop_color(x15, x6)
    x17 = connect_both(x16, HORIZONTAL)
    x18 = pair(x4, x17)
    x19 = common_cells(x18)
    x20 = overlay(x3, x10)
    x21 = overlay(x20, x14)
    x22 = overlay(x21, x19)
    return x22
