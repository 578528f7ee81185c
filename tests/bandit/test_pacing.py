import numpy as np
import pytest

from bandit.pacing import Pacer

SURE = np.zeros(2)


def test_spending_is_held_at_the_budget_whatever_the_prices_do() -> None:
    rng = np.random.default_rng(0)
    pacer, spent = Pacer(), 0.0
    for number in range(8000):
        price = 5.0 if number >= 4000 else 1.0
        extra = pacer.money_price("route", 10.0, 0.8)
        dear = 10.0 * 0.8 - (1.0 + extra) * price > -(1.0 + extra) * 0.2
        cost = (price if dear else 0.2) * rng.lognormal(0.0, 0.3)
        pacer.spent("route", cost, 0.8)
        spent += cost
    assert spent / 8000 == pytest.approx(0.8, rel=0.01)


def test_an_unspent_budget_costs_nothing() -> None:
    pacer = Pacer()
    for _ in range(200):
        pacer.spent("route", 0.1, 1.0)
    assert pacer.money_price("route", 10.0, 1.0) == 0.0
    assert pacer.money_price("other", 10.0, 1.0) == 0.0


def test_quality_is_worth_more_while_the_target_is_missed() -> None:
    pacer = Pacer()
    quality = np.array([0.5, 0.9])
    for _ in range(20):
        pacer.answered("route", 0, quality, SURE, [0, 1], 0.95)
    assert pacer.value("route", 1.0) > 10.0
    for _ in range(400):
        pacer.answered("route", 1, quality, SURE, [0, 1], 0.95)
    assert pacer.value("route", 1.0) < 1.0
    assert pacer.value("other", 1.0) == 1.0


def test_budgets_survive_a_snapshot() -> None:
    pacer, other = Pacer(), Pacer()
    pacer.spent("a", 2.0, 1.0)
    pacer.answered("b", 0, np.array([0.5, 0.9]), SURE, [0, 1], 1.0)
    other.restore(pacer.snapshot())  # type: ignore[arg-type]
    assert other.snapshot() == pacer.snapshot()


def test_a_budget_is_spent_where_more_money_buys_a_little_more() -> None:
    pacer, spent = Pacer(), 0.0
    rng = np.random.default_rng(1)
    for _ in range(6000):
        # What the dear arm is better by: 0 to 0.1 of value, at three times the budget.
        dear = rng.uniform(0.0, 0.1) > pacer.money_price("route", 1.0, 1.0) * 3.0
        cost = 3.1 if dear else 0.1
        pacer.spent("route", cost, 1.0)
        spent += cost
    assert spent / 6000 == pytest.approx(1.0, abs=0.02)


def test_an_arm_that_may_be_better_raises_the_worth_of_quality_until_it_is_known() -> None:
    unsure, sure = Pacer(), Pacer()
    quality = np.array([0.7, 0.65])
    for _ in range(20):
        unsure.answered("route", 0, quality, np.array([0.01, 0.06]), [0, 1], 0.99)
        sure.answered("route", 0, quality, np.array([0.01, 0.02]), [0, 1], 0.99)
    assert sure.value("route", 1.0) < 1.0
    # The best answer was given already: more weight on quality changes nothing.
    assert unsure.value("route", 1.0) == 1.0
    for _ in range(20):
        unsure.answered("route", 1, quality, np.array([0.01, 0.06]), [0, 1], 0.99)
    assert unsure.value("route", 1.0) > 1.5
