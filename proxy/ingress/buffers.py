"""How much the requests of one worker keep in memory: bodies of clients, and answers that are held back until they are whole."""

from __future__ import annotations

from proxy.ingress.errors import Refusal

RETRY_AFTER_S = 1.0
"""Bodies and answers are kept for seconds."""


class Buffers:
    """A bound on the sum of all accounts."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0


class Account:
    """Memory that one connection takes. While no other takes any it may exceed the bound, or a large request could never be served."""

    __slots__ = ("_buffers", "held")

    def __init__(self, buffers: Buffers) -> None:
        self._buffers = buffers
        self.held = 0

    def take(self, count: int) -> bool:
        """Counts `count` more bytes; returns False, and counts none, where the bound leaves no room for them."""
        buffers = self._buffers
        used = buffers.used
        if used + count > buffers.limit and used > self.held:
            return False
        buffers.used = used + count
        self.held += count
        return True

    def give(self, count: int) -> None:
        """Counts `count` bytes less, of those that are counted."""
        count = min(count, self.held)
        self._buffers.used -= count
        self.held -= count

    def settle(self) -> None:
        """Releases all that is left."""
        self._buffers.used -= self.held
        self.held = 0


def overloaded() -> Refusal:
    """Nothing more can be kept for now."""
    return Refusal(
        503,
        "The gateway holds as many bytes of requests and answers as server.max_buffered_bytes allows: try again soon.",
        kind="overloaded_error",
        code="overloaded",
        retry_after_s=RETRY_AFTER_S,
        shed="buffers",
    )
