from solver.grid import *


def solve(I):
    """The small figure is magnified to fit and put into the frame."""
    x1 = find_objects(I, CONN8, ANY_COLOR)
    x2 = crop_object(x1, WIDTH, MAX)
    x3 = crop_object(x1, WIDTH, MIN)
    x4 = width(x2)
    x5 = subtract(x4, 2)
    x6 = width(x3)
    x7 = divide(x5, x6)
    x8 = upscale(x3, x7)
    x9 = center_on(x8, x2)
    return x9
