"""Deciding many rounds at once is deciding each."""

from __future__ import annotations

import numpy as np
import pytest

from bandit import PRESETS, ArmPrior, Bandit, Objective, Quote, RequestFacts, Round

TEXTS = (
    "What is 2 + 2?",
    "Write a function that sorts a list. def f(x): return sorted(x)",
    "Who wrote Hamlet?",
    "",
)


def facts(text: str, task: str | None) -> RequestFacts:
    return RequestFacts("auto", task, "", text, len(text), 1, False, False, False, False, None)


@pytest.mark.parametrize("arms", [2, 5, 40])
def test_many_rounds_at_once_get_what_each_gets_alone(arms: int) -> None:
    rng = np.random.default_rng(arms)
    bandit = Bandit()
    for n in range(arms):
        bandit.add_arm(f"p{n % 3}/m{n}", ArmPrior(usd_per_mtok=1.0 + n))
    for n in range(200):
        context = bandit.context(facts(TEXTS[n % 4], "qa" if n % 3 else None))
        arm = int(rng.integers(arms))
        bandit.observe_outcome(
            arm,
            context.x,
            task=context.task,
            output_tokens=50 + n,
            ttft_s=0.3,
            token_s=0.01,
            error=n % 17 == 0,
            now=1000.0 + n,
        )
        bandit.observe_quality(arm, context.x, float(rng.random() < 0.3 + 0.1 * arm), at=1000.0 + n)
    candidates = np.arange(arms)
    objectives = [
        *PRESETS.values(),
        Objective(0.05, 0.0, whole_answer=False),
        Objective(0.05, 0.0, min_quality=0.9),
    ]
    rounds = [
        Round(
            x=bandit.context(facts(text, task)).x,
            quote=Quote(rng.uniform(1e-5, 1e-3, arms), rng.uniform(1e-6, 1e-5, arms)),
            objective=objective,
            max_tokens=limit,
            uniform=float(rng.random()),
            budget="auto",
        )
        for text in TEXTS
        for task, limit in (("qa", None), (None, 30))
        for objective in objectives
    ]
    together = bandit.decide_many(rounds, candidates, now=1201.0)
    for one, many in zip(rounds, together, strict=True):
        alone = bandit.decide(
            one.x,
            candidates,
            one.quote,
            one.objective,
            max_tokens=one.max_tokens,
            now=1201.0,
            uniform=one.uniform,
            budget=one.budget,
        )
        assert many.probabilities == pytest.approx(alone.probabilities, abs=1e-3)
        assert many.probabilities.sum() == pytest.approx(1.0)
        for name in ("quality", "quality_sd", "output_tokens", "cost_usd", "seconds", "error", "utility"):
            assert getattr(many, name) == pytest.approx(getattr(alone, name), rel=1e-9), name


def test_a_single_round_and_a_single_candidate_are_decided_too() -> None:
    bandit = Bandit()
    for name in ("a", "b"):
        bandit.add_arm(name)
    one = Round(
        bandit.context(facts("Hi", None)).x, Quote(np.zeros(2), np.zeros(2)), PRESETS["best"], None, 0.5
    )
    assert bandit.decide_many([one], np.arange(2), now=0.0)[0].probabilities.shape == (2,)
    lone = Round(one.x, Quote(np.zeros(1), np.zeros(1)), PRESETS["best"], None, 0.5)
    assert [d.arm for d in bandit.decide_many([lone, lone], np.array([1]), now=0.0)] == [1, 1]


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
