"""The body of a recorded message, in every form that recorders write it: text, bytes, base64, parsed, packed."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def body_of(message: Mapping[str, Any], headers: Mapping[str, str]) -> bytes:
    """Returns the plain bytes. Raises ValueError and what the unpackers raise."""
    return _unpacked(_bytes(message), headers.get("content-encoding", "").lower())


def json_of(body: bytes) -> Any:
    """Returns the value, also where it was dumped twice; None for what is no JSON."""
    try:
        value = json.loads(body)
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return None


def _bytes(message: Mapping[str, Any]) -> bytes:
    if message.get("parsed_body") is not None:
        return json.dumps(message["parsed_body"], ensure_ascii=False).encode("utf-8", "surrogateescape")
    body = message.get("body", message.get("content"))
    if isinstance(body, dict) and ("base64_string" in body or "string" in body):
        packed = body.get("base64_string")
        if packed is not None:
            return base64.b64decode(packed)
        body = body["string"]
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        if body.startswith(("\x1f\x8b", "\x1f\udc8b")):
            return body.encode("latin-1", "surrogateescape")
        return body.encode("utf-8", "surrogateescape")
    return json.dumps(body).encode()


def _unpacked(body: bytes, encoding: str) -> bytes:
    """Recorders keep the header whether they unpacked the body or not, so the bytes themselves decide."""
    if body.startswith(b"\x1f\x8b"):
        return gzip.decompress(body)
    if body[:2] in (b"\x78\x9c", b"\x78\x01", b"\x78\xda"):
        return zlib.decompress(body)
    if body.startswith(b"\x28\xb5\x2f\xfd"):
        return _unpacker("zstandard", "zstd")(body)
    if encoding == "br" and not _plain(body):
        return _unpacker("brotli", "br")(body)
    if encoding == "deflate" and not _plain(body):
        return zlib.decompress(body, -zlib.MAX_WBITS)
    return body


def _plain(body: bytes) -> bool:
    """Is this text? Brotli and raw deflate have no mark of their own."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    return all(character >= " " or character in "\t\r\n" for character in text[:4096])


def _unpacker(module: str, encoding: str) -> Callable[[bytes], bytes]:
    try:
        library = import_module(module)
    except ImportError:
        raise ValueError(f"a body packed as {encoding} needs {module}: pip install {module}") from None
    if module == "brotli":
        unpack: Callable[[bytes], bytes] = library.decompress
        return unpack
    # A stream's frames don't say how long they are.
    return lambda body: bytes(library.ZstdDecompressor().decompressobj().decompress(body))
