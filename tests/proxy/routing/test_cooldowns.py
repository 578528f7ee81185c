"""Cooldowns: how long an arm rests, who may try it again, and what stands in the statistics."""

from __future__ import annotations

import pytest

from proxy.routing.cooldowns import BASE_S, LONGEST_RETRY_AFTER_S, LONGEST_S, Cooldowns


def rested(cooldowns: Cooldowns, arm: int, now: float) -> float:
    """Lets one probe through at the end of the rest, which fails; returns when the next one is due."""
    assert cooldowns.available(arm, now)
    cooldowns.dispatched(arm, now)
    cooldowns.failed(arm, "upstream", now)
    state = cooldowns.state(arm, now)
    assert state is not None
    return now + float(str(state["seconds_left"]))


def test_an_arm_is_well_until_it_fails() -> None:
    cooldowns = Cooldowns()
    assert cooldowns.all_well
    assert cooldowns.available(1, 0.0)
    assert cooldowns.state(1, 0.0) is None


def test_a_failure_rests_that_arm_alone() -> None:
    cooldowns = Cooldowns()
    cooldowns.failed(1, "rate_limit", 10.0)
    assert not cooldowns.all_well
    assert not cooldowns.available(1, 10.0)
    assert not cooldowns.available(1, 10.0 + BASE_S - 0.01)
    assert cooldowns.available(2, 10.0)
    assert cooldowns.state(1, 10.0) == {"state": "open", "seconds_left": BASE_S, "reason": "rate_limit"}


def test_after_the_rest_one_request_at_a_time_is_let_through() -> None:
    cooldowns = Cooldowns()
    cooldowns.failed(1, "upstream", 0.0)
    assert cooldowns.available(1, BASE_S)
    cooldowns.dispatched(1, BASE_S)
    assert not cooldowns.available(1, BASE_S)
    assert cooldowns.state(1, BASE_S) == {"state": "half_open", "seconds_left": 0.0, "reason": "upstream"}


def test_a_probe_that_succeeds_ends_the_rest() -> None:
    cooldowns = Cooldowns()
    cooldowns.failed(1, "upstream", 0.0)
    cooldowns.dispatched(1, BASE_S)
    cooldowns.succeeded(1)
    assert cooldowns.all_well
    assert cooldowns.available(1, BASE_S)


def test_a_probe_that_fails_doubles_the_rest_up_to_the_longest() -> None:
    cooldowns = Cooldowns()
    cooldowns.failed(1, "upstream", 0.0)
    now, lengths = BASE_S, []
    for _ in range(8):
        due = rested(cooldowns, 1, now)
        lengths.append(due - now)
        now = due
    assert lengths == [4.0, 8.0, 16.0, 32.0, 64.0, LONGEST_S, LONGEST_S, LONGEST_S]


def test_after_a_success_the_next_rest_is_short_again() -> None:
    cooldowns = Cooldowns()
    cooldowns.failed(1, "upstream", 0.0)
    rested(cooldowns, 1, BASE_S)
    cooldowns.succeeded(1)
    cooldowns.failed(1, "upstream", 100.0)
    assert cooldowns.available(1, 100.0 + BASE_S)


def test_a_burst_of_failures_is_one_failure() -> None:
    cooldowns = Cooldowns()
    for now in (0.0, 0.5, 1.0):
        cooldowns.failed(1, "upstream", now)
    assert not cooldowns.available(1, 1.0 + BASE_S - 0.01)
    assert cooldowns.available(1, 1.0 + BASE_S)


@pytest.mark.parametrize(
    ("asked", "rest"), [(30.0, 30.0), (0.0, 0.0), (-5.0, 0.0), (1e9, LONGEST_RETRY_AFTER_S)]
)
def test_what_a_provider_asks_for_is_kept_within_reason(asked: float, rest: float) -> None:
    cooldowns = Cooldowns()
    cooldowns.failed(1, "rate_limit", 0.0, retry_after_s=asked)
    assert cooldowns.available(1, rest)
    assert rest == 0.0 or not cooldowns.available(1, rest - 0.01)


def test_a_probe_without_a_verdict_lets_the_next_one_through() -> None:
    cooldowns = Cooldowns()
    cooldowns.failed(1, "upstream", 0.0)
    cooldowns.dispatched(1, BASE_S)
    cooldowns.abandoned(1)
    assert cooldowns.available(1, BASE_S)


def test_abandoning_a_request_to_a_well_arm_means_nothing() -> None:
    cooldowns = Cooldowns()
    cooldowns.abandoned(1)
    assert (cooldowns.version, cooldowns.all_well) == (0, True)


def test_a_request_sent_during_the_rest_is_no_probe() -> None:
    cooldowns = Cooldowns()
    cooldowns.failed(1, "upstream", 0.0)
    cooldowns.dispatched(1, 1.0)  # the least bad of all that rest
    assert cooldowns.available(1, BASE_S)


def test_the_least_bad_is_the_one_whose_rest_ends_first() -> None:
    cooldowns = Cooldowns()
    for arm, wait in ((3, 30.0), (7, 5.0), (9, 60.0)):
        cooldowns.failed(arm, "rate_limit", 0.0, retry_after_s=wait)
    assert cooldowns.ends_first([3, 7, 9]) == 1
    assert cooldowns.ends_first([9, 3]) == 1
    assert cooldowns.ends_first([3, 4]) == 1


def test_the_version_changes_exactly_when_eligibility_may() -> None:
    cooldowns = Cooldowns()
    versions = []
    for step in (
        lambda: cooldowns.succeeded(1),
        lambda: cooldowns.failed(1, "upstream", 0.0),
        lambda: cooldowns.dispatched(1, BASE_S),
        lambda: cooldowns.abandoned(1),
        lambda: cooldowns.succeeded(1),
        lambda: cooldowns.dispatched(1, BASE_S),
    ):
        step()
        versions.append(cooldowns.version)
    assert versions == [0, 1, 2, 3, 4, 4]


def test_a_rest_and_its_end_are_told_once() -> None:
    cooldowns = Cooldowns()
    told = [cooldowns.failed(1, "upstream", now) for now in (0.0, 0.1, 0.2)]
    assert told == [True, False, False]
    cooldowns.dispatched(1, 5.0)
    assert cooldowns.failed(1, "upstream", 5.0)
    assert [cooldowns.succeeded(1) for _ in range(2)] == [True, False]
