"""Rules over parts as results: what they cost, their order, and rules that give the same."""

from __future__ import annotations

import numpy as np
import pytest
from scattered import scattered

from solver.executor import input_value
from solver.search.fit.order_rules import OrderRule, settled
from solver.search.fit.rule import DifferentRules, Rule, best_first, cost_together, keep_better


def test_rules_in_doubt_stand_before_programs_that_do_not_fit_and_behind_confirmed_ones():
    sure, unsure, worse = (Rule(None, confirmed, 3.0) for confirmed in (4, 3, 0))
    assert sure.vote_cost(4) == 3.0
    assert unsure.vote_cost(4) < worse.vote_cost(4) < 0
    cheap = Rule(None, 3, 1.0)
    assert best_first([worse, unsure, cheap, sure]) == [sure, cheap, unsure, worse]


def test_rules_that_give_the_same_are_one_as_likely_as_all_and_as_sure_as_the_best():
    first, other = (input_value(scattered(seed, count=2)) for seed in (1, 2))
    again = input_value([grid.copy() for grid in first.items])
    found = DifferentRules()
    for value, confirmed, cost in ((first, 2, 3.0), (other, 3, 9.0), (again, 3, 4.0), (again, 1, 1.0)):
        found.add(value, confirmed, cost)
    rules = found.best_first()
    assert [rule.value for rule in rules] == [again, other]
    assert [rule.confirmed for rule in rules] == [3, 3]
    assert rules[0].cost == pytest.approx(-np.log(np.exp([-3.0, -4.0, -1.0]).sum()))
    assert rules[1].cost == 9.0


def test_costs_of_one_stay_and_costs_of_several_add_up_however_large_they_are():
    assert cost_together([0.1 + 0.2]) == 0.1 + 0.2
    assert cost_together([3.0, 3.0]) == pytest.approx(3.0 - np.log(2.0))
    assert cost_together([2000.0, 2001.0, 2000.0]) == pytest.approx(2000.0 + cost_together([0.0, 1.0, 0.0]))
    assert cost_together([1.0, 2000.0]) == 1.0


def test_order_rules_that_give_the_same_are_one_and_the_cheapest_makes_the_value():
    first, other = (input_value(scattered(seed, count=2)) for seed in (1, 2))
    right = np.ones(3, bool)
    made = ((first, 900.0, b"a"), (other, 899.0, b"a"), (first, 3.0, b"b"), (None, 1.0, b"c"))
    found = [OrderRule(right, [None] * 3, cost, lambda value=value: value, (key,)) for value, cost, key in made]
    rules = settled(found, 3)
    assert [(rule.value, rule.confirmed) for rule in rules] == [(other, 3), (first, 3)]
    assert [rule.cost for rule in rules] == [pytest.approx(cost_together([900.0, 899.0])), 3.0]


def test_of_rules_that_give_the_same_the_surer_then_the_cheaper_one_is_kept():
    first, other = (input_value(scattered(seed, count=2)) for seed in (1, 2))
    found = {}
    for value, confirmed, cost in ((first, 2, 3.0), (other, 1, 1.0), (first, 2, 4.0), (first, 3, 9.0), (first, 3, 8.0)):
        keep_better(found, Rule(value, confirmed, cost))
    assert [(rule.confirmed, rule.cost) for rule in found.values()] == [(3, 8.0), (1, 1.0)]


def test_no_rules_are_none():
    assert DifferentRules().best_first() == []
