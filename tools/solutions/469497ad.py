from solver.grid import *


def solve(I):
    """The grid is magnified by its number of colours, and diagonals of colour 2 leave the corners of the square."""
    x1 = count_colors(I)
    x2 = upscale(I, x1)
    x3 = find_objects(x2, CONN4, ANY_COLOR)
    x4 = keep(x3, SIZE, MIN)
    x5 = paint_alone(x4)
    x6 = mark_corners(x5, 2)
    x7 = overlay(x6, x2)
    x8 = diagonals_of(x7, 2)
    x9 = count_in_line(x5, HORIZONTAL)
    x10 = content_mask(x9)
    x11 = count_in_line(x5, VERTICAL)
    x12 = content_mask(x11)
    x13 = mask_logic(x10, x12, OR)
    x14 = where(x13, x2, x8)
    return x14
