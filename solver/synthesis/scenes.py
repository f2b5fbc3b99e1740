"""Scenes: random pictures to write programs about, each family a small function.

A family is called once per set of inputs with a generator of random numbers. It first draws what all pictures of the
set share (colours, shapes, how dense, how large) and returns a function that draws one picture, int8 [H, W]. Colour 0
is the background. The families are general notions (objects, lines, panels, tiles, symmetry, noise, enclosure), not
copies of any task.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Rng = np.random.Generator
Draw = Callable[[], np.ndarray]
Family = Callable[[Rng], Draw]

FAMILIES: dict[str, Family] = {}


def family(body: Family) -> Family:
    FAMILIES[body.__name__] = body
    return body


def draw_scenes(name: str, num_grids: int, rng: Rng) -> list[np.ndarray]:
    """`num_grids` pictures of one family that share what the family draws once."""
    draw = FAMILIES[name](rng)
    return [np.ascontiguousarray(draw(), dtype=np.int8) for _ in range(num_grids)]


# --- parts that the families share


def colors(rng: Rng, count: int) -> np.ndarray:
    """`count` different colours 1..9."""
    return rng.permutation(9)[:count] + 1


def sizes(rng: Rng, low: int, high: int) -> Callable[[], tuple[int, int]]:
    """How the pictures of a set are sized: all alike, all square, or each its own; low and high included."""
    kind = rng.integers(4)
    height, width = rng.integers(low, high + 1, 2)

    def draw() -> tuple[int, int]:
        if kind == 0:
            return int(height), int(width)
        if kind == 1:
            return int(height), int(height)
        if kind == 2:
            side = int(rng.integers(low, high + 1))
            return side, side
        return int(rng.integers(low, high + 1)), int(rng.integers(low, high + 1))

    return draw


def blob(rng: Rng, height: int, width: int, num_cells: int) -> np.ndarray:
    """A random 4-connected shape, bool, cropped to its cells: grown cell by cell within height × width."""
    cells = np.zeros((height, width), bool)
    frontier = [(int(rng.integers(height)), int(rng.integers(width)))]
    while frontier and num_cells > 0:
        r, c = frontier.pop(int(rng.integers(len(frontier))))
        if cells[r, c]:
            continue
        cells[r, c] = True
        num_cells -= 1
        for y, x in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
            if 0 <= y < height and 0 <= x < width and not cells[y, x]:
                frontier.append((y, x))
    rows, columns = np.flatnonzero(cells.any(1)), np.flatnonzero(cells.any(0))
    return cells[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def sprite(rng: Rng, max_side: int, palette: np.ndarray) -> np.ndarray:
    """A small object in one or more colours of the palette: a blob, a box, a frame, a line, or a symmetric shape."""
    height, width = rng.integers(1, max_side + 1, 2)
    kind = rng.integers(6)
    if kind == 0:
        shape = np.ones((height, width), bool)
    elif kind == 1 and min(height, width) >= 3:
        shape = np.ones((height, width), bool)
        shape[1:-1, 1:-1] = False
    elif kind == 2:
        shape = np.ones((1, width) if rng.random() < 0.5 else (height, 1), bool)
    else:
        shape = blob(rng, height, width, int(rng.integers(1, height * width + 1)))
        if kind == 3:
            shape = np.hstack([shape, shape[:, ::-1]])[:, : 2 * shape.shape[1] - int(rng.integers(2))]
    picture = shape * int(palette[rng.integers(len(palette))])
    if len(palette) > 1 and rng.random() < 0.3:
        recolored = rng.random(shape.shape) < 0.3
        picture = np.where(recolored & shape, int(palette[rng.integers(len(palette))]), picture)
    return picture.astype(np.int8)


def scatter(rng: Rng, canvas: np.ndarray, pictures: list[np.ndarray], gap: int = 1) -> np.ndarray:
    """Puts pictures at random free places of the canvas, at least `gap` apart; those that don't fit are left out."""
    height, width = canvas.shape
    for picture in pictures:
        h, w = picture.shape
        if h > height or w > width:
            continue
        for _ in range(8):
            r, c = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
            around = canvas[max(0, r - gap) : r + h + gap, max(0, c - gap) : c + w + gap]
            if not around.any():
                canvas[r : r + h, c : c + w] = picture
                break
    return canvas


def speckle(rng: Rng, grid: np.ndarray, share: float, palette: np.ndarray) -> np.ndarray:
    """A share of the cells replaced by colours of the palette."""
    hit = rng.random(grid.shape) < share
    return np.where(hit, rng.choice(palette, grid.shape), grid).astype(np.int8)


