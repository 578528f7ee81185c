import numpy as np
import pytest

from bandit.bias import FeedbackBias


def collect(seen_bad: float, seen_good: float) -> FeedbackBias:
    rng = np.random.default_rng(3)
    bias = FeedbackBias(1)
    for arm, quality in enumerate((0.2, 0.5, 0.8)):
        bias.add_arm()
        for _ in range(5000):
            bias.answered(arm, 0)
            good = rng.random() < quality
            if rng.random() < (seen_good if good else seen_bad):
                bias.judged(arm, 0, float(good), 1.0)
    return bias


def test_complaints_are_weighed_down_by_how_often_they_come() -> None:
    bias = collect(0.30, 0.06)
    assert bias.weight(1.0) / bias.weight(0.0) == pytest.approx(5.0, rel=0.25)


def test_unbiased_feedback_keeps_its_weight() -> None:
    bias = collect(0.1, 0.1)
    assert bias.weight(1.0) == pytest.approx(1.0, abs=0.15)


def test_full_or_little_feedback_is_left_alone() -> None:
    assert collect(1.0, 1.0).weight(0.0) == 1.0
    assert FeedbackBias(1).weight(0.0) == 1.0


def test_the_rate_is_weight_per_answer_and_comes_back_with_the_counts() -> None:
    bias = FeedbackBias(2)
    bias.add_arm()
    assert bias.rate == 0.0
    for number in range(8):
        bias.answered(0, number % 2)
        bias.judged(0, 0, 1.0, 0.5)
    bias.judged(0, 1, 1.0, 0.5, -1.0)
    assert bias.rate == 3.5 / 8
    other = FeedbackBias(2)
    other.add_arm()
    other.restore(bias.snapshot(), bias.heard)
    assert other.rate == bias.rate
    for _ in range(20):
        bias.judged(0, 0, 0.0, 1.0)
    assert bias.rate == 1.0
