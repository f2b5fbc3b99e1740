"""Tree search node by node: priors, backup to every ancestor, transpositions, widening, closing, virtual loss."""

from __future__ import annotations

from math import exp, inf, log, sqrt

import numpy as np
import pytest
from grids import draw

from solver.executor import ARRAY_BYTES, VALUE_BYTES, LibraryExecutor, apply, input_value
from solver.grid.registry import FUNCTIONS
from solver.policy import GrammarPolicy, Step
from solver.search.grammar import Grammar
from solver.search.tree import NODE_BYTES, STEP_BYTES, Node, Tree, TreeRules

TRANSFORM = FUNCTIONS["transform"]
START = input_value([draw("120/003/400")])


class ScriptedPolicy:
    """Proposes the same transforms for the newest value, with given probabilities; counts its calls."""

    def __init__(self, probabilities: dict[int, float]) -> None:
        self.probabilities = probabilities
        self.batches: list[int] = []

    def propose(self, states, num_steps, rng):
        self.batches.append(len(states))
        return [
            [
                Step(TRANSFORM, (("value", len(values) - 1), ("constant", symmetry)), log(p))
                for symmetry, p in self.probabilities.items()
            ][:num_steps]
            for values in states
        ]


def make_tree(probabilities, evaluate=lambda value: 0.0, **rules):
    rules = {"batch": 1, "num_steps": 8, **rules}
    policy = ScriptedPolicy(probabilities)
    tree = Tree([((START,), 1.0)], [policy], evaluate, TreeRules(**rules), np.random.default_rng(0))
    return tree, policy


def test_priors_are_renormalised_over_the_steps_that_survive():
    # FLIP_UD twice gives the input again, so below a flip only the other step survives.
    tree, _ = make_tree({0: 0.6, 1: 0.2})
    tree.step()
    start = tree.root.children[0]
    assert [round(p, 6) for p, _ in start.unopened] == [0.25, 0.75]
    tree.step()
    assert start.children[0].prior == pytest.approx(0.75)
    tree.step()
    child = start.children[0]
    assert child.expanded or start.children[1].expanded


def test_what_is_not_opened_yet_is_kept_as_a_step_and_run_when_it_is_opened():
    tree, _ = make_tree({0: 0.6, 1: 0.2})
    ran = []

    def execute(values, steps):
        ran.extend(steps)
        return LibraryExecutor()(values, steps)

    tree.execute = execute
    tree.step()
    start = tree.root.children[0]
    assert all(isinstance(step, Step) for _, step in start.unopened)
    likely = start.unopened[-1][1]
    del ran[:]
    tree.open_children([tree.root, start], 1)
    assert ran == [likely]
    (child,) = start.children
    assert child.values[-1].cost == pytest.approx(start.values[-1].cost - likely.log_probability)


def test_a_step_that_runs_only_the_first_time_is_passed_over():
    tree, _ = make_tree({0: 0.6, 1: 0.2})
    tree.step()
    start = tree.root.children[0]
    likely = start.unopened[-1][1]
    tree.execute = lambda values, steps: [None if s is likely else LibraryExecutor()(values, [s])[0] for s in steps]
    tree.open_children([tree.root, start], 2)
    assert [child.prior for child in start.children] == [pytest.approx(0.25)]
    assert start.unopened == []


def test_a_tree_counts_what_it_takes_and_is_full():
    tree, _ = make_tree({0: 0.6, 1: 0.2}, max_bytes=100_000)
    assert not tree.full
    before = tree.num_bytes
    tree.step()
    start = tree.root.children[0]
    assert tree.num_bytes == before + 2 * STEP_BYTES
    tree.open_children([tree.root, start], 1)
    assert tree.num_bytes == before + 2 * STEP_BYTES + NODE_BYTES + start.children[0].values[-1].num_bytes
    assert make_tree({0: 0.6}, max_bytes=1)[0].full


