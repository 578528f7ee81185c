"""Where a request's body ends, by its length or by its chunks, and what it is without compression.

Bytes in, bytes out, no socket. However a body is cut into reads, it is the same body, or the same refusal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from proxy.ingress.buffers import Account, overloaded
from proxy.ingress.errors import Refusal, invalid
from proxy.upstream.inflate import BombError, InflateError, Inflater

CODINGS = frozenset({"gzip", "x-gzip", "deflate"})

_LONGEST_LINE = 4096
"""Of a chunk's size and extensions, which nobody sends."""

_LONGEST_TRAILERS = 8192
"""Of all lines after the last chunk, which nobody reads."""

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?")
"""RFC 9112, section 7.1: what 15 digits count is more than any limit."""


class Framing(Protocol):
    """Finds the end of a body."""

    def feed(self, data: bytes, keep: Callable[[bytes], None]) -> bytes | None:
        """Hands what belongs to the body to `keep`; returns what follows its end, None before it. Raises Refusal."""


class Counted:
    """A body of so many bytes."""

    def __init__(self, length: int) -> None:
        self.left = length

    def feed(self, data: bytes, keep: Callable[[bytes], None]) -> bytes | None:
        """See `Framing`."""
        left = self.left
        if len(data) < left:
            self.left = left - len(data)
            keep(data)
            return None
        self.left = 0
        if left:
            keep(data[:left])
        return data[left:]


class Chunked:
    """A body in chunks. Extensions and trailers are read over."""

    def __init__(self) -> None:
        self._line = b""  # the beginning of one
        self._left = 0  # of the chunk's data
        self._bare = False  # the line break after a chunk's data comes next
        self._trailers = -1  # their bytes so far, after the last chunk

    def feed(self, data: bytes, keep: Callable[[bytes], None]) -> bytes | None:
        """See `Framing`."""
        data = self._line + data
        self._line = b""
        at = 0
        while True:
            if self._left:
                piece = data[at : at + self._left]
                if piece:
                    keep(piece)
                at += len(piece)
                self._left -= len(piece)
                if self._left:
                    return None
                self._bare = True
            end = data.find(b"\n", at)
            if end < 0:
                self._line = data[at:]
                if len(self._line) > _LONGEST_LINE:
                    raise _bad_chunk()
                return None
            line = data[at:end]
            at = end + 1
            if len(line) > _LONGEST_LINE or not line.endswith(b"\r") or b"\r" in line[:-1]:
                raise _bad_chunk()
            if self._end_of_line(line[:-1]):
                return data[at:]

    def _end_of_line(self, line: bytes) -> bool:
        """Reads a whole line; returns whether the body ends with it."""
        if self._trailers >= 0:
            self._trailers += len(line)
            if self._trailers > _LONGEST_TRAILERS or (line and line.find(b":") < 1):
                raise _bad_chunk()
            return not line
        if self._bare:
            self._bare = False
            if line:
                raise _bad_chunk()
            return False
        size = _SIZE.fullmatch(line)
        if size is None:
            raise _bad_chunk()
        self._left = int(size[1], 16)
        if not self._left:
            self._trailers = 0
        return False


def _bad_chunk() -> Refusal:
    return invalid(
        "The body's chunks are not as HTTP wants them: a size in hexadecimal, a line break, as many bytes."
    )


class RequestBody:
    """A body on its way: unframed, unpacked, bounded by `limit` once unpacked, and counted in `account`."""

    def __init__(self, framing: Framing, coding: str, limit: int, account: Account, reserved: int) -> None:
        self._framing = framing
        self._inflater = Inflater(coding.encode()) if coding else None
        self._limit = limit
        self._account = account
        self._reserved = reserved  # bytes that are counted already
        self._only: bytes | None = None
        self._kept = bytearray()
        self.received = 0  # bytes off the wire

    def feed(self, data: bytes) -> bytes | None:
        """Returns what follows the body's end, None before it. Raises Refusal."""
        self.received += len(data)
        rest = self._framing.feed(data, self._unpack if self._inflater is not None else self._keep)
        if rest is not None and self._inflater is not None:
            try:
                self._inflater.finish()
            except InflateError as error:
                raise _unreadable(error) from None
        return rest

    def whole(self) -> bytes:
        """Returns the body."""
        return self._only if self._only is not None else bytes(self._kept)

    def _keep(self, data: bytes) -> None:
        size = len(data) + len(self._kept) + (len(self._only) if self._only is not None else 0)
        if size > self._limit:
            raise too_large(self._limit)
        if size > self._reserved:
            if not self._account.take(size - self._reserved):
                raise overloaded()
            self._reserved = size
        # One piece stays as it came, uncopied.
        if self._only is None and not self._kept:
            self._only = data
            return
        if self._only is not None:
            self._kept += self._only
            self._only = None
        self._kept += data

    def _unpack(self, data: bytes) -> None:
        assert self._inflater is not None
        try:
            for piece in self._inflater.feed(data):
                self._keep(piece)
        except BombError:
            raise too_large(self._limit) from None
        except InflateError as error:
            raise _unreadable(error) from None


def _unreadable(error: InflateError) -> Refusal:
    return invalid(f"The body can't be read: {error}")


def too_large(limit: int) -> Refusal:
    """More than `server.max_body_bytes`."""
    return Refusal(413, f"The body is larger than {limit} bytes.", code="too_large")
