from solver.grid import *


def solve(I):
    """An empty rectangle as large as the framed one gets the same frame."""
    x1 = ranked_color(I, MIN)
    x2 = keep_color(I, x1)
    x3 = crop_content(x2)
    x4 = trim(x3, 1)
    x5 = find_pattern(I, x4)
    x6 = objects_from_mask(x5, CONN4)
    x7 = frame_boxes(x6, I, x1)
    return x7
