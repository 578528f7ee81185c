"""The weight of old observations."""

from __future__ import annotations

import pytest

from bandit.quality.decay import Decay

HOUR = 3600.0


def test_an_observation_counts_half_after_a_half_life() -> None:
    decay = Decay(HOUR)
    assert not decay.started
    decay.advance(1e9)
    assert decay.weight(1e9) * decay.scale(1e9) == pytest.approx(1.0)
    assert decay.weight(1e9) * decay.scale(1e9 + HOUR) == pytest.approx(0.5)


def test_posteriors_stay_behind_until_they_are_moved() -> None:
    decay = Decay(HOUR)
    assert decay.advance(1e9) is None
    assert not decay.behind
    decay.advance(1e9 + HOUR)
    assert decay.behind
    assert decay.weight_now(decay.ahead) == pytest.approx(2.0, rel=0.01)
    decay.reference = decay.ahead
    assert not decay.behind
    assert decay.weight_now(decay.ahead) == 1.0


def test_time_does_not_go_back() -> None:
    decay = Decay(HOUR)
    decay.advance(1e9)
    ahead = decay.ahead
    assert decay.advance(1e9 - 10.0 * HOUR) is None
    assert decay.ahead == ahead


def test_a_moved_landmark_leaves_what_an_observation_counts() -> None:
    decay = Decay(HOUR)
    decay.advance(1e9)
    later = 1e9 + 100.0 * HOUR
    before = decay.weight(1e9) * decay.scale(later)
    weight = decay.weight(1e9)
    factor = decay.advance(later)
    assert factor is not None
    assert factor * weight * decay.scale(later) == pytest.approx(before, rel=1e-9, abs=0.0)


def test_a_snapshot_brings_it_back() -> None:
    decay, restored = Decay(HOUR), Decay(HOUR)
    decay.advance(1e9)
    restored.restore(decay.snapshot())
    assert restored.snapshot().tolist() == decay.snapshot().tolist()
    assert (restored.started, restored.behind) == (True, False)