def test_a_value_counts_its_cells_and_more():
    small, large = (input_value([np.zeros((side, side), np.int8)]).num_bytes for side in (1, 30))
    assert large - small == 899
    two = input_value([np.zeros((1, 1), np.int8)] * 2).num_bytes
    assert two - small == ARRAY_BYTES + 1
    objects = apply(FUNCTIONS["find_objects"], [input_value([np.ones((9, 9), np.int8)]), 0, 0])
    assert objects.num_bytes > VALUE_BYTES + 2 * ARRAY_BYTES + 2 * 81
    number = apply(FUNCTIONS["width"], [input_value([np.ones((9, 9), np.int8)])])
    assert number.num_bytes == VALUE_BYTES


def test_selection_follows_the_formula():
    tree, _ = make_tree({0: 0.5}, c_puct=1.5, fpu_reduction=0.1)
    parent = Node((), 1.0, visits=9, total=3.6, best=0.8)
    visited = Node((), 0.3, visits=2, total=1.0, best=0.7)
    fresh = Node((), 0.2)
    assert tree.score(parent, visited) == pytest.approx(0.5 * 0.7 + 0.5 * 0.5 + 1.5 * 0.3 * 3 / 3)
    assert tree.score(parent, fresh) == pytest.approx(0.5 * 0.8 + 0.5 * 0.4 - 0.1 + 1.5 * 0.2 * 3)
    visited.pending = 2
    assert tree.score(parent, visited) == pytest.approx(0.5 * 0.7 + 0.5 * (1.0 / 4) + 1.5 * 0.3 * 3 / 5)


def test_an_evaluation_reaches_every_ancestor():
    values = {}

    def evaluate(value):
        return values.setdefault(value.key, 0.1 * (len(values) + 1))

    tree, _ = make_tree({0: 0.5, 1: 0.3, 5: 0.2}, evaluate)
    for _ in range(12):
        tree.step()

    def below(node, seen):
        if id(node) in seen:
            return set()
        seen.add(id(node))
        return set().union({round(node.own, 9)} if node.visits else set(), *(below(c, seen) for c in node.children))

    assert tree.root.visits == 12 + sum(1 for n in tree.nodes.values() if n.depth == tree.rules.max_depth)
    for node in [tree.root, *tree.nodes.values()]:
        if node.visits:
            assert round(node.best, 9) in below(node, set())
            assert node.best >= node.mean
    assert tree.root.best == pytest.approx(max(n.own for n in tree.nodes.values() if n.visits))


def test_equal_states_meet_in_one_node():
    # FLIP_UD then FLIP_LR, and FLIP_LR then FLIP_UD, leave different intermediate values; the states differ. But
    # ROT180 of the input is reached from both as the newest value only once per set of values.
    tree, _ = make_tree({0: 0.5, 1: 0.5})
    for _ in range(40):
        tree.step()
    keys = [node.key for node in tree.nodes.values()]
    assert len(keys) == len(set(keys))
    shared = [n for n in tree.nodes.values() if sum(n in p.children for p in tree.nodes.values()) > 1]
    assert shared


def test_widening_opens_children_with_the_root_of_visits():
    tree, _ = make_tree(dict.fromkeys(range(7), 1 / 7), widening=1.0)
    tree.step()
    start = tree.root.children[0]
    for _ in range(30):
        tree.step()
        assert len(start.children) <= max(1, int(sqrt(start.visits + 1)))
    assert 1 < len(start.children) < 7


def test_a_tree_with_nothing_left_closes_up_to_its_root():
    tree, _ = make_tree({0: 1.0})  # flipping twice comes back: two states in all
    for _ in range(10):
        if tree.exhausted:
            break
        tree.step()
    assert tree.exhausted
    assert tree.step() == 0
    assert tree.num_executed <= 3


def test_a_batch_goes_to_different_leaves_in_one_call():
    tree, policy = make_tree(dict.fromkeys(range(7), 1 / 7), batch=4, widening=8.0)
    tree.step()
    tree.step()
    assert policy.batches == [1, 4]
    assert all(node.pending == 0 for node in tree.nodes.values())
    assert len([n for n in tree.nodes.values() if n.expanded]) == 5


def test_depth_is_limited():
    tree, _ = make_tree(dict.fromkeys(range(7), 1 / 7), max_depth=2)
    for _ in range(100):
        tree.step()
    assert max(node.depth for node in tree.nodes.values()) == 2


