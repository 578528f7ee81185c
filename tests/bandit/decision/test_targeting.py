"""The worth of quality that holds a target, found on requests whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from bandit.decision.targeting import RECENT, QualityTarget

BOTH = np.arange(2)
SURE = np.zeros(2)


def settled(
    quality: np.ndarray,
    price: np.ndarray,
    fraction: float,
    sd: np.ndarray = SURE,
    candidates: np.ndarray = BOTH,
) -> QualityTarget:
    target = QualityTarget(1, 1.0)
    for _ in range(200):
        target.update_worth(quality, price, sd, candidates, fraction)
    return target


def chosen(target: QualityTarget, quality: np.ndarray, price: np.ndarray) -> np.ndarray:
    return (target.worth * quality - price).argmax(axis=1)


def requests() -> tuple[np.ndarray, np.ndarray]:
    """A dear arm of quality 0.7, and one at a tenth that is better on some requests and worse on most."""
    rng = np.random.default_rng(0)
    quality = np.stack([np.full(400, 0.7), 0.67 + 0.1 * rng.standard_normal(400)], axis=1)
    return quality, np.tile([1.0, 0.1], (400, 1))


@pytest.mark.parametrize("fraction", [1.0, 0.97])
def test_the_cheapest_choices_that_hold_the_target_are_made(fraction: float) -> None:
    quality, price = requests()
    arms = chosen(settled(quality, price, fraction), quality, price)
    assert quality[np.arange(400), arms].mean() == pytest.approx(fraction * 0.7, abs=0.001)
    # The dear arm goes where it is better by most.
    gain = quality[:, 0] - quality[:, 1]
    assert gain[arms == 0].min() >= gain[arms == 1].max()


def test_an_arm_that_may_be_better_raises_the_worth() -> None:
    quality, price = requests()
    uncertain = settled(quality, price, 0.97, np.array([0.02, 0.0]))
    assert uncertain.worth > settled(quality, price, 0.97).worth


def test_optimism_asks_for_no_more_than_half_of_what_choosing_adds() -> None:
    quality, price = requests()
    arms = chosen(settled(quality, price, 1.0, np.array([9.0, 9.0])), quality, price)
    reached = float(quality[np.arange(400), arms].mean())
    assert reached == pytest.approx(0.5 * (0.7 + quality.max(axis=1).mean()), abs=0.001)


def test_a_target_out_of_reach_can_be_left_again_at_once() -> None:
    quality, price = np.tile([0.9, 0.5], (50, 1)), np.tile([1.0, 0.1], (50, 1))
    target = settled(quality, price, 1.0)
    assert (chosen(target, quality, price) == 0).all()
    better = np.tile([0.9, 0.9], (50, 1))
    for _ in range(60):
        target.update_worth(better, price, SURE, BOTH, 1.0)
    assert (chosen(target, better, price) == 1).all()


def test_only_candidates_count() -> None:
    quality, price = np.tile([0.9, 0.5, 0.4], (50, 1)), np.tile([1.0, 0.2, 0.1], (50, 1))
    target = settled(quality, price, 0.99, np.zeros(3), np.array([1, 2]))
    alone = settled(quality[:, 1:], price[:, 1:], 0.99)
    assert target.worth == alone.worth


def test_an_arm_that_never_answered_is_not_counted_on() -> None:
    quality, price = np.tile([0.9, 0.5], (50, 1)), np.tile([np.inf, 0.1], (50, 1))
    target = settled(quality, price, 0.99)
    assert np.isfinite(target.worth)


def test_prices_are_what_the_answers_have_charged() -> None:
    target = QualityTarget(2, 1.0)
    for _ in range(300):
        target.record(1, np.ones(2), 0.02, np.ones(2), np.array([50.0, 100.0]), np.zeros(2))
    assert target.rates() == pytest.approx([np.inf, 0.0002])


def test_a_bounded_number_of_requests_is_kept() -> None:
    target = QualityTarget(1, 1.0)
    due = [
        target.record(0, np.full(1, float(number)), 0.01, np.ones(1), np.ones(1), np.zeros(1))
        for number in range(RECENT + 100)
    ]
    assert target.contexts.shape == (RECENT, 1)
    assert target.contexts.min() == 100.0
    assert 0 < sum(due) < len(due) / 10


def test_the_share_that_looks_for_quality_falls_and_rises_with_a_new_arm() -> None:
    target = QualityTarget(1, 1.0)
    shares = []
    for _ in range(4000):
        target.record(0, np.ones(1), 0.01, np.ones(2), np.ones(2), np.zeros(2))
        shares.append(target.quality_only)
    assert shares[0] == 1.0
    assert shares[-1] == pytest.approx((500 / 4001) ** 1.5)
    target.record(0, np.ones(1), 0.01, np.ones(3), np.ones(3), np.zeros(3))
    assert target.quality_only == 1.0
