"""Objects: find the things in a picture, choose among them, change them, and put them back into grids.

In every `Objects` value made here the picture is background wherever there is no object, objects are numbered
without gaps, and each has at least one cell. No object at all, or more than MAX_OBJECTS, is not applicable.
"""

from __future__ import annotations

import numpy as np

from .geometry import _no_grid, _window
from .registry import kernel, primitive
from .types import (
    MAX_GRIDS,
    MAX_OBJECTS,
    MAX_SIDE,
    MISSING,
    NUM_COLORS,
    Axis,
    Color,
    Coloring,
    Connectivity,
    Direction,
    Grid,
    Grids,
    Int,
    Mask,
    Objects,
    Property,
    Rank,
    Symmetry,
)

# Plain ints of the properties, for kernels.
(
    _SIZE, _HEIGHT, _WIDTH, _TOP, _LEFT_EDGE, _COLOR, _NUM_COLORS_IN, _HOLES, _SYMMETRY_COUNT, _DENSITY,
    _SHAPE_COUNT, _COLOR_COUNT, _BORDER_CELLS, _MINORITY_CELLS,
) = (int(p) for p in Property)  # fmt: skip


# shared helpers


@kernel
def _no_objects():
    """The objects that say 'not applicable'."""
    return Objects(np.empty((0, 0), np.int8), np.empty((0, 0), np.int16), 0)


@kernel
def _finish(grid, labels, count):
    """Objects of a picture and labels 0..count: numbers without cells are closed up, other cells blanked."""
    h, w = labels.shape
    number = np.zeros(count + 1, np.int16)
    for r in range(h):
        for c in range(w):
            number[labels[r, c]] = 1
    number[0] = 0
    total = 0
    for k in range(1, count + 1):
        if number[k]:
            total += 1
            number[k] = total
    if total == 0 or total > MAX_OBJECTS:
        return _no_objects()
    new_grid = np.empty((h, w), np.int8)
    new_labels = np.empty((h, w), np.int16)
    for r in range(h):
        for c in range(w):
            k = number[labels[r, c]]
            new_labels[r, c] = k
            new_grid[r, c] = grid[r, c] if k else 0
    return Objects(new_grid, new_labels, total)


@kernel
def _components(key, connectivity, coloring):
    """Label the connected cells of `key` that are not 0, in reading order of their first cells.

    key: int8 [H, W]. coloring 0: neighbours belong together only if their keys are equal. Returns (labels
    int16 [H, W], count); the count may exceed MAX_OBJECTS.
    """
    h, w = key.shape
    stride = w + 2
    left = np.zeros((h + 2) * stride, np.int8)  # framed by zeros, so that no step leaves it; visited cells are 0
    for r in range(h):
        for c in range(w):
            left[(r + 1) * stride + c + 1] = key[r, c]
    framed = np.zeros((h + 2) * stride, np.int16)
    stack = np.empty(h * w + 1, np.int32)
    steps = np.empty(8, np.int32)
    steps[0], steps[1], steps[2], steps[3] = -stride, stride, -1, 1
    steps[4], steps[5], steps[6], steps[7] = -stride - 1, -stride + 1, stride - 1, stride + 1
    n = 8 if connectivity else 4
    count = 0
    for start in range(stride + 1, (h + 1) * stride - 1):
        color = left[start]
        if color == 0:
            continue
        count += 1
        left[start] = 0
        framed[start] = count
        stack[0] = start
        height = 1
        while height > 0:
            height -= 1
            place = stack[height]
            for j in range(n):
                next_place = place + steps[j]
                other = left[next_place]
                if other != 0 and (coloring != 0 or other == color):
                    left[next_place] = 0
                    framed[next_place] = count
                    stack[height] = next_place
                    height += 1
    labels = np.empty((h, w), np.int16)
    for r in range(h):
        for c in range(w):
            labels[r, c] = framed[(r + 1) * stride + c + 1]
    return labels, count


@kernel
def _label(grid, connectivity, coloring):
    """The objects of a grid: connected cells other than background."""
    labels, count = _components(grid, connectivity, coloring)
    if count == 0 or count > MAX_OBJECTS:
        return _no_objects()
    return Objects(grid.copy(), labels, count)


@kernel
def _equal_to(grid, color):
    """int8 [H, W]: 1 where the grid has the colour."""
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = 1 if grid[r, c] == color else 0
    return out


@kernel
def _boxes(labels, count):
    """int64 [count, 5]: top, left, height, width of the bounding box, number of cells."""
    h, w = labels.shape
    out = np.zeros((count, 5), np.int64)
    for k in range(count):
        out[k, 0] = h
        out[k, 1] = w
    for r in range(h):
        for c in range(w):
            k = labels[r, c] - 1
            if k >= 0:
                out[k, 0] = min(out[k, 0], r)
                out[k, 1] = min(out[k, 1], c)
                out[k, 2] = max(out[k, 2], r)
                out[k, 3] = max(out[k, 3], c)
                out[k, 4] += 1
    for k in range(count):
        out[k, 2] -= out[k, 0] - 1
        out[k, 3] -= out[k, 1] - 1
    return out


@kernel
def _color_counts(objects):
    """int64 [count, 10]: cells of each colour in each object."""
    h, w = objects.labels.shape
    out = np.zeros((objects.count, NUM_COLORS), np.int64)
    for r in range(h):
        for c in range(w):
            k = objects.labels[r, c]
            if k:
                out[k - 1, objects.grid[r, c]] += 1
    return out


@kernel
def _main_colors(objects):
    """int64 [count]: each object's most common colour, the lowest of several."""
    counts = _color_counts(objects)
    out = np.zeros(objects.count, np.int64)
    for k in range(objects.count):
        for color in range(1, NUM_COLORS):
            if counts[k, color] > counts[k, out[k]]:
                out[k] = color
    return out


