import numpy as np
import pytest

from bandit.quality.posteriors import Posteriors, add_context, add_outer
from bandit.quality.sums import Sums

SIZE = 6
CENTRE = np.array([1.0, 0.3, 0.0, 0.2, 0.0, 0.1])


def posteriors(arms: int = 3) -> Posteriors:
    made = Posteriors(SIZE)
    for arm in range(arms):
        covariance = np.diag(np.linspace(0.02, 0.1, SIZE)) * (arm + 1)
        theta = np.tile(0.1 * np.arange(arm + 1), (SIZE, 1))
        made.add_arm(theta, covariance[:, :, None], np.array([CENTRE @ covariance @ CENTRE]))
    return made


def test_an_observation_is_the_exact_bayesian_update_of_that_arm_alone() -> None:
    made = posteriors()
    rng = np.random.default_rng(0)
    before = [made.of(arm) for arm in range(3)]
    precision, target = np.linalg.inv(before[1][1]), np.linalg.inv(before[1][1]) @ before[1][0]
    for _ in range(20):
        x = rng.normal(size=SIZE) * (rng.random(SIZE) < 0.5)
        value, strength = float(rng.random()), float(rng.uniform(1.0, 9.0))
        precision += strength * np.outer(x, x)
        target += strength * value * x
        made.observe(1, x, value, strength, CENTRE)
    covariance = np.linalg.inv(precision)
    theta, stored = made.of(1)
    assert stored == pytest.approx(covariance, abs=1e-12)
    assert theta == pytest.approx(covariance @ target, abs=1e-12)
    assert made.sds()[1] == pytest.approx(np.sqrt(CENTRE @ covariance @ CENTRE))
    for arm in (0, 2):
        assert [part.tolist() for part in made.of(arm)] == [part.tolist() for part in before[arm]]


def test_a_forecast_is_the_mean_and_the_quadratic_form() -> None:
    made = posteriors()
    x = np.array([1.0, 0.0, -0.5, 0.25, 0.0, 2.0])
    theta, covariance = made.of(2)
    assert made.predict(2, x) == pytest.approx((theta @ x, x @ covariance @ x))
    assert made.means(x) == pytest.approx([made.predict(arm, x)[0] for arm in range(3)])


@pytest.mark.parametrize(("arm", "size"), [(3, SIZE), (-1, SIZE), (0, SIZE - 1), (0, SIZE + 1)])
def test_what_does_not_fit_is_refused(arm: int, size: int) -> None:
    made = posteriors()
    with pytest.raises(IndexError):
        made.predict(arm, np.ones(size))
    with pytest.raises(IndexError):
        made.observe(arm, np.ones(size), 0.5, 1.0, CENTRE)
    with pytest.raises(IndexError):
        Sums(SIZE - 1 if size == SIZE else SIZE).add_one(np.ones(size), 0.5, 1.0)


def test_sums_grow_by_the_outer_product() -> None:
    x = np.array([1.0, 0.0, -2.0])
    outer, response = np.eye(3), np.ones(3)
    add_outer(outer, response, x, 0.5, 3.0)
    assert outer == pytest.approx(np.eye(3) + 3.0 * np.outer(x, x))
    assert response == pytest.approx(1.0 + 1.5 * x)


def test_contexts_are_summed_and_counted_by_arm_and_kind() -> None:
    sums = np.zeros((2, 3, SIZE + 1))
    x = np.linspace(-1.0, 1.0, SIZE)
    add_context(sums, 1, 2, x)
    add_context(sums, 1, 2, x)
    assert sums[1, 2].tolist() == [*(2.0 * x), 2.0]
    assert np.count_nonzero(sums.any(axis=2)) == 1


@pytest.mark.parametrize(
    ("arm", "kind", "size"), [(2, 0, SIZE), (-1, 0, SIZE), (0, 3, SIZE), (0, 0, SIZE + 1)]
)
def test_a_context_that_does_not_fit_is_refused(arm: int, kind: int, size: int) -> None:
    with pytest.raises(IndexError):
        add_context(np.zeros((2, 3, SIZE + 1)), arm, kind, np.ones(size))
