import numpy as np
import pytest

from bandit.decision.pacing import Pacer


def test_spending_is_held_at_the_budget_whatever_the_prices_do() -> None:
    rng = np.random.default_rng(0)
    pacer, spent = Pacer(), 0.0
    for number in range(8000):
        price = 5.0 if number >= 4000 else 1.0
        extra = pacer.money_price("route", 10.0, 0.8)
        dear = 10.0 * 0.8 - (1.0 + extra) * price > -(1.0 + extra) * 0.2
        cost = (price if dear else 0.2) * rng.lognormal(0.0, 0.3)
        pacer.record_cost("route", cost, 0.8)
        spent += cost
    assert spent / 8000 == pytest.approx(0.8, rel=0.01)


def test_an_unspent_budget_costs_nothing() -> None:
    pacer = Pacer()
    for _ in range(200):
        pacer.record_cost("route", 0.1, 1.0)
    assert pacer.money_price("route", 10.0, 1.0) == 0.0
    assert pacer.money_price("other", 10.0, 1.0) == 0.0


def test_budgets_and_targets_survive_a_snapshot() -> None:
    pacer, other = Pacer(), Pacer()
    pacer.record_cost("a", 2.0, 1.0)
    target = pacer.target("b", 3, 0.05)
    for _ in range(700):
        target.record(0, np.ones(3), 0.01, np.array([0.5, 0.9]), np.full(2, 100.0), np.zeros(2))
    target.update_worth(np.full((40, 2), 0.5), np.full((40, 2), 0.01), np.zeros(2), np.arange(2), 1.0)
    other.restore(*pacer.snapshot())
    assert other.value("b", 1.0) == pacer.value("b", 1.0) != 0.05
    assert other.quality_only("b") == pacer.quality_only("b") < 1.0
    assert other.money_price("a", 1.0, 1.0) == pacer.money_price("a", 1.0, 1.0) > 0.0
    meta, arrays = other.snapshot()
    assert meta == pacer.snapshot()[0]
    assert all(np.array_equal(arrays[key], array) for key, array in pacer.snapshot()[1].items())


def test_a_target_that_is_not_finite_is_refused() -> None:
    pacer = Pacer()
    pacer.target("b", 3, 0.05).record(0, np.ones(3), 0.01, np.ones(2), np.ones(2), np.zeros(2))
    meta, arrays = pacer.snapshot()
    arrays["targets.0.charged"][0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        Pacer().restore(meta, arrays)


def test_a_budget_is_spent_where_more_money_buys_a_little_more() -> None:
    pacer, spent = Pacer(), 0.0
    rng = np.random.default_rng(1)
    for _ in range(6000):
        # What the dear arm is better by: 0 to 0.1 of value, at three times the budget.
        dear = rng.uniform(0.0, 0.1) > pacer.money_price("route", 1.0, 1.0) * 3.0
        cost = 3.1 if dear else 0.1
        pacer.record_cost("route", cost, 1.0)
        spent += cost
    assert spent / 6000 == pytest.approx(1.0, abs=0.02)
