"""Exponential decay of observations, as seen from a landmark in time.

With τ = half-life / ln 2 and landmark L, an observation made at t is summed with the weight exp((t − L)/τ), once and for
all; at any later time T every sum counts exp(−(T − L)/τ) times. So sums are additive, and nothing has to be rescaled as time
passes.

Reference: G. Cormode et al. (2009), "Forward decay: a practical time decay model for streaming systems".
"""

from __future__ import annotations

import math

import numpy as np

from bandit.arrays import FloatArray

_REBASE_AT = 60.0
"""Largest exponent of a weight before the landmark moves: exp(60) squared is far from overflow."""

_TICKS = 256.0
"""Ticks in τ: posteriors are for the latest tick at a fit, so at most 0.4 % of weight behind."""


class Decay:
    """The landmark, the time that the posteriors are for (`reference`), and the latest tick (`ahead`), epoch seconds.

    A fit moves the posteriors to the latest tick.
    """

    def __init__(self, half_life_s: float) -> None:
        self._tau = half_life_s / math.log(2.0)
        self._tick = self._tau / _TICKS
        self._landmark = 0.0
        self.started = False
        self.reference = 0.0
        self.ahead = 0.0

    def weight(self, at: float) -> float:
        """Returns the weight in sums of an observation made at `at`."""
        return math.exp((at - self._landmark) / self._tau)

    def weight_now(self, at: float) -> float:
        """Returns what an observation made at `at` counts at the time that the posteriors are for."""
        return math.exp((at - self.reference) / self._tau)

    def scale(self, now: float) -> float:
        """Returns the factor γ on all sums at `now`."""
        return math.exp(-(now - self._landmark) / self._tau)

    def advance(self, now: float) -> float | None:
        """Moves time on to `now`; returns the factor to multiply all sums by where the landmark has moved, else None."""
        tick = math.floor(now / self._tick) * self._tick
        if not self.started:
            self.started = True
            self._landmark = self.reference = self.ahead = tick
        elif tick > self.ahead:
            self.ahead = tick
            if (tick - self._landmark) / self._tau > _REBASE_AT:
                factor = self.scale(tick)
                self._landmark = tick
                return factor
        return None

    @property
    def behind(self) -> bool:
        """Whether a tick has passed since the time that the posteriors are for."""
        return self.ahead > self.reference

    def snapshot(self) -> FloatArray:
        """Returns landmark, reference and whether anything was observed, (3,)."""
        return np.array([self._landmark, self.reference, float(self.started)])

    def restore(self, packed: FloatArray) -> None:
        """Restores a snapshot, taken when nothing was behind."""
        landmark, reference, started = packed.tolist()
        self._landmark, self.started = landmark, bool(started)
        self.reference = self.ahead = reference
