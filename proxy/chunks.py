"""HTTP chunks as common servers write them: small, with a lower-case size and no extensions."""

from __future__ import annotations

LONGEST = 2048
"""Chunks around one event of a stream are shorter."""


def _size_line(length: int) -> bytes | None:
    for digits in range(1, 4):
        size = length - digits - 4
        if size > 0 and len(f"{size:x}") == digits:
            return b"%x\r\n" % size
    return None


SIZE_LINES = tuple(_size_line(length) for length in range(LONGEST))
"""By the length of a whole chunk, its first line; None where no chunk has that length."""
