"""Yardsticks: they know nothing, or everything."""

from __future__ import annotations

import numpy as np

from benchmarks.routing.policies.base import Outcome, Round, one_hot
from benchmarks.routing.table import Floats
from benchmarks.routing.world import World


class _Unlearning:
    """Takes no notice of what happens."""

    def outcome(self, shown: Round, outcome: Outcome, propensity: float) -> None:
        del shown, outcome, propensity

    def feedback(self, number: int, quality: float, now: float, share: float = 1.0) -> None:
        del number, quality, now, share

    def warm(self, world: World) -> None:
        del world


class Uniform(_Unlearning):
    """Every arm alike."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        del rng
        self.arms = len(world.table.arms)

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        arms = np.flatnonzero(shown.open)
        arm = int(arms[min(int(shown.uniform * len(arms)), len(arms) - 1)])
        return arm, shown.open / len(arms)


class BestSingle(_Unlearning):
    """The arm with the best mean reward over the whole run, known in hindsight."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        del rng
        self.arms = len(world.table.arms)
        self.best = int(world.rewards().mean(axis=0).argmax())

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        arm = self.best if shown.open[self.best] else int(np.flatnonzero(shown.open)[0])
        return arm, one_hot(arm, self.arms)


class Oracle(_Unlearning):
    """The best arm of every single query."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        del rng
        self.arms = len(world.table.arms)
        self.best = world.rewards().argmax(axis=1)

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        arm = int(self.best[shown.number])
        return arm, one_hot(arm, self.arms)
