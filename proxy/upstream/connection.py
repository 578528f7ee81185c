"""One connection: writes a request, parses the answer, hands it to the exchange's sink."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from httptools import HttpParserError, HttpParserUpgrade

from proxy.phases import Phases
from proxy.upstream.answer_parser import AnswerParser
from proxy.upstream.exchange import Exchange, StandIn
from proxy.upstream.failures import ConnectionLost, ProtocolViolation
from proxy.upstream.framing import announced_seconds, check_coding, inflater_of, unwrapped
from proxy.upstream.inflate import InflateError, Inflater
from proxy.upstream.request_writer import RequestWriter

# What some servers send after the end of an answer is a blank line, a comment or a repeated end.
_MOST_SURPLUS_BYTES = 4096

CLOSED: Final = 0
IDLE: Final = 1  # no exchange; being dialled, or kept for the next
HEAD: Final = 2  # an exchange's request goes out, the head of its answer is to come
BODY: Final = 3  # the head went to the sink, pieces of the body follow
DRAINING: Final = 4  # the answer is whole for the sink, the end of its message is still to come

PHASES: Final = Phases(
    ("closed", "idle", "head", "body", "draining"),
    {
        IDLE: (HEAD, CLOSED),
        HEAD: (BODY, CLOSED),
        BODY: (DRAINING, IDLE, CLOSED),
        DRAINING: (IDLE, CLOSED),
    },
)

_PARSED: Final = 0  # the parser reports the end of the body
_UNTIL_CLOSE: Final = 1  # nothing but the end of the connection ends it
_BODILESS: Final = 2  # there is none, whatever the headers say


class ConnectionOwner(Protocol):
    """The origin that a connection belongs to."""

    def released(self, connection: UpstreamConnection) -> None:
        """The connection is clean and may serve again."""

    def dropped(self, connection: UpstreamConnection) -> None:
        """The connection is gone."""

    def retry(self, exchange: Exchange) -> None:
        """A reused connection turned out closed before anything came back."""


class UpstreamConnection(asyncio.Protocol):
    """The protocol object of one socket; `PHASES` is its life.

    The parser only notes what it sees; `data_received` acts on it afterwards, so that a sink may cancel or pause from
    any of its calls.

    A stream's read is mostly one HTTP chunk, no more and no less. Such a read may bypass the parser where the parser
    stands between two chunks: it would stand there again afterwards.

    Invariant: the parser stands between two chunks if the last that it reported was the end of a chunk and its last read
    ended in a line break. The whole size line of a new chunk would have been reported by `on_chunk_header`, and an
    unfinished one doesn't end in a line break.
    """

    _transport: asyncio.Transport  # from connection_made on

    def __init__(
        self, owner: ConnectionOwner, *, header_bytes: int, rewrite: Callable[[bytes], bytes] | None
    ) -> None:
        self._owner = owner
        self._header_limit = header_bytes
        self._rewrite = rewrite
        self._phase = IDLE
        self._exchange: Exchange | None = None
        self._answer = AnswerParser(self._interim)
        self._bypass: StandIn | None = None  # what receives our reads
        self._passed = 0
        self._body_end = _PARSED
        self._unframed = 0  # bytes since the parser last gave us something
        self._deliver: Callable[[bytes], None] = _ignore
        self._inflater: Inflater | None = None
        self._surplus = 0  # bytes after the end of the answer, before that of the message
        self._request = RequestWriter()
        self.served = 0
        self._fresh = False  # something was read since the last sweep
        self.idle_since = 0.0
        self.idle_limit: float | None = None

    # --- the owner's side ---------------------------------------------------------------------------------

    def start(self, exchange: Exchange) -> None:
        self._phase = PHASES.enter(self._phase, HEAD)
        self._exchange = exchange
        exchange.connection = self
        self._answer.begin()
        self._inflater = None
        self._unframed = 0
        self.served += 1
        head = exchange.head
        self._body_end = _BODILESS if head.startswith(b"HEAD ") else _PARSED
        if self._rewrite is not None:
            head = self._rewrite(head)
        self._request.begin(self._transport, head, exchange.body)
        if exchange.paused:
            self._transport.pause_reading()

    @property
    def reused(self) -> bool:
        return self.served > 1

    @property
    def usable(self) -> bool:
        return not self._transport.is_closing()

    def close(self) -> None:
        """Closes the connection now, without flushing: nobody needs what is unsent or unread."""
        if self._bypass is not None:
            self._bypass.open = False
        if self._phase != CLOSED:
            self._phase = PHASES.enter(self._phase, CLOSED)
        self._exchange = self._bypass = None
        self._deliver = _ignore
        self._request.stop()
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
        self._phase = PHASES.enter(self._phase, DRAINING)
        self._surplus = 0
        self._deliver = self._ignore
        if not self._answer.keep_alive and not self._answer.complete and self._exchange is not None:
            self._exchange.cancel()  # its end would only close the connection

    def hold(self) -> None:
        """Pauses the exchange: the client is behind with what the bypass forwarded."""
        if self._exchange is not None:
            self._exchange.sink.hold()

    # --- asyncio's side ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self._phase < BODY:
            self._head_received(data)
            return
        self._fresh = True
        try:
            self._answer.feed(data)
        except HttpParserError as error:
            self._garbled(error)
            return
        if self._answer.complete:
            self._finish()
        elif self._answer.pieces:
            self._unframed = 0
            exchange = self._exchange
            self._flush()
            if (
                self._answer.between
                and data.endswith(b"\r\n")
                and self._inflater is None
                and exchange is not None
                and self._exchange is exchange
            ):
                self._bypass_by(exchange.sink.bypass())
        else:
            self._unframed += len(data)
            if self._unframed > self._header_limit:
                self._fail(ProtocolViolation("trailers or chunk extensions without end"))

    def eof_received(self) -> None:
        self._gone(None)
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone(exc)
        self._answer.close()

    def pause_writing(self) -> None:
        self._request.pause()

    def resume_writing(self) -> None:
        self._fresh = True
        self._request.resume()

    def _interim(self) -> None:
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
            self._answer.feed(data)
        except HttpParserUpgrade:
            self._fail(ProtocolViolation("101 Switching Protocols, which nobody asked for"))
            return
        except HttpParserError as error:
            if not self._answer.status:
                self._fail(ProtocolViolation(f"the answer is not HTTP/1.1: {error}"))
                return
            self._open(exchange, error)
            return
        self._unframed += len(data)
        if self._answer.status:
            self._open(exchange, None)
        elif self._unframed > self._header_limit:
            self._fail(ProtocolViolation(f"the head of the answer exceeds {self._header_limit} bytes"))

    def _open(self, exchange: Exchange, error: HttpParserError | None) -> None:
        """Hands the head to the sink, and what of the body came with it."""
        answer = self._answer
        headers = answer.take_headers()
        if (
            self._unframed > self._header_limit
            and sum(len(name) + len(value) for name, value in headers) > self._header_limit
        ):
            self._fail(ProtocolViolation(f"the head of the answer exceeds {self._header_limit} bytes"))
            return
        self._unframed = 0
        self._deliver = exchange.sink.on_body
        self.idle_limit = None
        if self._answer.status in {204, 304}:
            self._body_end = _BODILESS
        framing = answer.framing
        if framing:
            try:
                check_coding(framing)
                self.idle_limit = announced_seconds(framing)
                if self._body_end != _BODILESS:
                    self._inflater = inflater_of(framing)
            except ProtocolViolation as violation:
                self._fail(violation)
                return
        if self._inflater is not None:
            self._deliver = self._inflate
            headers = unwrapped(headers)
        if (
            self._body_end == _PARSED
            and not (self._answer.keep_alive or self._answer.complete)
            and b"content-length" not in framing
            and b"transfer-encoding" not in framing
        ):
            self._body_end = _UNTIL_CLOSE
        framing.clear()
        exchange.body = b""
        # Refused before it was sent: the rest would only run into a reset that could swallow the answer.
        if answer.status >= 400 and self._request.stop():
            answer.keep_alive = False
        self._phase = PHASES.enter(self._phase, BODY)
        exchange.sink.on_head(self._answer.status, headers)
        if self._exchange is not exchange:
            return
        if error is not None:
            self._garbled(error)
        elif self._answer.complete:
            self._finish()
        elif self._body_end == _BODILESS:
            # HEAD: the parser waits for a body that won't come, so it can't be used again.
            self._answer.keep_alive = False
            self._finish()
        elif self._answer.pieces:
            self._flush()

    def _bypass_by(self, bypass: StandIn | None) -> None:
        """Lets `bypass` receive the next reads. The parser must stand between two chunks."""
        if bypass is not None and bypass is not self._bypass:
            self._bypass = bypass
            self._passed = bypass.chunks
            bypass.stand_in(self, self._transport)

    def _flush(self) -> None:
        pieces = self._answer.pieces
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
        """Ends the exchange with a complete message: hands over the rest, returns the connection to its owner."""
        exchange = self._exchange
        assert exchange is not None
        if self._answer.pieces and self._body_end != _BODILESS:
            self._flush()
            if self._exchange is not exchange:
                return
        if self._inflater is not None:
            try:
                self._inflater.finish()
            except InflateError as error:
                self._fail(ProtocolViolation(f"the answer can't be decompressed: {error}"))
                return
        self._answer.pieces.clear()
        if self._bypass is not None:
            self._transport.set_protocol(self)
        self._exchange = self._bypass = exchange.connection = None
        self._deliver = _ignore  # an idle connection would keep the answer
        if self._answer.keep_alive and not self._request.pending and not self._transport.is_closing():
            self._phase = PHASES.enter(self._phase, IDLE)
            if exchange.paused:
                self._transport.resume_reading()
            self._owner.released(self)
        else:
            self.discard()
        exchange.complete()

    def _garbled(self, error: HttpParserError) -> None:
        """Handles bytes that are no HTTP. What came before them still counts: a complete answer is complete."""
        exchange = self._exchange
        self._answer.keep_alive = False
        if self._answer.complete:
            self._finish()
            return
        if self._answer.pieces:
            self._flush()
        if exchange is not None and self._exchange is exchange:
            self._fail(ProtocolViolation(f"the body of the answer is garbled: {error}"))

    def _gone(self, exc: Exception | None) -> None:
        exchange = self._exchange
        if exchange is None:
            self.discard()
            return
        if self._phase >= BODY and self._body_end == _UNTIL_CLOSE and exc is None:
            self._answer.keep_alive = False
            self._finish()
            return
        untouched = exchange.first_byte_at is None
        if untouched and self.reused and not exchange.retried:
            self._phase = PHASES.enter(self._phase, CLOSED)
            self._exchange = exchange.connection = None
            self._request.stop()
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
        self._answer.pieces.clear()
        self.discard()
        exchange.fail(failure)

    def discard(self) -> None:
        """Closes the connection now and leaves its origin."""
        self.close()
        self._owner.dropped(self)


def _ignore(_: bytes) -> None:
    return None
