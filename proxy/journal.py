"""Group commit: what happened within a few milliseconds becomes one transaction, then is learnt from."""

from __future__ import annotations

import asyncio
import logging

from proxy.learner import Learner
from proxy.tasks import Tasks
from state.records import Decision, Event, Feedback, FeedbackResult
from state.store import Store, StoreError

log = logging.getLogger("meritorder.journal")

LINGER_S = 0.01
"""How long a decision waits for company; a transaction costs about as much as ten rows."""

RETRY_S = 1.0
MOST_WAITING = 20_000
"""Decisions kept while the store refuses them; beyond that the oldest are dropped, and said so."""

SNAPSHOT_S = 15.0
POLL_S = 0.25
"""How often other workers' rows are looked for."""


class Journal:
    """The one writer of a worker."""

    def __init__(self, store: Store, learner: Learner, *, shared: bool) -> None:
        self._store = store
        self._learner = learner
        self._shared = shared
        self._decisions: list[Decision] = []
        self._feedback: list[tuple[list[Feedback], asyncio.Future[list[FeedbackResult]]]] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._saved = 0
        self.dropped = 0
        self.failing: str | None = None

    def start(self, tasks: Tasks) -> None:
        """Begins to write."""
        self._saved = self._learner.seq
        self._writer = tasks.start(self._write(), name="journal")
        tasks.start(self._keep_snapshots(), name="snapshots")
        if self._shared:
            tasks.start(self._follow(), name="journal follower")

    def decided(self, decision: Decision) -> None:
        """Takes a finished request; it is committed soon."""
        if len(self._decisions) >= MOST_WAITING:
            del self._decisions[: MOST_WAITING // 10]
            self.dropped += MOST_WAITING // 10
        self._decisions.append(decision)
        self._wake.set()

    async def judged(self, feedback: list[Feedback]) -> list[FeedbackResult]:
        """Commits feedback; it counts after a crash once this returns. Raises StoreError."""
        done: asyncio.Future[list[FeedbackResult]] = asyncio.get_running_loop().create_future()
        self._feedback.append((feedback, done))
        self._wake.set()
        return await done

    async def flush(self) -> None:
        """Returns when everything handed over so far is committed and learnt."""
        await self.judged([])

    async def close(self) -> None:
        """Commits what is left and saves a snapshot."""
        self._closing = True
        self._wake.set()
        await self._writer
        try:
            await self._learner.save(self._store)
        except StoreError as error:
            log.warning("no snapshot at shutdown: %s", error)

    async def _write(self) -> None:
        while not (self._closing and not self._decisions and not self._feedback):
            await self._wake.wait()
            if not self._feedback and not self._closing:
                await asyncio.sleep(LINGER_S)
            self._wake.clear()
            decisions, self._decisions = self._decisions, []
            waiting, self._feedback = self._feedback, []
            if not decisions and not waiting:
                continue
            try:
                await self._commit(decisions, waiting)
            except StoreError as error:
                self.failing = str(error)
                log.error("the journal can't be written: %s", error)  # noqa: TRY400  the message is whole
                for _, done in waiting:
                    if not done.done():
                        done.set_exception(error)
                if self._closing:
                    return
                self._decisions[:0] = decisions
                await asyncio.sleep(RETRY_S)
                self._wake.set()

    async def _commit(
        self,
        decisions: list[Decision],
        waiting: list[tuple[list[Feedback], asyncio.Future[list[FeedbackResult]]]],
    ) -> None:
        feedback = [item for items, _ in waiting for item in items]
        first, results = await self._store.append(decisions, feedback)
        self.failing = None
        rows: list[Event] = [*decisions]
        rows += [r.feedback for r in results if r.status in ("new", "corrected") and r.feedback is not None]
        if rows and first == self._learner.seq + 1:
            self._learner.apply(rows)
        elif rows:
            await self._learner.catch_up(self._store)
        at = 0
        for items, done in waiting:
            if not done.done():
                done.set_result(results[at : at + len(items)])
            at += len(items)

    async def _keep_snapshots(self) -> None:
        while True:
            await asyncio.sleep(SNAPSHOT_S)
            if self._learner.seq == self._saved:
                continue
            try:
                await self._learner.save(self._store)
                self._saved = self._learner.seq
            except StoreError as error:
                log.warning("no snapshot: %s", error)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            try:
                if not self._decisions and not self._feedback:
                    await self._learner.catch_up(self._store)
            except StoreError as error:
                log.warning("other workers' rows can't be read: %s", error)
