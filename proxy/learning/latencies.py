"""Quantiles of seconds from a histogram in which old observations fade."""

from __future__ import annotations

import math

# Buckets are 10 % wide, from 1 ms up: half a bucket is less than the noise.
_GROWTH = math.log(1.1)
_LEAST_S = 0.001
_BUCKETS = 150

_HALF_LIFE = 2000.0
"""Observations of an arm after which an older one counts half."""

_log = math.log


class Latencies:
    """A histogram of seconds in which old observations fade."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts: dict[int, float] = {}
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Records one observation."""
        bucket = min(int(_log(seconds / _LEAST_S) / _GROWTH), _BUCKETS - 1) if seconds > _LEAST_S else 0
        self.counts[bucket] = self.counts.get(bucket, 0.0) + 1.0
        self.total += 1.0
        if self.total > 2.0 * _HALF_LIFE:
            self.counts = {key: count / 2.0 for key, count in self.counts.items() if count > 0.02}
            self.total = sum(self.counts.values())

    def quantile(self, q: float) -> float | None:
        """Returns the middle of the bucket that holds quantile `q`, in seconds."""
        if not self.counts:
            return None
        rest = q * self.total
        bucket = 0
        for bucket in sorted(self.counts):
            rest -= self.counts[bucket]
            if rest <= 0.0:
                break
        return _LEAST_S * math.exp((bucket + 0.5) * _GROWTH)

    def snapshot(self) -> list[list[float]]:
        """Returns the histogram, JSON-able."""
        return [[bucket, count] for bucket, count in self.counts.items()]

    @classmethod
    def restored(cls, state: list[list[float]]) -> Latencies:
        """Restores a snapshot. Raises TypeError or ValueError if it doesn't fit."""
        made = cls()
        made.counts = {int(bucket): float(count) for bucket, count in state}
        made.total = sum(made.counts.values())
        return made
