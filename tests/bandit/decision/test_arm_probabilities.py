import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit.arrays import FloatArray
from bandit.decision.arm_probabilities import MOST, bounded, probabilities


@pytest.mark.parametrize("arms", [2, 3, 12, 60])
def test_thompsons_probabilities_agree_with_monte_carlo(arms: int) -> None:
    rng = np.random.default_rng(arms)
    for _ in range(5):
        mean, sd = rng.normal(0, 0.1, arms), 10 ** rng.uniform(-3, -0.7, arms)
        best = (mean + sd * rng.standard_normal((100_000, arms))).argmax(axis=1)
        counted = np.bincount(best, minlength=arms) / 100_000
        assert np.abs(probabilities(mean, sd) - counted).max() < 0.012


def test_two_arms_agree_with_the_closed_form() -> None:
    # Φ(0.1 / √(0.1² + 0.02²))
    assert probabilities(np.array([0.6, 0.5]), np.array([0.1, 0.02]))[0] == pytest.approx(0.8366, abs=3e-3)


@pytest.mark.parametrize("directed", [0.0, 0.9, 1.0])
def test_an_arm_far_behind_gets_nothing_and_a_lone_arm_everything(directed: float) -> None:
    far = probabilities(np.array([1.0, 0.0]), np.array([0.01, 0.01]), directed)
    assert far == pytest.approx([1.0, 0.0], abs=1e-4)
    assert probabilities(np.array([0.3]), np.array([0.1]), directed).tolist() == [1.0]


@pytest.mark.parametrize("directed", [0.0, 1.0])
def test_shifting_and_scaling_all_arms_changes_no_probability(directed: float) -> None:
    mean, sd = np.array([0.1, 0.2, 0.15]), np.array([0.1, 0.02, 0.05])
    assert probabilities(mean, sd, directed) == pytest.approx(
        probabilities(5 + 1e-4 * mean, 1e-4 * sd, directed), abs=1e-4
    )


def test_cutting_off_above_one_agrees_with_monte_carlo() -> None:
    rng = np.random.default_rng(0)
    mean, sd = bounded(0.95, 0.1)
    draws = 0.95 + 0.1 * rng.standard_normal(400_000)
    draws = draws[draws < 1.0]
    assert mean == pytest.approx(draws.mean(), abs=1e-3)
    assert sd == pytest.approx(draws.std(), abs=1e-3)
    assert bounded(0.5, 0.1) == pytest.approx((0.5, 0.1), abs=1e-4)


def regret_and_information(mean: FloatArray, sd: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Counts Δ and v of every arm by drawing."""
    draws = mean + sd * np.random.default_rng(1).standard_normal((400_000, mean.shape[0]))
    best = draws.argmax(axis=1)
    learnt = np.zeros(mean.shape[0])
    for arm in np.unique(best):
        won = draws[best == arm]
        learnt += won.shape[0] / draws.shape[0] * (won.mean(axis=0) - mean) ** 2
    return draws.max(axis=1).mean() - mean, learnt


@pytest.mark.parametrize("arms", [2, 3, 6, 16])
def test_a_directed_draw_has_the_least_squared_regret_per_information(arms: int) -> None:
    rng = np.random.default_rng(arms)
    for _ in range(4):
        mean, sd = rng.normal(0, 0.1, arms), 10 ** rng.uniform(-2, -0.7, arms)
        regret, learnt = regret_and_information(mean, sd)
        least = np.inf
        for share in np.linspace(0.0, 1.0, 101):
            for first in range(arms):
                mixed = (1.0 - share) * regret[first] + share * regret
                least = min(least, float((mixed**2 / ((1.0 - share) * learnt[first] + share * learnt)).min()))
        vector = probabilities(mean, sd, 1.0)
        assert np.count_nonzero(vector) <= 2
        assert (vector @ regret) ** 2 / (vector @ learnt) <= 1.03 * least


def test_a_directed_draw_looks_at_what_may_be_better_not_at_what_is_only_unsure() -> None:
    vector = probabilities(np.array([0.6, 0.58, 0.2]), np.array([0.01, 0.1, 0.1]), 1.0)
    assert vector[1] > 0.5
    assert vector[2] == 0.0


def test_arms_that_nothing_tells_apart_share_a_directed_draw() -> None:
    assert probabilities(np.full(5, 0.6), np.full(5, 0.1), 1.0) == pytest.approx(np.full(5, 0.2))
    vector = probabilities(np.array([0.6, 0.59, 0.59, 0.2]), np.array([0.01, 0.1, 0.1, 0.1]), 1.0)
    assert vector[1] == pytest.approx(vector[2])
    assert vector[1:3].sum() > 0.5


@given(
    st.lists(st.tuples(st.floats(-1.0, 1.0), st.floats(1e-9, 1.0)), min_size=1, max_size=MOST),
    st.floats(0.0, 1.0),
)
def test_the_vector_is_one_of_probabilities_and_a_mixture_of_both_ways(
    arms: list[tuple[float, float]], directed: float
) -> None:
    mean, sd = np.array(arms).T.copy()
    vector = probabilities(mean, sd, directed)
    assert (vector >= 0.0).all()
    assert vector.sum() == pytest.approx(1.0)
    both = (1.0 - directed) * probabilities(mean, sd) + directed * probabilities(mean, sd, 1.0)
    assert vector == pytest.approx(both, abs=1e-6)
