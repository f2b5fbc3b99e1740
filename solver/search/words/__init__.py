"""The words of found rules: what they may say of a grid, plain functions that programs carry along.

    carried.py       the source of such functions, as programs hold it
    kept.py          functions that keep what they gave
    cells.py         what a cell is like: its neighbours, what it sees, where it lies; divisions into objects
    spans.py         the same: runs and rectangles that it lies in, lines that are repeated
    reach.py         the same: diagonals, ways over the background, mirrored places
    families.py      which of these families of features there are, kept
    divisions.py     how a grid is divided into parts
    parts.py         what is asked of parts again and again
    descriptions.py  what a part is like: numbers and colours by name
    drawings.py      what may be drawn for a part, or cut out for it
    relations.py     drawings that relate a part to what lies elsewhere
    moves.py         moves of parts, put together from how far down and how far across
    layouts.py       parts as blocks, and blocks laid out as an output
    assembly.py      one picture put into another

A module uses those above it and the grid library, and nothing else of `solver.search`. Rules are sought, and put
together from these words, in `solver.search.fit`.
"""
