"""What a caller is told of a decision."""

from __future__ import annotations

import numpy as np
import pytest

from bandit import PRESETS, ArmPrior, Bandit, Decision, Objective, Quote, RequestFacts

TEXTS = (
    "What is 2 + 2?",
    "Write a function that sorts a list. def f(x): return sorted(x)",
    "Who wrote Hamlet?",
    "",
)


def facts(text: str, task: str | None) -> RequestFacts:
    return RequestFacts("auto", task, "", text, len(text), 1, False, False, False, None)


def test_a_single_candidate_is_always_drawn() -> None:
    bandit = Bandit()
    for name in ("a", "b"):
        bandit.add_arm(name)
    x = bandit.context(facts(TEXTS[0], None)).x
    lone = Quote(np.zeros(1), np.zeros(1))
    for uniform in (0.0, 0.999999):
        decision = bandit.decide(
            x, np.array([1]), lone, PRESETS["best"], max_tokens=None, now=0.0, uniform=uniform
        )
        assert (decision.arm, decision.propensity) == (1, 1.0)


def test_the_answer_cannot_be_expected_longer_than_it_may_get() -> None:
    bandit = Bandit()
    bandit.add_arm("a")
    x = bandit.context(facts(TEXTS[0], None)).x
    quote = Quote(np.array([0.001]), np.array([1e-5]))

    def decided(limit: int | None) -> Decision:
        return bandit.decide(x, np.arange(1), quote, PRESETS["best"], max_tokens=limit, now=0.0, uniform=0.5)

    free, held = decided(None), decided(10)
    assert free.output_tokens[0] > 100.0
    assert held.output_tokens.tolist() == [10.0]
    assert held.cost_usd[0] == pytest.approx(0.001 + 10 * 1e-5)
    assert held.seconds[0] < free.seconds[0]
    assert held.utility[0] == pytest.approx(held.quality[0] * (1 - held.error[0]) - held.cost_usd[0])


@pytest.mark.parametrize("most", [0.02, 0.5, 1.0])
def test_exploration_is_capped_and_its_proportions_kept(most: float) -> None:
    bandit = Bandit()
    for n in range(4):
        bandit.add_arm(f"m{n}", ArmPrior())
    x = bandit.context(facts(TEXTS[0], None)).x
    quote = Quote(np.array([0.0, 0.001, 0.002, 0.003]), np.zeros(4))

    def vector(cap: float | None) -> np.ndarray:
        objective = Objective(value_usd=1.0, second_usd=0.0, max_exploration=cap)
        decision = bandit.decide(x, np.arange(4), quote, objective, max_tokens=None, now=1000.0, uniform=0.5)
        return decision.probabilities

    free, held = vector(None), vector(most)
    assert held.sum() == pytest.approx(1.0)
    assert 1.0 - held[0] == pytest.approx(min(most, 1.0 - free[0]))
    assert held[1:] / held[1:].sum() == pytest.approx(free[1:] / free[1:].sum())
