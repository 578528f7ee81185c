"""Which of many candidates compete, seen through a decision: the selection itself is compiled and private."""

from __future__ import annotations

import numpy as np
import pytest

from bandit import ArmPrior, Bandit, Objective, Quote, RequestFacts
from bandit.decision.shortlist import SIZE


@pytest.mark.parametrize("seed", range(5))
def test_of_equally_good_candidates_the_cheapest_compete(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bandit, arms = Bandit(), 60
    for n in range(arms):
        bandit.add_arm(f"m{n}", ArmPrior(quality=0.5))
    facts = RequestFacts("auto", None, "", "Hi", 2, 1, False, False, False, None)
    price = rng.permutation(arms) * 1e-4
    draw = bandit.decide(
        bandit.context(facts).x,
        np.arange(arms),
        Quote(price, np.zeros(arms)),
        Objective(value_usd=1.0, second_usd=0.0),
        max_tokens=None,
        now=0.0,
        uniform=0.5,
    )
    floor = bandit.settings.floor_total / arms
    competing = np.flatnonzero(draw.probabilities > floor * (1.0 + 1e-6))
    assert 2 <= competing.size <= SIZE
    assert set(competing) <= set(np.argsort(price)[:SIZE])
