"""A router in the manner of TensorZero's track-and-stop: one metric, no context, then all to the winner.

Reference: A. Garivier and E. Kaufmann (2016), with Gaussian rewards. The optimal proportions are approximated
by 1 / gap², which is exact for two arms up to the winner's share.
"""

from __future__ import annotations

import math

import numpy as np

from benchmarks.routing.policies.base import Round, ScalarPolicy, one_hot
from benchmarks.routing.table import Floats
from benchmarks.routing.world import World

_DELTA = 0.05
_NURSERY = 10
_LEAST_GAP = 0.02


class TrackAndStop(ScalarPolicy):
    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.count = np.zeros(self.arms)
        self.total = np.zeros(self.arms)
        self.squares = 0.0
        self.winner: int | None = None
        self.shares = np.full(self.arms, 1.0 / self.arms)

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        if self.winner is not None:
            return self.winner, one_hot(self.winner, self.arms)
        place = int(np.searchsorted(np.cumsum(self.shares), shown.uniform, side="right"))
        return min(place, self.arms - 1), self.shares

    def update(self, x: Floats, arm: int, reward: float, propensity: float) -> None:
        del x, propensity
        self.count[arm] += 1.0
        self.total[arm] += reward
        self.squares += reward * reward
        if self.winner is None and self.count.min() >= _NURSERY:
            self._track()

    def _track(self) -> None:
        mean = self.total / self.count
        rounds = float(self.count.sum())
        noise = max(1e-6, (self.squares - float(self.count @ mean**2)) / rounds)
        best = int(mean.argmax())
        others = np.arange(self.arms) != best
        gap = np.maximum(_LEAST_GAP, mean[best] - mean)
        share = self.count[best] * self.count / (self.count[best] + self.count)
        evidence = float((share * (mean[best] - mean) ** 2 / (2.0 * noise))[others].min())
        if evidence > math.log((1.0 + math.log(rounds)) / _DELTA):
            self.winner = best
            return
        wanted = 1.0 / gap**2
        wanted[best] = math.sqrt(float((wanted[others] ** 2).sum()))
        self.shares = wanted / wanted.sum()
