"""One connection: writes a request, parses the answer, tells the exchange's sink."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from proxy.upstream.exchange import Exchange, StandIn
from proxy.upstream.failures import ConnectionLost, ProtocolViolation
from proxy.upstream.inflate import InflateError, Inflater

# Up to here head and body are joined for one write; above, the body goes out in slices of this size.
_SLICE_BYTES = 65_536
# A server that announces N seconds may close a moment before our clock says so.
_KEEP_ALIVE_MARGIN = 1.0
# What some servers send after the end of an answer is a blank line, a comment or a repeated end.
_MOST_SURPLUS_BYTES = 4096

_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"content-encoding", b"keep-alive"})
_DECODED = frozenset({b"content-length", b"content-encoding"})


class ConnectionOwner(Protocol):
    """The origin that a connection belongs to."""

    def released(self, connection: UpstreamConnection) -> None:
        """The connection is clean and may serve again."""

    def dropped(self, connection: UpstreamConnection) -> None:
        """The connection is gone."""

    def retry(self, exchange: Exchange) -> None:
        """A reused connection turned out closed before anything came back."""


class UpstreamConnection(asyncio.Protocol):
    """The protocol object of one socket.

    The parser's callbacks only note what they see; `data_received` acts on it afterwards, so that a sink may
    cancel or pause from any of its calls. Body pieces go straight into a list (`on_body` is its `append`):
    hundreds of small HTTP chunks in one read cost no Python call each.

    A stream's read is mostly one HTTP chunk, no more and no less. While the parser stands between two chunks, such
    a read may go past it to the sink: the parser would stand there again afterwards. That it stands there is
    certain if the last it told was the end of a chunk, and its last read ends as a chunk does: a size line begun
    since would end in no line break, a whole one would have been told.
    """

    _transport: asyncio.Transport  # from connection_made on

    def __init__(
        self, owner: ConnectionOwner, *, header_bytes: int, rewrite: Callable[[bytes], bytes] | None
    ) -> None:
        self._owner = owner
        self._header_limit = header_bytes
        self._rewrite = rewrite
        self._exchange: Exchange | None = None
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._between: list[None] = []  # not empty: a chunk has ended, and no other begun
        self.on_chunk_header = self._between.clear
        self.on_chunk_complete = partial(self._between.append, None)
        self._bypass: StandIn | None = None  # what stands in our place
        self._passed = 0
        parser = HttpResponseParser(self)
        self._parser: HttpResponseParser | None = parser
        self._feed: Callable[[bytes], None] = parser.feed_data
        self._headers: list[tuple[bytes, bytes]] = []
        self._framing: dict[bytes, bytes] = {}
        self._status = 0
        self._relaying = False  # the head is out, pieces go to the sink
        self._complete = False
        self._keep_alive = False
        self._until_close = False
        self._bodiless = False
        self._unframed = 0  # bytes since the parser last gave us something
        self._deliver: Callable[[bytes], None] = _ignore
        self._inflater: Inflater | None = None
        self._surplus = 0  # bytes after the end of the answer, before that of the message
        self._unsent: memoryview | None = None
        self._blocked = False
        self.served = 0
        self._fresh = False  # something was read since the last sweep
        self.idle_since = 0.0
        self.idle_limit: float | None = None

    # --- the home's side ---------------------------------------------------------------------------------

    def start(self, exchange: Exchange) -> None:
        self._exchange = exchange
        exchange.connection = self
        self._relaying = self._complete = self._until_close = False
        self._inflater = None
        self._between.clear()
        self._unframed = self._status = 0
        self.served += 1
        head = exchange.head
        self._bodiless = head.startswith(b"HEAD ")
        if self._rewrite is not None:
            head = self._rewrite(head)
        body = exchange.body
        if len(body) <= _SLICE_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._unsent = memoryview(body)
            self._push()
        if exchange.paused:
            self._transport.pause_reading()

    @property
    def reused(self) -> bool:
        return self.served > 1

    @property
    def usable(self) -> bool:
        return not self._transport.is_closing()

    def close(self) -> None:
        """Close now, without flushing: what is unsent or unread interests nobody any more."""
        if self._bypass is not None:
            self._bypass.open = False
        self._exchange = self._bypass = None
        self._deliver = _ignore
        self._relaying = False
        self._unsent = None
        self._transport.abort()

    def pause_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._fresh = True
        if not self._transport.is_closing():
            self._transport.resume_reading()

    @property
    def tls_object(self) -> object:
        return self._transport.get_extra_info("ssl_object")

    def stirred(self) -> bool:
        """Returns whether something was read since the last call."""
        fresh, self._fresh = self._fresh, False
        if self._bypass is not None and self._bypass.chunks != self._passed:
            self._passed = self._bypass.chunks
            return True
        return fresh

    def drain(self) -> None:
        """The answer is whole: what follows is nobody's, and only the end of its message is waited for."""
        self._surplus = 0
        self._deliver = self._ignore
        if not self._keep_alive and not self._complete and self._exchange is not None:
            self._exchange.cancel()  # its end would only close the connection

    def hold(self) -> None:
        """The client is behind with what passed."""
        if self._exchange is not None:
            self._exchange.sink.hold()

    # --- asyncio's side ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if not self._relaying:
            self._head_received(data)
            return
        self._fresh = True
        try:
            self._feed(data)
        except HttpParserError as error:
            self._garbled(error)
            return
        if self._complete:
            self._finish()
        elif self._pieces:
            self._unframed = 0
            exchange = self._exchange
            self._flush()
            if (
                self._between
                and data.endswith(b"\r\n")
                and self._inflater is None
                and exchange is not None
                and self._exchange is exchange
            ):
                self._pass(exchange.sink.bypass())
        else:
            self._unframed += len(data)
            if self._unframed > self._header_limit:
                self._fail(ProtocolViolation("trailers or chunk extensions without end"))

    def eof_received(self) -> None:
        self._gone(None)
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone(exc)
        # The parser holds our callbacks and we hold the parser.
        self._parser = None
        self._feed = _closed

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        self._fresh = True
        self._push()

    # --- the parser's side -------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._complete:
            raise _LeftoverError

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if self._status:
            return  # a trailer
        value = value.rstrip(b" \t")
        self._headers.append((name, value))
        if name in _FRAMING:
            self._framing[name] = value

    def on_headers_complete(self) -> None:
        parser = self._parser
        assert parser is not None
        status = parser.get_status_code()
        if status < 200:
            return
        self._status = status
        self._keep_alive = parser.should_keep_alive()

    def on_message_complete(self) -> None:
        if self._status:
            self._complete = True
        else:
            # 100 Continue, 103 Early Hints: the answer is still to come.
            self._headers.clear()
            self._framing.clear()
            if self._exchange is not None:
                self._exchange.first_byte_at = None

    # --- the answer --------------------------------------------------------------------------------------

    def _head_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None:
            # Nobody asked: a 408 or garbage on an idle connection.
            self.discard()
            return
        self._fresh = True
        if exchange.first_byte_at is None:
            exchange.first_byte_at = asyncio.get_running_loop().time()
        try:
            self._feed(data)
        except HttpParserUpgrade:
            self._fail(ProtocolViolation("101 Switching Protocols, which nobody asked for"))
            return
        except HttpParserError as error:
            if not self._status:
                self._fail(ProtocolViolation(f"the answer is not HTTP/1.1: {error}"))
                return
            self._open(exchange, error)
            return
        self._unframed += len(data)
        if self._status:
            self._open(exchange, None)
        elif self._unframed > self._header_limit:
            self._fail(ProtocolViolation(f"the head of the answer exceeds {self._header_limit} bytes"))

    def _open(self, exchange: Exchange, error: HttpParserError | None) -> None:
        """Hand over the head, and whatever of the body came with it."""
        headers = self._headers
        if (
            self._unframed > self._header_limit
            and sum(len(name) + len(value) for name, value in headers) > self._header_limit
        ):
            self._fail(ProtocolViolation(f"the head of the answer exceeds {self._header_limit} bytes"))
            return
        self._headers = []
        self._unframed = 0
        self._deliver = exchange.sink.on_body
        self.idle_limit = None
        self._bodiless = self._bodiless or self._status in {204, 304}
        if self._framing and not self._framed():
            return
        if not (self._keep_alive or self._bodiless or self._complete):
            framing = self._framing
            self._until_close = b"content-length" not in framing and b"transfer-encoding" not in framing
        if self._inflater is not None:
            headers = [(name, value) for name, value in headers if name not in _DECODED]
        self._framing.clear()
        exchange.body = b""
        if self._status >= 400:
            self._stop_sending()
        self._relaying = True
        exchange.sink.on_head(self._status, headers)
        if self._exchange is not exchange:
            return
        if error is not None:
            self._garbled(error)
        elif self._complete:
            self._finish()
        elif self._bodiless:
            # HEAD: the parser waits for a body that won't come, so it can't be used again.
            self._keep_alive = False
            self._finish()
        elif self._pieces:
            self._flush()

    def _framed(self) -> bool:
        """Act on the headers that say how the body is wrapped; False when we can't unwrap it."""
        framing = self._framing
        coding = framing.get(b"transfer-encoding")
        if coding is not None and coding.lower() != b"chunked":
            self._fail(ProtocolViolation(f"transfer-encoding {coding.decode('latin-1')!r} is not chunked"))
            return False
        alive = framing.get(b"keep-alive")
        if alive is not None:
            self.idle_limit = _announced_seconds(alive)
        encoding = framing.get(b"content-encoding", b"").lower()
        if encoding and encoding != b"identity" and not self._bodiless:
            if encoding not in Inflater.ENCODINGS:
                self._fail(
                    ProtocolViolation(
                        f"content-encoding {encoding.decode('latin-1')!r}, where identity was asked for"
                    )
                )
                return False
            self._inflater = Inflater(encoding)
            self._deliver = self._inflate
        return True

    def _pass(self, bypass: StandIn | None) -> None:
        """Between two chunks: the next reads may go past the parser."""
        if bypass is not None and bypass is not self._bypass:
            self._bypass = bypass
            self._passed = bypass.chunks
            bypass.stand_in(self, self._transport)

    def _flush(self) -> None:
        pieces = self._pieces
        # join returns a single piece as it is, uncopied.
        data = b"".join(pieces)
        pieces.clear()
        self._deliver(data)

    def _inflate(self, data: bytes) -> None:
        exchange, inflater = self._exchange, self._inflater
        assert exchange is not None
        assert inflater is not None
        try:
            for piece in inflater.feed(data):
                exchange.sink.on_body(piece)
                if self._exchange is not exchange:
                    return
        except InflateError as error:
            self._fail(ProtocolViolation(f"the answer can't be decompressed: {error}"))

    def _ignore(self, data: bytes) -> None:
        self._surplus += len(data)
        if self._surplus > _MOST_SURPLUS_BYTES and self._exchange is not None:
            self._exchange.cancel()

    def _finish(self) -> None:
        """The message is complete: hand over the rest, give the connection back, say so."""
        exchange = self._exchange
        assert exchange is not None
        if self._pieces and not self._bodiless:
            self._flush()
            if self._exchange is not exchange:
                return
        if self._inflater is not None:
            try:
                self._inflater.finish()
            except InflateError as error:
                self._fail(ProtocolViolation(f"the answer can't be decompressed: {error}"))
                return
        self._pieces.clear()
        if self._bypass is not None:
            self._transport.set_protocol(self)
        self._exchange = self._bypass = exchange.connection = None
        self._deliver = _ignore  # an idle connection would keep the answer
        self._relaying = False
        if self._keep_alive and self._unsent is None and not self._transport.is_closing():
            if exchange.paused:
                self._transport.resume_reading()
            self._owner.released(self)
        else:
            self.discard()
        exchange.complete()

    def _garbled(self, error: HttpParserError) -> None:
        """What came before the error still counts: a complete answer is complete."""
        exchange = self._exchange
        self._keep_alive = False
        if self._complete:
            self._finish()
            return
        if self._pieces:
            self._flush()
        if exchange is not None and self._exchange is exchange:
            self._fail(ProtocolViolation(f"the body of the answer is garbled: {error}"))

    def _gone(self, exc: Exception | None) -> None:
        exchange = self._exchange
        if exchange is None:
            self._owner.dropped(self)
            return
        if self._relaying and self._until_close and exc is None:
            self._keep_alive = False
            self._finish()
            return
        untouched = exchange.first_byte_at is None
        if untouched and self.reused and not exchange.retried:
            self._exchange = exchange.connection = None
            self._unsent = None
            exchange.retried = True
            self._owner.dropped(self)
            self._owner.retry(exchange)
            return
        when = "before the first byte of" if untouched else "in the middle of"
        failure = ConnectionLost(f"the connection was lost {when} the answer", retry_safe=untouched)
        failure.__cause__ = exc
        self._fail(failure)

    def _fail(self, failure: ConnectionLost | ProtocolViolation) -> None:
        exchange = self._exchange
        assert exchange is not None
        exchange.connection = None
        self._pieces.clear()
        self.discard()
        exchange.fail(failure)

    def discard(self) -> None:
        """Closes the connection now and leaves its origin."""
        self.close()
        self._owner.dropped(self)

    # --- the request -------------------------------------------------------------------------------------

    def _push(self) -> None:
        unsent = self._unsent
        while unsent is not None and not self._blocked:
            self._transport.write(unsent[:_SLICE_BYTES])
            unsent = self._unsent = unsent[_SLICE_BYTES:] if len(unsent) > _SLICE_BYTES else None

    def _stop_sending(self) -> None:
        # Refused before it was sent: the rest would only run into a reset that could swallow the answer.
        if self._unsent is not None:
            self._unsent = None
            self._keep_alive = False


class _LeftoverError(Exception):
    """Bytes after the end of the answer."""


def _announced_seconds(value: bytes) -> float | None:
    """`Keep-Alive: timeout=5, max=100` → 4.0."""
    for part in value.split(b","):
        name, _, number = part.strip().partition(b"=")
        if name.lower() == b"timeout" and number.isdigit():
            return float(number[:9]) - _KEEP_ALIVE_MARGIN
    return None


def _ignore(_: bytes) -> None:
    return None


def _closed(_: bytes) -> None:
    return None
