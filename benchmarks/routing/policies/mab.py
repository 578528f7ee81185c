"""mabwiser's LinTS with its default α = 1 and ridge 1."""

from __future__ import annotations

import numpy as np
from mabwiser.mab import MAB, LearningPolicy

from benchmarks.routing.policies.base import Round, ScalarPolicy
from benchmarks.routing.table import Floats
from benchmarks.routing.world import World


class MabWiser(ScalarPolicy):
    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        seed = int(rng.integers(2**31))
        self.learner = MAB(list(range(self.arms)), LearningPolicy.LinTS(), seed=seed)
        self.fitted = False

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        if not self.fitted:
            return int(self.rng.integers(self.arms)), None
        return int(self.learner.predict(shown.x[None])), None

    def update(self, x: Floats, arm: int, reward: float, propensity: float) -> None:
        del propensity
        fit = self.learner.partial_fit if self.fitted else self.learner.fit
        fit([arm], [reward], x[None])
        self.fitted = True
