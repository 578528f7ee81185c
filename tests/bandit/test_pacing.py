import numpy as np
import pytest

from bandit.pacing import Pacer


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
    for _ in range(100):
        pacer.spent("route", 0.1, 1.0)
    assert pacer.money_price("route", 10.0, 1.0) == 0.0
    assert pacer.money_price("other", 10.0, 1.0) == 0.0


def test_quality_is_worth_more_while_the_target_is_missed() -> None:
    pacer = Pacer()
    quality = np.array([0.5, 0.9])
    for _ in range(20):
        pacer.answered("route", 0, quality, [0, 1], 0.95)
    assert pacer.value("route", 1.0) > 10.0
    for _ in range(400):
        pacer.answered("route", 1, quality, [0, 1], 0.95)
    assert pacer.value("route", 1.0) < 1.0
    assert pacer.value("other", 1.0) == 1.0


def test_budgets_survive_a_snapshot() -> None:
    pacer, other = Pacer(), Pacer()
    pacer.spent("a", 2.0, 1.0)
    pacer.answered("b", 0, np.array([0.5, 0.9]), [0, 1], 1.0)
    other.restore(pacer.snapshot())  # type: ignore[arg-type]
    assert other.snapshot() == pacer.snapshot()
