"""The binary event stream of AWS: reading through botocore (an optional extra), writing by hand."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from adapters.errors import ErrorKind, ProviderError


class FrameReader:
    """Raises ImportError with the remedy when botocore isn't installed."""

    def __init__(self) -> None:
        try:
            # An optional extra, which carries no types.
            from botocore.eventstream import (  # noqa: PLC0415
                EventStreamBuffer,
                ParserError,
            )
        except ImportError as error:
            raise ImportError("Bedrock streams need botocore: pip install 'meritorder[bedrock]'") from error
        self._buffer: Any = EventStreamBuffer()
        self._broken: type[Exception] = ParserError

    def feed(self, data: bytes) -> Iterable[tuple[str, str, bytes]]:
        """Yields (message type, event or exception type, payload). Raises ProviderError for a broken frame."""
        self._buffer.add_data(data)
        try:
            for message in self._buffer:
                headers = message.headers
                kind = headers.get(":message-type", "event")
                word = (
                    headers.get(":event-type") or headers.get(":exception-type") or headers.get(":error-code")
                )
                yield kind, word or "", message.payload
        except self._broken as error:
            raise ProviderError(ErrorKind.UPSTREAM, "The event stream is broken.", 200) from error


def frame(name: str, payload: bytes, *, kind: str = "event") -> bytes:
    """Returns one frame: two lengths, their CRC32, headers, payload, the CRC32 of it all."""
    headers = b"".join(
        bytes((len(key),)) + key.encode() + b"\x07" + len(value).to_bytes(2, "big") + value.encode()
        for key, value in (
            (f":{kind}-type", name),
            (":content-type", "application/json"),
            (":message-type", kind),
        )
    )
    prelude = (16 + len(headers) + len(payload)).to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    body = prelude + zlib.crc32(prelude).to_bytes(4, "big") + headers + payload
    return body + zlib.crc32(body).to_bytes(4, "big")
