"""A request on its way into a socket, as fast as the server takes it."""

from __future__ import annotations

import asyncio

_SLICE_BYTES = 65_536
"""Up to here head and body are joined for one write; above, the body goes out in slices of this size."""


class RequestWriter:
    """Writes one request after the other; what the transport can't take yet waits here, uncopied."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._unsent: memoryview | None = None
        self._blocked = False

    @property
    def pending(self) -> bool:
        """Whether a part of the request is still to be written."""
        return self._unsent is not None

    def begin(self, transport: asyncio.Transport, head: bytes, body: bytes) -> None:
        self._transport = transport
        if len(body) <= _SLICE_BYTES:
            transport.write(head + body)
        else:
            transport.write(head)
            self._unsent = memoryview(body)
            self._push()

    def pause(self) -> None:
        """The transport's buffer is full."""
        self._blocked = True

    def resume(self) -> None:
        self._blocked = False
        self._push()

    def stop(self) -> bool:
        """Drops what is still to be written; returns whether there was any."""
        pending, self._unsent = self._unsent is not None, None
        return pending

    def _push(self) -> None:
        unsent, transport = self._unsent, self._transport
        while unsent is not None and transport is not None and not self._blocked:
            transport.write(unsent[:_SLICE_BYTES])
            unsent = self._unsent = unsent[_SLICE_BYTES:] if len(unsent) > _SLICE_BYTES else None