@kernel
def _hole_map(labels, k, box):
    """What lies inside the bounding box of object k (numbered from 1), and how many holes that makes.

    Returns (int8 [height, width]: 0 the object, 1 connected with the outside, 2 enclosed; number of enclosed
    regions, 4-connected).
    """
    top, left, height, width = box[0], box[1], box[2], box[3]
    out = np.empty((height, width), np.int8)
    for r in range(height):
        for c in range(width):
            out[r, c] = 0 if labels[top + r, left + c] == k else 3
    stack = np.empty(height * width, np.int32)
    holes = 0
    for outside in range(1, -1, -1):  # first what is open to the edge of the box, then the rest
        for r0 in range(height):
            for c0 in range(width):
                if out[r0, c0] != 3:
                    continue
                if outside and 0 < r0 < height - 1 and 0 < c0 < width - 1:
                    continue
                mark = 1 if outside else 2
                holes += 1 - outside
                out[r0, c0] = mark
                stack[0] = r0 * width + c0
                n = 1
                while n > 0:
                    n -= 1
                    r, c = stack[n] // width, stack[n] % width
                    for j in range(4):
                        rr = r + (j == 0) - (j == 1)
                        cc = c + (j == 2) - (j == 3)
                        if 0 <= rr < height and 0 <= cc < width and out[rr, cc] == 3:
                            out[rr, cc] = mark
                            stack[n] = rr * width + cc
                            n += 1
    return out, holes


@kernel
def _moved(r, c, height, width, symmetry):
    """Where a cell of a height × width window goes under a Symmetry."""
    if symmetry == 0:
        return height - 1 - r, c
    if symmetry == 1:
        return r, width - 1 - c
    if symmetry == 2:
        return c, height - 1 - r
    if symmetry == 3:
        return height - 1 - r, width - 1 - c
    if symmetry == 4:
        return width - 1 - c, r
    if symmetry == 5:
        return c, r
    return width - 1 - c, height - 1 - r


@kernel
def _turns(symmetry):
    """Whether a Symmetry exchanges rows and columns."""
    return symmetry == 2 or symmetry >= 4


@kernel
def _is_symmetric(objects, k, box, symmetry):
    """Whether a Symmetry leaves the crop of object k (numbered from 1) unchanged, colours included."""
    top, left, height, width = box[0], box[1], box[2], box[3]
    if _turns(symmetry) and height != width:
        return False
    for r in range(height):
        for c in range(width):
            if objects.labels[top + r, left + c] == k:
                rr, cc = _moved(r, c, height, width, symmetry)
                if objects.labels[top + rr, left + cc] != k:
                    return False
                if objects.grid[top + rr, left + cc] != objects.grid[top + r, left + c]:
                    return False
    return True


@kernel
def _shape_hashes(labels, boxes):
    """int64 [count]: a hash of each object's shape, the same for objects with the same mask."""
    h, w = labels.shape
    out = np.zeros(len(boxes), np.int64)
    for r in range(h):
        for c in range(w):
            k = labels[r, c] - 1
            if k >= 0:
                x = (out[k] ^ ((r - boxes[k, 0]) * 32 + c - boxes[k, 1] + 1)) * 1099511628211
                out[k] = x ^ (x >> 29)
    return out


@kernel
def _frequencies(values):
    """int64 [n]: how often each of the values occurs among them."""
    out = np.zeros(len(values), np.int64)
    for i in range(len(values)):
        for j in range(len(values)):
            if values[i] == values[j]:
                out[i] += 1
    return out


@kernel
def _border_cells(objects):
    """int64 [count]: how many cells of each object lie on the picture's border."""
    h, w = objects.labels.shape
    out = np.zeros(objects.count, np.int64)
    for r in range(h):
        for c in range(w):
            k = objects.labels[r, c]
            if k and (r == 0 or c == 0 or r == h - 1 or c == w - 1):
                out[k - 1] += 1
    return out


@kernel
def _hole_counts(objects):
    """int64 [count]: the holes of each object."""
    boxes = _boxes(objects.labels, objects.count)
    out = np.zeros(objects.count, np.int64)
    for k in range(objects.count):
        if boxes[k, 2] > 2 and boxes[k, 3] > 2 and boxes[k, 4] < boxes[k, 2] * boxes[k, 3]:
            out[k] = _hole_map(objects.labels, k + 1, boxes[k])[1]
    return out


@kernel
def _symmetry_counts(objects):
    """int64 [count]: how many of the four reflections leave each object unchanged."""
    boxes = _boxes(objects.labels, objects.count)
    out = np.zeros(objects.count, np.int64)
    for k in range(objects.count):
        for symmetry in (0, 1, 5, 6):
            out[k] += _is_symmetric(objects, k + 1, boxes[k], symmetry)
    return out


@kernel
def _box_values(objects, prop):
    """int64 [count]: a Property that the bounding box and the number of cells tell."""
    boxes = _boxes(objects.labels, objects.count)
    out = np.empty(objects.count, np.int64)
    for k in range(objects.count):
        if prop == _SIZE:
            out[k] = boxes[k, 4]
        elif prop == _HEIGHT:
            out[k] = boxes[k, 2]
        elif prop == _WIDTH:
            out[k] = boxes[k, 3]
        elif prop == _TOP:
            out[k] = boxes[k, 0]
        elif prop == _LEFT_EDGE:
            out[k] = boxes[k, 1]
        else:
            out[k] = boxes[k, 4] * 1000 // (boxes[k, 2] * boxes[k, 3])
    return out


@kernel
def _shape_repeats(objects):
    """int64 [count]: how many objects have the shape of each."""
    return _frequencies(_shape_hashes(objects.labels, _boxes(objects.labels, objects.count)))


