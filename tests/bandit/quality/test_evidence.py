"""What is left of an arm's evidence when its quality has changed, and what a correction takes of it then."""

from __future__ import annotations

import numpy as np
import pytest

from bandit import ArmPrior
from bandit.context.features import DIMENSION, column_groups
from bandit.quality.regression import QualityModel, QualitySettings

NOW = 1.7e9
SETTINGS = QualitySettings(price_slope=0.0)
KEPT = SETTINGS.reopened_weight
X = np.zeros(DIMENSION)
X[0] = 1.0


def model(*priors: ArmPrior) -> QualityModel:
    made = QualityModel(column_groups(), SETTINGS)
    for number, prior in enumerate(priors or (ArmPrior(), ArmPrior())):
        made.add_arm(f"arm{number}", prior)
    return made


def observe(made: QualityModel, value: float, at: float, weight: float = 1.0, arm: int = 0) -> bool:
    return made.observe(arm, X, value, at=NOW + at, weight=weight, labelled=False)


def weighs(made: QualityModel, arm: int = 0) -> float:
    return made.effective_samples(arm, NOW)


def fallen(made: QualityModel, before: int = 50) -> list[float]:
    """Good answers, one a second, then bad ones until the change is detected; returns when these were."""
    for second in range(before):
        assert not observe(made, 1.0 if second % 5 else 0.0, float(second))
    bad = [1000.0]
    while not observe(made, 0.0, bad[-1]):
        bad.append(bad[-1] + 1.0)
        assert len(bad) < 60
    return bad


def test_of_what_came_before_a_change_little_is_left_and_all_of_what_came_after() -> None:
    made = model()
    bad = fallen(made)
    assert weighs(made) == pytest.approx(KEPT + len(bad), rel=1e-3)
    assert made.reopened(0) == 1
    assert made.posteriors.means(X)[0] < 0.5
    assert weighs(made, 1) == 0.0


def test_a_rise_is_a_change_too() -> None:
    made = model()
    for second in range(60):
        assert not observe(made, 0.0 if second % 5 else 1.0, float(second))
    good = 0
    while not observe(made, 1.0, 1000.0 + good):
        good += 1
        assert good < 60
    assert weighs(made) == pytest.approx(KEPT + good + 1, rel=1e-3)
    assert made.posteriors.means(X)[0] > 0.5


def test_a_correction_takes_back_what_is_left_of_what_it_corrects() -> None:
    made = model()
    bad = fallen(made)
    for second in range(1, 50, 5):  # good ones from before the change
        made.retract(0, X, 1.0, at=NOW + second, weight=1.0)
    assert weighs(made) == pytest.approx(KEPT * 40 / 50 + len(bad), rel=1e-3)
    made.retract(0, X, 0.0, at=NOW + bad[3], weight=1.0)
    assert weighs(made) == pytest.approx(KEPT * 40 / 50 + len(bad) - 1, rel=1e-3)
    assert made.count(0) == 50 + len(bad) - 11


def test_what_was_taken_back_before_a_change_was_detected_is_not_of_what_came_after_it() -> None:
    made = model()
    for second in range(50):
        observe(made, 1.0 if second % 5 else 0.0, float(second))
    for second in range(10):
        assert not observe(made, 0.0, 1000.0 + second)
    for second in (2, 3):
        made.retract(0, X, 0.0, at=NOW + 1000.0 + second, weight=1.0)
    count = 8
    while not observe(made, 0.0, 1010.0 + count):
        count += 1
        assert count < 60
    assert weighs(made) == pytest.approx(KEPT + count + 1, rel=1e-3)


def test_the_watch_begins_anew_after_a_change() -> None:
    made = model()
    fallen(made)
    for second in range(10):
        assert not observe(made, 0.0, 2000.0 + second)
    assert made.reopened(0) == 1


def test_what_little_feedback_says_surprises_little() -> None:
    """As many complaints as praise, each of half the weight, are no fall of a good arm."""
    whole, half = model(), model()
    for made in (whole, half):
        for second in range(100):
            observe(made, 1.0 if second % 5 else 0.0, float(second))
    noticed = 0
    while not observe(whole, 0.0, 1000.0 + noticed):
        noticed += 1
    for second in range(noticed + 1):
        assert not observe(half, 0.0, 1000.0 + second, weight=0.5)


def test_one_outlier_is_no_change() -> None:
    made = model()
    for second in range(400):
        observe(made, 1.0, float(second))
    for second in range(3):
        assert not observe(made, 0.0, 1000.0 + second)


def test_labels_are_trusted_no_more_when_the_arm_has_changed() -> None:
    made = model()
    for _ in range(20):
        made.observe(0, X, 0.8, at=NOW, weight=1.0, labelled=True)
    bad = fallen(made)
    assert weighs(made) == pytest.approx(KEPT + len(bad), rel=1e-3)


def test_what_siblings_learnt_of_a_feedback_is_taken_back_with_it() -> None:
    family = ArmPrior(model="m")
    made = model(family, family, ArmPrior(model="n"))
    for second in range(6):
        observe(made, 1.0, float(second))
    before = weighs(made, 1)
    assert 0.0 < before < weighs(made, 0)
    for second in range(3):
        made.retract(0, X, 1.0, at=NOW + second, weight=1.0)
    assert weighs(made, 1) == pytest.approx(before / 2, rel=1e-6)
    assert weighs(made, 2) == 0.0
