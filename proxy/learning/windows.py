"""How often each of some things happened lately: counts in slots of time, in rings."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

SLOT_S = 1.0
"""Slots of the last minute. A moment counts as the end of its slot, so that all answers within the same second are
alike."""

_FINE_ROWS = 64
"""A minute, the slot that is under way, and a little more for rows that come late."""

_FORMER_SLOT_S, _FORMER_ROWS = 5.0, 24
"""The fine ring of snapshots of earlier versions."""

COARSE_S = 30.0
"""Slots of the last hour and a little more."""

WINDOWS: Mapping[str, float] = {"1m": 60.0, "15m": 900.0, "1h": 3600.0}


def moment(now: float) -> float:
    """Returns the end of the slot that holds `now` (epoch seconds)."""
    return (math.floor(now / SLOT_S) + 1.0) * SLOT_S


class _Ring:
    """Counts of the newest `rows` slots of `seconds` each."""

    __slots__ = ("_cells", "counts", "numbers", "rows", "seconds")

    def __init__(self, seconds: float, rows: int) -> None:
        self.seconds = seconds
        self.rows = rows
        self.numbers = [-1] * rows
        self.use(np.zeros((rows, 16), np.int64))

    def use(self, counts: npt.NDArray[np.int64]) -> None:
        self.counts = counts
        self._cells: memoryview = counts.data  # adds one in a fifth of the time

    def add(self, thing: int, at: float) -> None:
        number = int(at / self.seconds)
        row = number % self.rows
        if self.numbers[row] != number:
            if number < self.numbers[row] or number < 0:
                return  # so late that its slot holds newer counts already
            self.numbers[row] = number
            self.counts[row] = 0
        self._cells[row, thing] += 1

    def grow(self, things: int) -> None:
        rows, width = self.counts.shape
        if things > width:
            wider = np.zeros((rows, 2 * things), np.int64)
            wider[:, :width] = self.counts
            self.use(wider)

    def sum(self, seconds: float, end: float) -> npt.NDArray[np.int64]:
        last = math.ceil(end / self.seconds)
        first = math.floor((end - seconds) / self.seconds)
        rows = [row for row, number in enumerate(self.numbers) if first <= number < last]
        total: npt.NDArray[np.int64] = self.counts[rows].sum(axis=0)
        return total


class Windows:
    """Counts of things, numbered from 0, in the windows of `WINDOWS`."""

    def __init__(self) -> None:
        self._fine = _Ring(SLOT_S, _FINE_ROWS)
        self._coarse = _Ring(COARSE_S, 124)

    def grow(self, things: int) -> None:
        """Makes room for things below this number."""
        self._fine.grow(things)
        self._coarse.grow(things)

    def add(self, thing: int, at: float) -> None:
        """Counts one at `at` (epoch seconds)."""
        self._fine.add(thing, at)
        self._coarse.add(thing, at)

    def counts(self, now: float) -> dict[str, npt.NDArray[np.int64]]:
        """Returns for each window, up to the end of the slot of `now`, the counts of things, shape (at least their number,).

        None is shorter than its name says: the minute is at most a second longer, the others half a minute.
        """
        end = moment(now)
        return {
            name: self._fine.sum(seconds + SLOT_S, end) if seconds <= 60.0 else self._coarse.sum(seconds, end)
            for name, seconds in WINDOWS.items()
        }

    def snapshot(self) -> dict[str, npt.NDArray[np.float64]]:
        """Returns copies of the rings: slot number first, then counts."""
        return {
            name: np.column_stack([np.array(ring.numbers, np.float64), ring.counts.astype(np.float64)])
            for name, ring in (("fine", self._fine), ("coarse", self._coarse))
        }

    def restore(self, arrays: Mapping[str, npt.NDArray[np.float64]]) -> None:
        """Restores a snapshot. Raises KeyError or ValueError if it doesn't fit."""
        for name, ring in (("fine", self._fine), ("coarse", self._coarse)):
            stored = arrays[name]
            if ring is self._fine and stored.ndim == 2 and stored.shape[0] == _FORMER_ROWS:
                stored = _finer(stored)
            if stored.ndim != 2 or stored.shape[0] != ring.rows or stored.shape[1] < 2:
                raise ValueError(f"the counts have shape {stored.shape}")
            ring.numbers = [int(number) for number in stored[:, 0]]
            ring.use(stored[:, 1:].astype(np.int64))


def _finer(stored: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns an earlier version's fine ring as one of ours: what happened in a slot counts at its end."""
    finer = np.zeros((_FINE_ROWS, stored.shape[1]))
    finer[:, 0] = -1.0
    per_slot = round(_FORMER_SLOT_S / SLOT_S)
    for row in stored[np.argsort(stored[:, 0])]:
        if row[0] >= 0.0:
            number = int(row[0]) * per_slot + per_slot - 1
            finer[number % _FINE_ROWS] = row
            finer[number % _FINE_ROWS, 0] = number
    return finer
