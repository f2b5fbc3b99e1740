from solver.grid import *


def solve(I):
    """The object with the light blue cell is cut out, and that cell takes the colour of the rest."""
    x1 = find_objects(I, CONN8, ANY_COLOR)
    x2 = crop_object(x1, NUM_COLORS_IN, MAX)
    x3 = ranked_color(x2, MAX)
    x4 = replace_color(x2, 8, x3)
    return x4
