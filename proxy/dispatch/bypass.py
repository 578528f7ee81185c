"""From one socket to the other: reads that are one HTTP chunk around one ordinary event of a stream.

What runs for nearly every chunk of every stream. One of the modules that are compiled (`setup.py`); the types of the
compiled code stand in the `.pxd` file beside it.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import cython

from proxy.upstream.exchange import Bypassed

if cython.compiled:
    from cython.cimports.libc.string import memchr
    from cython.cimports.posix.unistd import write

LONGEST = 2048
"""Chunks around one event of a stream are shorter."""

COMPILED: bool = cython.compiled

LEFT, FORWARDED, SLOW = 0, 1, 2
"""What became of a read: it is left to the connection; it was forwarded; it was, and the client is behind."""

_LONGEST, _LEFT, _FORWARDED, _SLOW = LONGEST, LEFT, FORWARDED, SLOW  # compiled, these are no Python objects


def _size_line(length: int) -> bytes | None:
    for digits in range(1, 4):
        size = length - digits - 4
        if size > 0 and len(f"{size:x}") == digits:
            return b"%x\r\n" % size
    return None


def _plain_socket(transport: asyncio.Transport) -> int:
    """Returns the descriptor that `transport` writes to byte for byte; −1 where there is none (TLS)."""
    socket = transport.get_extra_info("socket")
    return -1 if socket is None or transport.get_extra_info("ssl_object") is not None else socket.fileno()


def _line_break(read: bytes, start: int) -> int:
    """Returns where the first line break at or after `start` stands, `start` ≤ length; −1 where there is none."""
    if not cython.compiled:
        return read.find(b"\n", start)
    letters = cython.cast(cython.p_const_char, read)
    line_break = cython.cast(cython.p_const_char, memchr(letters + start, 10, len(read) - start))
    return -1 if line_break == cython.NULL else line_break - letters


def _before_padding(read: bytes, end: int) -> int:
    """Returns where the letters and digits begin that end before `end`."""
    while end > 0:
        letter = read[end - 1]
        if not (48 <= letter <= 57 or 65 <= letter <= 90 or 97 <= letter <= 122):
            break
        end -= 1
    return end


SIZE_LINES = tuple(_size_line(length) for length in range(LONGEST))
"""By the length of a whole chunk, its first line, as common servers write it: lower case, no extensions. None where no
chunk has that length."""


class Bypass:
    """Forwards an upstream connection's reads to a client, as the protocol of that connection's transport.

    While it is `open`, reads that are one ordinary event are forwarded; the first other one closes it. That read and all
    that follow go to the connection's parser, until `expect` opens it again. `said` counts the bytes of content that
    were forwarded, `chunks` the reads. `client.transport` is None when the client has left, `client.paused` is true
    while it is slow.
    """

    def __init__(self, client: Any, transport: asyncio.Transport) -> None:
        self._client = client
        self._transport = transport
        self._socket = _plain_socket(transport) if cython.compiled else -1
        self._lines = SIZE_LINES
        self._head = self._tail = self._lead = self._shown = b""
        self._rest = self._frame = 0
        self.open = False
        self.chunks = 0
        self.said = 0

    def expect(
        self, head: bytes, tail: bytes, rest: int, lead: bytes = b"", frame: int = 0, shown: bytes = b""
    ) -> None:
        """Opens the bypass for ordinary events, see `adapters.dialect.Ordinary`; `frame` bytes of each are no content.
        `shown` is what clients read in place of `head`, empty for `head` itself.
        """
        self._head, self._tail, self._rest, self._lead = head, tail + b"\r\n", rest + 2, lead
        self._shown = shown
        self._frame = frame + 2
        self.open = True

    def stand_in(self, connection: Bypassed, upstream: asyncio.Transport) -> None:
        """Becomes the protocol of `upstream`, in place of the connection whose transport it is."""
        self._connection = connection
        upstream.set_protocol(cast(asyncio.BaseProtocol, self))  # asyncio asks for its methods only

    def data_received(self, read: bytes) -> None:
        outcome = self.forward(read) if self.open else _LEFT
        if outcome == _LEFT:
            self.open = False
            self._connection.data_received(read)
        elif outcome == _SLOW:
            self._connection.hold()

    def eof_received(self) -> None:
        self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    def forward(self, read: bytes) -> int:
        """Forwards a read that is one HTTP chunk around one ordinary event; returns LEFT, FORWARDED or SLOW."""
        size = len(read)
        if size >= _LONGEST:
            return _LEFT
        line = self._lines[size]
        if line is None:
            return _LEFT
        start = len(line)
        if not (
            read.startswith(line)
            and read.startswith(self._head, start)
            and read.endswith(self._tail)
            and _line_break(read, start + len(self._head)) == size - self._rest
        ):
            return _LEFT
        if self._lead and not read.endswith(
            self._lead, start + len(self._head), _before_padding(read, size - len(self._tail))
        ):
            return _LEFT
        grown = size
        if self._shown:
            grown = size + len(self._shown) - len(self._head)
            line = self._lines[grown] if 0 < grown < _LONGEST else None
            if line is None or len(line) != start:
                return _LEFT
        self.chunks += 1
        self.said += size - start - self._frame
        if self._shown:
            read = line + self._shown + read[start + len(self._head) :]
            size = grown
        # What the transport would do, in a third of its instructions. It closes its socket only after
        # `connection_lost` of the client's protocol.
        if (
            cython.compiled
            and self._socket >= 0
            and self._client.transport is not None
            and self._transport.get_write_buffer_size() == 0
        ):
            sent = write(self._socket, cython.cast(cython.p_const_char, read), size)
            if sent == size:
                return _FORWARDED
            if sent > 0:
                read = read[sent:]
        self._transport.write(read)
        return _SLOW if self._client.paused else _FORWARDED