def test_several_roots_share_one_tree():
    other = input_value([draw("5")])
    policy = ScriptedPolicy({0: 1.0})
    tree = Tree([((START,), 0.3), ((other,), 0.7), ((START,), 0.1)], [policy], lambda v: 0.0, TreeRules(batch=1), None)
    assert [c.prior for c in tree.root.children] == [0.3, 0.7]


def test_the_same_seed_grows_the_same_tree():
    def grow():
        policy = GrammarPolicy(Grammar(), range(5))
        tree = Tree(
            [((START,), 1.0)], [policy], lambda v: (v.key[0] % 7) / 7, TreeRules(num_steps=24), np.random.default_rng(5)
        )
        for _ in range(6):
            tree.step()
        newest = sorted(node.values[-1].key.hex() for node in tree.nodes.values())
        return newest, tree.root.visits

    assert grow() == grow()


def test_a_strong_prior_finds_its_goal_sooner():
    goal = input_value([draw("004/030/021")])  # ROT180 … reached by two flips

    def steps_needed(probabilities):
        hit = []
        tree, _ = make_tree(probabilities, lambda v: float(v.key == goal.key and not hit.append(1)))
        for count in range(200):
            if hit:
                return count
            tree.step()
        return 200

    wanted = {3: 0.9, **dict.fromkeys((0, 1, 2, 4, 5, 6), 0.1 / 6)}
    unwanted = {3: 0.01, **dict.fromkeys((0, 1, 2, 4, 5, 6), 0.99 / 6)}
    goal = input_value([np.ascontiguousarray(START.items[0][::-1, ::-1])])
    assert steps_needed(wanted) < steps_needed(unwanted)


def test_grammar_steps_use_the_newest_value_and_come_likeliest_first():
    policy = GrammarPolicy(Grammar(), [0, 1])
    (steps,) = policy.propose([(START,)], 50, np.random.default_rng(0))
    assert len(steps) == 50
    logs = [s.log_probability for s in steps]
    assert logs == sorted(logs, reverse=True)
    assert all(("value", 0) in s.args for s in steps)
    assert len({(s.function.name, s.args) for s in steps}) == 50


def test_counts_change_the_grammar():
    plain, taught = Grammar(), Grammar({"transform": 1000.0}, {"transform.symmetry": {"2": 500.0}})
    assert taught.function_cost(TRANSFORM) < plain.function_cost(TRANSFORM)
    parameter = TRANSFORM.parameters[1]
    assert taught.constant_cost(TRANSFORM, parameter, 2) < taught.constant_cost(TRANSFORM, parameter, 3)
    total = sum(np.exp(-taught.constant_cost(TRANSFORM, parameter, v)) for v in parameter.values)
    assert total == pytest.approx(1.0)


@pytest.mark.parametrize(("logs", "share"), [((-2000.0, -2001.0), 1 / (1 + exp(-1))), ((-inf, -inf), 0.5)])
def test_steps_that_are_all_too_unlikely_for_a_float_have_priors(logs, share):
    tree, policy = make_tree({})
    steps = [Step(TRANSFORM, (("value", 0), ("constant", k)), log) for k, log in enumerate(logs)]
    policy.propose = lambda states, num_steps, rng: [steps for _ in states]
    tree.step()
    priors = [prior for prior, _ in tree.root.children[0].unopened]
    assert sum(priors) == pytest.approx(1.0)
    assert priors[-1] == pytest.approx(share)


@pytest.mark.parametrize("agent", ["pw-mcts", "mcts", "beam"])
def test_a_batch_ends_with_the_time_and_leaves_the_rest_as_it_is(agent):
    tree, _ = make_tree(dict.fromkeys(range(7), 1 / 7), agent=agent, batch=4, widening=8.0)
    tree.step()
    late = iter([False, False, True])
    tree.is_late = lambda: next(late)
    visits, executed = tree.root.visits, tree.num_executed
    assert tree.step() == 4
    start = tree.root.children[0]
    assert [node.expanded for node in start.children].count(True) == 2
    assert (tree.root.visits, tree.num_executed) == (visits + 2, executed + 14)
    assert all(node.pending == 0 for node in (tree.root, *tree.nodes.values()))
    assert all(node.visits == node.expanded for node in start.children)
    tree.is_late = lambda: False
    tree.step()
    assert [node.expanded for node in start.children].count(True) >= 4
