"""Statistics agree with a naive recount of the journal."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest

from proxy.learning.latencies import Latencies
from proxy.learning.statistics import OURS, Statistics
from proxy.learning.windows import COARSE_S, WINDOWS, Windows, moment
from state.records import Decision, Feedback

NOW = 1_700_000_003.0
ARMS, TASKS = ("p/a", "p/b", "q/c"), ("code", "chat")


def decision(at: float, arm: str = "p/a", task: str = "code", **more: object) -> Decision:
    values: dict[str, object] = {
        "id": "x",
        "at": at - 2.0,
        "route": "auto",
        "task": task,
        "arm": arm,
        "arms": ARMS,
        "probabilities": np.full(3, 1 / 3, np.float32),
        "propensity": 0.25,
        "context": np.zeros(2, np.float32),
        "objective": {},
        "price_version": "1",
        "finished_at": at,
        "input_tokens": 10,
        "output_tokens": 20,
        "cost_usd": 0.5,
        "ttft_s": 0.5,
    }
    return Decision(**(values | more))  # type: ignore[arg-type]


def random_journal(count: int, seed: int = 4) -> list[Decision]:
    rng = random.Random(seed)
    return [
        decision(
            NOW - rng.expovariate(1 / 900.0),
            rng.choice(ARMS),
            rng.choice(TASKS),
            status=rng.choice(["ok", "ok", "ok", "upstream", "cancelled"]),
            propensity=rng.random(),
            cost_usd=rng.choice([None, rng.random()]),
            ttft_s=rng.choice([None, rng.expovariate(1.0)]),
            output_tokens=rng.choice([None, 0, 30]),
            input_tokens=rng.choice([None, 7]),
            attempts=rng.choice([[], [{"arm": "p/b"}]]),
        )
        for _ in range(count)
    ]


def learnt(rows: list[Decision]) -> Statistics:
    statistics = Statistics()
    for row in sorted(rows, key=lambda r: r.finished_at):
        statistics.decided(row, row.finished_at)
    return statistics


@pytest.mark.parametrize("task", [None, *TASKS])
def test_totals_are_those_of_a_recount(task: str | None) -> None:
    rows = random_journal(2000)
    statistics = learnt(rows)
    for arm in ARMS:
        mine = [r for r in rows if r.arm == arm and task in (None, r.task)]
        cell = statistics.total(arm, task)
        assert cell.requests == len(mine)
        assert cell.errors == sum(r.status not in {"ok", *OURS} for r in mine)
        assert cell.costed == sum(r.cost_usd is not None for r in mine)
        assert cell.cost_usd == pytest.approx(math.fsum(r.cost_usd or 0.0 for r in mine), rel=1e-9)
        assert cell.propensity == pytest.approx(math.fsum(r.propensity for r in mine), rel=1e-9)
        assert cell.input_tokens == sum(r.input_tokens or 0 for r in mine)
        assert cell.output_tokens == sum(r.output_tokens or 0 for r in mine)
        decoded = [r for r in mine if r.status == "ok" and r.output_tokens and r.ttft_s is not None]
        assert cell.decode_tokens == sum(r.output_tokens or 0 for r in decoded)
        seconds = math.fsum(max(0.0, 2.0 - (r.ttft_s or 0.0)) for r in decoded)
        assert cell.decode_s == pytest.approx(seconds, rel=1e-6)
    failed = Counter(str(a["arm"]) for r in rows for a in r.attempts if task in (None, r.task))
    assert {arm: statistics.failed_attempts(arm, task) for arm in ARMS} == {arm: failed[arm] for arm in ARMS}
    assert statistics.requests() == 2000
    assert statistics.tasks() == sorted(TASKS)


def slots_of(window: str, now: float) -> tuple[float, float]:
    end = moment(now)
    if window == "1m":
        return end - 61.0, end
    return math.floor((end - WINDOWS[window]) / COARSE_S) * COARSE_S, math.ceil(end / COARSE_S) * COARSE_S


@pytest.mark.parametrize("later", [0.0, 1.9, 2.1, 30.0, 600.0, 3000.0, 7200.0])
@pytest.mark.parametrize("task", [None, *TASKS])
def test_shares_are_those_of_a_recount_at_any_moment(later: float, task: str | None) -> None:
    rows = random_journal(2000)
    shares = learnt(rows).shares(NOW + later)
    for window in WINDOWS:
        start, end = slots_of(window, NOW + later)
        inside = [r for r in rows if start <= r.finished_at < end and task in (None, r.task)]
        for arm in ARMS:
            mine = sum(r.arm == arm for r in inside)
            assert shares.of(arm, task)[window] == (mine / len(inside) if inside else None)
    every = [r for r in rows if task in (None, r.task)]
    assert shares.of("p/a", task)["all"] == sum(r.arm == "p/a" for r in every) / len(every)


def test_a_window_ends_with_its_slot_whoever_asks_within_it() -> None:
    statistics = learnt([decision(NOW), decision(NOW - 50.0, "p/b")])
    told = {
        tuple(statistics.shares(at).of("p/a").values()) for at in (NOW, 1_700_000_003.5, 1_700_000_003.99)
    }
    assert told == {(0.5, 0.5, 0.5, 0.5)}
    assert statistics.shares(NOW + 12.0).of("p/a")["1m"] == 1.0
    assert statistics.shares(NOW + 62.0).of("p/a")["1m"] is None


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("asked", [0.0, 0.5, 0.99])
def test_the_last_minute_is_a_minute_whenever_one_asks(fraction: float, asked: float) -> None:
    at, now = NOW + fraction, NOW + 70.0 + asked
    for age in range(60):
        assert learnt([decision(now - age)]).shares(now).of("p/a")["1m"] == 1.0
    for age in range(62, 70):
        assert learnt([decision(now - age)]).shares(now).of("p/a")["1m"] is None
    for window, seconds in WINDOWS.items():
        assert learnt([decision(at)]).shares(at + seconds).of("p/a")[window] == 1.0


def test_shares_of_what_was_never_seen_are_none_or_nothing() -> None:
    assert Statistics().shares(NOW).of("p/a") == {"1m": None, "15m": None, "1h": None, "all": None}
    assert learnt([decision(NOW)]).shares(NOW).of("q/c")["all"] == 0.0


def test_rows_that_come_late_are_counted_in_their_slot_or_not_at_all() -> None:
    windows = Windows()
    windows.add(0, NOW)
    windows.add(0, NOW - 62.0)
    windows.add(0, NOW - 5000.0)  # its slot holds newer counts
    windows.add(0, math.nextafter(0.0, -1.0))
    counts = windows.counts(NOW)
    assert [int(counts[name][0]) for name in WINDOWS] == [1, 2, 2]


def test_many_arms_and_tasks_have_room() -> None:
    rows = [decision(NOW - n % 50, f"p/{n % 97}", f"t{n % 7}") for n in range(2000)]
    statistics = learnt(rows)
    shares = statistics.shares(NOW)
    whole = math.fsum(shares.of(f"p/{n}")["1m"] or 0.0 for n in range(97))
    assert whole == pytest.approx(1.0)


@pytest.mark.parametrize("q", [0.05, 0.5, 0.95, 0.99])
def test_a_quantile_is_right_to_a_bucket(q: float) -> None:
    rng = random.Random(2)
    seconds = sorted(rng.lognormvariate(-1.0, 1.0) for _ in range(3000))
    latencies = Latencies()
    for value in seconds:
        latencies.add(value)
    exact = seconds[math.ceil(q * len(seconds)) - 1]
    assert latencies.quantile(q) == pytest.approx(exact, rel=0.06)


def test_old_latencies_fade() -> None:
    latencies = Latencies()
    for value in [0.1] * 20_000 + [2.0] * 4_000:
        latencies.add(value)
    assert latencies.quantile(0.5) == pytest.approx(2.0, rel=0.06)


@pytest.mark.parametrize(("value", "expected"), [(0.0, 0.001), (1e-9, 0.001), (1e9, 0.001 * 1.1**150)])
def test_latencies_out_of_range_go_to_the_nearest_bucket(value: float, expected: float) -> None:
    latencies = Latencies()
    assert latencies.quantile(0.5) is None
    latencies.add(value)
    assert latencies.quantile(0.5) == pytest.approx(expected, rel=0.06)


def test_a_correction_is_not_a_second_feedback() -> None:
    statistics = Statistics()
    first = Feedback("x", "quality", 0.0, NOW, arm="p/a", task="code")
    statistics.judged(first, at=NOW)
    second = Feedback("x", "quality", 1.0, NOW, weight=0.5, arm="p/a", task="code", previous=first)
    statistics.judged(second, at=NOW + 9.0, replaced_at=NOW)
    assert statistics.total("p/a").feedback == 1
    assert statistics.verdicts.effective("p/a", "code", NOW + 9.0, 1.0) == pytest.approx(0.5)


def test_what_a_task_shows_is_its_own() -> None:
    statistics = learnt(
        [
            decision(NOW, task="chat", ttft_s=0.1, attempts=[{"arm": "p/b", "error": "timeout"}]),
            decision(NOW, task="code", ttft_s=10.0),
        ]
    )
    assert statistics.failed_attempts("p/b") == statistics.failed_attempts("p/b", "chat") == 1
    assert statistics.failed_attempts("p/b", "code") == 0
    assert statistics.seen("p/b", "chat")
    assert statistics.ttft("p/a", 1.0, "chat") == pytest.approx(0.1, rel=0.06)
    assert statistics.ttft("p/a", 0.0, "code") == statistics.ttft("p/a", 1.0) == pytest.approx(10.0, rel=0.06)
    assert statistics.ttft("p/a", 0.5, "poems") is None
    verdict = Feedback("x", "quality", 0.0, NOW, arm="p/a", task="chat")
    statistics.judged(verdict, at=NOW, changed=True)
    assert (statistics.total("p/a", "chat").changes, statistics.total("p/a", "code").changes) == (1, 0)


def test_the_wait_for_a_whole_answer_is_no_pace_of_its_tokens() -> None:
    statistics = learnt([decision(NOW, ttft_s=None), decision(NOW, ttft_s=1.5)])
    cell = statistics.total("p/a")
    assert (cell.decode_tokens, cell.decode_s) == (20, pytest.approx(0.5))


def test_a_snapshot_of_an_earlier_version_goes_on() -> None:
    """Its cells end before failed attempts, its minute has slots of five seconds, and no verdict was weighed by task."""
    statistics = learnt([decision(NOW, ttft_s=None), decision(NOW - 50.0, "p/b", attempts=[{"arm": "p/a"}])])
    statistics.judged(Feedback("x", "quality", 1.0, NOW, arm="p/a", task="code"), at=NOW)
    meta, arrays = statistics.snapshot()
    meta["cells"] = [cell[:-2] for cell in meta["cells"]]  # type: ignore[attr-defined]
    del meta["task_ttft"], meta["verdicts"]
    former = np.zeros((24, arrays["recent.fine"].shape[1]))
    former[:, 0] = -1.0
    for second in arrays["recent.fine"]:
        if second[0] >= 0.0:
            row = former[int(second[0]) // 5 % 24]
            row[0] = int(second[0]) // 5
            row[1:] += second[1:]
    restored = Statistics()
    restored.restore(meta, {**arrays, "recent.fine": former})
    assert restored.failed_attempts("p/a") == 1
    assert restored.failed_attempts("p/a", "code") == 0
    assert restored.ttft("p/b", 0.5) == pytest.approx(0.5, rel=0.06)
    assert restored.shares(NOW + 2.0).of("p/a")["1m"] == 0.5
    assert restored.shares(NOW + 20.0).of("p/a")["1m"] == 1.0
    assert restored.verdicts.effective("p/a", "code", NOW, 1.0) == 1.0
    assert restored.total("p/b").decode_tokens == 0  # may hold waits for whole answers
    restored.decided(decision(NOW + 1.0), NOW + 1.0)
    assert restored.requests() == 3


def test_a_snapshot_goes_on_as_if_nothing_had_happened() -> None:
    rows = sorted(random_journal(1000), key=lambda r: r.finished_at)
    whole, first = learnt(rows), learnt(rows[:500])
    second = Statistics()
    second.restore(*first.snapshot())
    for row in rows[500:]:
        second.decided(row, row.finished_at)
    (meta, arrays), (wanted, counts) = second.snapshot(), whole.snapshot()
    assert meta == wanted
    assert all(np.array_equal(arrays[name], counts[name]) for name in counts)


@pytest.mark.parametrize("damage", ["numbers", "rings", "shape"])
def test_a_snapshot_that_does_not_fit_is_refused(damage: str) -> None:
    meta, arrays = learnt(random_journal(20)).snapshot()
    if damage == "numbers":
        for cell in meta["cells"]:  # type: ignore[attr-defined]
            cell[2] = 0
    elif damage == "rings":
        del arrays["recent.fine"]
    else:
        arrays["recent.fine"] = arrays["recent.fine"][:3]
    with pytest.raises((KeyError, ValueError)):
        Statistics().restore(meta, arrays)


def test_texts_whose_ends_are_still_being_counted_are_told_by_their_topic() -> None:
    statistics = Statistics()
    for ends in ("#00000001.00000002", "#00000003.00000004"):
        statistics.decided(decision(NOW, task=f"topic:law{ends}"), NOW)
    assert statistics.tasks() == ["topic:law"]
    assert statistics.total("p/a", "topic:law").requests == 2
