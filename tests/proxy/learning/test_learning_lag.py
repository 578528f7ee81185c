"""Commits never wait for learning, memory is bounded, and what is late or lost is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import numpy as np
import pytest

from bandit.context.features import DIMENSION
from proxy.learning.journal import Journal
from proxy.learning.learner import Learner
from proxy.tasks import Tasks
from state.interface import StoreError
from state.records import Decision, Event, Feedback, FeedbackResult
from state.sqlite.store import SqliteStore


class Scripted:
    """A store in memory that a test can stop, and let fail. `tails` are the reads, (after, limit)."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.open = asyncio.Event()
        self.open.set()
        self.refuses: str | None = None
        self.unreadable: str | None = None
        self.appended: list[int] = []
        self.tails: list[tuple[int, int]] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def append(
        self, decisions: Sequence[Decision], feedback: Sequence[Feedback]
    ) -> tuple[int, list[FeedbackResult]]:
        await self.open.wait()
        if self.refuses is not None:
            raise StoreError(self.refuses)
        self.appended.append(len(decisions))
        return await self._store.append(decisions, feedback)

    async def tail(self, after: int, limit: int = 1000) -> list[Event]:
        if self.unreadable is not None:
            raise StoreError(self.unreadable)
        self.tails.append((after, limit))
        return await self._store.tail(after, limit)


class World:
    def __init__(self, store: Scripted, *, shared: bool, most: int) -> None:
        self.store = store
        self.learner = Learner(lambda _: None)
        self.journal = Journal(store, self.learner, shared=shared, most=most)  # type: ignore[arg-type]
        self.tasks = Tasks()
        self.made = 0
        self.journal.start(self.tasks)

    def decision(self) -> Decision:
        self.made += 1
        return Decision(
            id=f"a{self.made}",
            at=1.8e9,
            route="auto",
            task="",
            arm="p/a",
            arms=("p/a",),
            probabilities=np.ones(1, np.float32),
            propensity=1.0,
            context=np.ones(DIMENSION, np.float32),
            objective={},
            price_version="1",
            request_id=f"g{self.made}",
            finished_at=1.8e9 + 1.0,
        )

    def answered(self, count: int) -> None:
        for _ in range(count):
            self.journal.decided(self.decision())

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0)


@asynccontextmanager
async def a_world(*, shared: bool = False, most: int = 10_000) -> AsyncIterator[World]:
    store = await SqliteStore.open(":memory:")
    world = World(Scripted(store), shared=shared, most=most)
    try:
        async with asyncio.timeout(30):
            yield world
    finally:
        world.store.open.set()
        await world.journal.close()
        await world.tasks.close()
        await store.close()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.learning.journal.LINGER_S", 0.0)
    monkeypatch.setattr("proxy.learning.journal.RETRY_S", 0.0)


async def test_commits_and_feedback_do_not_wait_for_learning() -> None:
    async with a_world() as world, world.learner._learning:
        world.answered(300)
        result = await world.journal.judged([Feedback("g1", "quality", 1.0, 1.8e9)])
        assert result[0].status == "new"
        assert await world.store.last_seq() == 301
        assert world.learner.seq == 0
        rows, _ = world.journal.lag
        assert rows == 301


async def test_what_is_late_is_learnt_in_order_and_then_nothing_is_late() -> None:
    async with a_world() as world:
        async with world.learner._learning:
            world.answered(40)
            await world.journal.committed()
            world.answered(40)
            await world.journal.committed()
        await world.journal.flush()
        assert (world.learner.seq, world.learner.statistics.requests()) == (80, 80)
        assert world.journal.lag == (0, 0.0)
        assert world.store.tails == []  # they were at hand


async def test_who_asks_waits_no_longer_than_is_said_and_is_told_what_is_missing() -> None:
    async with a_world() as world, world.learner._learning:
        world.answered(5)
        await world.journal.flush(within=0.0)
        assert world.journal.lag[0] == 5


async def test_rows_that_wait_too_long_to_be_learnt_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.learning.journal._MOST_KEPT", 50)
    async with a_world() as world:
        async with world.learner._learning:
            for _ in range(10):
                world.answered(20)
                await world.journal.committed()
            assert len(world.journal._kept) <= 50
        await world.journal.flush()
        assert (world.learner.seq, world.learner.statistics.requests()) == (200, 200)
        assert world.store.tails


async def test_rows_of_others_are_learnt_in_their_place() -> None:
    async with a_world(shared=True) as world:
        async with world.learner._learning:
            world.answered(3)
            await world.journal.committed()
            await world.store.append([world.decision() for _ in range(4)], [])
            world.answered(3)
            await world.journal.committed()
            await world.store.append([world.decision() for _ in range(5)], [])
        await world.journal.flush()
        assert (world.learner.seq, world.learner.statistics.requests()) == (15, 15)
        assert world.store.tails[0] == (3, 4)


