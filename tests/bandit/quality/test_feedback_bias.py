import numpy as np
import pytest

from bandit.quality.feedback_bias import FeedbackBias


def collect(
    seen_bad: float, seen_good: float, answers: tuple[int, ...] = (5000, 5000, 5000), seed: int = 3
) -> FeedbackBias:
    rng = np.random.default_rng(seed)
    bias = FeedbackBias(4)
    for arm, (quality, count) in enumerate(zip((0.2, 0.5, 0.8), answers, strict=True)):
        bias.add_arm()
        for kind in rng.integers(0, 4, count).tolist():
            bias.record_answer(arm, kind)
            good = rng.random() < quality + 0.05 * (kind - 1.5)
            if rng.random() < (seen_good if good else seen_bad):
                bias.record_feedback(arm, kind, float(good), 1.0)
    return bias


def evenness(bias: FeedbackBias) -> float:
    return bias.weight(1.0) / bias.weight(0.0)


def test_complaints_are_weighed_down_by_how_often_they_come() -> None:
    assert evenness(collect(0.30, 0.06, (40_000, 40_000, 40_000))) == pytest.approx(5.0, rel=0.2)


def test_little_feedback_moves_the_weights_little() -> None:
    assert evenness(collect(0.30, 0.06, (200, 400, 800))) == pytest.approx(1.3, abs=0.3)


def test_unbiased_feedback_keeps_its_weight() -> None:
    assert evenness(collect(0.1, 0.1)) == pytest.approx(1.0, abs=0.1)


def test_bad_arms_that_are_seldom_chosen_make_no_bias() -> None:
    ratios = [evenness(collect(0.1, 0.1, (60, 240, 9_000), seed)) for seed in range(20)]
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.03)


def test_complaints_are_expected_to_be_the_disappointeds_until_they_show_otherwise() -> None:
    few = collect(0.30, 0.06, (40, 40, 40))
    assert evenness(few) == 1.0
    assert few.weight(1.0, complaint=True) / few.weight(0.0, complaint=True) > 1.5
    many = collect(0.1, 0.1, (40_000, 40_000, 40_000))
    assert many.weight(1.0, complaint=True) / many.weight(0.0, complaint=True) == pytest.approx(1.0, abs=0.2)
    assert FeedbackBias(1).weight(0.0, complaint=True) == 1.0


def test_an_answer_between_good_and_bad_is_heard_as_often_as_a_mean_of_both() -> None:
    bias = collect(0.30, 0.06, (40_000, 40_000, 40_000))
    heard = [1.0 / bias.weight(value) for value in (0.0, 0.25, 1.0)]
    assert heard[1] == pytest.approx(0.75 * heard[0] + 0.25 * heard[2])


def test_full_or_little_feedback_is_left_alone() -> None:
    assert collect(1.0, 1.0).weight(0.0) == 1.0
    assert FeedbackBias(1).weight(0.0) == 1.0


def test_the_rate_is_weight_per_answer_and_comes_back_with_the_counts() -> None:
    bias = FeedbackBias(2)
    bias.add_arm()
    assert bias.judged_share == 0.0
    for number in range(8):
        bias.record_answer(0, number % 2)
        bias.record_feedback(0, 0, 1.0, 0.5)
    bias.record_feedback(0, 1, 1.0, 0.5, -1.0)
    assert bias.judged_share == 3.5 / 8
    other = FeedbackBias(2)
    other.add_arm()
    other.restore(bias.snapshot(), bias.weight_total)
    assert other.judged_share == bias.judged_share
    for _ in range(20):
        bias.record_feedback(0, 0, 0.0, 1.0)
    assert bias.judged_share == 1.0


def of_many_arms(seen_bad: float, seen_good: float, seed: int) -> float:
    """One good arm that answers nearly all, and three hundred bad ones that were tried a little."""
    rng = np.random.default_rng(seed)
    bias = FeedbackBias(1)
    rows = []
    for quality, answers in ((0.8, 20_000), *((0.3, 40),) * 300):
        bias.add_arm()
        good = rng.random(answers) < quality
        seen = rng.random(answers) < np.where(good, seen_good, seen_bad)
        rows.append([[answers, (seen & ~good).sum(), (seen & good).sum()]])
    bias.restore(np.array(rows, dtype=np.float64), weight_total=0.0)
    return evenness(bias)


def test_the_noise_of_many_small_counts_is_no_slope() -> None:
    assert np.mean([of_many_arms(0.1, 0.1, seed) for seed in range(10)]) == pytest.approx(1.0, abs=0.08)
    assert np.mean([of_many_arms(0.30, 0.06, seed) for seed in range(10)]) > 3.0


def test_feedback_of_the_kind_that_is_hardly_ever_given_counts_five_times_at_most() -> None:
    """Where all of one kind is heard and a fiftieth of the other, what is heard weighs nearly 1."""
    assert 5.0 < evenness(collect(1.0, 0.02, (40_000, 40_000, 40_000))) < 6.0
    assert 5.0 < 1.0 / evenness(collect(0.02, 1.0, (40_000, 40_000, 40_000))) < 6.0