# --- families


@family
def objects(rng: Rng) -> Draw:
    """A few objects on background."""
    size, palette = sizes(rng, 6, 16), colors(rng, int(rng.integers(1, 6)))
    most, side, gap = int(rng.integers(2, 8)), int(rng.integers(2, 6)), int(rng.integers(1, 3))

    def draw() -> np.ndarray:
        pictures = [sprite(rng, side, palette) for _ in range(rng.integers(1, most + 1))]
        return scatter(rng, np.zeros(size(), np.int8), pictures, gap)

    return draw


@family
def copies(rng: Rng) -> Draw:
    """The same few shapes again and again: turned, flipped or recoloured."""
    size, palette = sizes(rng, 8, 16), colors(rng, int(rng.integers(2, 5)))
    turn, recolor = rng.random(2) < 0.5
    kinds = int(rng.integers(1, 4))

    def draw() -> np.ndarray:
        models = [sprite(rng, 4, palette) for _ in range(kinds)]
        pictures = []
        for _ in range(rng.integers(2, 8)):
            model = models[rng.integers(kinds)]
            if turn:
                model = np.rot90(model, int(rng.integers(4)))
            if recolor:
                model = (model > 0) * palette[rng.integers(len(palette))]
            pictures.append(model)
        return scatter(rng, np.zeros(size(), np.int8), pictures)

    return draw


@family
def boxes(rng: Rng) -> Draw:
    """Solid, hollow and nested rectangles."""
    size, palette = sizes(rng, 7, 16), colors(rng, int(rng.integers(1, 5)))
    hollow, nested = rng.random(2) < 0.5

    def box() -> np.ndarray:
        h, w = rng.integers(2, 8, 2)
        picture = np.full((h, w), palette[rng.integers(len(palette))])
        ring = 1
        while nested and min(h, w) > 2 * ring and rng.random() < 0.8:
            picture[ring:-ring, ring:-ring] = palette[rng.integers(len(palette))]
            ring += 1
        if hollow and min(h, w) > 2 and rng.random() < 0.8:
            picture[1:-1, 1:-1] = 0
        return picture

    def draw() -> np.ndarray:
        return scatter(rng, np.zeros(size(), np.int8), [box() for _ in range(rng.integers(1, 5))])

    return draw


@family
def nested(rng: Rng) -> Draw:
    """Frames within frames that fill the grid."""
    palette, size = colors(rng, int(rng.integers(2, 6))), sizes(rng, 3, 12)

    def draw() -> np.ndarray:
        grid = np.zeros(size(), np.int8)
        ring = 0
        while 2 * ring < min(grid.shape):
            grid[ring : grid.shape[0] - ring, ring : grid.shape[1] - ring] = palette[rng.integers(len(palette))]
            ring += int(rng.integers(1, 3))
        return grid

    return draw


@family
def lines(rng: Rng) -> Draw:
    """Straight and diagonal line segments."""
    size, palette = sizes(rng, 6, 15), colors(rng, int(rng.integers(1, 5)))
    steps = [((0, 1), (1, 0)), ((1, 1), (1, -1)), ((0, 1), (1, 0), (1, 1), (1, -1))][rng.integers(3)]
    full = rng.random() < 0.3

    def draw() -> np.ndarray:
        grid = np.zeros(size(), np.int8)
        height, width = grid.shape
        for _ in range(rng.integers(1, 5)):
            dr, dc = steps[rng.integers(len(steps))]
            r, c = int(rng.integers(height)), int(rng.integers(width))
            length = max(height, width) if full else int(rng.integers(2, max(height, width)))
            if full:
                r, c = (r, 0) if (dr, dc) == (0, 1) else (0, c)
            color = palette[rng.integers(len(palette))]
            for k in range(length):
                if 0 <= r + k * dr < height and 0 <= c + k * dc < width:
                    grid[r + k * dr, c + k * dc] = color
        return grid

    return draw


