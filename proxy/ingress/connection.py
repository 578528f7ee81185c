"""One client's connection, from its first byte to its last.

A request is served in one task, begun when its head is here. Its body comes when the handler asks for it: until then no more
of it is read off the socket than one read and a little. So a request that is refused for its head costs no memory.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from proxy.ingress.buffers import Account, Buffers, overloaded
from proxy.ingress.errors import Refusal
from proxy.ingress.framing import Counted, RequestBody, too_large
from proxy.ingress.parser import HeadParser, Progress, coding_of
from proxy.ingress.reply import Reply, StreamReply, refused
from proxy.ingress.request import HttpRequest, Incoming
from proxy.phases import Phases

log = logging.getLogger("meritorder.connection")

READING: Final = 0  # heads of requests
SERVING: Final = 1  # a request, and what comes meanwhile is held
RECEIVING: Final = 2  # the body of the request that is served
LINGERING: Final = 3  # we said our last, and read over what the client still sends
CLOSING: Final = 4  # what is written may still go out, nothing is read
CLOSED: Final = 5

PHASES: Final = Phases(
    ("reading", "serving", "receiving", "lingering", "closing", "closed"),
    {
        READING: (SERVING, LINGERING, CLOSING, CLOSED),
        SERVING: (READING, RECEIVING, LINGERING, CLOSING, CLOSED),
        RECEIVING: (SERVING, CLOSED),
        LINGERING: (CLOSING, CLOSED),
        CLOSING: (CLOSED,),
    },
)

Handle = Callable[[Incoming], Awaitable[Reply | StreamReply]]

_MOST_HELD = 64 * 1024
"""Bytes that are read of what is not wanted yet: of a body, or of further requests."""

_MOST_DISCARDED = 128 * 1024 * 1024
"""Bytes that are discarded so that a client finds its answer: one that only sends reads it when it has sent all."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class ClientConnections:
    """Makes the protocol of each new connection, and holds those that are open. Bodies of more than `largest` bytes are
    refused.
    """

    def __init__(
        self, handle: Handle, *, largest: int, buffers: Buffers, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.handle = handle
        self.largest = largest
        self.buffers = buffers
        self.loop = loop
        self.open: set[ClientConnection] = set()

    def __call__(self) -> ClientConnection:
        return ClientConnection(self)

    def close(self) -> None:
        """Ends every connection, after the answer that is under way."""
        for connection in list(self.open):
            connection.close()

    async def shutdown(self, patience_s: float) -> None:
        """Ends every connection; answers that are under way get `patience_s`."""
        serving = [each.serving for each in self.open if each.serving is not None]
        if serving:
            await asyncio.wait(serving, timeout=patience_s)
        for connection in list(self.open):
            connection.cut()


class ClientConnection(asyncio.Protocol):
    """The protocol object of one client's socket; `PHASES` is its life."""

    def __init__(self, connections: ClientConnections) -> None:
        self._all = connections
        self._phase = READING
        self._reader = HeadParser()
        self.account = Account(connections.buffers)
        self.transport: asyncio.Transport | None = None
        self.paused = False
        self._waiting: list[asyncio.Future[None]] = []  # for the client to read
        self.serving: asyncio.Task[None] | None = None
        self._held = b""  # what came and is not wanted yet
        self._stopped = False  # reading
        self._body: RequestBody | None = None  # that is being received
        self._arrived: asyncio.Future[bytes] | None = None
        self._discardable = _MOST_DISCARDED  # bytes that may still come while we linger
        self._ending = False  # no further request is wanted
        self._remote: str | None = None
        self.requests = 0

    # --- asyncio's side ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's are no subclass
        self._all.open.add(self)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase == READING:
            self._read(data)
        elif phase == RECEIVING:
            self._receive_more(data)
        elif phase == SERVING:
            self._held += data
            if len(self._held) > _MOST_HELD:
                self._stop_reading()
        elif phase == LINGERING:
            self._discardable -= len(data)
            if self._discardable < 0 and self.transport is not None:
                self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  however it was lost
        self._phase = PHASES.enter(self._phase, CLOSED)
        self.transport = None
        self._all.open.discard(self)
        self._reader.close()
        self._held = b""
        if self.serving is not None:
            self.serving.cancel()
        self._wake(ConnectionResetError("the client has left"))

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self._wake(None)

    # --- the server's side -------------------------------------------------------------------------------

    def close(self) -> None:
        """Ends the connection, after the answer that is under way."""
        if self._phase == READING:
            self._leave()
        elif self._phase in (SERVING, RECEIVING):
            self._ending = True

    def cut(self) -> None:
        """Ends the connection."""
        if self.serving is not None:
            self.serving.cancel()
            if self.transport is not None:
                self.transport.close()
        else:
            self._leave()

    @property
    def owes(self) -> tuple[str, int, int] | None:
        """What the client owes us, in which of its requests, and how many bytes of it are here; None for nothing.

        Bytes of a head count for nothing: a head that takes a minute is no client's.
        """
        phase, body = self._phase, self._body
        if phase == SERVING:
            return None
        if phase == RECEIVING and body is not None:
            return ("body", self.requests, body.received)
        if phase == LINGERING:
            transport = self.transport
            return ("end", self.requests, 0 if transport is None else transport.get_write_buffer_size())
        return ("head" if self.requests == 0 else "next", self.requests, 0)

    # --- the request's side ------------------------------------------------------------------------------

    def keep(self, count: int) -> None:
        """Counts a body that is here. Raises Refusal."""
        if count > self._all.largest:
            raise too_large(self._all.largest)
        if not self.account.take(count):
            raise overloaded()

    @property
    def remote(self) -> str | None:
        """The client's address; asked of the system once."""
        if self._remote is None and self.transport is not None:
            peer = self.transport.get_extra_info("peername")
            self._remote = str(peer[0]) if isinstance(peer, tuple) else peer
        return self._remote

    async def receive(self, request: Incoming) -> bytes:
        """Returns the body of `request` that is still to come. Raises Refusal."""
        largest, framing, headers = self._all.largest, self._reader.framing, request.headers
        assert framing is not None
        coding, reserved = coding_of(headers), 0
        if isinstance(framing, Counted):
            if framing.left > largest:
                raise too_large(largest)
            if not coding:  # what is packed is counted when it is unpacked
                reserved = framing.left
                self.keep(reserved)
        body = RequestBody(framing, coding, largest, self.account, reserved)
        held, self._held = self._held, b""
        rest = body.feed(held)
        if rest is not None:
            self._held = rest
            return body.whole()
        if self.transport is None:
            raise ConnectionResetError("the client has left")
        if "Expect" in headers and request.chunks:
            self.transport.write(_CONTINUE)
        self._phase = PHASES.enter(self._phase, RECEIVING)
        self._body = body
        arrived: asyncio.Future[bytes] = self._all.loop.create_future()
        self._arrived = arrived
        self._go_on_reading()
        try:
            return await arrived
        finally:
            self._received()
            self._arrived = None
            del arrived, body  # a refusal's frames would hold them as they hold it

    async def drained(self) -> None:
        """Returns when the client has read enough. Raises ConnectionError if it left."""
        if self.transport is None:
            raise ConnectionResetError("the client has left")
        if self.paused:
            waiting = self._all.loop.create_future()
            self._waiting.append(waiting)
            await waiting

    # --- one request -------------------------------------------------------------------------------------

    def _read(self, data: bytes) -> None:
        reader = self._reader
        progress = reader.feed(data)
        if progress is Progress.HEAD:
            self._begin(reader)
        elif progress is Progress.REFUSED:
            refusal = reader.refusal
            transport = self.transport
            assert refusal is not None
            # Nothing that it sent is logged: it may hold a key.
            log.info("a request is refused before it is one: %s", refusal.message)
            if transport is not None:
                refused(refusal, reader.path()).write(transport, last=True)
            self._hang_up()

    def _begin(self, reader: HeadParser) -> None:
        self._phase = PHASES.enter(self._phase, SERVING)
        request = reader.take(self)
        self.requests += 1
        rest = reader.rest
        if rest:
            reader.rest = b""
            self._held = rest
            if len(rest) > _MOST_HELD:
                self._stop_reading()
        self.serving = self._all.loop.create_task(self._serve(request))

    def _receive_more(self, data: bytes) -> None:
        body, arrived = self._body, self._arrived
        if body is None or arrived is None or arrived.done():
            return
        try:
            rest = body.feed(data)
        except Refusal as refusal:
            self._received()
            # Its frames hold the body, as the future holds it.
            refusal.__traceback__ = refusal.__context__ = None
            arrived.set_exception(refusal)
            return
        if rest is not None:
            self._received()
            self._held = rest
            arrived.set_result(body.whole())

    def _received(self) -> None:
        """Ends the receiving of a body: it is here, or refused, or its request is given up."""
        self._body = None
        if self._phase == RECEIVING:
            self._phase = PHASES.enter(RECEIVING, SERVING)

    async def _serve(self, request: HttpRequest) -> None:
        try:
            reply = await self._all.handle(request)
            await reply.send(request)
        except asyncio.CancelledError:
            self._leave()
            raise
        except ConnectionError:
            self._leave()
            return
        finally:
            self.serving = None
            self.account.settle()
        if self._phase != SERVING:  # the client has left
            return
        if self._ending or not reply.keep_alive:
            self._hang_up()
            return
        self._phase = PHASES.enter(SERVING, READING)
        if self._held:
            held, self._held = self._held, b""
            self._go_on_reading()
            self._read(held)

    # --- the end -----------------------------------------------------------------------------------------

    def _hang_up(self) -> None:
        """Ends our side of the connection, and discards what the client still sends.

        Closing at once would answer that with a reset, which makes a client lose what it hasn't read of the answer.
        """
        transport = self.transport
        self._held = b""
        self._reader.close()
        if transport is None or transport.is_closing():
            self._leave()
            return
        self._phase = PHASES.enter(self._phase, LINGERING)
        self._go_on_reading()
        try:
            transport.write_eof()
        except OSError:  # it is gone already
            transport.abort()

    def _leave(self) -> None:
        """Closes the connection, once what is written has gone out."""
        if self._phase not in (CLOSING, CLOSED):
            self._phase = PHASES.enter(self._phase, CLOSING)
        if self.transport is not None:
            self.transport.close()

    def _stop_reading(self) -> None:
        transport = self.transport
        if not self._stopped and transport is not None and not transport.is_closing():
            self._stopped = True
            transport.pause_reading()

    def _go_on_reading(self) -> None:
        transport = self.transport
        if self._stopped and transport is not None and not transport.is_closing():
            self._stopped = False
            transport.resume_reading()

    def _wake(self, error: ConnectionError | None) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if one.done():
                continue
            if error is None:
                one.set_result(None)
            else:
                one.set_exception(error)
