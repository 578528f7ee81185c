import numpy as np
import pytest

from bandit import thompson
from bandit.arrays import FloatArray
from bandit.thompson import bounded, draw, normal_cdf, with_floor


def best_probabilities(mean: FloatArray, sd: FloatArray) -> FloatArray:
    """Of one decision, beside others that must not matter."""
    beside = np.ones_like(mean)
    together = thompson.best_probabilities(np.stack([beside, mean, -mean]), np.stack([beside, sd, 2.0 * sd]))
    assert thompson.best_probabilities(mean[None], sd[None])[0] == pytest.approx(together[1], abs=1e-4)
    return together[1]


@pytest.mark.parametrize("arms", [2, 3, 12, 60])
def test_probabilities_agree_with_monte_carlo(arms: int) -> None:
    rng = np.random.default_rng(arms)
    for _ in range(5):
        mean, sd = rng.normal(0, 0.1, arms), 10 ** rng.uniform(-3, -0.7, arms)
        best = (mean + sd * rng.standard_normal((100_000, arms))).argmax(axis=1)
        counted = np.bincount(best, minlength=arms) / 100_000
        assert np.abs(best_probabilities(mean, sd) - counted).max() < 0.012


def test_two_arms_agree_with_the_closed_form() -> None:
    mean, sd = np.array([0.6, 0.5]), np.array([0.1, 0.02])
    exact = float(normal_cdf(np.array([0.1 / np.hypot(*sd)]))[0])
    assert best_probabilities(mean, sd)[0] == pytest.approx(exact, abs=3e-3)


def test_an_arm_far_behind_gets_nothing_and_a_lone_arm_everything() -> None:
    assert best_probabilities(np.array([1.0, 0.0]), np.array([0.01, 0.01])) == pytest.approx(
        [1.0, 0.0], abs=1e-4
    )
    assert best_probabilities(np.array([0.3]), np.array([0.1])).tolist() == [1.0]


def test_shifting_and_scaling_all_arms_changes_no_probability() -> None:
    mean, sd = np.array([0.1, 0.2, 0.15]), np.array([0.1, 0.02, 0.05])
    assert best_probabilities(mean, sd) == pytest.approx(
        best_probabilities(5 + 1e-4 * mean, 1e-4 * sd), abs=1e-4
    )


def test_the_floor_holds_and_the_vector_still_sums_to_one() -> None:
    probabilities = with_floor(np.array([1.0, 0.0, 0.0]), 0.02, 0.03)
    assert probabilities.min() == pytest.approx(0.01)
    assert probabilities.sum() == pytest.approx(1.0)


def test_the_draw_follows_the_vector() -> None:
    uniforms = np.array([0.0, 0.19, 0.2, 0.69, 0.7, 0.999999])
    vectors = np.tile([0.2, 0.5, 0.3], (6, 1))
    assert draw(vectors, uniforms) == [0, 0, 1, 1, 2, 2]


def test_cutting_off_above_one_agrees_with_monte_carlo() -> None:
    rng = np.random.default_rng(0)
    mean, sd = np.array([0.95, 0.5]), np.array([0.1, 0.1])
    cut_mean, cut_sd = bounded(mean, sd)
    draws = 0.95 + 0.1 * rng.standard_normal(400_000)
    draws = draws[draws < 1.0]
    assert cut_mean[0] == pytest.approx(draws.mean(), abs=1e-3)
    assert cut_sd[0] == pytest.approx(draws.std(), abs=1e-3)
    assert cut_mean[1] == pytest.approx(0.5, abs=1e-4)
