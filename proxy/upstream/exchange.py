"""One request and its answer, as the relay sees it."""

from __future__ import annotations

import asyncio
import math
from typing import Protocol

from proxy.upstream.failures import UpstreamFailure
from proxy.upstream.limits import Timeouts


class ExchangeOwner(Protocol):
    """The origin that an exchange is sent to."""

    def settled(self, exchange: Exchange) -> None:
        """The exchange is over, however it ended."""

    def withdraw(self, exchange: Exchange) -> None:
        """The exchange no longer needs its connection, or its place in the queue."""


class Carrier(Protocol):
    """The connection that an exchange is under way on."""

    def discard(self) -> None:
        """Closes the connection now and leaves its origin."""

    def drain(self) -> None:
        """The answer is whole; only the end of its message is waited for."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def stirred(self) -> bool:
        """Returns whether something was read since the last call."""


class Bypassed(Protocol):
    """The upstream connection that a bypass stands in for: an asyncio protocol that can be held back."""

    def data_received(self, data: bytes, /) -> None: ...

    def eof_received(self) -> None: ...

    def connection_lost(self, exc: Exception | None, /) -> None: ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...

    def hold(self) -> None:
        """Stops reading until the client has read enough."""


class StandIn(Protocol):
    """What receives a connection's reads in its place, and forwards those that need no parser."""

    open: bool
    """Whether it still forwards; if not, it gives every read back to the connection."""

    chunks: int
    """How many reads it forwarded."""

    def stand_in(self, connection: Bypassed, upstream: asyncio.Transport, /) -> None:
        """Becomes the protocol of `upstream`, in place of the connection whose transport it is."""


class Sink(Protocol):
    """Where an answer goes. Called synchronously while reading; exactly one of `on_end` and `on_failure`."""

    def on_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Status and headers, names in lower case."""

    def on_body(self, data: bytes) -> None:
        """What one read brought of the body, unframed and decoded."""

    def bypass(self) -> StandIn | None:
        """Returns what may receive the next reads unparsed, if each is one HTTP chunk; asked after an `on_body`."""

    def hold(self) -> None:
        """Pause until the client has read enough."""

    def on_end(self) -> None:
        """The message is complete."""

    def on_failure(self, error: UpstreamFailure) -> None:
        """The answer will not be completed."""


class _Nobody:
    """The sink of an answer that nobody wants any more."""

    def on_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        pass

    def on_body(self, data: bytes) -> None:
        pass

    def bypass(self) -> StandIn | None:
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
        self, origin: ExchangeOwner, head: bytes, body: bytes, sink: Sink, timeouts: Timeouts, now: float
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
        self.connection: Carrier | None = None
        self.dial: asyncio.Task[object] | None = None
        self.done = False
        self.ends_by = math.inf  # its deadline whatever the timeouts say
        self.paused = False
        self.retried = False

    def cancel(self) -> None:
        """Closes the connection at once, since the client is gone; the sink is not called again."""
        if not self.done:
            self._origin.settled(self)
            self._origin.withdraw(self)

    def drain(self, by: float) -> None:
        """Detaches the sink from an answer that is whole. The connection may serve again if the message ends cleanly until
        `by`.
        """
        if not self.done:
            self.sink = _NOBODY
            self.ends_by = by
            self.resume()
            if self.connection is not None:
                self.connection.drain()

    def pause(self) -> None:
        """Stops reading, so that TCP holds the upstream back. One read that is already here may still come."""
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
