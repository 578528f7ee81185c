"""Group commit: what happened within a tenth of a second becomes one transaction, then is learnt from."""

from __future__ import annotations

import asyncio
import logging

from proxy.learner import Learner
from proxy.tasks import Tasks
from state.records import Decision, Event, Feedback, FeedbackResult
from state.rows import text
from state.store import Store, StoreError

log = logging.getLogger("meritorder.journal")

LINGER_S = 0.1
"""How long a decision waits for company; a transaction costs about as much as ten rows, and several times that
where the processor did something else meanwhile. Feedback, which its sender waits for, ends the wait."""

COMPANY = 128
"""As many decisions wait for no more: a batch that grows larger saves little, and others wait for it."""

_SLICE = 16
"""A batch is learnt from in slices of so many rows, some 200 µs, each in a turn of its own."""

RETRY_S = 1.0
MOST_WAITING = 20_000
"""Decisions kept while the store refuses them; beyond that the oldest are dropped, and said so."""

SNAPSHOT_S = 15.0
POLL_S = 0.25
"""How often other workers' rows are looked for."""

Waiting = list[tuple[list[Feedback], asyncio.Future[list[FeedbackResult]]]]


class Journal:
    """The one writer of a worker."""

    def __init__(self, store: Store, learner: Learner, *, shared: bool) -> None:
        self._store = store
        self._learner = learner
        self._shared = shared
        self._decisions: list[Decision] = []
        self._feedback: Waiting = []
        self._wake = asyncio.Event()
        self._company: asyncio.Future[None] | None = None
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
            lost = MOST_WAITING // 10
            del self._decisions[:lost]
            self.dropped += lost
            log.error("the store has refused rows for too long: %d decisions are lost so far", self.dropped)
        if not decision.task.isascii():
            # A header may hold bytes that are no UTF-8: learn from what the store will hold, as others do.
            decision.task = text(decision.task)
        self._decisions.append(decision)
        if len(self._decisions) >= COMPANY:
            self._hurry()
        elif len(self._decisions) == 1:  # for others the writer is awake already
            self._wake.set()

    async def judged(self, feedback: list[Feedback]) -> list[FeedbackResult]:
        """Commits feedback; it counts after a crash once this returns. Raises StoreError."""
        if self._writer.done():
            raise StoreError("the gateway is ending: nothing is taken in any more")
        done: asyncio.Future[list[FeedbackResult]] = asyncio.get_running_loop().create_future()
        self._feedback.append((feedback, done))
        self._hurry()
        return await done

    async def flush(self) -> None:
        """Returns when everything handed over so far, and what other workers committed, is learnt."""
        await self.judged([])
        if self._shared:
            await self._learner.catch_up(self._store)

    async def close(self) -> None:
        """Commits what is left and saves a snapshot."""
        self._closing = True
        self._hurry()
        await self._writer
        try:
            # What couldn't be read when it was committed, or came from other workers since.
            await self._learner.catch_up(self._store)
            await self._learner.save(self._store)
        except StoreError as error:
            log.warning("no snapshot at shutdown: %s", error)

    def _hurry(self) -> None:
        self._wake.set()
        if self._company is not None:
            _end(self._company)

    async def _linger(self) -> None:
        loop = asyncio.get_running_loop()
        self._company = loop.create_future()
        timer = loop.call_later(LINGER_S, _end, self._company)
        try:
            await self._company
        finally:
            timer.cancel()
            self._company = None

    async def _write(self) -> None:
        while not (self._closing and not self._decisions and not self._feedback):
            await self._wake.wait()
            if not self._feedback and not self._closing and len(self._decisions) < COMPANY:
                await self._linger()
            self._wake.clear()
            decisions, self._decisions = self._decisions, []
            waiting, self._feedback = self._feedback, []
            try:
                await self._commit(decisions, waiting)
            except StoreError as error:
                self.failing = str(error)
                log.error("the journal can't be written: %s", error)  # noqa: TRY400  the message is whole
                _refuse(waiting, error)
                if self._closing:
                    log.error("%d decisions are lost", len(decisions))  # noqa: TRY400
                    return
                self._decisions[:0] = decisions
                await asyncio.sleep(RETRY_S)
                self._wake.set()
            except Exception as error:  # one row that can't be written must not end all writing
                log.exception("a batch of the journal can't be written")
                _refuse(waiting, StoreError(f"the journal could not take it: {error!r}"))
                await self._one_by_one(decisions)

    async def _one_by_one(self, decisions: list[Decision]) -> None:
        for at, decision in enumerate(decisions):
            try:
                await self._commit([decision], [])
            except StoreError:
                self._decisions[:0] = decisions[at:]
                self._wake.set()
                return
            except Exception:
                log.exception("the decision %s can't be written; it is passed over", decision.request_id)

    async def _commit(self, decisions: list[Decision], waiting: Waiting) -> None:
        feedback = [item for items, _ in waiting for item in items]
        results: list[FeedbackResult] = []
        if decisions or feedback:
            first, results = await self._store.append(decisions, feedback)
            self.failing = None
            rows: list[Event] = [*decisions]
            rows += [
                r.feedback for r in results if r.status in ("new", "corrected") and r.feedback is not None
            ]
            if rows:
                await self._learn(rows, first)
        at = 0
        for items, done in waiting:
            if not done.done():
                done.set_result(results[at : at + len(items)])
            at += len(items)

    async def _learn(self, rows: list[Event], first: int) -> None:
        learner = self._learner
        try:
            # What other workers committed in between comes first; our own rows need no reading.
            await learner.catch_up(self._store, until=first - 1)
        except StoreError as error:
            # It is committed all the same, and the next catching up learns from it.
            log.warning("the journal can't be read: %s", error)
            return
        for start in range(0, len(rows), _SLICE):
            if start:
                await asyncio.sleep(0)  # somebody else may apply some of the rest meanwhile
            await learner.take(rows[start : start + _SLICE])

    async def _keep_snapshots(self) -> None:
        while True:
            await asyncio.sleep(SNAPSHOT_S)
            if self._learner.seq == self._saved:
                continue
            try:
                seq = self._learner.seq
                await self._learner.save(self._store)
                self._saved = seq
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


def _end(wait: asyncio.Future[None]) -> None:
    if not wait.done():
        wait.set_result(None)


def _refuse(waiting: Waiting, error: StoreError) -> None:
    for _, done in waiting:
        if not done.done():
            done.set_exception(error)
