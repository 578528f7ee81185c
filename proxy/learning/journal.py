"""Group commit: what happened within a tenth of a second becomes one transaction, which is learnt from afterwards."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from proxy.learning.learner import Learner
from proxy.tasks import Tasks
from state.interface import Store, StoreError
from state.records import Decision, Event, Feedback, FeedbackResult
from state.sqlite.rows import text

log = logging.getLogger("meritorder.journal")

LINGER_S = 0.1
"""How long a decision waits for company; a transaction costs about as much as ten rows, and several times that
where the processor did something else meanwhile. Feedback, which its sender waits for, ends the wait."""

COMPANY = 128
"""So many decisions are committed at once: a larger batch saves little, and others wait for it."""

_LARGEST = 1024
"""Decisions of one transaction: other processes wait for it, and feedback does."""

_MOST_KEPT = 8192
"""Committed rows that wait in memory to be learnt from, some 20 MB; later ones are read from the store again."""

_PAGE = 256

RETRY_S = 1.0
SPARE = 16_384
"""Decisions kept beyond the backlog at which requests are refused: those that were under way by then."""

SNAPSHOT_S = 15.0
POLL_S = 0.25
"""How often other workers' rows are looked for."""

LEARNT_S = 2.0
"""How long a question for what was learnt waits for what is committed; then the answer says how much is missing."""

_CLOSING_S = 5.0
"""How long `close` waits until all is learnt. The rest is learnt at the next start."""

Waiting = list[tuple[list[Feedback], asyncio.Future[list[FeedbackResult]]]]