@kernel
def _measure(objects, prop):
    """int64 [count]: the Property of every object."""
    if prop == _COLOR:
        return _main_colors(objects)
    if prop == _COLOR_COUNT:
        return _frequencies(_main_colors(objects))
    if prop == _SHAPE_COUNT:
        return _shape_repeats(objects)
    if prop == _BORDER_CELLS:
        return _border_cells(objects)
    if prop == _HOLES:
        return _hole_counts(objects)
    if prop == _SYMMETRY_COUNT:
        return _symmetry_counts(objects)
    if prop not in (_NUM_COLORS_IN, _MINORITY_CELLS):
        return _box_values(objects, prop)
    counts = _color_counts(objects)
    out = np.zeros(objects.count, np.int64)
    for k in range(objects.count):
        different, most, size = 0, 0, 0
        for color in range(NUM_COLORS):
            different += counts[k, color] > 0
            most = max(most, counts[k, color])
            size += counts[k, color]
        out[k] = different if prop == _NUM_COLORS_IN else size - most
    return out


@kernel
def _select(values, rank):
    """bool [n]: which of the values a Rank means; all that tie, none if there is no such value."""
    n = len(values)
    chosen = np.zeros(n, np.bool_)
    if rank in (2, 3):
        often = _frequencies(values)
        wanted = 1
        if rank == 3:
            for k in range(n):
                wanted = max(wanted, often[k])
        for k in range(n):
            chosen[k] = often[k] == wanted
        return chosen
    sign = 1 if rank in (0, 4) else -1
    lowest = np.int64(-1) << 62
    best, second = lowest, lowest
    for k in range(n):
        v = sign * values[k]
        if v > best:
            best, second = v, best
        elif second < v < best:
            second = v
    wanted = best if rank <= 1 else second
    for k in range(n):
        chosen[k] = wanted != lowest and sign * values[k] == wanted
    return chosen


@kernel
def _subset(objects, chosen):
    """The chosen objects (bool [count]) in their order; not applicable if that is none."""
    h, w = objects.labels.shape
    labels = np.zeros((h, w), np.int16)
    for r in range(h):
        for c in range(w):
            k = objects.labels[r, c]
            if k and chosen[k - 1]:
                labels[r, c] = k
    return _finish(objects.grid, labels, objects.count)


@kernel
def _keep_between(objects, values, low, high, yes):
    """The objects whose value (int64 [count]) is (yes) or is not (not yes) within low..high."""
    chosen = np.zeros(objects.count, np.bool_)
    for k in range(objects.count):
        chosen[k] = (low <= values[k] <= high) == yes
    return _subset(objects, chosen)


@kernel
def _touching(objects, mask, reach):
    """bool [count]: which objects have a cell within `reach` cells, diagonally too, of a cell of the mask."""
    h, w = objects.labels.shape
    found = np.zeros(objects.count, np.bool_)
    for r in range(h):
        for c in range(w):
            if not mask[r, c]:
                continue
            for rr in range(max(0, r - reach), min(h, r + reach + 1)):
                for cc in range(max(0, c - reach), min(w, c + reach + 1)):
                    k = objects.labels[rr, cc]
                    if k:
                        found[k - 1] = True
    return found


@kernel
def _same_shape(objects, other):
    """Whether a grid or mask has the shape of the objects' picture, and that is applicable."""
    h, w = objects.labels.shape
    return h > 0 and other.shape[0] == h and other.shape[1] == w


@kernel
def _same_grid(a, b):
    """Whether two grids are equal."""
    if a.shape[0] != b.shape[0] or a.shape[1] != b.shape[1]:
        return False
    for r in range(a.shape[0]):
        for c in range(a.shape[1]):
            if a[r, c] != b[r, c]:
                return False
    return True


@kernel
def _crop_one(objects, k, box):
    """The cells of object k (numbered from 1) in its bounding box, other cells background."""
    out = np.empty((box[2], box[3]), np.int8)
    for r in range(box[2]):
        for c in range(box[3]):
            mine = objects.labels[box[0] + r, box[1] + c] == k
            out[r, c] = objects.grid[box[0] + r, box[1] + c] if mine else 0
    return out


@kernel
def _recolor_each(objects, colors):
    """Give every object one colour (int64 [count]; below 0: as it is)."""
    h, w = objects.labels.shape
    grid = objects.grid.copy()
    for r in range(h):
        for c in range(w):
            k = objects.labels[r, c]
            if k and colors[k - 1] >= 0:
                grid[r, c] = colors[k - 1]
    return Objects(grid, objects.labels.copy(), objects.count)


@kernel
def _mirror(objects, symmetry, unite):
    """Every object's image in its own bounding box; unite: added to the object where no object is."""
    boxes = _boxes(objects.labels, objects.count)
    h, w = objects.labels.shape
    grid = objects.grid.copy() if unite else np.zeros((h, w), np.int8)
    labels = objects.labels.copy() if unite else np.zeros((h, w), np.int16)
    for k in range(objects.count):
        top, left, height, width = boxes[k, 0], boxes[k, 1], boxes[k, 2], boxes[k, 3]
        permitted = height == width or not _turns(symmetry)
        for r in range(height):
            for c in range(width):
                if objects.labels[top + r, left + c] != k + 1:
                    continue
                rr, cc = _moved(r, c, height, width, symmetry) if permitted else (r, c)
                if not unite or labels[top + rr, left + cc] == 0:
                    labels[top + rr, left + cc] = k + 1
                    grid[top + rr, left + cc] = objects.grid[top + r, left + c]
    return _finish(grid, labels, objects.count)


