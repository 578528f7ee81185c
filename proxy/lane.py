"""The short way in: an ordinary request is read, served and answered without aiohttp.

aiohttp makes a message, a URL, a stream for the body, a writer and a request of what it reads, and wakes a task with
it. Requests to a gateway are all alike, so that little of this is ever asked for. Whatever is out of the
ordinary, rubbish included, is aiohttp's, and so is all that comes after it on that connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp.web import RequestHandler, Server

from proxy.incoming import Incoming, Whole
from proxy.reading import Found, Reader
from proxy.reply import Reply, StreamReply

Handle = Callable[[Incoming], Awaitable[Reply | StreamReply]]

_MOST_HELD = 64 * 1024
"""Bytes that are taken of further requests while one is served."""


class Lanes(Server):
    """aiohttp's server, whose connections are lanes. Bodies over `largest` bytes are left to aiohttp."""

    def __init__(
        self, handle: Handle, *, largest: int, loop: asyncio.AbstractEventLoop, **options: Any
    ) -> None:
        super().__init__(handle, loop=loop, **options)  # type: ignore[arg-type]
        self._handle = handle
        self._largest = largest

    @property
    def lanes(self) -> list[Lane]:
        """The open connections."""
        return [lane for lane in self.connections if isinstance(lane, Lane)]

    def __call__(self) -> Lane:
        return Lane(self, self._handle, self._largest, loop=self._loop, **self._kwargs)


class Lane(RequestHandler):
    """One client's connection. While `_reader` is there, aiohttp has seen nothing of what came."""

    __slots__ = ("_ending", "_handle", "_held", "_reader", "_serving")

    def __init__(self, server: Lanes, handle: Handle, largest: int, **options: Any) -> None:
        super().__init__(server, **options)
        self._handle = handle
        self._reader: Reader | None = Reader(largest)
        self._serving: asyncio.Task[None] | None = None
        self._held = b""
        self._ending = False  # no further request is wanted

    # --- asyncio's side ----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader is None or self._close or self._force_close:
            super().data_received(data)
        elif self._serving is not None:
            self._held += data
            if len(self._held) > _MOST_HELD:
                self._pause_transport_reading()
        else:
            self._read(reader, data)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        if self._serving is not None:
            self._serving.cancel()
        super().connection_lost(exc)

    # --- aiohttp's server's side -------------------------------------------------------------------------

    def close(self) -> None:
        """Ends the connection, after the answer that is under way."""
        if self._serving is not None:
            self._ending = True
            return
        # aiohttp's task would wait for a first request that `close` has just told it to ignore.
        untouched = self._waiter is None and self._current_request is None and not self._messages
        super().close()
        if untouched and self.transport is not None:
            self.transport.close()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109  aiohttp's signature
        """Ends the connection; an answer that is under way gets `timeout` seconds."""
        if self._serving is not None:
            await asyncio.wait([self._serving], timeout=timeout)
        if self._serving is not None:
            self._serving.cancel()
        await super().shutdown(timeout)

    @property
    def owed(self) -> int | None:
        """Bytes got so far of what the client owes us; None if it owes nothing.

        Bytes of a first head count for nothing: a head that takes a minute is no client's.
        """
        request = self._current_request
        if request is not None:
            body = request._payload  # noqa: SLF001  aiohttp has no public way to tell
            return None if body.is_eof() else body.total_bytes
        if self._serving is not None:
            return None
        if self._reader is not None and self._reader.owed is not None:
            return self._reader.owed
        return 0 if self._request_count == 0 else None

    def _process_keepalive(self) -> None:
        if self._serving is not None or (self._reader is not None and self._reader.owed is not None):
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        super()._process_keepalive()

    # --- one request -------------------------------------------------------------------------------------

    def _read(self, reader: Reader, data: bytes) -> None:
        found = reader.feed(data)
        if found is Found.WHOLE:
            transport = self.transport
            assert transport is not None
            self._request_count += 1
            request = Whole(*reader.take(), self, transport)
            self._serving = self._loop.create_task(self._serve(request))
        elif found is Found.UNUSUAL:
            self._reader = None
            super().data_received(reader.rest())

    async def _serve(self, request: Whole) -> None:
        try:
            reply = await self._handle(request)
            await reply.prepare(request)
        except asyncio.CancelledError:
            self.force_close()
            raise
        except ConnectionError:
            self.force_close()
            return
        self._serving = None
        if self._ending or not reply.keep_alive:
            self.force_close()
            return
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        reader = self._reader
        if reader is not None and (reader.more or self._held):
            self._go_on(reader)

    def _go_on(self, reader: Reader) -> None:
        """Takes up what came while a request was served."""
        held, self._held = self._held, b""
        if len(held) > _MOST_HELD:
            self._resume_transport_reading()
        if reader.more:
            self._reader = None
            super().data_received(reader.rest() + held)
        else:
            self._read(reader, held)
