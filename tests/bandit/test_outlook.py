import numpy as np
import pytest

from bandit.outlook import Outlooks

NOW = 1.7e9


def outlooks(arms: int = 3) -> Outlooks:
    made = Outlooks(kinds=4, token_half_life_s=1e6, latency_half_life_s=3600.0, error_half_life_s=600.0)
    for _ in range(arms):
        made.add_arm()
    return made


def feed(made: Outlooks) -> None:
    for number in range(30):
        arm = number % 3
        made.ended(arm, error=number % 5 == 0, now=NOW + number)
        made.observe(
            arm,
            number % 4,
            output_tokens=100 * (arm + 1),
            ttft_s=0.1 * (arm + 1),
            token_s=0.01,
            now=NOW + number,
        )


@pytest.mark.parametrize("candidates", [[0, 1, 2], [2, 0], [1]])
def test_a_prepared_view_is_the_one_that_would_be_made_anew(candidates: list[int]) -> None:
    prepared, plain = outlooks(), outlooks()
    wanted = np.array(candidates)
    prepared.tokens(prepared.view(wanted, NOW), 2)
    for made in (prepared, plain):
        feed(made)
    prepared.prepare(NOW + 40.0)
    ready, anew = prepared.view(wanted, NOW + 40.5), plain.view(wanted, NOW + 40.0)
    assert ready.at == NOW + 40.0
    assert 2 in ready.tokens
    for name in ("ttft", "token_s", "error"):
        assert getattr(ready, name).tolist() == getattr(anew, name).tolist()
    assert ready.tokens[2].tolist() == plain.tokens(anew, 2).tolist()


def test_an_outcome_a_second_or_a_new_arm_make_a_view_stale() -> None:
    made, wanted = outlooks(), np.arange(3)
    first = made.view(wanted, NOW)
    assert made.view(wanted, NOW + 0.9) is first
    assert made.view(wanted, NOW + 1.0) is not first
    second = made.view(wanted, NOW + 1.0)
    made.ended(0, error=True, now=NOW + 1.0)
    third = made.view(wanted, NOW + 1.0)
    assert third.error[0] > second.error[0]
    made.add_arm()
    assert made.view(wanted, NOW + 1.0).rows is wanted


def test_a_view_nobody_used_since_the_last_time_is_not_made_again() -> None:
    made, wanted = outlooks(), np.arange(3)
    made.view(wanted, NOW)
    made.prepare(NOW)
    made.prepare(NOW)
    assert made.view(wanted, NOW + 0.5).at == NOW + 0.5