@kernel
def _peel(objects, inside):
    """Only the inner cells of every object (those whose four neighbours belong to it), or only the others."""
    h, w = objects.labels.shape
    labels = np.zeros((h, w), np.int16)
    for r in range(h):
        for c in range(w):
            k = objects.labels[r, c]
            inner = 0 < r < h - 1 and 0 < c < w - 1
            for j in range(4):
                if inner and objects.labels[r + (j == 0) - (j == 1), c + (j == 2) - (j == 3)] != k:
                    inner = False
            if inner == inside:
                labels[r, c] = k
    return _finish(objects.grid, labels, objects.count)


@kernel
def _renumber(objects, place):
    """Objects with number k + 1 replaced by place[k] + 1 (int64 [count], a permutation)."""
    h, w = objects.labels.shape
    labels = np.zeros((h, w), np.int16)
    for r in range(h):
        for c in range(w):
            k = objects.labels[r, c]
            if k:
                labels[r, c] = place[k - 1] + 1
    return Objects(objects.grid.copy(), labels, objects.count)


@kernel
def _bands(starts, lengths, side):
    """int64 [side]: the band each line is in. A band ends where no interval goes on to the next line."""
    joined = np.zeros(side + 1, np.bool_)
    for k in range(len(starts)):
        for i in range(starts[k] + 1, starts[k] + lengths[k]):
            joined[i] = True
    used = np.zeros(side, np.bool_)
    for k in range(len(starts)):
        used[starts[k]] = True
    band = np.zeros(side, np.int64)
    number = -1
    for i in range(side):
        if used[i] and not joined[i]:
            number += 1
        band[i] = number
    return band


# extraction


@primitive("objects")
def find_objects(grid: Grid, connectivity: Connectivity, coloring: Coloring) -> Objects:
    """Find the connected objects of the grid; background is never part of one.

    ONE_COLOR: cells belong together if they have the same colour; ANY_COLOR: whatever their colours.
    """
    return _label(grid, connectivity, coloring)


@primitive("objects", values={"color": range(1, 10)})
def objects_of_color(grid: Grid, color: Color, connectivity: Connectivity) -> Objects:
    """Find the connected objects of one colour (which may also be the background's)."""
    labels, count = _components(_equal_to(grid, color), connectivity, 0)
    return _finish(grid, labels, count)


@primitive("objects")
def color_layers(grid: Grid) -> Objects:
    """All cells of one colour are one object, connected or not; background is not."""
    h, w = grid.shape
    number = np.zeros(NUM_COLORS, np.int64)
    labels = np.zeros((h, w), np.int16)
    count = 0
    for r in range(h):
        for c in range(w):
            color = grid[r, c]
            if color == 0:
                continue
            if number[color] == 0:
                count += 1
                number[color] = count
            labels[r, c] = number[color]
    return _finish(grid, labels, count)


@primitive("objects")
def whole(grid: Grid) -> Objects:
    """All non-background cells of the grid as a single object."""
    h, w = grid.shape
    labels = np.empty((h, w), np.int16)
    for r in range(h):
        for c in range(w):
            labels[r, c] = 1 if grid[r, c] else 0
    return _finish(grid, labels, 1)


@primitive("objects")
def background_regions(grid: Grid, connectivity: Connectivity) -> Objects:
    """The connected regions of background as objects (of colour 0, to be recoloured or measured)."""
    labels, count = _components(_equal_to(grid, 0), connectivity, 0)
    return _finish(grid, labels, count)


@primitive("objects")
def enclosed_regions(grid: Grid) -> Objects:
    """The 4-connected regions of background that do not touch the border, as objects (of colour 0)."""
    labels, count = _components(_equal_to(grid, 0), 0, 0)
    regions = _finish(grid, labels, count)
    if regions.count == 0:
        return regions
    return _keep_between(regions, _border_cells(regions), 0, 0, True)


@primitive("objects")
def rectangles(grid: Grid) -> Objects:
    """Find the solid one-colour rectangles of at least 2 × 2 cells, taken out largest first.

    A rectangle may be part of a larger thing of its colour, or lie amid noise; overlapping ones are cut to
    what the larger left. Equal ones are taken in reading order of their last cell; at most 64 are found.
    """
    h, w = grid.shape
    rest = grid.copy()
    labels = np.zeros((h, w), np.int16)
    run = np.empty((h, w), np.int64)
    count = 0
    while count < 64:
        best, best_top, best_left, best_height, best_width = 3, 0, 0, 0, 0
        for r in range(h):
            for c in range(w):
                color = rest[r, c]
                run[r, c] = run[r - 1, c] + 1 if r > 0 and rest[r - 1, c] == color else 1
                if color == 0:
                    continue
                height = run[r, c]
                for left in range(c, -1, -1):
                    if rest[r, left] != color or height * (c + 1) <= best:
                        break
                    height = min(height, run[r, left])
                    width = c - left + 1
                    if height > 1 and width > 1 and height * width > best:
                        best = height * width
                        best_top, best_left, best_height, best_width = r - height + 1, left, height, width
        if best_height == 0:
            break
        count += 1
        for r in range(best_top, best_top + best_height):
            for c in range(best_left, best_left + best_width):
                labels[r, c] = count
                rest[r, c] = 0
    return _finish(grid, labels, count)


@primitive("objects")
def objects_from_mask(mask: Mask, connectivity: Connectivity) -> Objects:
    """The connected groups of cells of the mask as objects of colour 1."""
    return _label(_equal_to(mask, True), connectivity, 0)


# selection


@primitive("objects")
def keep(objects: Objects, prop: Property, rank: Rank) -> Objects:
    """Keep the objects whose property has the given rank, all that tie (e.g. SIZE, MAX: the largest ones)."""
    return _subset(objects, _select(_measure(objects, prop), rank))


