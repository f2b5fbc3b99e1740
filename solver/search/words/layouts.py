"""How parts of a grid are laid out as an output: the words of layout rules (`fit/layout_rules.py`).

Every chosen part gives a block (int8 [h, w]), the blocks are put in an order, and a layout makes one grid of them. As
in `parts.py` the functions are plain NumPy, because the programs that use them carry their source along. Layouts take
the blocks, the boxes of their parts (see `boxes`) and their own arguments; they raise ValueError where they do not
apply.
"""

from __future__ import annotations

import numpy as np

from .cells import many_colored, one_colored, ranked_colors
from .descriptions import described
from .divisions import free_regions, panels
from .drawings import cut_out
from .parts import extents, stack_of


def whole(grid):
    """The whole grid as one part."""
    return np.ones(grid.shape, np.int64)


def counted(grid, labels):
    """What every part is like, and how many parts of some kinds the whole grid has."""
    found = described(grid, labels)
    kinds = {"one-coloured": one_colored, "many-coloured": many_colored, "free": free_regions, "panels": panels}
    for name, divide in kinds.items():
        parts = divide(grid)
        sizes = np.bincount(parts.ravel())[1:]
        found[f"parts {name}"] = np.full(labels.max(), len(sizes))
        if name == "one-coloured":
            found["parts of more than a cell"] = np.full(labels.max(), (sizes > 1).sum())
            for color in range(1, 10):
                found[f"parts of {color}"] = np.full(labels.max(), len(np.unique(parts[grid == color])))
    return found


def boxes(grid, labels):
    """Of every part the first and last row, and the first and last column; int64 [4, n]."""
    return extents(stack_of(grid, labels))


def in_order(boxes, chosen, values):
    """The numbers of the chosen parts (bool [n]) by their values; of equal ones the upper, then the left one first."""
    numbers = np.flatnonzero(chosen)
    return numbers[np.lexsort((boxes[2][numbers], boxes[0][numbers], values[numbers]))]


def shrunk(picture):
    """A picture without rows and columns that repeat the one before them."""
    rows = np.append(True, (picture[1:] != picture[:-1]).any(1))
    columns = np.append(True, (picture[:, 1:] != picture[:, :-1]).any(0))
    return picture[rows][:, columns]


def scaled_down(picture):
    """A picture in which every square of the largest possible size that is of one colour is one cell."""
    high, wide = picture.shape
    for size in range(min(high, wide), 1, -1):
        small = picture[::size, ::size]
        if high % size == wide % size == 0 and np.array_equal(small.repeat(size, 0).repeat(size, 1), picture):
            return small
    return picture