class Journal:
    """The one writer of a worker. `backlog` counts the decisions that aren't committed yet, `backlog_feedback` the
    feedback. `failing` says why nothing can be written, `unread` why nothing can be learnt.
    """

    def __init__(self, store: Store, learner: Learner, *, shared: bool, most: int = 10_000) -> None:
        self._store = store
        self._learner = learner
        self._shared = shared
        self._most = most + SPARE
        self._decisions: list[Decision] = []
        self._writing = 0  # decisions in the transaction under way
        self._feedback: Waiting = []
        self.backlog_feedback = 0
        self._wake = asyncio.Event()
        self._company: asyncio.Future[None] | None = None
        self._closing = False
        self._saved = 0
        self._kept: deque[Event] = deque()  # committed, to be learnt from, in order of seq
        self._target = 0  # the newest committed row
        self._reached = 0  # up to which everything that is there is learnt
        self._marks: deque[tuple[int, float]] = deque()  # rows and when they were committed, one in a second
        self._behind = asyncio.Event()
        self._watchers: list[tuple[int, asyncio.Future[None]]] = []
        self.dropped = 0
        self.failing: str | None = None
        self.unread: str | None = None

    def start(self, tasks: Tasks) -> None:
        """Starts to write and to learn."""
        self._saved = self._target = self._reached = self._learner.seq
        self._writer = tasks.start(self._write(), name="journal")
        tasks.start(self._learn(), name="learning")
        tasks.start(self._keep_snapshots(), name="snapshots")
        if self._shared:
            tasks.start(self._follow(), name="journal follower")

    @property
    def backlog(self) -> int:
        """Decisions that are not committed yet."""
        return len(self._decisions) + self._writing

    @property
    def lag(self) -> tuple[int, float]:
        """Rows that are committed and not learnt yet, and the seconds since the oldest of them was."""
        seq, marks = max(self._learner.seq, self._reached), self._marks
        if self._target <= seq:
            return 0, 0.0
        since = next((at for last, at in marks if last > seq), None)
        seconds = 0.0 if since is None else asyncio.get_running_loop().time() - since
        return self._target - seq, seconds

    def decided(self, decision: Decision) -> None:
        """Records a finished request; it is committed soon."""
        if len(self._decisions) >= self._most:
            self._drop()
        if not decision.task.isascii():
            # A header may hold bytes that are no UTF-8: learn from what the store will hold, as others do.
            decision.task = text(decision.task)
        self._decisions.append(decision)
        if len(self._decisions) >= COMPANY:
            self._hurry()
        elif len(self._decisions) == 1:  # for others the writer is awake already
            self._wake.set()

    def _drop(self) -> None:
        lost = self._most // 10
        del self._decisions[:lost]
        self.dropped += lost
        log.error(
            "%d decisions are lost so far: %s",
            self.dropped,
            self.failing or "they come faster than they can be written",
        )

    async def judged(self, feedback: list[Feedback]) -> list[FeedbackResult]:
        """Commits feedback; it counts after a crash once this returns, and is learnt soon. Raises StoreError."""
        if self._writer.done():
            raise StoreError("the gateway is ending: nothing is taken in any more")
        done: asyncio.Future[list[FeedbackResult]] = asyncio.get_running_loop().create_future()
        self._feedback.append((feedback, done))
        self.backlog_feedback += len(feedback)
        self._hurry()
        return await done

    async def committed(self) -> None:
        """Returns when everything handed over so far is committed. Raises StoreError."""
        await self.judged([])

    async def flush(self, within: float = LEARNT_S) -> None:
        """Returns when everything handed over so far, and what other workers committed, is learnt, or after `within`
        seconds: see `lag`. Raises StoreError.
        """
        await self.judged([])
        if self._shared:
            self._aim(await self._store.last_seq())
        await self._learnt(within)

    async def close(self) -> None:
        """Commits what is left and saves a snapshot."""
        self._closing = True
        self._hurry()
        await self._writer
        if self.failing is None and self.unread is None:
            await self._learnt(_CLOSING_S)
        try:
            await self._learner.save(self._store)
        except StoreError as error:
            log.warning("no snapshot at shutdown: %s", error)

    # -- writing -----------------------------------------------------------------------------------

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
            # Feedback on what is still to be written must come behind it.
            waiting: Waiting = []
            if len(self._decisions) <= _LARGEST:
                waiting, self._feedback = self._feedback, []
            decisions = self._decisions[:_LARGEST]
            del self._decisions[:_LARGEST]
            self._writing = len(decisions)
            try:
                await self._commit(decisions, waiting)
            except StoreError as error:
                self.failing = str(error)
                log.error("the journal can't be written: %s", error)  # noqa: TRY400  the message is whole
                self._refuse(waiting, error)
                self._decisions[:0] = decisions
                self._writing = 0
                if self._closing:
                    self.dropped += len(self._decisions)
                    log.error("%d decisions are lost: %s", len(self._decisions), error)  # noqa: TRY400
                    self._refuse(self._feedback, error)
                    return
                await asyncio.sleep(RETRY_S)
            except Exception as error:  # one row that can't be written must not end all writing
                log.exception("a batch of the journal can't be written")
                self._refuse(waiting, StoreError(f"the journal could not take it: {error!r}"))
                await self._one_by_one(decisions)
            self._writing = 0
            if self._decisions or self._feedback:
                self._wake.set()

    async def _one_by_one(self, decisions: list[Decision]) -> None:
        for at, decision in enumerate(decisions):
            try:
                await self._commit([decision], [])
            except StoreError:
                self._decisions[:0] = decisions[at:]
                return
            except Exception:
                log.exception("the decision %s can't be written; it is passed over", decision.request_id)

    async def _commit(self, decisions: list[Decision], waiting: Waiting) -> None:
        feedback = [item for items, _ in waiting for item in items]
        results: list[FeedbackResult] = []
        if decisions or feedback:
            _, results = await self._store.append(decisions, feedback)
            self.failing = None
            rows: list[Event] = [*decisions]
            rows += [
                r.feedback for r in results if r.status in ("new", "corrected") and r.feedback is not None
            ]
            if rows:
                self._keep(rows)
        at = 0
        for items, done in waiting:
            if not done.done():
                done.set_result(results[at : at + len(items)])
            at += len(items)
        self.backlog_feedback -= len(feedback)

    def _refuse(self, waiting: Waiting, error: StoreError) -> None:
        for items, done in waiting:
            self.backlog_feedback -= len(items)
            if not done.done():
                done.set_exception(error)

    # -- learning ----------------------------------------------------------------------------------

    def _keep(self, rows: list[Event]) -> None:
        """Keeps committed rows for the task that learns."""
        if len(self._kept) + len(rows) <= _MOST_KEPT:
            self._kept += rows
        else:
            self._kept.clear()  # the store has them
        self._aim(rows[-1].seq)

    def _aim(self, seq: int) -> None:
        if seq <= self._target:
            return
        self._target = seq
        now = asyncio.get_running_loop().time()
        if not self._marks or now - self._marks[-1][1] >= 1.0:
            self._marks.append((seq, now))
        self._behind.set()

    async def _learnt(self, within: float) -> None:
        """Returns when what is committed now is learnt, or after `within` seconds."""
        if self._target <= max(self._learner.seq, self._reached):
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.append((self._target, done))
        await asyncio.wait([done], timeout=within)

    async def _learn(self) -> None:
        while True:
            await self._behind.wait()
            self._behind.clear()
            try:
                await self._catch_up()
                self.unread = None
            except StoreError as error:
                self.unread = str(error)
                log.warning("the journal can't be read: %s", error)
            except Exception as error:  # learning must not end while the gateway serves
                self.unread = f"learning failed: {error!r}"
                log.exception("learning failed; it is tried again")
            else:
                continue
            await asyncio.sleep(RETRY_S)
            self._behind.set()

    async def _catch_up(self) -> None:
        """Learns in order of `seq`: own rows as they were written, others' as the store has them."""
        learner, kept = self._learner, self._kept
        while True:
            self._reached = max(self._reached, learner.seq)
            self._wake_watchers()
            if self._reached >= self._target:
                return
            while kept and kept[0].seq <= self._reached:  # somebody else has read them
                kept.popleft()
            until = kept[0].seq - 1 if kept else self._target
            limit = min(_PAGE, until - self._reached)
            if limit > 0:
                rows = await self._store.tail(learner.seq, limit)
                await learner.learn(rows)
                if len(rows) < limit:  # rows that were deleted leave gaps
                    self._reached = until
            else:
                await learner.learn(self._next())

    def _next(self) -> list[Event]:
        """Removes kept rows, and returns them, up to a gap in their numbers: others wrote in between."""
        kept = self._kept
        rows = [kept.popleft()]
        while kept and len(rows) < _PAGE and kept[0].seq == rows[-1].seq + 1:
            rows.append(kept.popleft())
        return rows

    def _wake_watchers(self) -> None:
        reached, marks = self._reached, self._marks
        while marks and marks[0][0] <= reached:
            marks.popleft()
        if self._watchers:
            for seq, done in self._watchers:
                if seq <= reached:
                    _end(done)
            self._watchers = [entry for entry in self._watchers if not entry[1].done()]

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
                    self._aim(await self._store.last_seq())
            except StoreError as error:
                log.warning("other workers' rows can't be read: %s", error)


def _end(wait: asyncio.Future[None]) -> None:
    if not wait.done():
        wait.set_result(None)