@primitive("objects")
def drop(objects: Objects, prop: Property, rank: Rank) -> Objects:
    """Drop the objects whose property has the given rank. Not applicable if none are left."""
    chosen = _select(_measure(objects, prop), rank)
    for k in range(len(chosen)):
        chosen[k] = not chosen[k]
    return _subset(objects, chosen)


@primitive("objects", values={"color": range(1, 10)})
def keep_objects_of_color(objects: Objects, color: Color) -> Objects:
    """Keep the objects whose most common colour is the given one."""
    return _keep_between(objects, _main_colors(objects), color, color, True)


@primitive("objects", values={"color": range(1, 10)})
def drop_objects_of_color(objects: Objects, color: Color) -> Objects:
    """Drop the objects whose most common colour is the given one. Not applicable if none are left."""
    return _keep_between(objects, _main_colors(objects), color, color, False)


@primitive("objects", values={"size": (1, 2, 3, 4, 5, 6, 8, 9)})
def keep_size(objects: Objects, size: Int) -> Objects:
    """Keep the objects of exactly `size` cells."""
    return _keep_between(objects, _box_values(objects, _SIZE), size, size, True)


@primitive("objects")
def drop_single_cells(objects: Objects) -> Objects:
    """Drop the objects of one cell. Not applicable if none are left."""
    return _keep_between(objects, _box_values(objects, _SIZE), 1, 1, False)


@primitive("objects")
def keep_symmetric(objects: Objects) -> Objects:
    """Keep the objects that are their own mirror image about a horizontal, vertical or diagonal axis."""
    return _keep_between(objects, _symmetry_counts(objects), 1, 4, True)


@primitive("objects")
def drop_symmetric(objects: Objects) -> Objects:
    """Keep the objects without any mirror symmetry."""
    return _keep_between(objects, _symmetry_counts(objects), 1, 4, False)


@primitive("objects")
def keep_border(objects: Objects) -> Objects:
    """Keep the objects that touch the border of the picture."""
    return _keep_between(objects, _border_cells(objects), 0, 0, False)


@primitive("objects")
def drop_border(objects: Objects) -> Objects:
    """Keep the objects that do not touch the border of the picture."""
    return _keep_between(objects, _border_cells(objects), 0, 0, True)


@primitive("objects")
def keep_with_holes(objects: Objects) -> Objects:
    """Keep the objects that enclose something: a region cut off, 4-connected, from the outside."""
    return _keep_between(objects, _hole_counts(objects), 0, 0, False)


@primitive("objects")
def drop_with_holes(objects: Objects) -> Objects:
    """Keep the objects that enclose nothing."""
    return _keep_between(objects, _hole_counts(objects), 0, 0, True)


@primitive("objects")
def keep_solid_rectangles(objects: Objects) -> Objects:
    """Keep the objects that fill their bounding box (single cells and lines, too)."""
    return _keep_between(objects, _box_values(objects, _DENSITY), 1000, 1000, True)


@primitive("objects")
def drop_solid_rectangles(objects: Objects) -> Objects:
    """Keep the objects that do not fill their bounding box."""
    return _keep_between(objects, _box_values(objects, _DENSITY), 1000, 1000, False)


@primitive("objects")
def keep_squares(objects: Objects) -> Objects:
    """Keep the objects whose bounding box is a square."""
    boxes = _boxes(objects.labels, objects.count)
    chosen = np.zeros(objects.count, np.bool_)
    for k in range(objects.count):
        chosen[k] = boxes[k, 2] == boxes[k, 3]
    return _subset(objects, chosen)


@primitive("objects")
def keep_repeated_shapes(objects: Objects) -> Objects:
    """Keep the objects whose shape, whatever its colours, occurs more than once."""
    return _keep_between(objects, _shape_repeats(objects), 1, 1, False)


@primitive("objects")
def keep_unique_shapes(objects: Objects) -> Objects:
    """Keep the objects whose shape, whatever its colours, occurs only once."""
    return _keep_between(objects, _shape_repeats(objects), 1, 1, True)


@primitive("objects")
def keep_touching(objects: Objects, mask: Mask) -> Objects:
    """Keep the objects that overlap the mask or touch it, be it at a corner."""
    if not _same_shape(objects, mask):
        return _no_objects()
    return _subset(objects, _touching(objects, mask, 1))


@primitive("objects")
def drop_touching(objects: Objects, mask: Mask) -> Objects:
    """Keep the objects that neither overlap the mask nor touch it, not even at a corner."""
    if not _same_shape(objects, mask):
        return _no_objects()
    chosen = _touching(objects, mask, 1)
    for k in range(len(chosen)):
        chosen[k] = not chosen[k]
    return _subset(objects, chosen)


@primitive("objects")
def keep_overlapping(objects: Objects, mask: Mask) -> Objects:
    """Keep the objects that have a cell in the mask."""
    if not _same_shape(objects, mask):
        return _no_objects()
    return _subset(objects, _touching(objects, mask, 0))


# to grids, masks, numbers


@primitive("objects")
def paint(objects: Objects, canvas: Grid) -> Grid:
    """Draw the objects at their places on a canvas of the same shape."""
    if not _same_shape(objects, canvas):
        return _no_grid()
    out = canvas.copy()
    for r in range(canvas.shape[0]):
        for c in range(canvas.shape[1]):
            if objects.labels[r, c]:
                out[r, c] = objects.grid[r, c]
    return out


@primitive("objects")
def paint_alone(objects: Objects) -> Grid:
    """Draw the objects at their places on an empty canvas."""
    return objects.grid.copy()


@primitive("objects")
def erase(objects: Objects, canvas: Grid) -> Grid:
    """Make background of the objects' cells on a canvas of the same shape."""
    if not _same_shape(objects, canvas):
        return _no_grid()
    out = canvas.copy()
    for r in range(canvas.shape[0]):
        for c in range(canvas.shape[1]):
            if objects.labels[r, c]:
                out[r, c] = 0
    return out


