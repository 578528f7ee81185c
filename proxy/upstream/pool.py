"""The way to every upstream."""

from __future__ import annotations

import asyncio
import ssl

from proxy.upstream.dialing.addresses import Addresses
from proxy.upstream.dialing.dial import Dialer
from proxy.upstream.dialing.proxies import Proxies
from proxy.upstream.dialing.tls import client_context
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.exchange import Exchange, Sink
from proxy.upstream.failures import ShutDown
from proxy.upstream.limits import PoolLimits, Timeouts
from proxy.upstream.origin import Origin


class Pool:
    """Connections by origin, and one timer for all of their time limits.

    Belongs to one event loop, from the first `send` on. Without `tls` the system's certificate authorities are
    trusted, without `proxies` the environment names them.
    """

    def __init__(
        self,
        *,
        limits: PoolLimits,
        timeouts: Timeouts,
        tls: ssl.SSLContext | None = None,
        proxies: Proxies | None = None,
        addresses: Addresses | None = None,
    ) -> None:
        self._limits = limits
        self.timeouts = timeouts
        self._tls = tls
        self._proxies = Proxies.from_environment() if proxies is None else proxies
        self._addresses = addresses or Addresses()
        self._by_endpoint: dict[Endpoint, Origin] = {}
        self._by_origin: dict[tuple[str, str, int], Origin] = {}
        self._dialer: Dialer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._unsent: list[tuple[Origin, Exchange]] = []

    def send(
        self,
        endpoint: Endpoint,
        head: bytes,
        body: bytes,
        sink: Sink,
        *,
        timeouts: Timeouts | None = None,
        at_once: bool = False,
    ) -> Exchange:
        """Sends a request; its answer goes to `sink`, never before this returns.

        The requests of one turn of the event loop are written one after the other in the next, on idle
        connections or such as are opened in tasks: a server that sleeps between two writes has to be woken
        for each, which costs more than the write. `at_once` saves a request that comes alone the turn.
        """
        origin = self._by_endpoint.get(endpoint) or self._origin(endpoint)
        loop = self._loop
        assert loop is not None
        exchange = Exchange(origin, head, body, sink, timeouts or self.timeouts, loop.time())
        if at_once:
            origin.submit(exchange)
        else:
            if not self._unsent:
                loop.call_soon(self._submit)
            self._unsent.append((origin, exchange))
        if self._timer is None:
            self._timer = loop.call_later(self._limits.sweep_seconds, self._sweep)
        return exchange

    def _submit(self) -> None:
        unsent, self._unsent = self._unsent, []
        for origin, exchange in unsent:
            if not exchange.done:
                origin.submit(exchange)

    async def close(self) -> None:
        """Closes every connection; exchanges under way fail."""
        self._submit()  # so that they fail with the others
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._by_endpoint.clear()
        origins = list(self._by_origin.values())
        self._by_origin.clear()
        for origin in origins:
            await origin.close(_shut_down)
        if self._dialer is not None:
            await self._dialer.close()

    def occupancy(self) -> dict[str, dict[str, int]]:
        """Open, idle, live and waiting counts by origin, for statistics."""
        return {
            f"{scheme}://{host}:{port}": {
                "open": origin.places,
                "idle": origin.idle,
                "live": origin.live,
                "waiting": origin.waiting,
            }
            for (scheme, host, port), origin in self._by_origin.items()
        }

    def _origin(self, endpoint: Endpoint) -> Origin:
        if self._closed:
            raise RuntimeError("the pool is closed")
        if self._dialer is None:
            self._loop = asyncio.get_running_loop()
            self._dialer = Dialer(
                self._limits, self._proxies, self._tls or client_context(), self._loop, self._addresses
            )
        assert self._loop is not None
        key = (endpoint.scheme, endpoint.host, endpoint.port)
        origin = self._by_origin.get(key)
        if origin is None:
            origin = self._by_origin[key] = Origin(endpoint, self._limits, self._dialer, self._loop.time)
        self._by_endpoint[endpoint] = origin
        return origin

    def _sweep(self) -> None:
        loop = self._loop
        assert loop is not None
        busy = bool(self._unsent)  # what is submitted in this turn, after a long one, needs the next sweep
        for origin in list(self._by_origin.values()):
            origin.sweep(loop.time())
            busy = busy or not origin.quiet
        self._timer = loop.call_later(self._limits.sweep_seconds, self._sweep) if busy else None


def _shut_down(exchange: Exchange) -> ShutDown:
    return ShutDown(retry_safe=exchange.first_byte_at is None)
