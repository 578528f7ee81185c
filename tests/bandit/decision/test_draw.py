"""A draw: what a caller sees of it, and the redraw after a failed attempt."""

from __future__ import annotations

import numpy as np
import pytest

from bandit import PRESETS, ArmPrior, Bandit, Draw, Objective, Quote, RequestFacts

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

    def decided(limit: int | None) -> Draw:
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


def _drawn(uniform: float = 0.5, arms: int = 5) -> Draw:
    bandit = Bandit()
    for n in range(arms):
        bandit.add_arm(f"m{n}", ArmPrior())
    x = bandit.context(facts(TEXTS[0], None)).x
    quote = Quote(np.linspace(0.0, 0.003, arms), np.zeros(arms))
    objective = Objective(value_usd=0.05, second_usd=0.0)
    return bandit.decide(x, np.arange(arms), quote, objective, max_tokens=None, now=0.0, uniform=uniform)


def _is_exact(draw: Draw) -> bool:
    """Whether the propensity is the entry of a vector that float32 holds without loss, and that sums to 1 in it."""
    vector = draw.probabilities
    return (
        vector.astype(np.float32).astype(np.float64).tolist() == vector.tolist()
        and draw.propensity == vector[draw.chosen] > 0.0
        and abs(float(vector.sum()) - 1.0) < 1e-6
    )


def test_the_propensity_is_the_entry_of_the_vector_bit_for_bit_after_any_number_of_redraws() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        draw: Draw | None = _drawn(float(rng.random()))
        out = set()
        while draw is not None:
            assert _is_exact(draw)
            assert draw.chosen not in out
            assert draw.probabilities[list(out)].tolist() == [0.0] * len(out)
            out.add(draw.chosen)
            draw = draw.without(draw.chosen, float(rng.random()))
        assert len(out) == 5


def test_a_redraw_keeps_the_proportions_of_the_others_and_leaves_the_first_draw_as_it_was() -> None:
    first = _drawn()
    before = first.table.copy()
    second = first.without(2, 0.5)
    assert second is not None
    rest = np.delete(first.probabilities, 2)
    assert np.delete(second.probabilities, 2) == pytest.approx(rest / rest.sum(), rel=1e-6)
    assert second.probabilities[2] == 0.0
    assert np.array_equal(first.table, before)
    assert second.utility.tolist() == first.utility.tolist()


def test_a_redraw_follows_the_vector_that_it_makes() -> None:
    first = _drawn()
    second = first.without(0, 0.0)
    assert second is not None
    edges = np.cumsum(second.probabilities) / second.probabilities.sum()
    for position in range(1, 4):
        for side, drawn in ((-1e-9, position), (1e-9, position + 1)):
            again = first.without(0, float(edges[position]) + side)
            assert again is not None
            assert again.chosen == drawn


def test_nothing_can_be_drawn_without_the_only_candidate() -> None:
    assert _drawn(arms=1).without(0, 0.5) is None