@family
def panels(rng: Rng) -> Draw:
    """Panels between separator lines, filled with dots, with one colour each, or with the same picture changed."""
    rows, columns = rng.integers(1, 4, 2)
    if rows * columns == 1:
        columns = 2
    side, palette = rng.integers(2, 6, 2), colors(rng, int(rng.integers(2, 5)))
    kind, density = rng.integers(4), rng.uniform(0.2, 0.7)
    separator = int(palette[0])
    inks = palette[1:]

    def panel(number: int, shared: np.ndarray) -> np.ndarray:
        ink = int(inks[number % len(inks)])
        if kind == 0:
            return (rng.random(side) < density) * ink
        if kind == 1:
            return np.full(side, ink if rng.random() < density else 0)
        if kind == 2:
            return np.where(rng.random(side) < density, rng.choice(inks, side), 0)
        return speckle(rng, shared, 0.08, inks) if rng.random() < 0.5 else shared

    def draw() -> np.ndarray:
        shared = np.where(rng.random(side) < density, rng.choice(inks, side), 0)
        grid = np.full((rows * (side[0] + 1) - 1, columns * (side[1] + 1) - 1), separator)
        for number in range(rows * columns):
            r, c = divmod(number, int(columns))
            top, left = r * (side[0] + 1), c * (side[1] + 1)
            grid[top : top + side[0], left : left + side[1]] = panel(number, shared)
        return grid

    return draw


@family
def halves(rng: Rng) -> Draw:
    """Two or three pictures of dots side by side, each in a colour of its own, with or without a line between."""
    count, side = int(rng.integers(2, 4)), rng.integers(3, 7, 2)
    palette, density = colors(rng, count + 1), rng.uniform(0.3, 0.6)
    line, upright = rng.random(2) < 0.5

    def draw() -> np.ndarray:
        parts = []
        for k in range(count):
            parts.append((rng.random(side) < density) * palette[k])
            if line and k + 1 < count:
                parts.append(np.full((side[0], 1), palette[count]))
        grid = np.hstack(parts)
        return grid.T if upright else grid

    return draw


