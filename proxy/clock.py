"""Epoch seconds that don't jump: the monotonic clock, laid on the wall clock of the start."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

log = logging.getLogger("meritorder.clock")

STEP_S = 1.0
"""A difference from the wall clock up to this is drift and is followed; more is a step."""

SLEW = 0.01
"""Share of the time passed by which drift is made up for. Crystals are off by less than a thousandth of that."""

BELIEVED_S = 600.0
"""A wall clock that was set is right once it went on evenly for so long; one that is wrong for a moment is never followed."""


class Clock:
    """The source of rows' time stamps. `follow` is called about once a second."""

    __slots__ = ("_asked", "_monotonic", "_offset", "_step", "_stepped_at", "_wall")

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._asked = monotonic()
        self._offset = wall() - self._asked
        self._step = 0.0
        self._stepped_at: float | None = None

    def now(self) -> float:
        """Returns epoch seconds."""
        return self._monotonic() + self._offset

    def follow(self) -> None:
        """Corrects drift little by little, and a step of the wall clock once it has lasted."""
        now = self._monotonic()
        passed = max(0.0, now - self._asked)
        self._asked = now
        difference = self._wall() - now - self._offset
        if not math.isfinite(difference):
            return
        if abs(difference) <= STEP_S:
            self._stepped_at = None
            most = SLEW * passed
            self._offset += min(most, max(-most, difference))
        elif self._stepped_at is None or abs(difference - self._step) > STEP_S:
            self._step, self._stepped_at = difference, now
            log.warning(
                "the system's clock was set by %+.0f s; rows keep the time that passed until it lasted for %.0f minutes",
                difference,
                BELIEVED_S / 60.0,
            )
        elif now - self._stepped_at >= BELIEVED_S:
            self._offset += difference
            self._stepped_at = None
            log.warning("the system's clock has stayed %+.0f s away: rows follow it from now on", difference)
