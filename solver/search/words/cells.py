"""Features of cells: what a rule for single cells may ask of a grid beyond the colour of the cell itself.

Every family takes a grid (int8 [H, W], 0 the background) and gives a dict from a feature's name to its values, int
[H, W]. Names that begin with 'color' hold colours (−1: outside the grid, 0: none), all others hold numbers. More of
them are in `spans.py` and `reach.py`; which there are is in `families.py`. The functions are plain NumPy over the grid
library, because the programs that use them carry their source along (`carried.py`). Found rules are written with these
names: changing what a name means changes what a rule says.
"""

from __future__ import annotations

import numpy as np

from ...grid import (
    ANY_COLOR,
    CONN4,
    CONN8,
    HOLES,
    ONE_COLOR,
    SHAPE_COUNT,
    SYMMETRY_COUNT,
    background_regions,
    find_objects,
    paint_alone,
    recolor_value,
)


def moved(grid, down, right):
    """What lies `down` rows below and `right` columns to the right of every cell; -1 outside."""
    high, wide = grid.shape
    padded = np.full((high + 2 * abs(down), wide + 2 * abs(right)), -1, np.int64)
    padded[abs(down) : abs(down) + high, abs(right) : abs(right) + wide] = grid
    first, left = abs(down) + down, abs(right) + right
    return padded[first : first + high, left : left + wide]


def ways():
    """The eight directions: name, rows down, columns to the right."""
    straight = [("up", -1, 0), ("down", 1, 0), ("left", 0, -1), ("right", 0, 1)]
    return [*straight, ("up left", -1, -1), ("up right", -1, 1), ("down left", 1, -1), ("down right", 1, 1)]


def on_grid(rows, columns, shape):
    """Whether a grid of that shape has such rows and columns."""
    return (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])


def colors_at(grid, rows, columns, fine):
    """The colours at places, int64 in their shape; −1 where they are not `fine`: elsewhere they must be on the grid."""
    return np.where(fine, grid[np.where(fine, rows, 0), np.where(fine, columns, 0)], -1).astype(np.int64)


