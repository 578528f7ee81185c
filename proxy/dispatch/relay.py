"""One call of one arm: the upstream's bytes on their way to the client.

`Relay` is the upstream connection's sink. Bytes go through a pipe (a tap that forwards them, or a
translator) and straight to the client's transport, in the callback that brought them: no task, no queue,
no copy. Until the first content nothing is sent, so another arm can still take over.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from adapters.answer_facts import MAX_ANSWER_BYTES
from adapters.dialect import Tap
from adapters.errors import ErrorKind, ProviderError, Truncated, retry_after_s
from proxy.dispatch.answer_ids import AnswerId
from proxy.dispatch.bypass import Bypass
from proxy.dispatch.detours import is_of_other_form, no_error
from proxy.ingress.buffers import Account
from proxy.ingress.reply import StreamReply
from proxy.masking import Mask
from proxy.tasks import Tasks
from proxy.upstream import (
    ConnectTimeout,
    Exchange,
    FirstByteTimeout,
    IdleTimeout,
    TotalTimeout,
    UpstreamFailure,
)

log = logging.getLogger("meritorder.relay")

UNTYPED = b"application/octet-stream"
"""The type of an answer that names none."""

_LARGEST_ERROR = 64 * 1024

_REQUEST_IDS = frozenset(
    {b"x-request-id", b"request-id", b"x-amzn-requestid", b"apim-request-id", b"x-goog-request-id"}
)
"""Headers in which vendors name a request."""

_LONGEST_REQUEST_ID = 200

_END_OF_MESSAGE_S = 1.0
"""How long a connection may take to end a message whose answer is whole. Servers do it in the same turn."""

_END_OF_ANSWER_S = 2.0
"""How long counts and end mark may take when all choices have their finish reason, of servers that may send none."""

_LACK_RETRY_S = 1.0
"""When to ask again whoever could open no connection: descriptors come back as other calls end."""


@dataclass(slots=True, init=False)
class Ending:
    """How a call ended: `error` is None for a whole answer; `body` is what is left to send."""

    error: ProviderError | None
    body: bytes

    def __init__(self, error: ProviderError | None, body: bytes = b"") -> None:
        self.error = error
        self.body = body


class Relay:
    """Receives one upstream answer. Await `ended`; then look at `pipe`, `forwarded`, `first_content_at`."""

    __slots__ = (
        "_buffer",
        "_bypass",
        "_decode_error",
        "_error_body",
        "_head",
        "_kept",
        "_loop",
        "_mask",
        "_passed",
        "_reply",
        "_tasks",
        "account",
        "choices",
        "ended",
        "exchange",
        "first_content_at",
        "forwarded",
        "headers",
        "id",
        "last_write_at",
        "otherwise",
        "pipe",
        "status",
        "streamed",
        "typed",
    )

    def __init__(
        self,
        pipe: Tap,
        reply: StreamReply | None,
        head: bytes,
        decode_error: Callable[[int, dict[str, str], bytes], ProviderError],
        tasks: Tasks,
        loop: asyncio.AbstractEventLoop,
        mask: Mask,
    ) -> None:
        self.pipe = pipe
        self._reply = reply
        self._head = head
        self._decode_error = decode_error
        self._tasks = tasks
        self._loop = loop
        self._mask = mask
        self._error_body: bytearray | None = None
        self._buffer: list[bytes] = []
        self._bypass: Bypass | None = None
        self._passed = 0
        self.ended: asyncio.Future[Ending] = loop.create_future()
        self.exchange: Exchange | None = None
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.first_content_at: float | None = None
        self.forwarded = False
        self.last_write_at = loop.time()
        self.account: Account | None = None  # of the memory that the client's requests take
        self._kept = 0
        self.id: AnswerId | None = None  # what the client may know the answer by; None: as the upstream says
        self.choices = 1  # as many as were asked for
        self.otherwise: Callable[[], Tap] | None = None
        self.streamed = False
        """Was a stream asked for? `otherwise` makes the pipe of an answer that comes in the other form."""
        self.typed: Callable[[bytes], bytes] | None = None
        """Returns the reply's head for the upstream's content type. Where it is set, no comment fits into the answer."""

    @property
    def said(self) -> int:
        """Bytes of content so far, about."""
        bypass = self._bypass
        return max(0, self.pipe.said + (0 if bypass is None else bypass.said))

    @property
    def shown_id(self) -> str | None:
        """The answer's id as the client reads it, None where it has none."""
        return self.pipe.id if self.id is None or self.id.shown is None else self.id.shown

    # -- the upstream's side -----------------------------------------------------------------------

    def on_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Anything but 200 is an error whose body is collected."""
        self.status = status
        self.headers = headers
        if self.typed is not None:
            kinds = (value for name, value in headers if name == b"content-type")
            self._head = self.typed(self._mask.body(next(kinds, UNTYPED)))
        if status != 200:
            self._error_body = bytearray()

    def on_body(self, data: bytes) -> None:
        """Forwards what one read brought, or holds it back until the answer has begun."""
        pipe = self.pipe
        error_body = self._error_body
        if error_body is not None:
            error_body += data[: _LARGEST_ERROR - len(error_body)]
            if len(error_body) >= _LARGEST_ERROR:
                # No error says more than that, and this one may never end.
                assert self.status is not None
                self._abort(self._provider_error(self.status, error_body))
            return
        try:
            if self.otherwise is not None:
                pipe = self._fitting(data)
            out = pipe.feed(data)
        except ProviderError as error:
            self._abort(error)
            return
        except Exception as error:  # noqa: BLE001  whatever an upstream can send
            self._abort(_unreadable(error))
            return
        if self.first_content_at is None and pipe.content:
            self.first_content_at = self._loop.time()
        if pipe.done:
            self._whole(out)
            return
        if pipe.finish is not None and self.exchange is not None and pipe.ended >= self.choices:
            self.exchange.ends_by = self._loop.time() + _END_OF_ANSWER_S
        if not out:
            self._keep(len(data))
            return
        reply = self._reply
        if reply is None:
            self._buffer.append(out)
            self._keep(len(out))
            return
        if self.forwarded:
            if self._kept:
                self._release_memory()
            self.last_write_at = self._loop.time()
            if self.id is not None and self.id.old:
                out = self.id.renamed(out)
            if not reply.write(out):
                self.hold()
            return
        # Headers and role alone are no answer yet: an error may still follow, and be made good elsewhere.
        self._buffer.append(out)
        if pipe.content or pipe.finish is not None:
            self._begin(b"".join(self._buffer))
        else:
            self._keep(len(out))

    def _fitting(self, data: bytes) -> Tap:
        """Looks at the first bytes of an answer: some servers can't stream, and others do nothing else."""
        begun = data.lstrip()
        if begun and self.otherwise is not None:
            if is_of_other_form(begun, streamed=self.streamed):
                self.pipe = self.otherwise()
            self.otherwise = None
        return self.pipe

    def bypass(self) -> Bypass | None:
        """Returns what forwards ordinary events unparsed; None while something is held back."""
        ordinary = self.pipe.ordinary
        if ordinary is None or not self.forwarded or self._reply is None:
            return None
        if self.exchange is not None and self.exchange.ends_by < math.inf:
            return None  # a server that goes on after a finish reason gets its time anew with each read
        bypass = self._bypass
        if bypass is None:
            transport = self._reply.chunk_transport
            if transport is None:
                return None
            bypass = self._bypass = Bypass(self._reply.client, transport)
        shown = b""
        if self.id is not None and self.id.old:
            if self.id.old in ordinary.tail:
                return None
            if self.id.old in ordinary.head:
                shown = self.id.renamed(ordinary.head)
        bypass.expect(*ordinary, self.pipe.frame, shown)
        return bypass

    def hold(self) -> None:
        """Pauses the upstream until the client has read enough."""
        if self.exchange is not None and not self.exchange.paused:
            self.exchange.pause()
            self._tasks.start(self._release(), name="slow client")

    def on_end(self) -> None:
        """The upstream ended its message cleanly; whether the answer is whole, the pipe knows."""
        if self._error_body is not None:
            assert self.status is not None
            self._end(Ending(self._provider_error(self.status, self._error_body)))
            return
        self._end(self._closed(b""))

    def on_failure(self, error: UpstreamFailure) -> None:
        """The connection failed. That matters as long as the answer isn't whole."""
        if self._error_body is not None:
            assert self.status is not None
            self._end(Ending(self._provider_error(self.status, self._error_body)))
            return
        pipe = self.pipe
        if self.status == 200 and (pipe.held or (pipe.finish is not None and pipe.ended >= self.choices)):
            ending = self._closed(b"")
            if ending.error is None:
                self._end(ending)
                return
        self._end(Ending(_failed(error)))

    def _whole(self, out: bytes) -> None:
        """The answer's own end has come, with `out`: what the upstream does now is no part of it."""
        ending = self._closed(out)
        if ending.error is not None:
            self._abort(ending.error)
            return
        if self.exchange is not None:
            self.exchange.drain(self._loop.time() + _END_OF_MESSAGE_S)
        self._end(ending)

    def _closed(self, out: bytes) -> Ending:
        """Closes the pipe, and judges the answer. `out` is what it returned last, not yet sent."""
        try:
            rest = self.pipe.close()
        except ProviderError as error:
            return Ending(error)
        except Truncated as error:
            return Ending(ProviderError(ErrorKind.UPSTREAM, f"The answer was cut off: {error}", self.status))
        except Exception as error:  # noqa: BLE001  whatever an upstream can send
            return Ending(_unreadable(error))
        if self._reply is None or not self.forwarded:
            return Ending(None, self._identified(b"".join((*self._buffer, out, rest))))
        out += rest
        return Ending(None, out if self.id is None else self.id.renamed(out))

    # -- the client's side -------------------------------------------------------------------------

    def cancel(self) -> None:
        """Closes the upstream's connection at once: the client is gone."""
        if self.exchange is not None:
            self.exchange.cancel()

    def keep_alive(self, now: float, silence: float) -> None:
        """Sends a comment if the client has heard nothing for `silence` seconds."""
        reply = self._reply
        bypass = self._bypass
        if bypass is not None and bypass.chunks > self._passed:
            self._passed = bypass.chunks
            self.last_write_at = now
        if reply is None or self.typed is not None:
            return
        if now - self.last_write_at < silence or self.ended.done():
            return
        self.last_write_at = now
        if reply.started:
            reply.write(b": keep-alive\n\n")
        else:
            reply.start(self._head, b": keep-alive\n\n")

    def _begin(self, first: bytes) -> None:
        assert self._reply is not None
        first = self._identified(first)
        self._buffer.clear()
        self._release_memory()
        self.forwarded = True
        self.last_write_at = self._loop.time()
        if self._reply.started:
            self._reply.write(first)
        else:
            self._reply.start(self._head, first)

    def _identified(self, first: bytes) -> bytes:
        answer_id = self.id
        if answer_id is None:
            return first
        return answer_id.settle(first, self.pipe.id, streamed=self._reply is not None)

    def _keep(self, count: int) -> None:
        """Counts what is held back: until the answer is whole, its content begins, or its event ends."""
        account = self.account
        self._kept += count
        if self._kept > MAX_ANSWER_BYTES:
            self._kept -= count
            self._abort(ProviderError(ErrorKind.UPSTREAM, "The answer is too large."))
        elif account is not None and not account.take(count):
            self._kept -= count
            self._abort(_no_room())

    def _release_memory(self) -> None:
        if self.account is not None:
            self.account.give(self._kept)
        self._kept = 0

    async def _release(self) -> None:
        assert self._reply is not None
        await self._reply.drained()
        if self.exchange is not None:
            self.exchange.resume()

    def _abort(self, error: ProviderError) -> None:
        if self.exchange is not None:
            self.exchange.cancel()
        self._end(Ending(error))

    def _provider_error(self, status: int, body: bytearray) -> ProviderError:
        if status < 400:
            return no_error(status, self.header(b"location"))
        try:
            return self._decode_error(status, self._header_map(), self._mask.body(bytes(body)))
        except Exception as error:  # noqa: BLE001  whatever an upstream can send
            return _unreadable(error)

    def header(self, name: bytes) -> str | None:
        """Returns a header of the answer by its lower-case name."""
        for key, value in self.headers:
            if key.lower() == name:
                return value.decode("latin-1")
        return None

    def request_id(self) -> str | None:
        """Returns what the upstream's support knows the request by, masked; None where it doesn't tell."""
        for name, value in self.headers:
            if name.lower() in _REQUEST_IDS:
                return self._mask.text(value[:_LONGEST_REQUEST_ID].decode("latin-1"))
        return None

    def _header_map(self) -> dict[str, str]:
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers}

    def _end(self, ending: Ending) -> None:
        error = ending.error
        if error is not None:
            if error.retry_after_s is None and error.kind is ErrorKind.RATE_LIMIT:
                error.retry_after_s = retry_after_s(self._header_map())
            self._release_memory()
            self._mask.error(error)
            # Its frames hold us, and all that was kept of the answer, as we hold it.
            error.__traceback__ = error.__context__ = None
        if not self.ended.done():
            self.ended.set_result(ending)


def _no_room() -> ProviderError:
    """No fault of the arm, whatever else is held."""
    return ProviderError(
        ErrorKind.GATEWAY,
        "The answer does not fit beside what the gateway holds of others already (server.max_buffered_bytes).",
        None,
        "no_room",
        _LACK_RETRY_S,
    )


def _failed(error: UpstreamFailure) -> ProviderError:
    """Returns whose failure it was, and what of."""
    wait = None
    if isinstance(error, TotalTimeout):  # how long an answer may be is the operator's to say
        kind = ErrorKind.DEADLINE
    elif error.ours:
        kind, wait = ErrorKind.GATEWAY, _LACK_RETRY_S
    elif isinstance(error, (ConnectTimeout, FirstByteTimeout, IdleTimeout)):
        kind = ErrorKind.TIMEOUT
    else:
        kind = ErrorKind.UPSTREAM
    return ProviderError(kind, str(error), None, error.kind, wait)


def _unreadable(error: Exception) -> ProviderError:
    """Of a dialect that met what it doesn't know; the trace says where, for the day when it should know it."""
    log.warning("an upstream's answer can't be read: %r", error, exc_info=error)
    return ProviderError(ErrorKind.UPSTREAM, "The answer can't be read: it isn't of its API's form.")