@primitive("objects")
def crop_object(objects: Objects, prop: Property, rank: Rank) -> Grid:
    """Cut out the object whose property has the given rank; only its own cells are shown.

    Not applicable if several qualify, unless their crops are equal.
    """
    chosen = _select(_measure(objects, prop), rank)
    boxes = _boxes(objects.labels, objects.count)
    out = _no_grid()
    for k in range(objects.count):
        if chosen[k]:
            crop = _crop_one(objects, k + 1, boxes[k])
            if out.shape[0] and not _same_grid(out, crop):
                return _no_grid()
            out = crop
    return out


@primitive("objects")
def crop_region(objects: Objects, canvas: Grid, prop: Property, rank: Rank) -> Grid:
    """Cut the bounding box of the object whose property has the given rank out of a canvas of the same shape.

    Not applicable if several qualify, unless what is cut out is equal.
    """
    if not _same_shape(objects, canvas):
        return _no_grid()
    chosen = _select(_measure(objects, prop), rank)
    boxes = _boxes(objects.labels, objects.count)
    out = _no_grid()
    for k in range(objects.count):
        if chosen[k]:
            crop = _window(canvas, boxes[k, 0], boxes[k, 1], boxes[k, 2], boxes[k, 3])
            if out.shape[0] and not _same_grid(out, crop):
                return _no_grid()
            out = crop
    return out


@primitive("objects")
def crop_all(objects: Objects) -> Grids:
    """Cut every object out, in order; only its own cells are shown. Not applicable above 64 objects."""
    n = objects.count if objects.count <= MAX_GRIDS else 0
    boxes = _boxes(objects.labels, objects.count)
    cells = np.zeros((n, MAX_SIDE, MAX_SIDE), np.int8)
    shapes = np.empty((n, 2), np.int64)
    for k in range(n):
        shapes[k, 0] = boxes[k, 2]
        shapes[k, 1] = boxes[k, 3]
    for r in range(objects.labels.shape[0]):
        for c in range(objects.labels.shape[1]):
            k = objects.labels[r, c] - 1
            if 0 <= k < n:
                cells[k, r - boxes[k, 0], c - boxes[k, 1]] = objects.grid[r, c]
    return Grids(cells, shapes)


@primitive("objects")
def crop_all_regions(objects: Objects, canvas: Grid) -> Grids:
    """Cut every object's bounding box, all of its cells, out of a canvas. Not applicable above 64 objects."""
    n = objects.count if objects.count <= MAX_GRIDS and _same_shape(objects, canvas) else 0
    boxes = _boxes(objects.labels, objects.count)
    cells = np.zeros((n, MAX_SIDE, MAX_SIDE), np.int8)
    shapes = np.empty((n, 2), np.int64)
    for k in range(n):
        shapes[k, 0] = boxes[k, 2]
        shapes[k, 1] = boxes[k, 3]
        for r in range(boxes[k, 2]):
            for c in range(boxes[k, 3]):
                cells[k, r, c] = canvas[boxes[k, 0] + r, boxes[k, 1] + c]
    return Grids(cells, shapes)


@primitive("objects")
def objects_mask(objects: Objects) -> Mask:
    """The mask of all cells that belong to an object."""
    h, w = objects.labels.shape
    out = np.empty((h, w), np.bool_)
    for r in range(h):
        for c in range(w):
            out[r, c] = objects.labels[r, c] != 0
    return out


@primitive("objects")
def box_mask(objects: Objects) -> Mask:
    """The mask of all cells that lie in the bounding box of an object."""
    h, w = objects.labels.shape
    boxes = _boxes(objects.labels, objects.count)
    out = np.zeros((h, w), np.bool_)
    for k in range(objects.count):
        for r in range(boxes[k, 0], boxes[k, 0] + boxes[k, 2]):
            for c in range(boxes[k, 1], boxes[k, 1] + boxes[k, 3]):
                out[r, c] = True
    return out


@primitive("objects")
def arrange(objects: Objects, axis: Axis) -> Grid:
    """Put the crops of the objects, in order, side by side (HORIZONTAL) or one below the other (VERTICAL).

    They are aligned at the top or the left; what a smaller one leaves is background. Not applicable above 30.
    """
    boxes = _boxes(objects.labels, objects.count)
    offsets = np.zeros(objects.count + 1, np.int64)
    across = 0
    for k in range(objects.count):
        offsets[k + 1] = offsets[k] + (boxes[k, 3] if axis == 0 else boxes[k, 2])
        across = max(across, boxes[k, 2] if axis == 0 else boxes[k, 3])
    along = offsets[objects.count]
    if along > MAX_SIDE or along == 0:
        return _no_grid()
    out = np.zeros((across, along) if axis == 0 else (along, across), np.int8)
    for r in range(objects.labels.shape[0]):
        for c in range(objects.labels.shape[1]):
            k = objects.labels[r, c] - 1
            if k >= 0:
                rr, cc = r - boxes[k, 0], c - boxes[k, 1]
                if axis == 0:
                    out[rr, offsets[k] + cc] = objects.grid[r, c]
                else:
                    out[offsets[k] + rr, cc] = objects.grid[r, c]
    return out


