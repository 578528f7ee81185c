"""What the bandit is told of each row: the learner and a bandit that hears the same by hand know the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bandit import DIMENSION, ArmPrior, Bandit, Objective
from proxy.learning.learner import Learner
from state.records import ArmChange, Decision, Event, Feedback, Label
from state.sqlite.store import SqliteStore
from tests.proxy.provider import Exchange, Provider, completion
from tests.proxy.running import Launch

NOW = 1.8e9
ARMS = ("p/a", "p/b", "q/c")
BY_HAND = {name: number for number, name in enumerate(ARMS)}


def context(seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    x = np.zeros(DIMENSION, np.float32)
    x[0] = 1.0
    x[1 + seed % 3] = 1.0
    x[-3:] = rng.random(3)
    return x


def decision(seq: int = 1, **more: Any) -> Decision:
    values: dict[str, Any] = {
        "id": f"a{seq}",
        "at": NOW + seq,
        "route": "support",
        "task": "code",
        "arm": "p/b",
        "arms": ("p/a", "p/b"),
        "probabilities": np.array([0.25, 0.75], np.float32),
        "propensity": 0.75,
        "context": context(seq),
        "objective": {},
        "price_version": "1",
        "request_id": f"g{seq}",
        "finished_at": NOW + seq + 2.5,
        "input_tokens": 1000,
        "output_tokens": 200,
        "cost_usd": 0.03,
        "ttft_s": 0.5,
        "seq": seq,
    }
    return Decision(**(values | more))


def learnt(*rows: Event) -> Bandit:
    made = Learner(lambda _: None)
    made.add_arms(ARMS)
    made.apply(rows)
    return made.bandit


def by_hand(tell: Callable[[Bandit], object]) -> Bandit:
    made = Bandit()
    for name in ARMS:
        made.add_arm(name, None)
    tell(made)
    return made


def assert_same(one: Bandit, other: Bandit) -> None:
    (meta, arrays), (other_meta, other_arrays) = one.snapshot(), other.snapshot()
    assert meta == other_meta
    for name, array in arrays.items():
        np.testing.assert_allclose(array, other_arrays[name], rtol=1e-12, atol=1e-12, err_msg=name)


def assert_differ(one: Bandit, other: Bandit) -> None:
    with pytest.raises(AssertionError):
        assert_same(one, other)


def outcome(bandit: Bandit, row: Decision, **more: Any) -> None:
    told: dict[str, Any] = {
        "task": "code",
        "output_tokens": 200,
        "ttft_s": 0.5,
        "token_s": 0.01,
        "error": False,
        "cost_usd": 0.03,
        "budget": "support",
        "now": row.finished_at,
    }
    assert row.context is not None
    bandit.observe_outcome(bandit.index(row.arm), row.context.astype(np.float64), **(told | more))


# -- decisions ---------------------------------------------------------------------------------------


def test_an_answer_is_learnt_with_its_length_its_times_and_its_task() -> None:
    rows = [decision(n) for n in range(1, 6)]
    told = by_hand(lambda bandit: [outcome(bandit, row) for row in rows])
    assert_same(learnt(*rows), told)
    assert_differ(learnt(*rows), by_hand(lambda _: None))


def test_what_was_not_measured_is_not_learnt() -> None:
    row = decision(ttft_s=None, output_tokens=None)
    assert_same(
        learnt(row),
        by_hand(lambda bandit: outcome(bandit, row, output_tokens=None, ttft_s=None, token_s=None)),
    )


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("upstream", True),
        ("timeout", True),
        ("rate_limit", True),
        ("authentication", True),
        ("invalid_request", False),
        ("context_length", False),
        ("content_filter", False),
        ("too_large", False),
        ("cancelled", False),
        ("gateway", None),
        ("deadline", None),
        ("shutdown", None),
    ],
)
def test_of_what_did_not_end_well_neither_length_nor_speed_is_learnt_and_whose_fault_it_was(
    status: str, error: bool | None
) -> None:
    row = decision(status=status)
    told = by_hand(lambda bandit: outcome(bandit, row, output_tokens=None, token_s=None, error=error))
    assert_same(learnt(row), told)


def test_attempts_that_failed_are_learnt_of_their_arms() -> None:
    row = decision(attempts=[{"arm": "q/c"}, {"arm": "p/a"}, {"arm": "q/c"}])

    def tell(bandit: Bandit) -> None:
        for arm in (2, 0, 2):
            bandit.observe_failure(arm, now=row.finished_at)
        outcome(bandit, row)

    assert_same(learnt(row), by_hand(tell))


@pytest.mark.parametrize(
    "targets",
    [{"max_usd_per_request": 0.001}, {"min_quality": 0.9}, {"max_usd_per_request": 0.5, "min_quality": 0.1}],
)
def test_what_an_answer_cost_is_held_against_the_targets_of_its_route(targets: dict[str, float]) -> None:
    objective = Objective(value_usd=0.05, second_usd=0.001, **targets)
    terms = {"value_usd": 0.05, "second_usd": 0.001, **targets}
    rows = [decision(n, objective=terms) for n in range(1, 80)]
    candidates = np.array([0, 1], dtype=np.intp)
    told = by_hand(
        lambda bandit: [outcome(bandit, row, objective=objective, candidates=candidates) for row in rows]
    )
    assert_same(learnt(*rows), told)
    assert_differ(learnt(*rows), learnt(*[decision(n) for n in range(1, 80)]))


# -- verdicts ----------------------------------------------------------------------------------------


def verdict(seq: int, value: float, **more: Any) -> Feedback:
    fields: dict[str, Any] = {"arm": "p/b", "task": "code", "context": context(7), "seq": seq, **more}
    return Feedback("a1", "quality", value, NOW + 60.0 * seq, **fields)


def test_a_correction_takes_back_the_value_and_weight_of_the_time_of_what_it_replaces() -> None:
    first = verdict(1, 0.25, weight=0.4)
    between = [decision(n, finished_at=NOW + 86400.0 * n) for n in range(2, 60)]
    later = verdict(90_000, 1.0, weight=2.0, previous=first)
    assert later.at - first.at > 60 * 86400.0
    sums = learnt(first, *between, later).snapshot()[1]["quality.sums"]
    later.previous = None
    alone = learnt(*between, later).snapshot()[1]["quality.sums"]
    # Weights are measured from the first feedback on, which differs.
    np.testing.assert_allclose(sums / np.abs(sums).max(), alone / np.abs(alone).max(), atol=1e-9)


def test_a_label_is_learnt_of_all_its_arms_with_the_lengths_that_are_known() -> None:
    label = Label(b"1", NOW, "code", context(2), {"q/c": 0.75, "p/a": 0.25}, {"q/c": 300}, seq=1)

    def tell(bandit: Bandit) -> None:
        bandit.observe_labels(
            context(2).astype(np.float64),
            np.array([0, 2]),
            np.array([0.25, 0.75]),
            task="code",
            at=NOW,
            output_tokens=np.array([0, 300]),
        )

    assert_same(learnt(label), by_hand(tell))


def test_an_arm_that_is_added_is_believed_to_be_what_its_row_says() -> None:
    made = Learner(lambda _: ArmPrior(quality=0.1))
    changes: list[ArmChange] = []
    made.arm_changed = changes.append
    prior = {"quality": 0.9, "model": "m", "family": "f", "provider": "p", "usd_per_mtok": 3.0}
    row = ArmChange("p/new", NOW, {"model": "m"}, prior, seq=1)
    gone = ArmChange("p/new", NOW, None, seq=2)
    made.apply([row, gone])
    direct = Bandit()
    direct.add_arm("p/new", ArmPrior(**prior))  # type: ignore[arg-type]
    assert_same(made.bandit, direct)
    assert changes == [row, gone]


# -- the journal -------------------------------------------------------------------------------------


async def answers(exchange: Exchange) -> None:
    await exchange.answer(completion(id=f"chatcmpl-{id(exchange)}"))


async def test_snapshots_are_kept_while_it_runs(
    provider: Provider, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.learning.journal.SNAPSHOT_S", 0.0)
    provider.scripts["one"] = answers
    gateway = await launch(provider.arm("one"))
    for count in (1, 2):
        await gateway.chat()
        async with asyncio.timeout(30):
            while (await gateway.gateway.store.load_snapshots("learner") or [(0,)])[0][0] < count:
                await asyncio.sleep(0)


async def test_what_waits_for_the_journal_is_counted_until_it_is_written(
    provider: Provider, launch: Launch
) -> None:
    provider.scripts["one"] = answers
    gateway = await launch(provider.arm("one"))
    ids = [(await gateway.chat())[1]["id"] for _ in range(5)]
    journal = gateway.gateway.journal
    for value in (0, 1):
        posted = [{"id": name, "value": value} for name in ids]
        assert (await gateway.post("/v1/feedback", posted))[0] == 200
        assert (journal.backlog, journal.backlog_feedback) == (0, 0)


async def test_what_another_worker_wrote_in_between_is_learnt_in_its_place(
    provider: Provider, launch: Launch, tmp_path: Path
) -> None:
    provider.scripts["one"] = answers
    server = {"database": str(tmp_path / "journal.db")}
    gateway = await launch(provider.arm("one"), server=server)
    other = await SqliteStore.open(tmp_path / "journal.db")
    try:
        journal = gateway.gateway.journal
        async with gateway.gateway.learner._learning:  # so that rows wait
            for number in range(3):
                journal.decided(decision(arm="p/one", arms=("p/one",), id=f"own{number}", seq=0))
                await journal.committed()
                foreign = decision(
                    arm="p/one", arms=("p/one",), id=f"x{number}", request_id=f"y{number}", seq=0
                )
                await other.append([foreign], [])
        await journal.flush(within=60.0)
        assert gateway.gateway.learner.seq == 6
        assert gateway.gateway.learner.statistics.requests() == 6
    finally:
        await other.close()


async def test_feedback_is_committed_behind_what_it_is_about_however_much_waits(
    provider: Provider, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.learning.journal.LINGER_S", 3600.0)
    monkeypatch.setattr("proxy.learning.journal._LARGEST", 2)
    provider.scripts["one"] = answers
    gateway = await launch(provider.arm("one"))
    names = [(await gateway.chat())[2]["X-Generation-Id"] for _ in range(7)]
    status, body, _ = await gateway.post("/v1/feedback", [{"id": name, "value": 1} for name in names])
    assert (status, {row["status"] for row in body["data"]}) == (200, {"new"})
    rows = await gateway.gateway.store.tail(0)
    assert [type(row) for row in rows] == [Decision] * 7 + [Feedback] * 7


async def test_the_last_snapshot_holds_all_that_was_committed(
    provider: Provider, launch: Launch, tmp_path: Path
) -> None:
    provider.scripts["one"] = answers
    gateway = await launch(provider.arm("one"), server={"database": str(tmp_path / "journal.db")})
    await gateway.chat()
    [row] = await gateway.decisions()
    for _ in range(1000):
        gateway.gateway.journal.decided(replace(row, seq=0))
    await gateway.close()
    store = await SqliteStore.open(tmp_path / "journal.db")
    try:
        assert (await store.load_snapshots("learner"))[0][0] == await store.last_seq() == 1001
    finally:
        await store.close()
