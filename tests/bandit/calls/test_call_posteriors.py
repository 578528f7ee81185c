import numpy as np
import pytest

from bandit.arrays import FloatArray
from bandit.calls.call_posteriors import ErrorRates, LogMeans, Providers

NOW = 1.7e9


class Latencies:
    def __init__(self, *providers: str) -> None:
        self.means = LogMeans(cells=1, typical=0.6, half_life_s=3600.0)
        self.providers = Providers()
        for provider in providers:
            self.means.add_arm()
            self.providers.add_arm(provider)

    def observe(self, arm: int, value: float, now: float) -> None:
        self.means.observe(arm, 0, value, now)

    def predict(self) -> FloatArray:
        return self.means.predict(0, self.providers)


def test_an_arm_never_called_is_expected_to_be_as_fast_as_its_provider() -> None:
    made = Latencies("slow", "slow", "fast", "fast", "")
    for number in range(50):
        made.observe(0, 4.0, NOW + number)
        made.observe(2, 0.2, NOW + number)
    mean = made.predict()
    assert mean[1] > 3.0 * mean[4] > 9.0 * mean[3]


def test_arms_that_name_no_provider_share_none() -> None:
    alone, named = Latencies("", "", ""), Latencies("a", "b", "c")
    for made in (alone, named):
        made.observe(0, 4.0, NOW)
    assert np.array_equal(alone.predict(), named.predict())


def test_an_arm_that_was_called_enough_speaks_for_itself() -> None:
    made = Latencies("one", "one")
    for number in range(100):
        made.observe(0, 4.0, NOW + number)
        made.observe(1, 0.2, NOW + number)
    single = Latencies("one", "two")
    for number in range(100):
        single.observe(0, 4.0, NOW + number)
        single.observe(1, 0.2, NOW + number)
    assert made.predict() == pytest.approx(single.predict(), rel=0.03)


def test_failures_of_a_provider_warn_of_its_other_arms_and_count_once_for_their_own() -> None:
    rates, alone = ErrorRates(half_life_s=600.0), ErrorRates(half_life_s=600.0)
    providers, strangers = Providers(), Providers()
    for provider in ("down", "down", "up"):
        providers.add_arm(provider)
        strangers.add_arm("")
        rates.add_arm()
        alone.add_arm()
    for number in range(20):
        for made in (rates, alone):
            made.observe(0, True, NOW + number)
    rates_now, without = rates.predict(NOW + 20, providers), alone.predict(NOW + 20, strangers)
    assert rates_now[0] == pytest.approx(without[0])
    assert rates_now[1] > 0.5
    assert rates_now[2] == pytest.approx(0.02)


def test_one_hung_call_does_not_poison_an_arm() -> None:
    made = Latencies("")
    for number in range(20):
        made.observe(0, 0.5, NOW + number)
    before = made.predict()[0]
    made.observe(0, 600.0, NOW + 20)
    assert before < made.predict()[0] < 1.5 * before


def test_old_latencies_lose_weight_by_the_clock() -> None:
    late, soon = Latencies(""), Latencies("")
    for made, gap in ((late, 10 * 3600.0), (soon, 1.0)):
        for number in range(20):
            made.observe(0, 2.0, NOW + number)
        for number in range(3):
            made.observe(0, 0.5, NOW + gap + 20 + number)
    assert late.predict()[0] < 0.5 * soon.predict()[0]


def test_a_snapshot_makes_the_same_means_and_another_shape_is_refused() -> None:
    made, again = Latencies("a", "b"), Latencies("a", "b")
    for number in range(9):
        made.observe(number % 2, 1.0 + number, NOW + number)
    kept = made.means.snapshot("ttft")
    again.means.restore("ttft", kept)
    made.observe(0, 3.0, NOW + 99)
    again.observe(0, 3.0, NOW + 99)
    assert again.predict().tolist() == made.predict().tolist()
    with pytest.raises(ValueError, match="1 cells"):
        again.means.restore("ttft", {**kept, "ttft.weight": np.zeros((2, 3))})


@pytest.mark.parametrize("named", ["one", ""])
def test_what_is_kept_of_an_expectation_is_what_a_fresh_learner_reckons(named: str) -> None:
    rng = np.random.default_rng(0)
    means, rates, providers = (
        LogMeans(cells=3, typical=0.6, half_life_s=60.0),
        ErrorRates(half_life_s=60.0),
        Providers(),
    )

    def fresh() -> tuple[LogMeans, ErrorRates]:
        made = LogMeans(cells=3, typical=0.6, half_life_s=60.0), ErrorRates(half_life_s=60.0)
        for part, learnt in zip(made, (means, rates), strict=True):
            part.restore("", learnt.snapshot(""))
        return made

    for number in range(60):
        now = NOW + 0.4 * number
        if number % 12 == 0:
            providers.add_arm(named)
            means.add_arm()
            rates.add_arm()
        arm = int(rng.integers(len(providers.names)))
        if number % 3 == 0:
            means.observe(arm, int(rng.integers(3)), float(rng.uniform(0.1, 9.0)), now)
        if number % 5 == 0:
            rates.observe(arm, number % 2 == 0, now)
        again = fresh()
        for cell in range(3):
            assert np.array_equal(means.predict(cell, providers), again[0].predict(cell, providers))
        assert np.array_equal(rates.predict(now, providers), again[1].predict(now, providers))


def test_a_restored_state_replaces_what_was_kept() -> None:
    before, after = Latencies("", ""), Latencies("", "")
    after.observe(0, 9.0, NOW)
    kept = before.predict()
    before.means.restore("", after.means.snapshot(""))
    assert before.predict()[0] > 2.0 * kept[0]
    assert np.array_equal(before.predict(), after.predict())


def test_failures_fade_second_by_second_without_another_call() -> None:
    rates, providers = ErrorRates(half_life_s=1.0), Providers()
    providers.add_arm("")
    rates.add_arm()
    rates.observe(0, True, NOW)
    rates_now = [
        float(rates.predict(NOW + seconds, providers)[0]) for seconds in (0.0, 0.9, 1.0, 3.0, 60.0, 0.0)
    ]
    assert rates_now[0] == rates_now[1] > rates_now[2] > rates_now[3] > rates_now[4]
    assert rates_now[5] == rates_now[0]
