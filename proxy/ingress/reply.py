"""Answers to clients, written straight to the transport; their heads differ in a few lines."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

import orjson

from proxy.ingress.errors import Form, Refusal
from proxy.ingress.request import Incoming

_VISIBLE = bytes(byte if 0x20 <= byte < 0x7F else ord("?") for byte in range(256))

JSON = b"Content-Type: application/json\r\n"
EVENT_STREAM = (
    b"Content-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"
)

_GOOGLES = (":generateContent", ":streamGenerateContent", ":countTokens")

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


def status_line(status: int) -> bytes:
    """Returns the first line of an answer, CRLF included."""
    return _STATUS_LINES.get(status) or f"HTTP/1.1 {status} Status\r\n".encode()


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Encodes headers; a line break in a value can't start a header of its own."""
    return b"".join(b"%b: %b\r\n" % (name.encode(), in_header(value)) for name, value in headers.items())


def in_header(value: str) -> bytes:
    """Returns a text as a header's value: ASCII, with `?` in place of all else and of control characters."""
    return value.encode("ascii", "replace").translate(_VISIBLE)


class Reply:
    """A whole answer."""

    __slots__ = ("_body", "_head", "keep_alive")

    def __init__(self, status: int, body: bytes, head: bytes = JSON) -> None:
        self._head = b"%sContent-Length: %d\r\n%s" % (status_line(status), len(body), head)
        self._body = body
        self.keep_alive = True

    async def send(self, request: Incoming) -> None:
        """Writes head and body in one go, and returns when the client has read enough. Raises ConnectionError."""
        client = request.client
        transport = client.transport
        if transport is None:
            return
        self.keep_alive = request.keep_alive
        self.write(
            transport, last=not request.keep_alive, bodiless=request.method == "HEAD", more=request.reply_head
        )
        if client.paused:
            await client.drained()

    def write(
        self, transport: asyncio.Transport, *, last: bool, bodiless: bool = False, more: bytes = b""
    ) -> None:
        """Writes the reply; `last`: with `Connection: close`, since the connection ends with it."""
        head = self._head + more if more else self._head
        if last:
            head += b"Connection: close\r\n"
        transport.write(b"%s\r\n%s" % (head, b"" if bodiless else self._body))


class StreamReply:
    """A streamed answer: `start`, then `write` from any callback, then `end`. Nothing here awaits."""

    __slots__ = ("_chunked", "_more", "_transport", "client", "keep_alive", "started")

    def __init__(self, request: Incoming) -> None:
        self.client = request.client
        self._transport = self.client.transport
        self._chunked = request.chunks
        self._more = request.reply_head
        self.keep_alive = self._chunked and request.keep_alive
        self.started = False

    def start(self, head: bytes, first: bytes = b"") -> None:
        """Sends status 200, `head` (header lines) and the first bytes, together."""
        self.started = True
        if self._transport is None:
            return
        parts = [_STATUS_LINES[200], head, self._more]
        if self._chunked:
            parts.append(b"Transfer-Encoding: chunked\r\n")
        if not self.keep_alive:
            parts.append(b"Connection: close\r\n")
        parts.append(b"\r\n")
        if first:
            parts.append(b"%x\r\n%s\r\n" % (len(first), first) if self._chunked else first)
        self._transport.write(b"".join(parts))

    def write(self, data: bytes) -> bool:
        """Sends `data` (not empty); returns False when the client is slow and the source should pause."""
        transport = self._transport
        if transport is None:
            return True
        transport.write(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)
        return not self.client.paused

    @property
    def chunk_transport(self) -> asyncio.Transport | None:
        """Where HTTP chunks that are framed already may be written; None for an answer without chunks."""
        return self._transport if self._chunked else None

    def end(self, last: bytes = b"") -> None:
        """Sends `last` and ends the answer."""
        if self._transport is None:
            return
        if not self._chunked:
            if last:
                self._transport.write(last)
        elif last:
            self._transport.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(last), last))
        else:
            self._transport.write(b"0\r\n\r\n")

    async def drained(self) -> None:
        """Returns when the client has read enough. Raises ConnectionError if it left."""
        await self.client.drained()

    async def send(self, request: Incoming) -> None:
        """The relay has written everything."""


def json_reply(value: object, status: int = 200, head: bytes = JSON) -> Reply:
    """Returns `value` as JSON."""
    return Reply(status, orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY), head)


def refused(refusal: Refusal, path: str) -> Reply:
    """Returns a refusal in the dialect that is spoken at `path`."""
    form: Form = "openai"
    if path.startswith("/v1/messages"):
        form = "anthropic"
    elif path.startswith("/v1beta/") or (path.startswith("/v1/models/") and path.endswith(_GOOGLES)):
        form = "gemini"
    head = JSON
    if refusal.retry_after_s is not None:
        head += b"Retry-After: %d\r\n" % max(1, round(refusal.retry_after_s))
    if refusal.shed is not None:
        head += b"X-Meritorder-Shed: %s\r\n" % refusal.shed.encode()
    if refusal.status == 401:
        head += b"WWW-Authenticate: Bearer\r\n"
    return Reply(refusal.status, refusal.body(form), head)
