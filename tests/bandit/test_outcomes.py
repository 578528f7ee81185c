import numpy as np
import pytest

from bandit.outcomes import ErrorRates, LogMeans

NOW = 1.7e9


def latencies(*providers: str) -> LogMeans:
    made = LogMeans(cells=1, typical=0.6, half_life_s=3600.0)
    for provider in providers:
        made.add_arm(provider)
    return made


def test_an_arm_never_called_is_expected_to_be_as_fast_as_its_provider() -> None:
    made = latencies("slow", "slow", "fast", "fast", "")
    for number in range(50):
        made.observe(0, 0, 4.0, NOW + number)
        made.observe(2, 0, 0.2, NOW + number)
    mean = made.predict(0)[0]
    assert mean[1] > 3.0 * mean[4] > 9.0 * mean[3]


def test_arms_that_name_no_provider_share_none() -> None:
    alone, named = latencies("", "", ""), latencies("a", "b", "c")
    for made in (alone, named):
        made.observe(0, 0, 4.0, NOW)
    assert np.array_equal(alone.predict(0)[0], named.predict(0)[0])


def test_an_arm_that_was_called_enough_speaks_for_itself() -> None:
    made = latencies("one", "one")
    for number in range(100):
        made.observe(0, 0, 4.0, NOW + number)
        made.observe(1, 0, 0.2, NOW + number)
    single = latencies("one", "two")
    for number in range(100):
        single.observe(0, 0, 4.0, NOW + number)
        single.observe(1, 0, 0.2, NOW + number)
    assert made.predict(0)[0] == pytest.approx(single.predict(0)[0], rel=0.03)


def test_failures_of_a_provider_warn_of_its_other_arms_and_count_once_for_their_own() -> None:
    rates, alone = ErrorRates(half_life_s=600.0), ErrorRates(half_life_s=600.0)
    for provider in ("down", "down", "up"):
        rates.add_arm(provider)
        alone.add_arm()
    for number in range(20):
        for made in (rates, alone):
            made.observe(0, error=True, now=NOW + number)
    found, without = rates.predict(NOW + 20), alone.predict(NOW + 20)
    assert found[0] == pytest.approx(without[0])
    assert found[1] > 0.5
    assert found[2] == pytest.approx(0.02)
