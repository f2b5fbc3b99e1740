"""Program search: views, the root pass, the tree, and the source of answers that joins them.

    source.py      all views of a task, one after the other
    clock.py       how the task's budget is shared over them
    findings.py    what they found, as answers with weights
    views.py       other ways to look at a task, in which a program may be shorter; turned, recoloured
    lattice.py     the view of grids of one-coloured panels, a cell for each
    forms.py       views in which every grid is turned or recoloured by itself
    rollouts.py    programs that a language model writes before the search

    root.py        the root pass over one view, in rounds: enumerate, fit, stack
    fitting.py     what is fitted in a round, from the simplest kind to the richest
    root_settings.py   what a root pass does, and how much
    grammar.py     what every step costs before anything is known of the task
    enumerate.py   typed programs in order of their cost
    fit/           last steps by rule, told by the training pairs: tables; cell, part, growth, layout rules
    words/         what such rules may say of cells and parts: functions that programs carry along
    stack.py       partial results laid over one another
    candidates.py  programs that are kept, what they are worth and what their votes weigh

    deepen.py      the tree pass: where the tree starts from, what its new grids are worth
    tree.py        the tree: states, expansion, values
    agents.py      what selects the leaves that grow next
    memory.py      what a large tree leaves behind, given back
    trace.py       trees as JSON lines

Imports go one way: what searches uses `fit`, both use `words`, and neither of these two knows of what is above it.
"""
