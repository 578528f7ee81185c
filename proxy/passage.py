"""From one socket to the other: reads that are one HTTP chunk around one ordinary event of a stream.

What runs for nearly every chunk of every stream. One of the modules that are compiled (`setup.py`); the types of the
compiled code stand in the `.pxd` file beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cython

if cython.compiled:
    from cython.cimports.libc.string import memchr

LONGEST = 2048
"""Chunks around one event of a stream are shorter."""

COMPILED: bool = cython.compiled

LEFT, PASSED, SLOW = 0, 1, 2
"""What became of a read: it is for somebody else; it went on; it went on, and the client is behind."""

_LONGEST, _LEFT, _PASSED, _SLOW = LONGEST, LEFT, PASSED, SLOW  # compiled, these are no Python objects


def _size_line(length: int) -> bytes | None:
    for digits in range(1, 4):
        size = length - digits - 4
        if size > 0 and len(f"{size:x}") == digits:
            return b"%x\r\n" % size
    return None


def _line_break(read: bytes, start: int) -> int:
    """Returns where the first line break at or after `start` stands, `start` ≤ length; −1 where there is none."""
    if not cython.compiled:
        return read.find(b"\n", start)
    letters = cython.cast(cython.p_const_char, read)
    found = cython.cast(cython.p_const_char, memchr(letters + start, 10, len(read) - start))
    return -1 if found == cython.NULL else found - letters


SIZE_LINES = tuple(_size_line(length) for length in range(LONGEST))
"""By the length of a whole chunk, its first line, as common servers write it: lower case, no extensions. None where no
chunk has that length."""


class Passage:
    """Lets reads through to a client, `write`, whose `client._paused` says that it is slow."""

    def __init__(self, write: Callable[[bytes], object], client: Any) -> None:
        self._write = write
        self._client = client
        self._lines = SIZE_LINES
        self._head = self._tail = b"\0"
        self._rest = 0
        self.chunks = 0

    def expect(self, head: bytes, tail: bytes, rest: int) -> None:
        """Sets how an ordinary event looks: it begins with `head`, ends with `tail`, and its first line break after
        `head` stands `rest` bytes before its end.
        """
        self._head, self._tail, self._rest = head, tail + b"\r\n", rest + 2

    def let(self, read: bytes) -> int:
        """Lets a read through that is one HTTP chunk around one ordinary event; returns LEFT, PASSED or SLOW."""
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
        self.chunks += 1
        self._write(read)
        return _SLOW if self._client._paused else _PASSED  # noqa: SLF001  aiohttp's property costs a call per chunk
