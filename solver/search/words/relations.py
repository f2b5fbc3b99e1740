"""Drawings that relate a part to what lies elsewhere: to another part, to what stops a ray, to the grid's middle.

More words of part rules (`fit/part_rules.py`), beside those of `drawings.py`: a drawing takes a grid (int8 [H, W]) and
its parts (a stack, int8 [n, H, W], −1 outside the part) and gives what it would paint (int8 [n, H, W], −1 elsewhere).
"""

from __future__ import annotations

import numpy as np

from .cells import on_grid, ways
from .divisions import free_regions
from .drawings import Drawing, copied, in_main_color, rays
from .kept import kept_by_identity
from .parts import (
    crops,
    extents,
    free_steps,
    gaps,
    main_colors,
    placed,
    pushed,
    shape_keys,
    sizes,
    stack_of,
)


def ways_of(which):
    """Steps (down, right) by a name: 'straight', 'diagonal', 'all', 'across' or 'upright'."""
    steps = [(down, right) for _, down, right in ways()]
    if which in ("across", "upright"):
        return [step for step in steps[:4] if (step[1] if which == "across" else step[0])]
    return {"straight": steps[:4], "diagonal": steps[4:], "all": steps}[which]


def star(grid, stack, which, through):
    """Rays from all of its cells in several directions, through background, or through everything."""
    out = np.full(stack.shape, -1, np.int8)
    for down, right in ways_of(which):
        out = np.maximum(out, rays(grid, stack, down, right, through))
    return out


def connected(grid, stack, which, to):
    """Those of the rays from its cells that the 'own color', an 'other color' or any 'content' stops, or that reach the
    'border'."""
    out = np.full(stack.shape, -1, np.int8)
    part, row, column = np.nonzero(stack >= 0)
    color = main_colors(stack)[part]
    steps = np.arange(1, max(grid.shape) + 1)
    for down, right in ways_of(which):
        rows, columns = row[:, None] + down * steps, column[:, None] + right * steps
        fine = on_grid(rows, columns, grid.shape)
        rows, columns = np.where(fine, rows, 0), np.where(fine, columns, 0)
        own = fine & (stack[part[:, None], rows, columns] >= 0)
        met = np.where(fine, grid[rows, columns], 0)
        stops = ~fine | ((met > 0) & ~own)
        end = stops.argmax(1)
        hit = met[np.arange(len(part)), end]
        wanted = {"own color": hit == color, "other color": (hit > 0) & (hit != color), "content": hit > 0}
        path = (steps - 1 < end[:, None]) & ~own & wanted.get(to, hit == 0)[:, None]
        ray, step = np.nonzero(path)
        out[part[ray], rows[ray, step], columns[ray, step]] = stack[part[ray], row[ray], column[ray]]
    return out


def step_after(step, turn, is_free):
    """The step with which a path goes on where it has to turn, see `turning`. is_free(down, right): whether it could go
    there."""
    left, right = (-step[1], step[0]), (step[1], -step[0])
    if turn == "free":
        free = [side for side in (left, right) if is_free(*side)]
        return free[0] if len(free) == 1 else step
    if turn == "back":
        free_down, free_right = is_free(step[0], 0), is_free(0, step[1])
        both = free_down == free_right
        return (-step[0] if both or not free_down else step[0], -step[1] if both or not free_right else step[1])
    return {"left": left, "right": right}.get(turn, step)


def path_of(grid, own, row, column, step, at_content, at_border):
    """The cells of a path from a cell of a part (own, bool [H, W]), see `turning`; bool [H, W]."""
    high, wide = grid.shape
    drawn = np.zeros(grid.shape, bool)

    def is_on(down, right):
        return 0 <= row + down < high and 0 <= column + right < wide

    def met(down, right):
        """What is to be done before a step; '' where it is free."""
        if not is_on(down, right):
            return "" if at_border == "stop" else at_border
        to = row + down, column + right
        return "" if grid[to] == 0 or own[to] else at_content

    for _ in range(grid.size):
        turn = met(*step)
        if turn:
            after = step_after(step, turn, lambda down, right: not met(down, right))
            if turn in ("left", "right") and not is_on(*step):
                at_border = "stop"  # it turns there once
            step = after
            if met(*step):
                break
        goes_on = is_on(*step)
        row, column = row + step[0], column + step[1]
        if not goes_on or (drawn[row, column] and at_content != "back"):
            break
        drawn[row, column] = not own[row, column]
    return drawn