def block(grid, labels, seen, number, how, turn, ink):
    """The block of a part (from 0). how: one 'cell'; a bar of as many cells as a feature says ('bar up', 'bar
    across' and the feature's name); a 'corner' of its box, of so many rows and columns (0: half of them), at the
    bottom and at the right or not; what `cut_out` gives, or that 'shrunk' or 'scaled'. turn: a turn or mirror image,
    or None. ink: the colour instead of its own, or the name of the feature that is it, or None."""
    color = seen[ink][number] if isinstance(ink, str) else ink
    kind, _, name = how.partition(":")
    if kind == "cell":
        return np.full((1, 1), color, np.int8)
    if kind.startswith("bar"):
        length = min(max(int(seen[name][number]), 0), 30)
        return np.full((length, 1) if kind == "bar up" else (1, length), color, np.int8)
    if kind == "corner":
        tall, wide, down, right = map(int, name.split())
        out = cut_out(grid, labels, number, "region")
        tall, wide = tall or -(-out.shape[0] // 2), wide or -(-out.shape[1] // 2)
        out = (out[-tall:] if down else out[:tall])[:, -wide if right else 0 :][:, :wide]
    else:
        out = cut_out(grid, labels, number, "alone" if kind in ("shrunk", "scaled") else kind)
        out = shrunk(out) if kind == "shrunk" else scaled_down(out) if kind == "scaled" else out
    return turned(out if color is None else np.where(out > 0, color, 0), turn)


def turned(picture, turn):
    """A turn or mirror image of a picture, itself if `turn` is None."""
    out = {None: picture, "left right": picture[:, ::-1], "up down": picture[::-1], "half": picture[::-1, ::-1]}
    quarter = {"diagonal": picture.T, "left": picture.T[::-1], "right": picture.T[:, ::-1]}
    return np.ascontiguousarray((out | quarter)[turn]).astype(np.int8)


def without_repeats(blocks, everywhere):
    """Blocks without those that equal the one before, or any one before."""
    out, known = [], []
    for one in blocks:
        key = one.shape, one.tobytes()
        if key not in (known if everywhere else known[-1:]):
            out.append(one)
            known.append(key)
    return out


def sheet(blocks, boxes, places, tall, wide):
    """Blocks laid on a grid of zeros, each with its upper left cell at a place."""
    out = np.zeros((tall, wide), np.int8)
    for one, (row, column) in zip(blocks, places, strict=True):
        out[row : row + one.shape[0], column : column + one.shape[1]] = one
    return out


def in_line(blocks, boxes, upright, at_end, gap):
    """Blocks below or beside one another, `gap` cells between them; shorter ones begin, or end, where the longest
    does."""
    if upright:
        turned = in_line([one.T for one in blocks], boxes, 0, at_end, gap)
        return np.ascontiguousarray(turned.T)
    tall = max(one.shape[0] for one in blocks)
    places, column = [], 0
    for one in blocks:
        places.append((tall - one.shape[0] if at_end else 0, column))
        column += one.shape[1] + gap
    return sheet(blocks, boxes, places, tall, column - gap)


def in_rows(blocks, boxes, tall, wide, by_column, snake):
    """Blocks of one shape in rows (or columns) on a grid of `tall` × `wide` blocks; tall 0: as many as are needed.
    Every second row the other way if they go like a `snake`."""
    if by_column:
        return np.ascontiguousarray(in_rows([one.T for one in blocks], boxes, wide, tall, 0, snake).T)
    high, broad = blocks[0].shape
    tall = tall or -(-len(blocks) // wide)
    places = [divmod(k, wide) for k in range(len(blocks))]
    places = [(row * high, (wide - 1 - column if snake and row % 2 else column) * broad) for row, column in places]
    if len(blocks) > tall * wide or any(one.shape != (high, broad) for one in blocks):
        raise ValueError("too many blocks, or of different shapes")
    return sheet(blocks, boxes, places, tall * high, wide * broad)


def diagonally(blocks, boxes, falling):
    """Blocks corner to corner, from the upper left, or from the lower left."""
    high, wide = sum(one.shape[0] for one in blocks), sum(one.shape[1] for one in blocks)
    places, row, column = [], 0, 0
    for one in blocks:
        places.append((row if falling else high - row - one.shape[0], column))
        row, column = row + one.shape[0], column + one.shape[1]
    return sheet(blocks, boxes, places, high, wide)


def lanes(first, last):
    """The number of the row (or column) that each part lies in: of the same as another if its middle is within it."""
    out, lane, end = np.zeros(len(first), np.int64), -1, -1
    for k in np.argsort(first + last, kind="stable"):
        if first[k] + last[k] > 2 * end:
            lane, end = lane + 1, last[k]
        out[k] = lane
    return out


def as_they_lie(blocks, boxes, gap):
    """Blocks in the rows and columns in which their parts lie: each as high and wide as its largest block needs."""
    row, column = lanes(boxes[0], boxes[1]), lanes(boxes[2], boxes[3])
    if len(set(zip(row.tolist(), column.tolist()))) < len(blocks):
        raise ValueError("two parts at one place")
    tall = [max(one.shape[0] for one, here in zip(blocks, row) if here == k) + gap for k in range(row.max() + 1)]
    wide = [max(one.shape[1] for one, here in zip(blocks, column) if here == k) + gap for k in range(column.max() + 1)]
    places = [(sum(tall[:a]), sum(wide[:b])) for a, b in zip(row, column)]
    return sheet(blocks, boxes, places, sum(tall) - gap, sum(wide) - gap)


def rings(blocks, boxes, last):
    """Squares of the blocks' colours inside one another, the first outside; the last with a side of `last` cells."""
    side = 2 * (len(blocks) - 1) + last
    out = np.zeros((side, side), np.int8)
    for k, one in enumerate(blocks):
        out[k : side - k, k : side - k] = one[0, 0]
    return out


def over_one_another(blocks, boxes):
    """Blocks of one shape over one another, where the earlier ones leave 0."""
    out = blocks[0]
    for one in blocks[1:]:
        out = np.where(out > 0, out, one)
    return out


def plain(picture):
    """A picture with its colours renamed: 1 is its most common one, 2 the next; as nested tuples."""
    ranked, names = ranked_colors(picture), np.zeros(10, np.int64)
    names[ranked] = np.arange(1, len(ranked) + 1)
    return tuple(map(tuple, names[picture].tolist()))


def in_places(blocks, boxes, places):
    """Blocks of one shape, each at the place (row and column of blocks) that is given for how it looks (`plain`)."""
    high, wide = blocks[0].shape
    found = [places[plain(one)] for one in blocks if one.shape == (high, wide) and plain(one) in places]
    if len(set(found)) < len(blocks):
        raise ValueError("two blocks at one place, or one without")
    tall, broad = (1 + max(place[axis] for place in places.values()) for axis in (0, 1))
    return sheet(blocks, boxes, [(row * high, column * wide) for row, column in found], tall * high, broad * wide)


def going_on(grid, tall):
    """A grid with further rows, up to `tall`: each is one so many rows above, moved so far sideways, as the grid's own
    rows are; the fewest rows that do, and the least way. Below a grid in which no rows do, zeros."""
    high, wide = grid.shape
    out = np.zeros((tall, wide), np.int8)
    out[:high] = grid
    padded = np.pad(grid, ((0, 0), (wide, wide)))
    for period in range(1, high):
        for way in sorted(range(1 - wide, wide), key=abs):
            if (padded[: high - period, wide - way : 2 * wide - way] == grid[period:]).all():
                for row in range(high, tall):
                    out[row] = np.pad(out[row - period], wide)[wide - way : 2 * wide - way]
                return out
    return out


def canvas(grid, tall, wide, how):
    """A grid of another size that a grid is put on: 'tiled', 'upscaled', or once: how far down and right, each 0: at
    the beginning, 1: in the middle, 2: at the end. Or beyond the grid there are its mirror images ('symmetric', or
    'reflect': sharing their first line with it), or it goes on ('going on', see `going_on`). Or a mosaic: rows of turns
    (see `turned`), one for each copy of the grid, 'blank' where there is none."""
    high, broad = grid.shape
    if isinstance(how[0], tuple):
        blank = np.zeros(grid.shape, np.int8)
        return np.block([[blank if turn == "blank" else turned(grid, turn) for turn in row] for row in how])
    if how == "tiled":
        return np.tile(grid, (-(-tall // high), -(-wide // broad)))[:tall, :wide]
    if how == "upscaled":
        return grid.repeat(-(-tall // high), 0).repeat(-(-wide // broad), 1)[:tall, :wide]
    if how == "going on":
        return going_on(going_on(grid, tall).T, wide).T.copy()
    if how in ("symmetric", "reflect"):
        return np.pad(grid, ((0, tall - high), (0, wide - broad)), how)
    top, left = (tall - high) * how[0] // 2, (wide - broad) * how[1] // 2
    out = np.zeros((tall, wide), np.int8)
    out[top : top + high, left : left + broad] = grid
    return out
