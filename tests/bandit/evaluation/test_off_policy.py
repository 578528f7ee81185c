"""Off-policy estimates against logs whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from bandit.evaluation.off_policy import CannotEvaluateError, Log, evaluate, once, predictions, sequence

MEANS = np.array([0.3, 0.5, 0.7])


def logged(seed: int, count: int = 2000, floor: float = 0.05) -> Log:
    """A logger that learns: ε-greedy on its own running means."""
    rng = np.random.default_rng(seed)
    sums, counts = np.zeros(3), np.full(3, 1e-9)
    probabilities = np.empty((count, 3))
    arm = np.empty(count, dtype=np.intp)
    reward = np.empty(count)
    for row in range(count):
        p = np.full(3, floor)
        p[int((sums / counts).argmax())] += 1.0 - 3 * floor
        probabilities[row] = p
        arm[row] = rng.choice(3, p=p)
        reward[row] = float(rng.random() < MEANS[arm[row]])
        sums[arm[row]] += reward[row]
        counts[arm[row]] += 1.0
    return Log(probabilities, arm, reward)


def fixed(log: Log, arm: int) -> np.ndarray:
    target = np.zeros_like(log.probabilities)
    target[:, arm] = 1.0
    return target


@pytest.mark.parametrize("arm", [0, 1, 2])
def test_every_estimator_finds_the_mean_of_a_fixed_arm_though_the_logger_learnt(arm: int) -> None:
    values = [evaluate(log, fixed(log, arm)) for log in map(logged, range(20))]
    for name in ("ips", "snips", "dr"):
        mean = np.mean([getattr(value, name).value for value in values])
        assert mean == pytest.approx(MEANS[arm], abs=0.03), name


def test_intervals_cover_the_truth_in_nearly_all_runs() -> None:
    covered = 0
    for seed in range(60):
        log = logged(seed, count=1000)
        result = evaluate(log, fixed(log, seed % 3)).dr
        covered += result.low <= MEANS[seed % 3] <= result.high
    assert covered >= 57


def test_doubly_robust_is_narrower_than_ips() -> None:
    log = logged(3)
    result = evaluate(log, np.full((2000, 3), 1 / 3))
    assert result.dr.high - result.dr.low < 0.9 * (result.ips.high - result.ips.low)


def test_evaluating_the_logger_itself_gives_what_it_got() -> None:
    log = logged(4)
    result = evaluate(log, log.probabilities)
    assert result.effective_samples == pytest.approx(2000)
    assert result.ips.value == pytest.approx(log.reward.mean())
    assert result.logged.value == pytest.approx(log.reward.mean())


def test_an_arm_that_was_never_drawn_is_refused_with_the_reason() -> None:
    log = logged(5)
    p = log.probabilities.copy()
    kept = log.arm != 0
    p[:, 0] = 0.0
    p /= p.sum(axis=1, keepdims=True)
    log = Log(p[kept], log.arm[kept], log.reward[kept])
    with pytest.raises(CannotEvaluateError, match="never drawn"):
        evaluate(log, fixed(log, 0))


def test_too_few_rows_are_refused() -> None:
    log = logged(6, count=20)
    with pytest.raises(CannotEvaluateError, match="only 20 rows"):
        evaluate(log, log.probabilities)


def test_too_few_effective_samples_are_refused() -> None:
    count = 500
    p = np.tile([0.002, 0.998], (count, 1))
    arm = np.ones(count, dtype=np.intp)
    arm[7] = 0
    log = Log(p, arm, np.ones(count))
    target = np.zeros_like(p)
    target[:, 0] = 1.0
    with pytest.raises(CannotEvaluateError, match="worth only 1 of"):
        evaluate(log, target)


def test_propensities_that_do_not_match_the_draws_are_refused() -> None:
    log = logged(7)
    wrong = np.full_like(log.probabilities, 1 / 3)
    with pytest.raises(CannotEvaluateError, match="don't match"):
        evaluate(Log(wrong, log.arm, log.reward), fixed(log, 2))


def test_a_target_that_is_no_distribution_is_the_callers_error() -> None:
    log = logged(8)
    with pytest.raises(ValueError, match="probability vector"):
        evaluate(log, log.probabilities * 0.5)


def test_the_reward_model_of_a_row_knows_only_rows_before_it() -> None:
    log = logged(9, count=300)
    changed = Log(log.probabilities, log.arm, np.where(np.arange(300) < 200, log.reward, 1.0 - log.reward))
    assert np.array_equal(predictions(log)[:200], predictions(changed)[:200])
    assert not np.array_equal(predictions(log)[250:], predictions(changed)[250:])


def test_the_reward_model_uses_the_context() -> None:
    rng = np.random.default_rng(1)
    context = rng.choice([0.0, 1.0], size=(2000, 1))
    arm = rng.integers(2, size=2000)
    reward = np.where(arm == 1, context[:, 0], 0.5)
    log = Log(np.full((2000, 2), 0.5), arm, reward, context)
    late = predictions(log)[1500:]
    assert late[:, 1] == pytest.approx(context[1500:, 0], abs=0.05)
    assert late[:, 0] == pytest.approx(np.full(500, 0.5), abs=0.05)


def half_widths(score: np.ndarray, rows: list[int], **options: int) -> list[float]:
    """Returns half the width of the sequence at each number of rows, in standard errors."""
    results = [sequence(score[:n], np.ones(n), **options) for n in rows]
    return [
        (one.high - one.value) / (score[:n].std() / np.sqrt(n)) for one, n in zip(results, rows, strict=True)
    ]


def test_the_sequence_narrows_with_more_rows() -> None:
    score = np.random.default_rng(2).random(20_000)
    widths = [sequence(score[:n], np.ones(n)) for n in (500, 2000, 5000, 20_000)]
    halves = [w.high - w.value for w in widths]
    assert halves[0] > halves[1] > halves[2] > halves[3]


def test_the_sequence_is_narrowest_at_the_rows_planned_for() -> None:
    score = np.random.default_rng(2).random(20_000)
    assert half_widths(score, [5000]) == pytest.approx([2.35], abs=0.01)
    early, planned, after = half_widths(score, [400, 2000, 2001], planned=2000)
    assert planned == pytest.approx(2.35, abs=0.01)
    # Before and after, what holds forever.
    assert 3.4 < early < 3.8
    assert after == pytest.approx(3.51, abs=0.02)


def test_the_sequence_holds_at_all_looks_together() -> None:
    rng = np.random.default_rng(3)
    looks = [*range(200, 2000, 50), 2000, 2500, 3000]
    missed = once_missed = 0
    for _ in range(400):
        score = rng.standard_normal(3000)
        results = [sequence(score[:n], np.ones(n), planned=2000) for n in looks]
        missed += any(not one.low <= 0.0 <= one.high for one in results)
        fixed = [once(score[:n], np.ones(n)) for n in looks]
        once_missed += any(not one.low <= 0.0 <= one.high for one in fixed)
    assert missed <= 0.05 * 400
    # What holds for one look doesn't for many.
    assert once_missed > 0.15 * 400


def test_a_constant_reward_has_an_interval_of_no_width() -> None:
    result = sequence(np.ones(100), np.ones(100))
    assert (result.low, result.value, result.high) == (1.0, 1.0, 1.0)
