"""Decoding an answer that an upstream compressed although asked not to, so that the relay sees text."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_GZIP = zlib.MAX_WBITS | 16
_PIECE_BYTES = 262_144
# Repetitive event streams shrink some 50-fold, a bomb up to 1,032-fold.
_SUSPECT_RATIO = 200
_SUSPECT_BYTES = 16 * 1024 * 1024


class InflateError(Exception):
    """The compressed body is broken, cut or absurd."""


class BombError(InflateError):
    """It grows beyond what anything honest does."""


class Inflater:
    """Streaming gzip and deflate, bounded per piece and in its ratio."""

    ENCODINGS = frozenset({b"gzip", b"x-gzip", b"deflate"})

    def __init__(self, encoding: bytes) -> None:
        self._deflate = encoding == b"deflate"
        self._decoder = zlib.decompressobj(_GZIP)
        self._held = b""
        self._taken = 0
        self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded pieces of at most 256 KiB."""
        if self._deflate and self._taken < 2:
            data = self._held + data
            if len(data) < 2:
                self._held = data
                return
            # Some servers mean the raw format when they say deflate (RFC 9110, section 8.4.1.2); the two bytes
            # of a zlib header are a multiple of 31 (RFC 1950, section 2.2).
            zlib_header = data[0] & 15 == 8 and int.from_bytes(data[:2]) % 31 == 0
            self._decoder = zlib.decompressobj(zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS)
        self._taken += len(data)
        while data:
            if self._decoder.eof:
                if self._deflate:
                    raise InflateError("bytes after the end of the compressed body")
                # RFC 1952, section 2.2: a gzip file may be several members, one after the other.
                self._decoder = zlib.decompressobj(_GZIP)
            try:
                piece = self._decoder.decompress(data, _PIECE_BYTES)
            except zlib.error as error:
                raise InflateError(str(error)) from error
            data = self._decoder.unconsumed_tail or self._decoder.unused_data
            self._given += len(piece)
            if self._given > _SUSPECT_BYTES and self._given > _SUSPECT_RATIO * self._taken:
                raise BombError(f"{self._taken} compressed bytes became {self._given}")
            if piece:
                yield piece

    def finish(self) -> None:
        """Raise when the stream stopped short of its end; an empty body is complete."""
        if self._taken and not self._decoder.eof:
            raise InflateError("the compressed body was cut short")
