"""Types of the step language: what a value of a program can be, and the named choices its functions take.

Colour 0 is the *background* throughout the library: transparent when pasted, not part of any object. Tasks with
another background are searched in a view that swaps it with 0.

Values (all NumPy arrays are C-contiguous and owned by the value; no function changes its arguments)

======== ============================================================================================
Grid     int8 [H, W], 1 ≤ H, W ≤ 30, values 0..9
Mask     bool [H, W], 1 ≤ H, W ≤ 30
Objects  labelled picture: `grid` int8 [H, W], `labels` int16 [H, W] (0 no object, k the k-th object), `count`
Grids    1..MAX_GRIDS grids: `cells` int8 [n, 30, 30] (rest of a slot is 0), `shapes` int64 [n, 2] (height, width)
Color    int 0..9
Int      int, −99..99
Table    int16 [n]: parameters fitted from the pairs; written into a program as a tuple of ints
======== ============================================================================================

*Not applicable* is a value, too, because exceptions out of compiled code cost microseconds and leak: a function
that has no sensible result (nothing to crop, result above 30×30) returns a grid or mask of shape (0, 0), objects
over a (0, 0) grid, `Grids` with n = 0, or MISSING for Color and Int.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, NewType

import numpy as np

MAX_SIDE = 30
NUM_COLORS = 10
MAX_GRIDS = 64
MAX_OBJECTS = 400
MISSING = -128

Grid = NewType("Grid", np.ndarray)
Mask = NewType("Mask", np.ndarray)
Color = NewType("Color", int)
Int = NewType("Int", int)
Table = NewType("Table", np.ndarray)


class Objects(NamedTuple):
    """Objects of one picture, at their places.

    grid: int8 [H, W], the picture the colours are read from. labels: int16 [H, W], 0 = belongs to no object,
    1..count = number of the object. Objects are numbered in reading order of their first cell unless a function
    sorts them.
    """

    grid: np.ndarray
    labels: np.ndarray
    count: int


class Grids(NamedTuple):
    """Several grids in order. cells: int8 [n, 30, 30]; shapes: int64 [n, 2] (height, width); n ≤ MAX_GRIDS."""

    cells: np.ndarray
    shapes: np.ndarray


class Choice(IntEnum):
    """Base of the enumerated arguments; members are passed to functions as plain ints."""


class Symmetry(Choice):
    """The seven symmetries of the square besides the identity. ROT90 is clockwise."""

    FLIP_UD = 0
    FLIP_LR = 1
    ROT90 = 2
    ROT180 = 3
    ROT270 = 4
    TRANSPOSE = 5
    ANTITRANSPOSE = 6


class Direction(Choice):
    UP = 0
    DOWN = 1
    LEFT = 2
    RIGHT = 3


class Diagonal(Choice):
    UP_LEFT = 4
    UP_RIGHT = 5
    DOWN_LEFT = 6
    DOWN_RIGHT = 7


class Axis(Choice):
    """HORIZONTAL: along rows (side by side). VERTICAL: along columns (one above the other)."""

    HORIZONTAL = 0
    VERTICAL = 1


class Connectivity(Choice):
    """Whether cells that touch at a corner only are neighbours (CONN8) or not (CONN4)."""

    CONN4 = 0
    CONN8 = 1


class Coloring(Choice):
    """Whether an object has one colour, or is any connected group of non-background cells."""

    ONE_COLOR = 0
    ANY_COLOR = 1


class Logic(Choice):
    """Cell-wise combination of two masks (or of 'is not background')."""

    AND = 0
    OR = 1
    XOR = 2
    NOR = 3
    DIFF = 4


class Property(Choice):
    """A measurable property of an object, or of a grid among grids (then of its non-background cells)."""

    SIZE = 0  # number of cells
    HEIGHT = 1
    WIDTH = 2
    TOP = 3  # row of the bounding box's first row
    LEFT_EDGE = 4  # column of the bounding box's first column
    COLOR = 5  # most common colour
    NUM_COLORS_IN = 6  # number of different colours
    HOLES = 7  # number of enclosed background regions (4-connected)
    SYMMETRY_COUNT = 8  # how many of FLIP_UD, FLIP_LR, TRANSPOSE, ANTITRANSPOSE leave its crop unchanged
    DENSITY = 9  # cells / bounding-box cells, in 1/1000
    SHAPE_COUNT = 10  # how many objects have the same shape (mask of the crop)
    COLOR_COUNT = 11  # how many objects have the same most common colour
    BORDER_CELLS = 12  # number of cells on the picture's border
    MINORITY_CELLS = 13  # cells that are not of the most common colour


class Rank(Choice):
    """Which of several, by a property's value. UNIQUE: the value that occurs once; COMMON: the most frequent
    value. A tie or an absent UNIQUE makes a *pick* not applicable; a *keep* keeps all that qualify."""

    MAX = 0
    MIN = 1
    UNIQUE = 2
    COMMON = 3
    SECOND_MAX = 4
    SECOND_MIN = 5


CHOICES: tuple[type[Choice], ...] = (
    Symmetry, Direction, Diagonal, Axis, Connectivity, Coloring, Logic, Property, Rank,
)  # fmt: skip
