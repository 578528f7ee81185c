"""Clients that connect and send nothing, or stop in the middle of a request, are let go.

aiohttp closes connections that are idle between requests, but waits for ever for the first head and for the
rest of a body: a few thousand such connections, from whoever reaches the port, would use up all descriptors.
One sweep looks at all connections; a request pays nothing for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from proxy.lane import Lane

log = logging.getLogger("meritorder.idlers")

PATIENCE_S = 60.0
"""As long as common servers wait for a head, or for the next piece of a body."""

SWEEP_S = 5.0


class Idlers:
    """Which connections have been waiting for their client, and since when (loop seconds)."""

    def __init__(self) -> None:
        self._waiting: dict[Lane, tuple[int, float]] = {}

    def sweep(self, connections: Iterable[Lane], now: float) -> int:
        """Closes those that have waited for `PATIENCE_S` without progress; returns how many."""
        before, self._waiting = self._waiting, {}
        closed = 0
        for connection in connections:
            progress = connection.owed
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
