import numpy as np
import pytest

from bandit import ArmPrior
from bandit.context.features import DIMENSION, column_groups
from bandit.quality.regression import QualityModel, QualitySettings

NOW = 1.7e9
SETTINGS = QualitySettings(price_slope=0.0)


def contexts(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = np.zeros((count, DIMENSION))
    x[:, 0] = 1.0
    x[np.arange(count), 1 + rng.integers(0, 3, count)] = 1.0
    x[:, 45:48] = rng.random((count, 3)).astype(np.float32)
    return x


def model(arms: int = 2, settings: QualitySettings = SETTINGS) -> QualityModel:
    made = QualityModel(column_groups(), settings)
    for arm in range(arms):
        made.add_arm(f"arm{arm}", ArmPrior())
    return made


def feed(
    made: QualityModel, count: int, seed: int = 0, arms: int = 0
) -> list[tuple[int, np.ndarray, float, float]]:
    rng = np.random.default_rng(seed)
    rows = []
    for number, x in enumerate(contexts(count, seed)):
        arm = int(rng.integers(arms or len(made._priors)))
        value = float(rng.random() < 0.4 + 0.2 * arm + 0.2 * x[1])
        at = NOW + 60.0 * number
        made.observe(arm, x, value, at=at, weight=1.0, labelled=False)
        rows.append((arm, x, value, at))
    return rows


def test_posterior_equals_the_batch_solution() -> None:
    made = model()
    rows = feed(made, 300)
    now = NOW + 60.0 * 300
    tau = SETTINGS.half_life_s / np.log(2.0)
    hyper = made._hyper
    for arm in (0, 1):
        x = np.array([row[1] for row in rows if row[0] == arm])
        y = np.array([row[2] for row in rows if row[0] == arm])
        w = np.exp(-(now - np.array([row[3] for row in rows if row[0] == arm])) / tau) / hyper.noise
        covariance = np.linalg.inv(np.diag(1.0 / hyper.spread) + (x.T * w) @ x)
        mean = made._prior.mean[arm]
        theta, spread = made.posterior(arm, now)
        left = covariance / hyper.spread
        assert spread == pytest.approx(covariance + left @ hyper.doubt @ left.T, abs=1e-10)
        assert theta == pytest.approx(mean + covariance @ ((x.T * w) @ (y - x @ mean)), abs=1e-10)


def test_an_update_is_the_exact_posterior_given_the_last_fit() -> None:
    made = model()
    feed(made, 333)
    rows = contexts(made._due - made._since + 8, seed=5)
    while not made.fit_due:
        made.observe(1, rows[made._since % 3], 1.0, at=NOW + 60.0 * 333, weight=1.0, labelled=False)
    made.fit_if_due()
    mean, covariance = made.posteriors.of(0)
    seen, values = rows[:6], np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    for x, value in zip(seen, values, strict=True):
        made.observe(0, x, value, at=NOW + 60.0 * 333, weight=0.5, labelled=False)
    assert made._since == 6
    # Behind the reference of the cached posteriors, an observation weighs a little more.
    strength = 0.5 * np.exp((NOW + 60.0 * 333 - made._decay.reference) / made._decay._tau) / made._hyper.noise
    exact = np.linalg.inv(np.linalg.inv(covariance) + strength * seen.T @ seen)
    theta, spread = made.posteriors.of(0)
    assert spread == pytest.approx(exact, abs=1e-9)
    assert theta == pytest.approx(mean + exact @ (strength * seen.T @ (values - seen @ mean)), abs=1e-9)
    assert made.posteriors.sds()[0] ** 2 == pytest.approx(made._centre @ exact @ made._centre, abs=1e-9)


def test_an_arm_hardly_tried_is_less_known_where_it_hangs_on_what_arms_have_in_common() -> None:
    made = QualityModel(column_groups(), SETTINGS)
    for prior in (ArmPrior(), ArmPrior(), ArmPrior(quality=0.6)):
        made.add_arm(f"arm{len(made._priors)}", prior)
    for number, x in enumerate(contexts(300)):
        made.observe(0, x, float(number % 3 == 0), at=NOW, weight=1.0, labelled=False)
    own = np.sqrt(made._centre**2 @ made._hyper.spread)
    judged, pooled, _ = made.posteriors.sds()
    assert judged < 0.05
    assert pooled > 1.2 * own
    assert made.posteriors.of(1)[1][0, 0] == pytest.approx(made._hyper.spread[0] + made._hyper.doubt[0, 0])
    assert made.posteriors.of(2)[1][0, 0] == pytest.approx(made._hyper.spread[0])


def test_a_restored_model_goes_on_as_if_nothing_had_happened() -> None:
    made, restored = model(), model()
    feed(made, 333)
    restored.restore(made.snapshot())
    for one in (made, restored):
        for x in contexts(40, seed=3):
            one.observe(1, x, 1.0, at=NOW + 60.0 * 333, weight=1.0, labelled=False)
    for arm in (0, 1):
        for left, right in zip(made.posteriors.of(arm), restored.posteriors.of(arm), strict=True):
            assert left == pytest.approx(right, abs=1e-12)


def until_due(made: QualityModel) -> None:
    feed(made, 333)
    at = NOW + 60.0 * 333
    while not made.fit_due:
        made.observe(0, contexts(1)[0], 1.0, at=at, weight=1.0, labelled=False)


def test_a_fit_that_somebody_else_makes_is_the_one_that_the_next_observation_would_make() -> None:
    ahead, lazy = model(), model()
    for made in (ahead, lazy):
        until_due(made)
    earlier = ahead.posteriors.of(0)
    fit = ahead.compute_fit()
    assert all(np.array_equal(now, then) for now, then in zip(ahead.posteriors.of(0), earlier, strict=True))
    ahead.apply_fit(fit)
    assert not ahead.fit_due
    assert not np.array_equal(ahead.posteriors.of(0)[1], earlier[1])
    for made in (ahead, lazy):
        made.observe(1, contexts(1)[0], 0.0, at=NOW + 60.0 * 334, weight=1.0, labelled=False)
    left, right = ahead.snapshot(), lazy.snapshot()
    for name, array in left.items():
        assert np.array_equal(array, right[name]), name


def test_a_fit_that_failed_is_put_off() -> None:
    made = model()
    until_due(made)
    earlier = made.posteriors.of(0)
    made.apply_fit(None)
    assert not made.fit_due
    assert all(np.array_equal(now, then) for now, then in zip(made.posteriors.of(0), earlier, strict=True))


def test_many_arms_are_solved_as_one_alone_would_be() -> None:
    made = model(70)
    feed(made, 700)
    made.apply_fit(made.compute_fit())
    for arm in (0, 31, 32, 69):
        theta, covariance = made.posteriors.of(arm)
        alone = made._solution(arm, made._evidence[arm].counted_sums(), made._scale())
        assert theta == pytest.approx(alone.theta[:, 0], abs=1e-9)
        assert covariance == pytest.approx(alone.covariance[:, :, 0], abs=1e-9)


def test_retraction_leaves_the_sums_as_if_it_had_not_been_observed() -> None:
    made, other = model(), model()
    x = contexts(1)[0]
    feed(made, 100)
    made.observe(0, x, 1.0, at=NOW + 6000.0, weight=2.0, labelled=False)
    made.retract(0, x, 1.0, at=NOW + 6000.0, weight=2.0)
    feed(other, 100)
    for left, right in zip(made._evidence, other._evidence, strict=True):
        assert left.sums.packed() == pytest.approx(right.sums.packed(), abs=1e-9)
        assert left.count == right.count


def test_siblings_of_one_model_learn_from_each_other() -> None:
    made = QualityModel(column_groups(), SETTINGS)
    for name, owner in (("m@x", "m"), ("m@y", "m"), ("n@x", "n")):
        made.add_arm(name, ArmPrior(quality=0.5, model=owner))
    for number, x in enumerate(contexts(60)):
        made.observe(0, x, 1.0, at=NOW + number, weight=1.0, labelled=False)
    (x,) = contexts(1)
    mean, variance = made.posteriors.means(x), [made.posteriors.predict(arm, x)[1] for arm in range(3)]
    assert mean[1] > mean[2] + 0.1
    assert variance[0] < variance[1] < variance[2]


def test_a_collapse_reopens_that_arm_and_no_other() -> None:
    made = model()
    rng = np.random.default_rng(1)
    alarms = []
    for number, x in enumerate(contexts(600)):
        level = 0.7 if number < 400 else 0.2
        for arm in (0, 1):
            value = float(rng.random() < (level if arm == 0 else 0.6))
            if made.observe(arm, x, value, at=NOW + number, weight=1.0, labelled=False):
                alarms.append((arm, number))
    assert len(alarms) == 1
    assert alarms[0][0] == 0
    assert 400 < alarms[0][1] < 445
    assert made.posteriors.means(contexts(1)[0])[0] < 0.4


def test_labels_that_traffic_contradicts_on_one_arm_are_dropped_for_all() -> None:
    made = model(3)
    for x in contexts(100):
        for arm, value in ((0, 1.0), (1, 0.0), (2, 1.0)):
            made.observe(arm, x, value, at=NOW, weight=1.0, labelled=True)
    rng = np.random.default_rng(2)
    for number, x in enumerate(contexts(80)):
        made.observe(2, x, 1.0, at=NOW + number, weight=1.0, labelled=False)
    assert all(evidence.trust.trusted for evidence in made._evidence)
    for number, x in enumerate(contexts(80)):
        made.observe(0, x, float(rng.random() < 0.3), at=NOW + 100 + number, weight=1.0, labelled=False)
    assert not any(evidence.trust.trusted for evidence in made._evidence)


def test_labels_inform_until_feedback_outweighs_them_by_far() -> None:
    made = model()
    assert not made.informed
    for x in contexts(50):
        for arm in (0, 1):
            made.observe(arm, x, 0.6, at=NOW, weight=1.0, labelled=True)
    assert made.informed
    feedback = contexts(100)
    for x in feedback[:-1]:
        made.observe(0, x, 0.6, at=NOW, weight=5.0, labelled=False)
    assert made.informed
    made.observe(1, feedback[-1], 0.6, at=NOW, weight=7.5, labelled=False)
    assert not made.informed
    made.retract(1, feedback[-1], 0.6, at=NOW, weight=7.5)
    assert made.informed
    restored = model()
    restored.restore(made.snapshot())
    assert restored.informed


def test_labels_that_were_dropped_inform_no_more() -> None:
    made = model()
    for x in contexts(100):
        for arm, value in ((0, 1.0), (1, 0.0)):
            made.observe(arm, x, value, at=NOW, weight=1.0, labelled=True)
    for number, x in enumerate(contexts(80)):
        made.observe(0, x, 0.0, at=NOW + number, weight=1.0, labelled=False)
    assert not made.informed


def test_a_newcomer_among_settled_arms_starts_as_good_as_the_best() -> None:
    made = model()
    feed(made, 600)
    made.add_arm("late", ArmPrior())
    mean = made.posteriors.means(contexts(1)[0])
    assert mean[2] > mean[:2].mean()


def test_an_arm_that_was_never_judged_does_not_keep_a_newcomer_from_its_bonus() -> None:
    alone, beside = model(), model()
    beside.add_arm("too dear to be asked", ArmPrior())
    for made in (alone, beside):
        feed(made, 600, arms=2)
        made.add_arm("late", ArmPrior())
    x = contexts(1)[0]
    assert beside.posteriors.means(x)[3] == pytest.approx(alone.posteriors.means(x)[2], abs=0.02)
    restored = model()
    restored.add_arm("too dear to be asked", ArmPrior())
    restored.add_arm("late", ArmPrior())
    restored.restore(beside.snapshot())
    bonus = restored._newcomer_bonus(restored._hyper)
    nobodys = [None] * 4
    restored._use(restored._solve_all(nobodys, restored._hyper, bonus, restored._centre, restored._scale()))
    assert restored.posteriors.means(x) == pytest.approx(beside.posteriors.means(x))


def test_without_data_the_posterior_returns_to_the_prior() -> None:
    made = model()
    feed(made, 300)
    theta, covariance = made.posterior(1, NOW + 3650 * 86400.0)
    assert theta == pytest.approx(made._prior.mean[1], abs=1e-3)
    prior = made._hyper.spread + np.diag(made._hyper.doubt)
    assert np.diag(covariance) == pytest.approx(prior, rel=1e-3)
