"""The clock of learning: rows' own time stamps, as far as they can be believed. A fold over the journal.

Weights decay with time, so a row dated next year would be worth more than all before it, or make them worth nothing.
Rows come from several processes, from machines whose clock was wrong, from files that were written then. So a row
moves time on only if it is near the rows before it; one from elsewhere is learnt from as if it came now. Rows that
stay elsewhere for a while, with none from here in between, are the present: a clock was set, or nobody called for long.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

FORWARD_S = 3 * 86400.0
"""Farther ahead is elsewhere. A weekend without a request is not; if it was a clock, a seventh of the weight is lost."""

LATE_S = 3600.0
"""Rows of several processes are committed a little out of the order of their times: by less than this."""

SETTLED_S = 600.0
"""Seconds that rows from elsewhere must span, by their own stamps, to be the present."""

MOST_PASSED_S = 7 * 86400.0
"""What a jump ahead counts as at most, once it is the present: of what is known, seven tenths are left."""

_MOST_SHIFTS = 4096
"""Rows from elsewhere whose time is kept, so that a correction takes back just what was learnt."""


class Timeline:
    """Time is the newest believed stamp, `base`, plus `shift`: 0 until rows from elsewhere were believed."""

    __slots__ = ("_base", "_elsewhere", "_shift", "_shifts")

    def __init__(self) -> None:
        self._base: float | None = None
        self._shift = 0.0
        self._elsewhere: tuple[float, float] | None = None  # first and newest stamp of those that stay there
        # (row, what was added to the stamps from it on)
        self._shifts: list[tuple[int, float]] = [(0, 0.0)]

    def now(self, stamp: float) -> float:
        """Returns the time of decisions and reports at `stamp`, the gateway's own clock. Reads only."""
        base = self._base
        if base is None:
            return stamp
        if 0.0 <= stamp - base <= FORWARD_S:
            return stamp + self._shift
        return base + self._shift

    def row(self, seq: int, stamp: float) -> float:
        """Moves on to the row `seq`; returns the time to learn it at."""
        base = self._base
        if base is None:
            if not math.isfinite(stamp):
                return 0.0
            base = self._base = stamp
        gap = stamp - base
        if not -LATE_S <= gap <= FORWARD_S:
            return self._far(seq, stamp, base)
        self._elsewhere = None
        if gap > 0.0:
            self._base = stamp
        if self._shifts[-1][1] != self._shift:
            self._note(seq, self._shift)
        return stamp + self._shift

    def _far(self, seq: int, stamp: float, base: float) -> float:
        here = base + self._shift
        if not math.isfinite(stamp):
            return here
        first, newest = (stamp, stamp) if self._elsewhere is None else self._elsewhere
        if stamp < newest - LATE_S:  # from elsewhere than the others
            first = newest = stamp
        newest = max(newest, stamp)
        self._elsewhere = (first, newest)
        if newest - first >= SETTLED_S:
            here += min(MOST_PASSED_S, max(0.0, stamp - base))
            self._base, self._shift, self._elsewhere = stamp, here - stamp, None
        self._note(seq, here - stamp)
        return here

    def _note(self, seq: int, shift: float) -> None:
        self._shifts.append((seq, shift))
        if len(self._shifts) > _MOST_SHIFTS:
            del self._shifts[: _MOST_SHIFTS // 2]

    def of(self, seq: int, stamp: float) -> float:
        """Returns the time that the row `seq` with this stamp was learnt at."""
        place = bisect_right(self._shifts, (seq, math.inf))
        return stamp + self._shifts[max(0, place - 1)][1]

    def snapshot(self) -> dict[str, object]:
        """Returns the state, JSON-able."""
        return {
            "base": self._base,
            "shift": self._shift,
            "elsewhere": self._elsewhere,
            "shifts": [list(entry) for entry in self._shifts],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restores a snapshot. Raises KeyError, TypeError or ValueError if it doesn't fit."""
        base, elsewhere = state["base"], state["elsewhere"]
        shifts = [(int(seq), float(shift)) for seq, shift in state["shifts"]]
        if not shifts:
            raise ValueError("the time line has no beginning")
        self._base = None if base is None else float(base)
        self._shift = float(state["shift"])
        self._elsewhere = None if elsewhere is None else (float(elsewhere[0]), float(elsewhere[1]))
        self._shifts = shifts
