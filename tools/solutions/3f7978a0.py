from solver.grid import *


def solve(I):
    """Cut out the box of the two vertical lines together with the row above and the row below."""
    x1 = find_objects(I, CONN4, ONE_COLOR)
    x2 = object_color(x1, HEIGHT, MAX)
    x3 = keep_color(I, x2)
    x4 = fill_content_box(x3, x2)
    x5 = shift(x4, UP)
    x6 = shift(x4, DOWN)
    x7 = overlay(x5, x6)
    x8 = find_objects(x7, CONN8, ANY_COLOR)
    x9 = crop_region(x8, I, SIZE, MAX)
    return x9
