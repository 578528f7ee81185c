"""Headers of an answer that say how its body is wrapped."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.upstream.failures import ProtocolViolation
from proxy.upstream.inflate import Inflater

FRAMING = frozenset({b"content-length", b"transfer-encoding", b"content-encoding", b"keep-alive"})
"""All that this module reads, in lower case."""

_UNWRAPPED = frozenset({b"content-length", b"content-encoding"})

_KEEP_ALIVE_MARGIN = 1.0
"""A server that announces N seconds may close a moment before our clock says so."""


def check_coding(framing: Mapping[bytes, bytes]) -> None:
    """Raises ProtocolViolation for a transfer coding other than chunks, which the parser unwraps."""
    coding = framing.get(b"transfer-encoding")
    if coding is not None and coding.lower() != b"chunked":
        raise ProtocolViolation(f"transfer-encoding {coding.decode('latin-1')!r} is not chunked")


def announced_seconds(framing: Mapping[bytes, bytes]) -> float | None:
    """Returns how long the server keeps an idle connection: `Keep-Alive: timeout=5, max=100` → 4.0."""
    for part in framing.get(b"keep-alive", b"").split(b","):
        name, _, number = part.strip().partition(b"=")
        if name.lower() == b"timeout" and number.isdigit():
            return float(number[:9]) - _KEEP_ALIVE_MARGIN
    return None


def inflater_of(framing: Mapping[bytes, bytes]) -> Inflater | None:
    """Returns what unpacks the body; None where it isn't packed. Raises ProtocolViolation."""
    encoding = framing.get(b"content-encoding", b"").lower()
    if not encoding or encoding == b"identity":
        return None
    if encoding not in Inflater.ENCODINGS:
        raise ProtocolViolation(
            f"content-encoding {encoding.decode('latin-1')!r}, where identity was asked for"
        )
    return Inflater(encoding)


def unwrapped(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Returns the headers that are true of the unpacked body."""
    return [(name, value) for name, value in headers if name not in _UNWRAPPED]