def turning(grid, stack, down, right, at_content, at_border):
    """A path from a part's only foremost cell. Where it meets content it turns 'left' or 'right', or to the 'free' one
    of the two sides, or 'back', as a ball bounces, or it ends ('stop'). At the border it leaves ('stop'), bounces too,
    or turns once."""
    out = np.full(stack.shape, -1, np.int8)
    ahead = pushed(stack, -down, -right)
    for k, front in enumerate((stack >= 0) & (ahead < 0)):
        if front.sum() == 1:
            row, column = (int(place[0]) for place in np.nonzero(front))
            drawn = path_of(grid, stack[k] >= 0, row, column, (down, right), at_content, at_border)
            out[k] = np.where(drawn, stack[k, row, column], -1)
    return out


def moved_far(grid, stack, down, right, far):
    """The part moved in a direction by `far` cells, or by as many as its 'size', its 'longer side', or the number of
    'parts' is."""
    top, bottom, left, right_end = extents(stack)
    steps = np.full(len(stack), far) if not isinstance(far, str) else sizes(stack)
    if far == "longer side":
        steps = np.maximum(bottom - top, right_end - left) + 1
    if far == "parts":
        steps = np.full(len(stack), len(stack))
    return placed(stack, np.stack([steps * down, steps * right], 1))


def fallen(grid, stack, down, right, still):
    """The part where it comes to rest if all parts move together in a direction and stop at the border and at one
    another. still: whether the largest part stays where it is."""
    out, content = stack.copy(), grid.copy()
    largest = sizes(stack).argmax() if len(stack) else 0
    moving = True
    while moving:
        moving = False
        for k in range(len(out)):
            if still and k == largest:
                continue
            steps, _ = free_steps(content, out[k : k + 1], down, right)
            if 0 < steps[0] < 99:
                content[out[k] >= 0] = 0
                out[k] = pushed(out[k : k + 1], int(steps[0] * down), int(steps[0] * right))[0]
                content = np.where(out[k] >= 0, out[k], content)
                moving = True
    return out


def nearest_of(stack, may):
    """For every part the number of the nearest of those that it may be (bool [n, n]), −1 where it may be none."""
    if not len(stack):
        return np.zeros(0, np.int64)
    return np.where(may.any(1), np.where(may, gaps(stack), 999).argmin(1), -1)


@kept_by_identity
def other_part(grid, stack, which):
    """For every part the number of another, −1 where there is none: the 'nearest', the nearest of its 'own color' or of
    its 'own shape'; or the 'largest', the 'smallest', that of the 'rarest' colour, that of the 'most colors'; or the
    largest of other main colour that has its 'color in it'."""
    n = len(stack)
    color, size, cut = main_colors(stack), sizes(stack), crops(stack)
    if which in ("nearest", "own color", "own shape"):
        may = ~np.eye(n, dtype=bool)
        if which == "own color":
            may &= color[:, None] == color
        if which == "own shape":
            keys = shape_keys(stack)
            may &= np.array([[a == b for b in keys] for a in keys], bool).reshape(n, n)
        return nearest_of(stack, may)
    if which == "color in it":
        has = np.array([[(part == c).any() for part in cut] for c in color], bool).reshape(n, n)
        merit = np.where(has & (color[:, None] != color), size, -1)
        return np.where(merit.max(1, initial=-1) >= 0, merit.argmax(1) if n else 0, -1)
    often = np.bincount(color, minlength=10)[color]
    colors = np.array([len(np.unique(part[part >= 0])) for part in cut])
    merit = {"largest": size, "smallest": -size, "rarest": -often * 1000 + size, "most colors": colors * 1000 + size}[
        which
    ]
    best = merit.argmax() if n else 0
    return np.where(np.arange(n) == best, -1, best)


def mirrored(grid, stack, which, how):
    """The part's mirror image 'left right', 'up down' or turned by 'half', or 'all' three of them, about the middle of
    another part (see `other_part`) or of the 'grid'."""
    n, high, wide = stack.shape
    top, bottom, left, right = extents(stack)
    other = np.zeros(n, np.int64) if which == "grid" else other_part(grid, stack, which)
    down = np.full(n, high - 1) if which == "grid" else (top + bottom)[other]
    across = np.full(n, wide - 1) if which == "grid" else (left + right)[other]
    out = np.full(stack.shape, -1, np.int8)
    part, row, column = np.nonzero((stack >= 0) & (other >= 0)[:, None, None])
    for turned_down, turned_across in ((0, 1), (1, 0), (1, 1)):
        if how != "all" and how != {(0, 1): "left right", (1, 0): "up down"}.get((turned_down, turned_across), "half"):
            continue
        rows = down[part] - row if turned_down else row
        columns = across[part] - column if turned_across else column
        fine = on_grid(rows, columns, grid.shape)
        out[part[fine], rows[fine], columns[fine]] = stack[part[fine], row[fine], column[fine]]
    return out


