r"""Reading JSON as providers and clients really send it.

JSON may hold half of a surrogate pair as an escape (`\ud83d`), which models produce that are cut inside an emoji, and
servers send bytes that are no UTF-8. Strict parsers refuse both. Here each becomes U+FFFD, and what is no JSON for
another reason is refused as ever. The fast path is orjson's; only what it refuses is parsed again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

_WHOLE = re.compile(
    rb"(?:[^\\]++|\\(?!u[dD][89a-fA-F])."
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+",
    re.DOTALL,
)
"""JSON up to an escape that is half a character. Possessive, so that it is linear."""

_ENCODED_HALF = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_SURROGATE = re.compile(f"[{chr(0xD800)}-{chr(0xDFFF)}]")
_HALF = re.compile(rb"\\u([dD][89a-fA-F][0-9a-fA-F]{2})")


def loads(data: bytes | str) -> Any:
    """Parses JSON. Raises orjson.JSONDecodeError, with the reason of the text as it came."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        whole = mended(raw)
        if whole == raw:
            raise
    return orjson.loads(whole)


def mended(raw: bytes) -> bytes:
    """Returns JSON with U+FFFD in place of lone surrogates and of bytes that are no UTF-8."""
    return utf8(without_halves(raw))


def without_halves(raw: bytes) -> bytes:
    """Returns JSON with U+FFFD in place of lone surrogates, as escapes or as the bytes that some write for them."""
    return with_whole_escapes(_ENCODED_HALF.sub(b"\xef\xbf\xbd", raw))


def text(value: str) -> str:
    """Returns a text with U+FFFD in place of what UTF-8 has no bytes for; nearly always `value` itself."""
    return value if value.isascii() else _SURROGATE.sub("\ufffd", value)


def utf8(raw: bytes) -> bytes:
    """Returns text with U+FFFD in place of bytes that are no UTF-8; nearly always `raw` itself."""
    if raw.isascii():
        return raw
    try:
        raw.decode()
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace").encode()
    return raw


def with_whole_escapes(raw: bytes, instead: Callable[[int], bytes] = lambda _: rb"\ufffd") -> bytes:
    """Returns JSON with `instead` of each escape that is half a character; other bytes stay as they are."""
    pieces: list[bytes] = []
    at = 0
    while True:
        until = _WHOLE.match(raw, at)
        assert until is not None
        half = _HALF.match(raw, until.end())
        if half is None:  # the end, or an escape that is none
            pieces.append(raw[at:])
            return b"".join(pieces)
        pieces += (raw[at : until.end()], instead(int(half[1], 16)))
        at = half.end()
