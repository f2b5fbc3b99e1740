"""Fits: last steps of a program, by rules that the training pairs themselves tell.

A fit is sought over known grids, gives all training outputs, and counts by how many pairs *confirm* it: those that it
would have predicted from the others. `solver.search.fitting` asks for one kind after the other, from the simplest to
the richest.

    rule.py             what all that is fitted comes to: a step, how sure it is, what it costs

Over the cells of known grids, as steps of the grid library:

    pool.py             the known grids of the outputs' shapes, as rows of cells
    tables.py           a cell by the cells at its place in one, two or three grids
    decision_trees.py   the same by questions to more grids
    object_rules.py     what becomes of an object by one of its properties

As steps of free Python, which carry the words along that they are written in (`solver.search.words`):

    trees.py            small trees of questions, and what a question is worth
    cell_questions.py   what may tell some cells from others
    cell_trees.py       small trees over these questions, grown and confirmed
    cell_rules.py       trees over what a cell is like, in the rounds of a root pass
    growth_rules.py     such trees applied to what they have made, again and again
    step_rules.py       cell rules over what one action makes of the input

    part_questions.py   what may tell some parts of grids from others
    divided.py          grids divided into parts, kept for all that asks about parts
    part_trees.py       small trees over these questions, and their vote
    stamps.py           single cells that are drawn around parts
    part_actions.py     which drawings, in which colour, agree with the outputs for which parts
    drawing_rules.py    which part gets which of these
    choice_rules.py     which part the output is cut out of
    part_rules.py       the latter two over all divisions

    layout_kinds.py     in which ways blocks may be laid out
    layout_blocks.py    the blocks that every part may give
    order_rules.py      some parts, each as a block, in an order
    place_rules.py      pictures of parts where those that look alike lie
    block_rules.py      all parts, each as a block that a tree says
    layout_rules.py     these three over all divisions

Known grids that are made for others to go on from, where outputs have other sizes than inputs:

    canvas.py           the input on a grid of the outputs' size
    assembly.py         one piece put into another
    pieces.py           what can be cut out of the input, brought to the outputs' size

A module uses those above it and `solver.search.words`; none knows of what searches (`solver.search`'s own modules).
"""