def pictured(grid, stack, which, at):
    """The picture of another part (see `other_part`): its 'middle' on the part's, or its first cell of the part's
    colour on the part's first cell of that ('own color')."""
    out = np.full(stack.shape, -1, np.int8)
    top, bottom, left, right = extents(stack)
    color = main_colors(stack)
    for k, model in enumerate(other_part(grid, stack, which)):
        if model < 0:
            continue
        down, across = (top + bottom)[k] - (top + bottom)[model], (left + right)[k] - (left + right)[model]
        shift = (down // 2, across // 2)
        if at == "own color":
            if not (stack[model] == color[k]).any():
                continue
            shift = np.argwhere(stack[k] == color[k])[0] - np.argwhere(stack[model] == color[k])[0]
        out[k] = placed(stack[model : model + 1], [shift])[0]
    return out


def renaming(seen, part):
    """The colour of a part for every colour at the same places of a picture, as a dict; None where one is not told by
    the other, or where only one of the two has a cell (−1: none)."""
    pairs = {(int(a), int(b)) for a, b in zip(seen.ravel(), part.ravel(), strict=True)}
    names = dict(pairs)
    is_one_to_one = len(pairs) == len(names) == len(set(names.values()))
    return names if is_one_to_one and all((a < 0) == (b < 0) for a, b in pairs) else None


def analogous(model, part):
    """A model in the colours of a smaller part that is like one of its corners; and where the part lies in it. None
    where it is not, or lacks some of the model's colours."""
    room = model.shape[0] - part.shape[0], model.shape[1] - part.shape[1]
    if min(room) < 0:
        return None
    for row, column in ((0, 0), (0, room[1]), (room[0], 0), room):
        names = renaming(model[row : row + part.shape[0], column : column + part.shape[1]], part)
        if names is not None and set(np.unique(model[model >= 0])) <= set(names):
            picture = np.full(model.shape, -1, np.int8)
            for color, other in names.items():
                picture[model == color] = other
            return picture, row, column
    return None


def by_analogy(grid, stack):
    """The part completed to what a larger one is, in its own colours: the largest of those that it is a corner of."""
    out = np.full(stack.shape, -1, np.int8)
    cut, size = crops(stack), sizes(stack)
    top, _, left, _ = extents(stack)
    for k, part in enumerate(cut):
        larger = [j for j in np.argsort(-size, kind="stable") if size[j] > size[k]]
        found = next((one for j in larger if (one := analogous(cut[j], part)) is not None), None)
        if found is not None:
            picture, row, column = found
            rows, columns = np.nonzero(picture >= 0)
            colors, rows, columns = picture[rows, columns], rows + top[k] - row, columns + left[k] - column
            fine = on_grid(rows, columns, grid.shape)
            out[k, rows[fine], columns[fine]] = colors[fine]
    return out


def midway(grid, stack, which):
    """The part in the middle between its place and that of another (see `other_part`)."""
    top, _, left, _ = extents(stack)
    other = other_part(grid, stack, which)
    shifts = np.stack([(top[other] - top) // 2, (left[other] - left) // 2], 1)
    return np.where((other >= 0)[:, None, None], placed(stack, shifts), -1).astype(np.int8)


def stepped(grid, stack, which):
    """Copies of the part up to the border, each as far from the one before as it is itself from another part (see
    `other_part`)."""
    top, _, left, _ = extents(stack)
    out = np.full(stack.shape, -1, np.int8)
    for k, other in enumerate(other_part(grid, stack, which)):
        down, right = int(top[k] - top[other]), int(left[k] - left[other])
        if other >= 0 and (down or right):
            out[k] = copied(stack[k : k + 1], down, right)
    return out


def continued(grid, stack, down, right):
    """The part continued to the border in a direction by its own period: the least step by which it covers itself."""
    out = np.full(stack.shape, -1, np.int8)
    for k, cut in enumerate(crops(stack)):
        high, wide = cut.shape
        for step in range(1, max(high, wide)):
            by_row, by_column = step * down, step * right
            if abs(by_row) >= high or abs(by_column) >= wide:
                break
            before = cut[max(0, -by_row) : high - max(0, by_row), max(0, -by_column) : wide - max(0, by_column)]
            after = cut[max(0, by_row) : high - max(0, -by_row), max(0, by_column) : wide - max(0, -by_column)]
            if np.array_equal(before, after):
                out[k] = np.where(stack[k] < 0, copied(stack[k : k + 1], by_row, by_column), -1)
                break
    return out


def joined(grid, stack, which, first):
    """A path with one corner from the part's middle to that of another (see `other_part`): first 'upright' or
    'across', or the corner above or below both, then the part's background."""
    top, bottom, left, right = extents(stack)
    row, column = (top + bottom) // 2, (left + right) // 2
    mask = np.zeros(stack.shape, bool)
    for k, other in enumerate(other_part(grid, stack, which)):
        if other >= 0:
            corner = (row[other], column[k]) if first == "upright" else (row[k], column[other])
            for end in (k, other):
                low_row, low_column = min(corner[0], row[end]), min(corner[1], column[end])
                high_row, high_column = max(corner[0], row[end]), max(corner[1], column[end])
                mask[k, low_row : high_row + 1, low_column : high_column + 1] = True
    return in_main_color(stack, mask & (grid == 0))


def fitted(grid, stack, turn):
    """The part moved into the gap in the grid that has its shape, also if it must be turned there."""
    rooms = stack_of(grid + 1, free_regions(grid))
    top, _, left, _ = extents(rooms)
    out = np.full(stack.shape, -1, np.int8)
    shapes = [cut >= 0 for cut in crops(rooms)]
    for k, cut in enumerate(crops(stack)):
        turns = [np.rot90(p, q) for p in (cut, cut.T) for q in range(4)] if turn else [cut]
        for picture in turns:
            fits = [g for g, shape in enumerate(shapes) if np.array_equal(shape, picture >= 0)]
            if len(fits) == 1:
                high, wide = picture.shape
                out[k, top[fits[0]] : top[fits[0]] + high, left[fits[0]] : left[fits[0]] + wide] = picture
                break
    return out


_WAYS = [(down, right) for _, down, right in ways()]
_TURNS = [(one, "stop") for one in ("left", "right", "free")]
_TURNS += [(content, border) for border in ("left", "right") for content in ("stop", border)]
_OTHERS = ("nearest", "own color", "own shape")

_RELATIONS = (
    *[(star, (which, t), True) for t in (0, 1) for which in ("straight", "diagonal", "all", "across", "upright")],
    *[
        (connected, (which, to), True)
        for which in ("straight", "diagonal", "all")
        for to in ("own color", "other color", "content", "border")
    ],
    *[(turning, (d, r, *turns), True) for turns in _TURNS for d, r in _WAYS[:4]],
    *[(turning, (d, r, "back", border), True) for border in ("stop", "back") for d, r in _WAYS[4:]],
    *[(moved_far, (d, r, far), False) for far in (1, 2, 3, "size", "longer side", "parts") for d, r in _WAYS[:4]],
    *[(moved_far, (d, r, far), False) for far in (1, 2, 3) for d, r in _WAYS[4:]],
    *[(fallen, (d, r, still), False) for still in (0, 1) for d, r in _WAYS[:4]],
    *[
        (mirrored, (which, how), True)
        for which in ("grid", "nearest", "largest", "smallest", "rarest")
        for how in ("left right", "up down", "half", "all")
    ],
    *[(mirrored, (which, how), False) for which in ("grid", "nearest") for how in ("left right", "up down", "half")],
    *[
        (pictured, (which, at), True)
        for which in ("nearest", "largest", "rarest", "most colors", "color in it")
        for at in ("middle", "own color")
    ],
    (by_analogy, (), True),
    *[(midway, (which,), stays) for which in _OTHERS for stays in (True, False)],
    *[(stepped, (which,), True) for which in _OTHERS],
    *[(continued, step, True) for step in _WAYS],
    *[(joined, (which, first), True) for which in _OTHERS for first in ("upright", "across")],
    *[(fitted, (turn,), stays) for turn in (0, 1) for stays in (False, True)],
)  # fmt: skip

RELATIONS = tuple(Drawing(*one) for one in _RELATIONS)
"""What may become of a part beside `drawings.DRAWINGS`, in the same form. None are for `divisions.STILL` divisions."""
