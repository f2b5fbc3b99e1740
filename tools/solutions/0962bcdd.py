from solver.grid import *


def solve(I):
    """The arms of every plus get twice as long, and its centre grows diagonal arms."""
    x1 = find_objects(I, CONN8, ANY_COLOR)
    x2 = crop_object(x1, SIZE, MAX)
    x3 = pad(x2, 0)
    x4 = ranked_color(I, MIN)
    x5 = ranked_color(I, MAX)
    x6 = diagonals_of(x3, x4)
    x7 = rays_away(x3, x5)
    x8 = overlay(x6, x7)
    x9 = stamp(I, x8, x4)
    return x9