async def test_rows_that_somebody_else_has_read_meanwhile_are_learnt_once() -> None:
    async with a_world(shared=True) as world:
        async with world.learner._learning:
            world.answered(300)
            await world.journal.committed()
            # As `POST /v1/labels` does.
            other = asyncio.ensure_future(world.learner.catch_up(world.store))  # type: ignore[arg-type]
            await world.until(lambda: bool(world.store.tails))
        await other
        await world.journal.flush()
        world.answered(2)
        await world.journal.flush()
        assert (world.learner.seq, world.learner.statistics.requests()) == (302, 302)


async def test_the_fold_is_that_of_one_who_reads_all_of_it() -> None:
    async with a_world(shared=True) as world:
        for n in range(20):
            world.answered(7)
            await world.journal.committed()
            await world.store.append([world.decision()], [Feedback("g1", "quality", n % 2, 1.8e9)])
        await world.journal.flush()
        again = Learner(lambda _: None)
        await again.catch_up(world.store)  # type: ignore[arg-type]
        assert again.seq == world.learner.seq == 180
        for mine, other in zip(world.learner.bandit.snapshot(), again.bandit.snapshot(), strict=True):
            assert mine.keys() == other.keys()
            assert all(np.array_equal(mine[key], other[key]) for key in mine)


async def test_a_row_that_is_gone_holds_nobody_up() -> None:
    async with a_world(shared=True) as world:
        async with world.learner._learning:
            await world.store.append([world.decision() for _ in range(4)], [])
            await world.store.prune(1e12)  # type: ignore[operator]
            world.answered(1)
            await world.journal.committed()
        await world.journal.flush()
        assert (world.learner.seq, world.journal.lag) == (5, (0, 0.0))
        await world.store.append([world.decision()], [])
        await world.store.prune(1e12)  # type: ignore[operator]
        await world.journal.flush()
        assert world.journal.lag == (0, 0.0)


async def test_a_store_that_cannot_be_read_is_said_and_read_later() -> None:
    async with a_world(shared=True) as world:
        await world.store.append([world.decision()], [])
        world.store.unreadable = "the disk is gone"
        await world.journal.flush(within=0.0)
        await world.until(lambda: world.journal.unread == "the disk is gone")
        assert world.journal.lag[0] == 1
        world.store.unreadable = None
        await world.journal.flush()
        assert (world.learner.seq, world.journal.unread) == (1, None)


async def test_nothing_is_dropped_while_a_store_stands_still() -> None:
    async with a_world(most=100) as world:
        world.store.open.clear()
        world.answered(5000)
        await asyncio.sleep(0)
        assert world.journal.backlog == 5000
        world.store.open.set()
        await world.journal.flush()
        assert (world.journal.backlog, world.journal.dropped) == (0, 0)
        assert world.learner.statistics.requests() == 5000
        assert max(world.store.appended) <= 1024


async def test_the_decision_of_feedback_is_written_before_it() -> None:
    async with a_world() as world:
        world.store.open.clear()
        world.answered(3000)
        told = asyncio.ensure_future(world.journal.judged([Feedback("g3000", "quality", 1.0, 1.8e9)]))
        await asyncio.sleep(0)
        assert world.journal.backlog_feedback == 1
        world.store.open.set()
        assert [result.status for result in await told] == ["new"]
        assert world.journal.backlog_feedback == 0


@pytest.mark.parametrize("refuses", [None, "the disk is full"])
async def test_what_is_lost_in_the_end_is_counted_with_its_reason(
    refuses: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("proxy.learning.journal.SPARE", 20)
    monkeypatch.setattr("proxy.learning.journal.COMPANY", 1)
    async with a_world(most=80) as world:
        world.store.refuses = refuses
        if refuses is None:
            world.store.open.clear()
        world.answered(1)
        await world.until(lambda: world.journal.failing == refuses and world.journal.backlog == 1)
        world.answered(150)
        assert world.journal.dropped > 0
        [line] = {
            record.getMessage() for record in caplog.records if "are lost so far" in record.getMessage()
        } & {
            f"{world.journal.dropped} decisions are lost so far: {refuses or 'they come faster than they can be written'}"
        }
        assert line
        world.store.refuses = None
        world.store.open.set()
        await world.journal.committed()


async def test_a_gateway_that_ends_without_its_store_says_how_many_are_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with a_world() as world:
        world.store.refuses = "the disk is full"
        world.answered(7)
        await world.journal.close()
        assert world.journal.dropped == 7
        assert "7 decisions are lost: the disk is full" in caplog.text