@primitive("objects")
def layout(objects: Objects) -> Grid:
    """One cell per object in its most common colour, in the rows and columns the objects form in the picture.

    Objects whose rows (columns) overlap are in one row (column) of the result; places without an object are
    background. Not applicable if two objects share a place, or there is only one object.
    """
    h, w = objects.labels.shape
    if objects.count < 2:
        return _no_grid()
    boxes = _boxes(objects.labels, objects.count)
    rows = _bands(boxes[:, 0], boxes[:, 2], h)
    columns = _bands(boxes[:, 1], boxes[:, 3], w)
    colors = _main_colors(objects)
    out = np.zeros((rows[h - 1] + 1, columns[w - 1] + 1), np.int8)
    taken = np.zeros(out.shape, np.bool_)
    for k in range(objects.count):
        r, c = rows[boxes[k, 0]], columns[boxes[k, 1]]
        if taken[r, c]:
            return _no_grid()
        taken[r, c] = True
        out[r, c] = colors[k]
    return out


@primitive("objects")
def object_color(objects: Objects, prop: Property, rank: Rank) -> Color:
    """The most common colour of the object whose property has the given rank.

    Not applicable if several qualify, unless they share that colour.
    """
    chosen = _select(_measure(objects, prop), rank)
    colors = _main_colors(objects)
    out = MISSING
    for k in range(objects.count):
        if chosen[k]:
            if out not in (MISSING, colors[k]):
                return MISSING
            out = colors[k]
    return out


@primitive("objects")
def majority_color(objects: Objects) -> Color:
    """The colour that most objects have as their most common one. Not applicable on a tie."""
    colors = _main_colors(objects)
    chosen = _select(colors, 3)
    out = MISSING
    for k in range(objects.count):
        if chosen[k]:
            if out not in (MISSING, colors[k]):
                return MISSING
            out = colors[k]
    return out


@primitive("objects")
def measure(objects: Objects, prop: Property, rank: Rank) -> Int:
    """The value of a property that has the given rank among the objects (e.g. HEIGHT, MAX: the greatest).

    Not applicable if several values qualify (UNIQUE, COMMON), or above 99.
    """
    values = _measure(objects, prop)
    chosen = _select(values, rank)
    out = MISSING
    for k in range(objects.count):
        if chosen[k]:
            if values[k] > 99 or out not in (MISSING, values[k]):
                return MISSING
            out = values[k]
    return out


# changes


@primitive("objects", values={"color": range(1, 10)})
def recolor(objects: Objects, color: Color) -> Objects:
    """Give all objects the colour."""
    colors = np.empty(objects.count, np.int64)
    for k in range(objects.count):
        colors[k] = color
    return _recolor_each(objects, colors)


@primitive("objects")
def recolor_main(objects: Objects) -> Objects:
    """Give every object its own most common colour all over."""
    return _recolor_each(objects, _main_colors(objects))


@primitive("objects")
def recolor_rank(objects: Objects, prop: Property) -> Objects:
    """Colour the objects 1, 2, 3... by descending value of a property; equal values get the same colour.

    Not applicable with more than 9 different values.
    """
    values = _measure(objects, prop)
    colors = np.zeros(objects.count, np.int64)
    for color in range(1, NUM_COLORS):
        highest = -1
        for k in range(objects.count):
            if colors[k] == 0:
                highest = max(highest, values[k])
        for k in range(objects.count):
            if colors[k] == 0 and values[k] == highest:
                colors[k] = color
    for k in range(objects.count):
        if colors[k] == 0:
            return _no_objects()
    return _recolor_each(objects, colors)


@primitive("objects")
def recolor_value(objects: Objects, prop: Property) -> Objects:
    """Colour every object by the value of a property: 0..8, and 9 for all above (e.g. HOLES)."""
    colors = _measure(objects, prop)
    for k in range(objects.count):
        colors[k] = min(9, colors[k])
    return _recolor_each(objects, colors)


@primitive("objects")
def recolor_from(objects: Objects, source: Objects) -> Objects:
    """Give every object the colour of the source objects that overlap or touch it, be it at a corner.

    What counts is the most common colour of the source cells beside the object or, if there are none,
    of those within it. Objects out of reach keep their colours. Both pictures have the same shape.
    """
    if not _same_shape(objects, source.labels):
        return _no_objects()
    h, w = objects.labels.shape
    votes = np.zeros((objects.count, 2 * NUM_COLORS), np.int64)
    for r in range(h):
        for c in range(w):
            if source.labels[r, c] == 0:
                continue
            color = source.grid[r, c]
            for rr in range(max(0, r - 1), min(h, r + 2)):
                for cc in range(max(0, c - 1), min(w, c + 2)):
                    k = objects.labels[rr, cc] - 1
                    if k >= 0:
                        overlaps = objects.labels[r, c] == k + 1
                        votes[k, color + (NUM_COLORS if overlaps else 0)] += 1
    colors = np.empty(objects.count, np.int64)
    for k in range(objects.count):
        colors[k] = -1
        for vote in range(2 * NUM_COLORS):
            if vote == NUM_COLORS and colors[k] >= 0:
                break
            if votes[k, vote] and (colors[k] < 0 or votes[k, vote] > votes[k, colors[k]]):
                colors[k] = vote
        colors[k] = colors[k] - NUM_COLORS if colors[k] >= NUM_COLORS else colors[k]
    return _recolor_each(objects, colors)


@primitive("objects")
def fill_boxes(objects: Objects) -> Objects:
    """Grow every object to its full bounding box in its most common colour.

    Cells of objects stay theirs; a free cell in several boxes goes to the first object.
    """
    boxes = _boxes(objects.labels, objects.count)
    colors = _main_colors(objects)
    grid = objects.grid.copy()
    labels = objects.labels.copy()
    for k in range(objects.count):
        for r in range(boxes[k, 0], boxes[k, 0] + boxes[k, 2]):
            for c in range(boxes[k, 1], boxes[k, 1] + boxes[k, 3]):
                if labels[r, c] == 0:
                    labels[r, c] = k + 1
                    grid[r, c] = colors[k]
    return Objects(grid, labels, objects.count)


