"""The connections to one origin: idle ones, a limit on all, a fair queue for what must wait."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from functools import partial

from proxy.upstream.connection import UpstreamConnection
from proxy.upstream.dialing.dial import Dialer
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.exchange import Exchange
from proxy.upstream.failures import (
    ConnectFailed,
    ConnectTimeout,
    FirstByteTimeout,
    IdleTimeout,
    QueueTimeout,
    TotalTimeout,
    UpstreamFailure,
)
from proxy.upstream.limits import LEAST_CONNECT_S, LEAST_SILENCE_S, PoolLimits


class Origin:
    """Every connection, being dialled or open, holds one of `max_connections` places until it is dropped."""

    def __init__(
        self, endpoint: Endpoint, limits: PoolLimits, dialer: Dialer, now: Callable[[], float]
    ) -> None:
        self._endpoint = endpoint
        self._limits = limits
        self._dialer = dialer
        self._now = now
        self._live: dict[Exchange, None] = {}
        self._idle: dict[UpstreamConnection, None] = {}
        self._held: set[UpstreamConnection] = set()
        self._dials: set[asyncio.Task[UpstreamConnection]] = set()
        self._waiting: deque[Exchange] = deque()
        self._closed = False

    @property
    def places(self) -> int:
        """How many connections are open or being opened."""
        return len(self._held) + len(self._dials)

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def live(self) -> int:
        return len(self._live)

    @property
    def quiet(self) -> bool:
        """Nothing here needs a sweep."""
        return not (self._live or self._idle)

    def submit(self, exchange: Exchange) -> None:
        self._live[exchange] = None
        idle = self._idle
        while idle:
            connection = idle.popitem()[0]  # the one used last is the likeliest to be open still
            if connection.usable:
                self._start(connection, exchange)
                return
        if self.places < self._limits.max_connections:
            self._dial(exchange)
        else:
            self._waiting.append(exchange)

    def settled(self, exchange: Exchange) -> None:
        exchange.done = True
        self._live.pop(exchange, None)

    def withdraw(self, exchange: Exchange) -> None:
        """Removes an exchange from its connection, its dial or the queue, and closes what only served it."""
        connection = exchange.connection
        if connection is not None:
            exchange.connection = None
            connection.discard()
        elif exchange.dial is not None:
            exchange.dial.cancel()
        elif exchange in self._waiting:
            self._waiting.remove(exchange)

    # --- a connection's owner -----------------------------------------------------------------------------

    def released(self, connection: UpstreamConnection) -> None:
        if connection.served == 1:
            self._dialer.remember(connection)
        if self._closed:
            connection.discard()
        elif self._waiting:
            self._start(connection, self._waiting.popleft())
        elif len(self._idle) < self._limits.max_idle:
            connection.idle_since = self._now()
            self._idle[connection] = None
        else:
            connection.discard()

    def dropped(self, connection: UpstreamConnection) -> None:
        self._idle.pop(connection, None)
        if connection in self._held:
            self._held.remove(connection)
            self._vacated()

    def retry(self, exchange: Exchange) -> None:
        # On a connection of its own: the other idle ones are likely as dead as the last.
        self._dial(exchange)

    # --- time --------------------------------------------------------------------------------------------

    def sweep(self, now: float) -> None:
        """Fails exchanges that are overdue and closes connections that were idle too long."""
        for exchange in list(self._live):
            failure = self._overdue(exchange, now)
            if failure is not None:
                self.settled(exchange)
                self.withdraw(exchange)
                exchange.sink.on_failure(failure)
        default = self._limits.idle_seconds
        for connection in list(self._idle):
            limit = connection.idle_limit
            if now - connection.idle_since >= (default if limit is None else min(limit, default)):
                connection.discard()

    def _overdue(self, exchange: Exchange, now: float) -> UpstreamFailure | None:
        timeouts = exchange.timeouts
        where = self._endpoint.address
        if now - exchange.started_at > timeouts.total:
            return TotalTimeout(
                f"{where}: no complete answer in {timeouts.total:g} s",
                retry_safe=exchange.first_byte_at is None,
            )
        if now > exchange.ends_by:
            return IdleTimeout(f"{where}: nothing came after the end of the answer")
        connection = exchange.connection
        if connection is None:
            if exchange.dial is None and now - exchange.started_at > timeouts.queue:
                return QueueTimeout(
                    f"{where}: all {self.places} connections were busy for {timeouts.queue:g} s"
                )
            return None
        if connection.stirred() or exchange.paused:
            exchange.mark = now
            return None
        silence = now - exchange.mark
        if exchange.first_byte_at is None:
            if silence > timeouts.first_byte:
                return FirstByteTimeout(
                    f"{where}: no answer in {timeouts.first_byte:g} s",
                    ours=timeouts.first_byte < LEAST_SILENCE_S,
                )
        elif silence > timeouts.idle:
            return IdleTimeout(
                f"{where}: the answer stopped for {timeouts.idle:g} s", ours=timeouts.idle < LEAST_SILENCE_S
            )
        return None

    # --- inside ------------------------------------------------------------------------------------------

    def _start(self, connection: UpstreamConnection, exchange: Exchange) -> None:
        exchange.sent_at = exchange.mark = self._now()
        connection.start(exchange)

    def _dial(self, exchange: Exchange) -> None:
        task = asyncio.get_running_loop().create_task(
            self._connect(exchange), name=f"dial {self._endpoint.address}"
        )
        exchange.dial = task
        self._dials.add(task)
        task.add_done_callback(partial(self._dialled, exchange))

    async def _connect(self, exchange: Exchange) -> UpstreamConnection:
        limit = exchange.timeouts.connect
        route = self._dialer.route(self._endpoint)
        rewrite = route.rewrite
        try:
            async with asyncio.timeout(None if math.isinf(limit) else limit):
                return await self._dialer.open(
                    route,
                    lambda: UpstreamConnection(self, header_bytes=self._limits.header_bytes, rewrite=rewrite),
                )
        except TimeoutError:
            raise ConnectTimeout(
                f"{route}: no connection in {limit:g} s", ours=limit < LEAST_CONNECT_S
            ) from None

    def _dialled(self, exchange: Exchange, task: asyncio.Task[UpstreamConnection]) -> None:
        self._dials.discard(task)
        exchange.dial = None
        if task.cancelled():
            self._vacated()
            return
        failure = task.exception()
        if failure is None:
            connection = task.result()
            if connection.usable:
                self._held.add(connection)
                if exchange.done:
                    self.released(connection)
                else:
                    self._start(connection, exchange)
                return
            failure = ConnectFailed(f"{self._endpoint.address}: the connection was closed at once")
        elif not isinstance(failure, UpstreamFailure):
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a connection attempt broke", "exception": failure, "task": task}
            )
            failure = ConnectFailed(f"{self._endpoint.address}: {failure!r}")
        self._vacated()
        exchange.fail(failure)

    def _vacated(self) -> None:
        while self._waiting and not self._closed and self.places < self._limits.max_connections:
            self._dial(self._waiting.popleft())

    async def close(self, failure: Callable[[Exchange], UpstreamFailure]) -> None:
        self._closed = True
        for exchange in list(self._live):
            self.withdraw(exchange)
            exchange.fail(failure(exchange))
        for connection in list(self._held):
            connection.discard()
        dials = list(self._dials)
        for task in dials:
            task.cancel()
        await asyncio.gather(*dials, return_exceptions=True)