@family
def tiles(rng: Rng) -> Draw:
    """A small tile repeated over the grid, with a patch covered, cells disturbed, or rows missing."""
    size, palette = sizes(rng, 6, 14), colors(rng, int(rng.integers(2, 5)))
    kind, cover = rng.integers(4), int(colors(rng, 1)[0])
    inks = palette[palette != cover] if (palette != cover).any() else palette

    def draw() -> np.ndarray:
        height, width = size()
        tile = rng.choice(np.append(inks, 0) if rng.random() < 0.4 else inks, rng.integers(1, 5, 2))
        grid = np.tile(tile, (height // tile.shape[0] + 1, width // tile.shape[1] + 1))[:height, :width]
        if kind == 0:
            h, w = rng.integers(1, 1 + min(height, width) // 2, 2)
            r, c = rng.integers(height - h + 1), rng.integers(width - w + 1)
            grid[r : r + h, c : c + w] = cover
        elif kind == 1:
            grid = speckle(rng, grid, 0.06, np.array([cover]))
        elif kind == 2:
            grid[int(rng.integers(height // 2, height)) :] = 0
        return grid

    return draw


@family
def symmetric(rng: Rng) -> Draw:
    """A picture symmetric about one or two axes, whole or with a patch covered or missing."""
    side, palette = rng.integers(3, 7, 2), colors(rng, int(rng.integers(2, 6)))
    density, both, damage, cover = rng.uniform(0.4, 1.0), rng.random() < 0.6, rng.integers(3), int(colors(rng, 1)[0])

    def draw() -> np.ndarray:
        quarter = np.where(rng.random(side) < density, rng.choice(palette, side), 0)
        grid = np.hstack([quarter, quarter[:, ::-1]])
        if both:
            grid = np.vstack([grid, grid[::-1]])
        if damage:
            h, w = rng.integers(1, 1 + min(grid.shape) // 2, 2)
            r, c = rng.integers(grid.shape[0] - h + 1), rng.integers(grid.shape[1] - w + 1)
            grid[r : r + h, c : c + w] = cover if damage == 1 else 0
        return grid

    return draw


@family
def dots(rng: Rng) -> Draw:
    """Single cells strewn over the background."""
    size, palette, density = sizes(rng, 4, 14), colors(rng, int(rng.integers(1, 6))), rng.uniform(0.03, 0.3)
    return lambda: speckle(rng, np.zeros(size(), np.int8), density, palette)


@family
def dense(rng: Rng) -> Draw:
    """Small grids full of colours."""
    size, palette = sizes(rng, 2, 6), colors(rng, int(rng.integers(2, 7)))
    inks = np.append(palette, 0) if rng.random() < 0.6 else palette
    return lambda: rng.choice(inks, size())


@family
def stripes(rng: Rng) -> Draw:
    """Full rows or columns of colours, some empty, perhaps with cells disturbed."""
    size, palette = sizes(rng, 3, 13), colors(rng, int(rng.integers(2, 6)))
    upright, noisy, gaps = rng.random(3) < (0.5, 0.3, 0.6)
    inks = np.append(palette, 0) if gaps else palette

    def draw() -> np.ndarray:
        height, width = size()
        grid = np.repeat(rng.choice(inks, height)[:, None], width, 1)
        if noisy:
            grid = speckle(rng, grid, 0.08, palette[:1])
        return grid.T if upright else grid

    return draw


@family
def markers(rng: Rng) -> Draw:
    """One or two objects and single cells in colours of their own: places where something is to happen."""
    size, palette = sizes(rng, 7, 15), colors(rng, int(rng.integers(2, 5)))
    border = rng.random() < 0.4

    def draw() -> np.ndarray:
        grid = np.zeros(size(), np.int8)
        scatter(rng, grid, [sprite(rng, 4, palette[:-1]) for _ in range(rng.integers(1, 3))])
        cells = [np.full((1, 1), palette[-1 - k % 2]) for k in range(rng.integers(1, 5))]
        if not border:
            return scatter(rng, grid, cells, 0)
        for cell in cells:
            edge = [grid[0], grid[-1], grid[:, 0], grid[:, -1]][rng.integers(4)]
            edge[rng.integers(len(edge))] = cell[0, 0]
        return grid

    return draw


@family
def enclosures(rng: Rng) -> Draw:
    """Closed and open outlines with something inside some of them."""
    size, palette = sizes(rng, 8, 16), colors(rng, int(rng.integers(1, 4)))
    opened, filled = rng.random(2) < 0.6

    def outline() -> np.ndarray:
        h, w = rng.integers(3, 8, 2)
        shape = np.ones((h, w), bool)
        shape[1:-1, 1:-1] = False
        if opened and rng.random() < 0.5:
            shape[0 if rng.random() < 0.5 else h - 1, rng.integers(1, w - 1)] = False
        picture = shape * int(palette[0])
        if filled and rng.random() < 0.6:
            picture[rng.integers(1, h - 1), rng.integers(1, w - 1)] = palette[-1]
        return picture

    return lambda: scatter(rng, np.zeros(size(), np.int8), [outline() for _ in range(rng.integers(1, 5))])


@family
def maze(rng: Rng) -> Draw:
    """Irregular walls of one colour that cut the background into regions, perhaps with a seed of another."""
    size, palette, density = sizes(rng, 5, 12), colors(rng, 2), rng.uniform(0.35, 0.6)
    seeded = rng.random() < 0.5

    def draw() -> np.ndarray:
        grid = (rng.random(size()) < density) * int(palette[0])
        if seeded:
            grid = speckle(rng, grid, 0.04, palette[1:])
        return grid

    return draw


@family
def noisy_objects(rng: Rng) -> Draw:
    """Large objects with salt of another colour over them or everywhere."""
    size, palette = sizes(rng, 8, 15), colors(rng, int(rng.integers(2, 5)))
    share, everywhere = rng.uniform(0.03, 0.12), rng.random() < 0.5

    def draw() -> np.ndarray:
        pictures = [np.full(rng.integers(3, 8, 2), palette[rng.integers(1, len(palette))]) for _ in range(3)]
        grid = scatter(rng, np.zeros(size(), np.int8), pictures)
        noise = speckle(rng, grid, share, palette[:1])
        return noise if everywhere else np.where(grid > 0, noise, 0)

    return draw


@family
def framed(rng: Rng) -> Draw:
    """A picture with a border, coloured corners, or one coloured side."""
    inner, frame = [objects, dots, boxes][rng.integers(3)](rng), colors(rng, 4)
    kind = rng.integers(3)

    def draw() -> np.ndarray:
        grid = np.pad(inner(), 1)
        if kind == 0:
            grid[[0, -1]] = frame[0]
            grid[:, [0, -1]] = frame[0]
        elif kind == 1:
            grid[[0, 0, -1, -1], [0, -1, 0, -1]] = frame
        else:
            side = [grid[0], grid[-1], grid[:, 0], grid[:, -1]][rng.integers(4)]
            side[:] = frame[0]
        return grid

    return draw


@family
def bars(rng: Rng) -> Draw:
    """Bars of different lengths that stand on one side, like a chart."""
    size, palette = sizes(rng, 5, 12), colors(rng, int(rng.integers(1, 5)))
    turn, step = int(rng.integers(4)), int(rng.integers(1, 3))

    def draw() -> np.ndarray:
        grid = np.zeros(size(), np.int8)
        for column in range(0, grid.shape[1], step):
            length = int(rng.integers(0, grid.shape[0]))
            grid[grid.shape[0] - length :, column] = palette[rng.integers(len(palette))]
        return np.rot90(grid, turn)

    return draw
