"""No clock, however wrong, makes evidence or takes it away."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import orjson
import pytest

from bandit.context.features import DIMENSION
from proxy.clock import BELIEVED_S, Clock
from proxy.learning.learner import Learner
from proxy.learning.timeline import FORWARD_S, LATE_S, MOST_PASSED_S, SETTLED_S, Timeline
from state.records import Decision, Event, Feedback

NOW = 1.8e9
DAY = 86400.0
YEAR = 365 * DAY


class Machine:
    """A wall clock that a test sets, and time that passes."""

    def __init__(self) -> None:
        self.wall = NOW
        self.passed = 0.0

    def clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.passed)

    def go(self, seconds: float) -> None:
        self.wall += seconds
        self.passed += seconds


@pytest.mark.parametrize("step", [90 * DAY, 10 * YEAR, -5 * DAY, -20 * YEAR, math.inf, math.nan])
def test_a_clock_that_is_set_for_a_moment_is_not_followed(step: float) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.go(5.0)
    right = machine.wall
    machine.wall += step
    clock.follow()
    assert clock.now() == right
    machine.go(60.0)
    clock.follow()
    machine.wall = right + 60.0
    clock.follow()
    assert clock.now() == pytest.approx(right + 60.0)


def test_a_clock_that_was_set_for_good_is_followed_after_a_while() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += YEAR
    for _ in range(round(BELIEVED_S)):
        clock.follow()
        assert clock.now() == pytest.approx(NOW + machine.passed)
        machine.go(1.0)
    clock.follow()
    assert clock.now() == machine.wall


def test_a_clock_that_is_set_again_and_again_is_not_followed() -> None:
    machine = Machine()
    clock = machine.clock()
    for _ in range(2 * round(BELIEVED_S)):
        machine.wall += DAY
        clock.follow()
        machine.go(1.0)
    assert clock.now() == pytest.approx(NOW + machine.passed)


def test_drift_is_made_up_for_without_a_step() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += 0.5
    before = clock.now()
    machine.go(1.0)
    clock.follow()
    assert clock.now() - before == pytest.approx(1.01)
    for _ in range(60):
        machine.go(1.0)
        clock.follow()
    assert clock.now() == pytest.approx(machine.wall)


def test_time_is_that_of_the_rows_while_they_agree() -> None:
    line = Timeline()
    stamps = [NOW, NOW + 3.0, NOW + 1.0, NOW + DAY, NOW + DAY - LATE_S, NOW + 2 * DAY]
    assert [line.row(seq, stamp) for seq, stamp in enumerate(stamps)] == stamps
    assert line.now(NOW + 3 * DAY) == NOW + 3 * DAY


@pytest.mark.parametrize(
    "away", [FORWARD_S + 9.0, 90 * DAY, 10 * YEAR, -2 * LATE_S, -20 * YEAR, math.inf, math.nan]
)
def test_a_row_from_elsewhere_is_one_of_now(away: float) -> None:
    line = Timeline()
    line.row(1, NOW)
    assert line.row(2, NOW + away) == NOW
    assert line.row(3, NOW + 1.0) == NOW + 1.0
    assert line.now(NOW + away) == NOW + 1.0


def test_two_gateways_of_which_one_is_a_year_ahead_share_the_time_of_the_one_that_was_first() -> None:
    line = Timeline()
    for second in range(3 * round(SETTLED_S)):
        line.row(2 * second, NOW + second)
        assert line.row(2 * second + 1, NOW + YEAR + second) == NOW + second


@pytest.mark.parametrize(("away", "counts"), [(YEAR, MOST_PASSED_S), (4 * DAY, 4 * DAY), (-YEAR, 0.0)])
def test_rows_that_stay_elsewhere_are_the_present(away: float, counts: float) -> None:
    line = Timeline()
    line.row(1, NOW)
    assert line.row(2, NOW + away) == NOW
    there = line.row(3, NOW + away + SETTLED_S)
    assert there == pytest.approx(NOW + counts, abs=SETTLED_S)
    assert line.row(4, NOW + away + SETTLED_S + 5.0) == pytest.approx(there + 5.0)
    assert line.now(NOW + away + SETTLED_S + 6.0) == pytest.approx(there + 6.0)


def test_the_time_of_an_earlier_row_is_told_again() -> None:
    line = Timeline()
    stamps = [
        NOW,
        NOW + YEAR,
        NOW + 1,
        NOW - YEAR,
        NOW + 2,
        NOW + YEAR,
        NOW + YEAR + SETTLED_S,
        NOW + YEAR + SETTLED_S + 9,
    ]
    times = [line.row(10 * seq, stamp) for seq, stamp in enumerate(stamps)]
    assert [line.of(10 * seq, stamp) for seq, stamp in enumerate(stamps)] == pytest.approx(times, abs=1e-6)


def test_a_snapshot_goes_on_where_it_was_taken() -> None:
    stamps = [
        NOW,
        NOW + YEAR,
        NOW + YEAR + SETTLED_S,
        NOW,
        NOW + YEAR + 700.0,
        NOW + 1.0,
        NOW + SETTLED_S + 1.0,
        NOW + 700.0,
    ]
    whole, first, second = Timeline(), Timeline(), Timeline()
    times = [whole.row(seq, stamp) for seq, stamp in enumerate(stamps)]
    for cut in range(len(stamps)):
        first, second = Timeline(), Timeline()
        told = [first.row(seq, stamp) for seq, stamp in enumerate(stamps[:cut])]
        second.restore(orjson.loads(orjson.dumps(first.snapshot())))
        told += [second.row(seq, stamps[seq]) for seq in range(cut, len(stamps))]
        assert told == times
        assert second.snapshot() == whole.snapshot()


def test_a_late_row_does_not_turn_time_back() -> None:
    line = Timeline()
    for seq, stamp in enumerate((NOW, NOW + 3000.0, NOW + 10.0)):
        assert line.row(seq, stamp) == stamp
    assert line.row(3, NOW + 2900.0 - LATE_S) == NOW + 3000.0, "too late to be from here"


@pytest.mark.parametrize("lack", ["base", "shift", "elsewhere", "shifts"])
def test_a_broken_snapshot_is_refused(lack: str) -> None:
    state = Timeline().snapshot()
    del state[lack]
    with pytest.raises(KeyError):
        Timeline().restore(state)


# --- what is learnt ----------------------------------------------------------------------------------


def judged(stamps: list[float], value: Callable[[int], float] = lambda _: 1.0) -> list[Event]:
    """One decision and its verdict at each of the stamps."""
    rows: list[Event] = []
    for n, at in enumerate(stamps):
        context = np.zeros(DIMENSION, np.float32)
        context[0] = 1.0
        rows.append(
            Decision(
                id=f"a{n}",
                at=at,
                route="auto",
                task="",
                arm="p/a",
                arms=("p/a",),
                probabilities=np.ones(1, np.float32),
                propensity=1.0,
                context=context,
                objective={},
                price_version="1",
                request_id=f"g{n}",
                finished_at=at,
                output_tokens=10,
                seq=2 * n + 1,
            )
        )
        feedback = Feedback(f"g{n}", "quality", value(n), at, seq=2 * n + 2, arm="p/a", context=context)
        rows.append(feedback)
    return rows


def learnt(rows: list[Event]) -> Learner:
    made = Learner(lambda _: None)
    made.apply(rows)
    return made


def samples(learner: Learner, stamp: float) -> float:
    return learner.bandit.quality_estimate(0, learner.time.now(stamp)).effective_samples


@pytest.mark.parametrize("away", [90 * DAY, 10 * YEAR, -5 * DAY, -20 * YEAR])
def test_a_verdict_from_elsewhere_is_worth_one(away: float) -> None:
    learner = learnt(judged([*(NOW + n for n in range(5)), NOW + away, NOW + 6.0]))
    assert samples(learner, NOW + 7.0) == pytest.approx(7.0, rel=1e-3)
    assert samples(learner, NOW + away) == pytest.approx(7.0, rel=1e-3)


@pytest.mark.parametrize("away", [90 * DAY, 10 * YEAR, -20 * YEAR])
def test_an_arm_is_still_learnt_after_a_restart_with_a_wrong_clock(away: float) -> None:
    """Rows before, rows of a gateway that was started with a wrong clock for an hour, and right ones again."""
    stamps = [NOW + n for n in range(5)]
    stamps += [NOW + away + 60.0 * n for n in range(60)]
    stamps += [NOW + 3600.0 + 60.0 * n for n in range(60)]
    learner = learnt(judged(stamps, lambda n: float(n < 5)))
    estimate = learner.bandit.quality_estimate(0, learner.time.now(stamps[-1]))
    assert estimate.mean < 0.3
    assert 80.0 < estimate.effective_samples <= 125.0


def test_a_correction_takes_back_what_was_learnt_though_time_was_elsewhere() -> None:
    rows = judged([*(NOW + n for n in range(5)), NOW + YEAR, NOW + 6.0])
    wrong = rows[11]
    assert isinstance(wrong, Feedback)
    again = Feedback(
        wrong.id, "quality", 0.0, NOW + 7.0, seq=100, arm="p/a", context=wrong.context, previous=wrong
    )
    learner = learnt([*rows, again])
    assert samples(learner, NOW + 7.0) == pytest.approx(7.0, rel=1e-3)


def test_shares_are_of_the_time_that_learning_goes_by() -> None:
    learner = learnt(judged([NOW, NOW + 1.0, NOW + 10 * YEAR, NOW - 10 * YEAR]))
    shares = learner.statistics.shares(learner.time.now(NOW + 2.0))
    assert shares.of("p/a") == {"1m": 1.0, "15m": 1.0, "1h": 1.0, "all": 1.0}
    counts = learner.statistics.recent.counts(learner.time.now(NOW + 2.0))
    assert counts["1m"][0] == counts["1h"][0] == 4


def test_an_answer_that_took_years_by_its_stamps_has_no_speed() -> None:
    rows = judged([NOW, NOW + 1.0])
    assert isinstance(rows[2], Decision)
    for row in rows[:3:2]:
        assert isinstance(row, Decision)
        row.ttft_s = 0.2
    rows[2].at = NOW - YEAR
    cell = learnt(rows).statistics.total("p/a")
    assert (cell.decode_tokens, cell.decode_s) == (10, 0.0)
