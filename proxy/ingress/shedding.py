"""What is refused at the door because there is more of it than can be served and recorded.

A request that is refused at once costs a tenth of one that is served, and its client can go elsewhere. One that waits for
long is given up by its client, and served all the same. Only requests for answers are refused; who looks, judges or
operates is let in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sized

from proxy.ingress.errors import Refusal
from proxy.learning.journal import Journal

LATE_S = 0.5
"""Time that one turn of the event loop may take to begin with requests. From a question to its answer it is three or four
turns, so that this makes two seconds at most; after a few more clients give up, and ask again.
"""

BUSY = 64
"""Requests under way below which a long turn was no overload: the machine slept, or was taken by others."""

MOST_FEEDBACK = 20_000
"""Feedback waiting to be committed; senders wait for it, so that there is little unless the store stands still."""

RETRY_AFTER_S = 1.0
"""Overload passes as soon as clients hold back a little."""

RETRY_FAILING_S = 5.0
"""A full disk needs somebody to look at it."""

_WHY = {
    "in_flight": "{calls} requests are under way, as many as server.max_in_flight allows",
    "journal": "{rows} answers wait to be written to the journal, as many as server.max_journal_backlog allows: {why}",
    "lag": "there are more requests than the processor can serve",
    "feedback": "{feedback} items of feedback wait to be written to the journal: {why}",
}


class Shedding:
    """Decides by what is under way, what waits to be recorded, and how long the present turn of the event loop has taken.
    `call_soon` is the loop's: what it is given is called in the next turn.
    """

    def __init__(
        self,
        calls: Sized,
        journal: Journal,
        call_soon: Callable[[Callable[[], None]], object],
        *,
        most: int,
        most_rows: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._calls = calls
        self._journal = journal
        self._call_soon = call_soon
        self._clock = clock
        self._began: float | None = None  # this turn, as far as we know
        self._most = most
        self._most_rows = most_rows
        self.shed: dict[str, int] = dict.fromkeys(_WHY, 0)

    def admit(self) -> None:
        """Admits a request for an answer. Raises Refusal."""
        calls = len(self._calls)
        if calls >= self._most:
            raise self._refusal("in_flight")
        if self._journal.backlog >= self._most_rows:
            raise self._refusal("journal")
        if calls >= BUSY:
            if self._began is None:
                self._began = self._clock()
                self._call_soon(self._turned)
            elif self._clock() - self._began > LATE_S:
                raise self._refusal("lag")

    def _turned(self) -> None:
        self._began = None

    def admit_feedback(self) -> None:
        """Admits feedback. Raises Refusal."""
        if self._journal.backlog_feedback >= MOST_FEEDBACK:
            raise self._refusal("feedback")

    def _refusal(self, reason: str) -> Refusal:
        self.shed[reason] += 1
        journal = self._journal
        reasons = _WHY[reason].format(
            calls=len(self._calls),
            rows=journal.backlog,
            feedback=journal.backlog_feedback,
            why=journal.failing or "they come faster than they can be written",
        )
        return Refusal(
            503,
            f"The gateway is overloaded: {reasons}. Try again soon.",
            kind="overloaded_error",
            code="overloaded",
            retry_after_s=RETRY_AFTER_S if journal.failing is None else RETRY_FAILING_S,
            shed=reason,
        )

    def state(self) -> dict[str, object]:
        """Returns how near the limits the worker is, for whoever watches."""
        rows, seconds = self._journal.lag
        return {
            "in_flight": len(self._calls),
            "journal_backlog": self._journal.backlog,
            "feedback_backlog": self._journal.backlog_feedback,
            "learning_lag": {"rows": rows, "seconds": round(seconds, 3)},
            "shed": dict(self.shed),
            "dropped": self._journal.dropped,
        }