@primitive("objects")
def fill_own_holes(objects: Objects) -> Objects:
    """Grow every object over the free cells it encloses, in its most common colour.

    Of nested objects the later one, which is the inner one in reading order, takes the cells.
    """
    boxes = _boxes(objects.labels, objects.count)
    colors = _main_colors(objects)
    grid = objects.grid.copy()
    labels = objects.labels.copy()
    for k in range(objects.count - 1, -1, -1):
        inside = _hole_map(objects.labels, k + 1, boxes[k])[0]
        for r in range(boxes[k, 2]):
            for c in range(boxes[k, 3]):
                rr, cc = boxes[k, 0] + r, boxes[k, 1] + c
                if inside[r, c] == 2 and labels[rr, cc] == 0:
                    labels[rr, cc] = k + 1
                    grid[rr, cc] = colors[k]
    return Objects(grid, labels, objects.count)


@primitive("objects", values={"color": range(1, 10)})
def fill_holes(objects: Objects, canvas: Grid, color: Color) -> Grid:
    """Give the colour to the background cells of a canvas (of the same shape) that an object encloses."""
    if not _same_shape(objects, canvas):
        return _no_grid()
    boxes = _boxes(objects.labels, objects.count)
    out = canvas.copy()
    for k in range(objects.count):
        inside = _hole_map(objects.labels, k + 1, boxes[k])[0]
        for r in range(boxes[k, 2]):
            for c in range(boxes[k, 3]):
                if inside[r, c] == 2 and canvas[boxes[k, 0] + r, boxes[k, 1] + c] == 0:
                    out[boxes[k, 0] + r, boxes[k, 1] + c] = color
    return out


@primitive("objects", values={"color": range(1, 10)})
def fill_box_background(objects: Objects, canvas: Grid, color: Color) -> Grid:
    """Give the colour to the background cells of a canvas (of the same shape) within the bounding boxes."""
    if not _same_shape(objects, canvas):
        return _no_grid()
    boxes = _boxes(objects.labels, objects.count)
    out = canvas.copy()
    for k in range(objects.count):
        for r in range(boxes[k, 0], boxes[k, 0] + boxes[k, 2]):
            for c in range(boxes[k, 1], boxes[k, 1] + boxes[k, 3]):
                if canvas[r, c] == 0:
                    out[r, c] = color
    return out


@primitive("objects", values={"color": range(1, 10)})
def frame_boxes(objects: Objects, canvas: Grid, color: Color) -> Grid:
    """Draw a frame of one cell of the colour around every bounding box on a canvas of the same shape.

    Frames are clipped at the border and do not cross cells of objects.
    """
    if not _same_shape(objects, canvas):
        return _no_grid()
    h, w = canvas.shape
    boxes = _boxes(objects.labels, objects.count)
    out = canvas.copy()
    for k in range(objects.count):
        top, left = boxes[k, 0] - 1, boxes[k, 1] - 1
        bottom, right = boxes[k, 0] + boxes[k, 2], boxes[k, 1] + boxes[k, 3]
        for r in range(max(0, top), min(h, bottom + 1)):
            for c in range(max(0, left), min(w, right + 1)):
                if (r in (top, bottom) or c in (left, right)) and objects.labels[r, c] == 0:
                    out[r, c] = color
    return out


@primitive("objects")
def flip_objects(objects: Objects, symmetry: Symmetry) -> Objects:
    """Flip, rotate or transpose every object within its own bounding box.

    An object with a non-square box is left alone by ROT90, ROT270, TRANSPOSE and ANTITRANSPOSE. Where
    two come to overlap the later one is on top.
    """
    return _mirror(objects, symmetry, False)


@primitive("objects")
def symmetrize_objects(objects: Objects, symmetry: Symmetry) -> Objects:
    """Add to every object its image under the symmetry within its own bounding box, on free cells.

    An object with a non-square box is left alone by ROT90, ROT270, TRANSPOSE and ANTITRANSPOSE.
    """
    return _mirror(objects, symmetry, True)


@primitive("objects")
def move_objects(objects: Objects, direction: Direction) -> Objects:
    """Move all objects by one cell; what leaves the picture is lost."""
    h, w = objects.labels.shape
    dr = (-1, 1, 0, 0)[direction]
    dc = (0, 0, -1, 1)[direction]
    grid = np.zeros((h, w), np.int8)
    labels = np.zeros((h, w), np.int16)
    for r in range(h):
        for c in range(w):
            if 0 <= r + dr < h and 0 <= c + dc < w:
                grid[r + dr, c + dc] = objects.grid[r, c]
                labels[r + dr, c + dc] = objects.labels[r, c]
    return _finish(grid, labels, objects.count)


@primitive("objects")
def hollow(objects: Objects) -> Objects:
    """Keep only the outline of every object: the cells that lack one of four neighbours of their object."""
    return _peel(objects, False)


@primitive("objects")
def inner_cells(objects: Objects) -> Objects:
    """Keep only the inside of every object: the cells whose four neighbours all belong to it."""
    return _peel(objects, True)


@primitive("objects")
def sort_objects(objects: Objects, prop: Property) -> Objects:
    """Renumber the objects by descending value of a property; equal ones keep their order."""
    values = _measure(objects, prop)
    place = np.zeros(objects.count, np.int64)
    for k in range(objects.count):
        for j in range(objects.count):
            if values[j] > values[k] or (values[j] == values[k] and j < k):
                place[k] += 1
    return _renumber(objects, place)


@primitive("objects")
def reverse_objects(objects: Objects) -> Objects:
    """Renumber the objects in the reverse order."""
    place = np.empty(objects.count, np.int64)
    for k in range(objects.count):
        place[k] = objects.count - 1 - k
    return _renumber(objects, place)