def content_box(grid):
    """The rows and the columns of the box of all content, as slices; empty ones where there is none."""
    rows, columns = np.flatnonzero(grid.any(1)), np.flatnonzero(grid.any(0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def ranked_colors(grid):
    """The colours of a grid's content, the most common one first; of equally common ones the lower first."""
    counts = np.bincount(grid.ravel(), minlength=10)
    counts[0] = 0
    ranked = np.argsort(-counts, kind="stable")
    return ranked[counts[ranked] > 0]


def neighbors(grid):
    """The cells one and two steps away in eight directions, and how many neighbours have content or the own colour."""
    high, wide = grid.shape
    wider = np.full((high + 4, wide + 4), -1)
    wider[2:-2, 2:-2] = grid
    found = {}
    for name, down, right in ways():
        for words, steps in (("color ", 1), ("color two ", 2)):
            top, left = 2 + steps * down, 2 + steps * right
            found[words + name] = wider[top : top + high, left : left + wide]
    near = np.array([found["color " + name] for name, _, _ in ways()])
    filled, alike = near > 0, near == grid
    found["neighbors 4"], found["neighbors 8"] = filled[:4].sum(0), filled.sum(0)
    found["alike 4"], found["alike 8"] = alike[:4].sum(0), alike.sum(0)
    return found


def sights(grid):
    """The first content seen from a cell in eight directions: its colour, and the steps to it (0: there is none)."""
    found = {}
    for name, down, right in ways():
        color = np.maximum(moved(grid, down, right), 0)
        steps, reach = (color != 0) * 1, 1
        while reach < max(grid.shape):
            # What lies within `reach` steps is known: beyond that is what is known of the cell there.
            on = np.maximum(moved(color, reach * down, reach * right), 0)
            farther = moved(steps, reach * down, reach * right) + reach
            steps = np.where((color == 0) & (on != 0), farther, steps)
            color = np.where(color == 0, on, color)
            reach *= 2
        found["color seen " + name], found["steps " + name] = color, steps
    seen = [found["color seen " + name] != 0 for name, _, _ in ways()]
    found["sides seen 4"], found["sides seen 8"] = sum(seen[:4]) * 1, sum(seen) * 1
    return found


def far_sights(grid):
    """What a cell sees straight beyond the first colour it sees: the next other colour, and the last content of all."""
    found = {}
    for name, down, right in ways()[:4]:
        first = last = np.maximum(moved(grid, down, right), 0)
        second, reach = np.zeros(grid.shape, np.int64), 1
        while reach < max(grid.shape):
            # As in `sights`.
            on_first, on_second, on_last = (
                np.maximum(moved(seen, reach * down, reach * right), 0) for seen in (first, second, last)
            )
            further = np.where((first > 0) & (on_first != first), on_first, on_second)
            second = np.where(second > 0, second, further)
            first, last = np.where(first > 0, first, on_first), np.where(on_last > 0, on_last, last)
            reach *= 2
        found["color beyond " + name], found["color at the end " + name] = second, last
    return found


def paired_colors(grid):
    """Of every colour the one that most often lies straight beside it, as in a legend; 0: none. int64 [10]."""
    counts = np.zeros((10, 10), np.int64)
    for _, down, right in ways()[:4]:
        beside = moved(grid, down, right)
        other = (grid > 0) & (beside > 0) & (beside != grid)
        np.add.at(counts, (grid[other], beside[other]), 1)
    return np.where(counts.any(1), counts.argmax(1), 0)


def places(grid):
    """Where the cell lies: row and column from both ends, their remainders, distance from border and diagonals."""
    high, wide = grid.shape
    row, column = np.indices(grid.shape)
    below, beyond = high - 1 - row, wide - 1 - column
    found = {"row": row, "column": column, "row from below": below, "column from the right": beyond}
    found |= {"row mod 2": row % 2, "column mod 2": column % 2, "row + column mod 2": (row + column) % 2}
    found |= {"row from below mod 2": below % 2, "column from the right mod 2": beyond % 2}
    found |= {"row mod 3": row % 3, "column mod 3": column % 3, "row + column mod 3": (row + column) % 3}
    found |= {"row + column mod 4": (row + column) % 4, "row - column mod 4": (row - column) % 4}
    found["row - column mod 3"] = (row - column) % 3
    found["from the border"] = np.minimum(np.minimum(row, column), np.minimum(below, beyond))
    found["from the diagonal"] = abs(row - column)
    found["from the other diagonal"] = abs(row - beyond)
    return found


def mirrors(grid):
    """The colours at the mirrored places; about the diagonals in square grids only."""
    found = {"color mirrored left right": grid[:, ::-1] * 1, "color mirrored up down": grid[::-1] * 1}
    found["color turned"] = grid[::-1, ::-1] * 1
    if grid.shape[0] == grid.shape[1]:
        found["color transposed"], found["color antitransposed"] = grid.T * 1, grid[::-1, ::-1].T * 1
    return found


def lines(grid):
    """The row and the column of the cell: their most common colour, numbers of colours and of cells with content."""
    found = {}
    for name, picture in (("row", grid), ("column", grid.T)):
        counts = np.array([np.bincount(line, minlength=10) for line in picture])
        counts[:, 0] = 0
        line = {"color of " + name: counts.argmax(1), "colors in " + name: (counts > 0).sum(1)}
        line |= {"cells in " + name: counts.sum(1), name + " is full": (counts.sum(1) == picture.shape[1]) * 1}
        for key, values in line.items():
            table = np.repeat(values[:, None], picture.shape[1], 1)
            found[key] = table if name == "row" else table.T
    return found


def ends(grid):
    """The first and the last content of the cell's row and column, and what lies at the ends of these: colours."""
    found = {}
    for name, picture in (("row", grid), ("column", grid.T)):
        line = np.arange(len(picture))
        first, last = (picture != 0).argmax(1), picture.shape[1] - 1 - (picture != 0)[:, ::-1].argmax(1)
        table = {"first": picture[line, first], "last": picture[line, last]}
        table |= {"foremost": picture[:, 0], "rearmost": picture[:, -1]}
        for key, colors in table.items():
            whole = np.repeat(colors[:, None].astype(np.int64), picture.shape[1], 1)
            found[f"color {key} in {name}"] = whole if name == "row" else whole.T
    return found


def squares(grid):
    """The side of the largest square of one colour that the cell lies in."""
    side = np.ones(grid.shape, np.int64)
    alike = (grid[:-1] == grid[1:])[:, :-1] & (grid[:, :-1] == grid[:, 1:])[:-1] & (grid[:-1, :-1] == grid[1:, 1:])
    corners = alike  # the upper left cells of such squares of a size
    size = 2
    while corners.any():
        rows = np.zeros((grid.shape[0], corners.shape[1]), bool)
        for k in range(size):
            rows[k : k + corners.shape[0]] |= corners
        for k in range(size):
            here = side[:, k : k + corners.shape[1]]
            here[rows] = size
        corners = corners[:-1, :-1] & corners[1:, :-1] & corners[:-1, 1:] & corners[1:, 1:]
        size += 1
    return {"square": side}


def whole_grid(grid):
    """What is the same for all cells, the colours by how common they are, and how often the cell's colour occurs."""
    counts = np.bincount(grid.ravel(), minlength=10)
    ranked = ranked_colors(grid)
    same = np.zeros(grid.shape, np.int64)
    found = {"color most common": same + (ranked[0] if len(ranked) else 0)}
    found["color second"] = same + (ranked[1] if len(ranked) > 1 else 0)
    found["color least common"] = same + (ranked[-1] if len(ranked) else 0)
    found["colors in all"] = same + len(ranked)
    found["cells of its color"] = np.where(grid != 0, counts[grid], 0)
    found["color paired"] = paired_colors(grid)[grid]
    return found


def nearest(grid):
    """The nearest content, the cell's own too: its colour, how far it is with and without diagonal steps, how many rows
    and columns away, and on which side."""
    row, column = np.nonzero(grid)
    if not len(row):
        none = np.zeros(grid.shape, np.int64)
        names = ["color nearest", "color paired with nearest", "as near", "nearest", "nearest mod 2"]
        names += ["nearest diagonally", "nearest diagonally mod 2", "rows away", "columns away"]
        names += ["rows away mod 2", "columns away mod 2", "below it", "right of it"]
        return dict.fromkeys(names, none)
    rows, columns = np.indices(grid.shape)
    down, right = abs(rows[..., None] - row), abs(columns[..., None] - column)
    far = down + right
    which = far.argmin(-1)
    color = grid[row, column][which]
    found = {"color nearest": color * 1, "color paired with nearest": paired_colors(grid)[color]}
    found["as near"] = (far == far.min(-1, keepdims=True)).sum(-1)
    for name, steps in (("nearest", far.min(-1)), ("nearest diagonally", np.maximum(down, right).min(-1))):
        found |= {name: steps, name + " mod 2": steps % 2}
    below, beyond = rows - row[which], columns - column[which]
    found |= {"rows away": abs(below), "columns away": abs(beyond)}
    found |= {"rows away mod 2": below % 2, "columns away mod 2": beyond % 2}
    return found | {"below it": np.sign(below) + 1, "right of it": np.sign(beyond) + 1}


def nearest_other(grid):
    """The nearest content outside the cell's own part of one colour, and the nearest of its colour there: colour and
    distance."""
    found = {}
    row, column = np.nonzero(grid)
    rows, columns = np.indices(grid.shape)
    labels = one_colored(grid)
    far = abs(rows[..., None] - row) + abs(columns[..., None] - column)
    other = labels[..., None] != labels[row, column]
    for name, may in (("other", other), ("of own color elsewhere", other & (grid[..., None] == grid[row, column]))):
        away = np.where(may, far, 99).reshape(*grid.shape, len(row))
        none = np.full(grid.shape, 99)
        found["nearest " + name] = away.min(-1, initial=99) if len(row) else none
        if name == "other":
            color = grid[row, column][away.argmin(-1)] if len(row) else none
            found["color nearest " + name] = np.where(found["nearest " + name] < 99, color, 0).astype(np.int64)
    return found


def regions(grid):
    """Labels of the 4-connected parts of one colour, background included."""
    empty = np.zeros(grid.shape, np.int64)
    content = find_objects(grid, CONN4, ONE_COLOR).labels if grid.any() else empty
    free = background_regions(grid, CONN4).labels if not grid.all() else empty
    return np.where(free > 0, free + content.max(), content).astype(np.int64)


def one_colored(grid):
    """Labels of the 8-connected objects of one colour; 0 for background."""
    return (find_objects(grid, CONN8, ONE_COLOR).labels if grid.any() else grid).astype(np.int64)


def many_colored(grid):
    """Labels of the 8-connected objects of any colours; 0 for background."""
    return (find_objects(grid, CONN8, ANY_COLOR).labels if grid.any() else grid).astype(np.int64)


def boxes(grid):
    """Labels of the bounding boxes of `many_colored`, smaller ones over larger ones."""
    labels = many_colored(grid)
    found = []
    for label in range(1, labels.max() + 1):
        row, column = np.nonzero(labels == label)
        top, bottom, left, right = row.min(), row.max() + 1, column.min(), column.max() + 1
        found.append(((top - bottom) * (right - left), label, top, bottom, left, right))
    out = np.zeros(grid.shape, np.int64)
    for _, label, top, bottom, left, right in sorted(found):
        out[top:bottom, left:right] = label
    return out


def ends_of_boxes(labels):
    """The first row and column of every label's cells, and the last ones; int64 [labels] each."""
    row, column = np.indices(labels.shape)
    top, left, bottom, right = (np.full(labels.max() + 1, end) for end in (99, 99, -1, -1))
    np.minimum.at(top, labels, row)
    np.minimum.at(left, labels, column)
    np.maximum.at(bottom, labels, row)
    np.maximum.at(right, labels, column)
    return top, left, bottom, right


def measures(grid, labels):
    """What part a cell belongs to: its size, rank in size, shape and colours, and where in its box the cell lies.

    labels: int [H, W], 0 where there is no part: all numbers are 0 there, places in the box −1. Ranks are among the
    parts with content."""
    high, wide = grid.shape
    row, column = np.indices(grid.shape)
    number = labels.max() + 1
    top, left, bottom, right = ends_of_boxes(labels)
    tall, broad = bottom - top + 1, right - left + 1
    colors = np.zeros((number, 10), np.int64)
    np.add.at(colors, (labels, grid), 1)
    size, colors[:, 0] = colors.sum(1), 0
    content = colors.sum(1) > 0
    content[0] = False
    edge = (top == 0) | (left == 0) | (bottom == high - 1) | (right == wide - 1)
    found = {"size": size, "height": tall, "width": broad, "on the border": edge * 1}
    found |= {"is full": (size == tall * broad) * 1, "is square": (tall == broad) * 1}
    found["upright"] = np.sign(tall - broad) + 1
    found["colors"] = (colors > 0).sum(1)
    for name, values in (("size", size), ("height", tall), ("width", broad)):
        ranks = np.unique(values[content])
        found[name + " rank"] = np.where(content, len(ranks) - np.searchsorted(ranks, values), 0)
        found[name + " rank from below"] = np.where(content, np.searchsorted(ranks, values) + 1, 0)
        same = (values[:, None] == values[content]).sum(1)
        found["of the same " + name] = np.where(content, same, 0)
    found["color of part"] = colors.argmax(1)
    found["color least in part"] = np.where(colors > 0, colors, 999).argmin(1) * content
    found = {name: np.where(labels > 0, values[labels], 0) for name, values in found.items()}
    down, up = row - top[labels], bottom[labels] - row
    across, back = column - left[labels], right[labels] - column
    place = {"from top": down, "from bottom": up, "from left": across, "from right": back}
    place["from edge"] = np.minimum(np.minimum(down, up), np.minimum(across, back))
    place |= {"from top mod 2": down % 2, "from left mod 2": across % 2}
    place |= {"in middle row": (down == up) * 1, "in middle column": (across == back) * 1}
    place |= {"on diagonal": (down == across) * 1, "on other diagonal": (down == back) * 1}
    found |= {name: np.where(labels > 0, values, -1) for name, values in place.items()}
    found["parts"] = np.full(grid.shape, number - 1)
    return found


def mirrored_within(grid, labels):
    """The colours at the mirrored places of the box of the part that a cell belongs to; −1 where it has none, and about
    the diagonals also where the box is no square."""
    row, column = np.indices(grid.shape)
    top, left, bottom, right = (end[labels] for end in ends_of_boxes(labels))
    is_square = bottom - top == right - left
    places = {"left right": (row, left + right - column), "up down": (top + bottom - row, column)}
    places["turned"] = (top + bottom - row, left + right - column)
    places["transposed"] = (top + column - left, left + row - top)
    places["antitransposed"] = (bottom - column + left, right - row + top)
    found = {}
    for name, (rows, columns) in places.items():
        fine = (labels > 0) & (is_square | ("transposed" not in name))
        found["color within " + name] = colors_at(grid, rows, columns, fine)
    return found


def shapes(grid):
    """Holes, symmetries and copies of the object that a cell belongs to, of one colour and of several."""
    found = {}
    for name, coloring in (("one-coloured", ONE_COLOR), ("many-coloured", ANY_COLOR)):
        for word, prop in (("holes", HOLES), ("symmetries", SYMMETRY_COUNT), ("copies", SHAPE_COUNT)):
            if grid.any():
                values = paint_alone(recolor_value(find_objects(grid, CONN8, coloring), prop)).astype(np.int64)
            else:
                values = np.zeros(grid.shape, np.int64)
            found[name + " " + word] = values
    return found


def surroundings(grid):
    """What lies around the one-colour region of a cell: the most common colour, and how many colours there are; and
    the colours of the largest and the smallest object of any colours."""
    labels = regions(grid)
    touching = np.zeros((labels.max() + 1, 10), np.int64)
    for _, down, right in ways()[:4]:
        beside = moved(labels, down, right)
        other = (beside > 0) & (beside != labels)
        np.add.at(touching, (labels[other], moved(grid, down, right)[other]), 1)
    touching[:, 0] = 0
    found = {"color around": touching.argmax(1)[labels], "colors around": (touching > 0).sum(1)[labels]}
    objects = many_colored(grid)
    colors = np.zeros((objects.max() + 1, 10), np.int64)
    np.add.at(colors, (objects, grid), 1)
    colors = colors[1:]
    for name, which in (("largest", np.argmax), ("smallest", np.argmin)):
        color = colors[which(colors.sum(1))].argmax() if len(colors) else 0
        found["color of " + name] = np.full(grid.shape, color)
    return found
