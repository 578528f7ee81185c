"""Clients that connect and send nothing, or stop in the middle of a request, are let go.

aiohttp closes connections that are idle between requests, but waits for ever for the first head and for the
rest of a body: a few thousand such connections, from whoever reaches the port, would use up all descriptors.
One sweep looks at all connections; a request pays nothing for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from aiohttp.web_protocol import RequestHandler

log = logging.getLogger("meritorder.idlers")

PATIENCE_S = 60.0
"""As long as common servers wait for a head, or for the next piece of a body."""

SWEEP_S = 5.0


class Idlers:
    """Which connections have been waiting for their client, and since when (loop seconds)."""

    def __init__(self) -> None:
        self._waiting: dict[RequestHandler, tuple[int, float]] = {}

    def sweep(self, connections: Iterable[RequestHandler], now: float) -> int:
        """Closes those that have waited for `PATIENCE_S` without progress; returns how many."""
        before, self._waiting = self._waiting, {}
        closed = 0
        for connection in connections:
            progress = _awaited(connection)
            if progress is None:
                continue
            last, since = before.get(connection, (progress, now))
            if last != progress:
                since = now
            if now - since < PATIENCE_S:
                self._waiting[connection] = (progress, since)
            elif connection.transport is not None:
                connection.transport.abort()
                closed += 1
        if closed:
            log.info("%d connections closed whose clients sent nothing for %.0f s", closed, PATIENCE_S)
        return closed


def _awaited(connection: RequestHandler) -> int | None:
    """Returns the bytes got so far of what the client owes us; None if it owes nothing.

    Bytes of a first head count for nothing: a head that takes a minute is no client's.
    """
    request = connection._current_request  # noqa: SLF001  aiohttp has no public way to tell
    if request is not None:
        body = request._payload  # noqa: SLF001
        return None if body.is_eof() else body.total_bytes
    return 0 if connection._request_count == 0 else None  # noqa: SLF001
