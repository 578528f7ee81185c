"""One request and its answer, as the relay sees it."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Protocol

from proxy.dispatch.bypass import Passage
from proxy.upstream.failures import UpstreamFailure
from proxy.upstream.limits import Timeouts

if TYPE_CHECKING:
    from proxy.upstream.connection import Connection


class Place(Protocol):
    """Where exchanges are under way: the origin they are sent to."""

    def settled(self, exchange: Exchange) -> None:
        """It is over, however it ended."""

    def withdraw(self, exchange: Exchange) -> None:
        """Its connection, or its place in the queue, isn't wanted any more."""


class Sink(Protocol):
    """Where an answer goes. Called synchronously while reading; exactly one of `on_end` and `on_failure`."""

    def on_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Status and headers, names in lower case."""

    def on_body(self, data: bytes) -> None:
        """What one read brought of the body, unframed and decoded."""

    def passage(self) -> Passage | None:
        """What may be given the next reads as they are, if each is one HTTP chunk; asked after an `on_body`."""

    def hold(self) -> None:
        """Pause until the client has read enough."""

    def on_end(self) -> None:
        """The message is complete."""

    def on_failure(self, error: UpstreamFailure) -> None:
        """The answer will not be completed."""


class _Nobody:
    """Where an answer goes that is no longer listened to."""

    def on_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        pass

    def on_body(self, data: bytes) -> None:
        pass

    def passage(self) -> Passage | None:
        return None

    def hold(self) -> None:
        pass

    def on_end(self) -> None:
        pass

    def on_failure(self, error: UpstreamFailure) -> None:
        pass


_NOBODY = _Nobody()


class Exchange:
    """A request on its way. Times are the loop's; `first_byte_at` is None until something arrived."""

    __slots__ = (
        "_origin",
        "body",
        "connection",
        "dial",
        "done",
        "ends_by",
        "first_byte_at",
        "head",
        "mark",
        "paused",
        "retried",
        "sent_at",
        "sink",
        "started_at",
        "timeouts",
    )

    def __init__(
        self, origin: Place, head: bytes, body: bytes, sink: Sink, timeouts: Timeouts, now: float
    ) -> None:
        self._origin = origin
        self.head = head
        self.body = body
        self.sink = sink
        self.timeouts = timeouts
        self.started_at = now
        self.sent_at: float | None = None
        self.first_byte_at: float | None = None
        self.mark = now  # the last sign of progress
        self.connection: Connection | None = None
        self.dial: asyncio.Task[Connection] | None = None
        self.done = False
        self.ends_by = math.inf  # when its patience ends, whatever the timeouts say
        self.paused = False
        self.retried = False

    def cancel(self) -> None:
        """The client is gone: close the connection at once; the sink hears nothing more."""
        if not self.done:
            self._origin.settled(self)
            self._origin.withdraw(self)

    def drain(self, by: float) -> None:
        """Lets go of an answer whose end has come. The sink hears nothing more, and the connection may serve again if
        the message ends cleanly until `by`.
        """
        if not self.done:
            self.sink = _NOBODY
            self.ends_by = by
            self.resume()
            if self.connection is not None:
                self.connection.drain()

    def pause(self) -> None:
        """Stop reading: the upstream is held back by TCP. One read that is already here may still come."""
        if not self.paused:
            self.paused = True
            if self.connection is not None:
                self.connection.pause_reading()

    def resume(self) -> None:
        if self.paused:
            self.paused = False
            if self.connection is not None:
                self.connection.resume_reading()

    def complete(self) -> None:
        self._origin.settled(self)
        self.sink.on_end()

    def fail(self, error: UpstreamFailure) -> None:
        if not self.done:
            self._origin.settled(self)
            self.sink.on_failure(error)
