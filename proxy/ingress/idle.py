"""Closes connections whose clients send nothing, or stop in the middle of a request.

A few thousand such connections, from whoever reaches the port, would use up all descriptors. One sweep looks at all
connections; a request pays nothing for it, and no connection has a timer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from proxy.ingress.connection import ClientConnection

log = logging.getLogger("meritorder.idle")

PATIENCE_S = 60.0
"""As long as common servers wait for a head, or for the next piece of a body."""

KEEP_ALIVE_S = 75.0
"""For the next request; longer than load balancers keep their side of a connection."""

LINGER_S = 10.0
"""For a client to end a connection that we have ended."""

BODY_S = 300.0
LEAST_RATE = 500.0
"""A body may take so many seconds, and one more for each `LEAST_RATE` bytes of it: Apache's least rate."""

SWEEP_S = 5.0

_PATIENCE = {"head": PATIENCE_S, "body": PATIENCE_S, "next": KEEP_ALIVE_S, "end": LINGER_S}


class IdleClients:
    """The connections that wait for their client: for what, since when without progress, since when at all."""

    def __init__(self) -> None:
        self._waiting: dict[ClientConnection, tuple[tuple[str, int, int], float, float]] = {}

    def sweep(self, connections: Iterable[ClientConnection], now: float) -> int:
        """Closes connections that have waited for too long as of loop second `now`; returns how many waited for a request."""
        before, self._waiting = self._waiting, {}
        closed = 0
        for connection in list(connections):
            owes = connection.owes
            if owes is None:
                continue
            last, since, first = before.get(connection, (owes, now, now))
            if last[:2] != owes[:2]:
                first = now
            if last != owes:
                since = now
            what, _, got = owes
            slow = what == "body" and now - first > BODY_S + got / LEAST_RATE
            if now - since < _PATIENCE[what] and not slow:
                self._waiting[connection] = (owes, since, first)
            elif connection.transport is not None:
                connection.transport.abort()
                closed += what in ("head", "body")
        if closed:
            log.info(
                "%d connections closed whose clients sent nothing for %.0f s, or hardly anything",
                closed,
                PATIENCE_S,
            )
        return closed
