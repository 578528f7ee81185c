"""How much of the event loop's time work may take that traffic shouldn't wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

SHARE = 0.3
"""Length of a turn by the time that others took in theirs: a busy loop is left three quarters of itself."""

LONGEST_S = 0.05
"""Longest turn, however long the others took."""


class Pace:
    """Shares the loop between traffic and one piece of work, which awaits its `turn` again and again."""

    __slots__ = ("_began", "_clock", "_may")

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began = 0.0
        self._may = 0.0

    async def turn(self) -> None:
        """Lets others have their turn, unless this one has just begun."""
        now = self._clock()
        if now - self._began < self._may:
            return
        await asyncio.sleep(0)
        self._began = self._clock()
        self._may = min(LONGEST_S, SHARE * (self._began - now))
