"""Linear peers: one ridge regression of the scalar reward per arm.

References: L. Li et al. (2010), LinUCB; S. Agrawal and N. Goyal (2013), LinTS; Y. Russac et al. (2019),
D-LinUCB; D. Foster and A. Rakhlin (2020), SquareCB.
"""

from __future__ import annotations

import numpy as np

from benchmarks.routing.policies.base import Round, ScalarPolicy, dimension_of, one_hot
from benchmarks.routing.table import Floats
from benchmarks.routing.world import Bools, World


class RidgePolicy(ScalarPolicy):
    """Keeps A⁻¹ and θ of every arm, ridge 1."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        dimension = dimension_of(world)
        self.inverse = np.tile(np.eye(dimension), (self.arms, 1, 1))
        self.response = np.zeros((self.arms, dimension))
        self.theta = np.zeros((self.arms, dimension))

    def update(self, x: Floats, arm: int, reward: float, propensity: float) -> None:
        del propensity
        inverse = self.inverse[arm]
        spread = inverse @ x
        inverse -= np.outer(spread / (1.0 + x @ spread), spread)
        self.response[arm] += reward * x
        self.theta[arm] = inverse @ self.response[arm]

    def width(self, x: Floats) -> Floats:
        return np.sqrt(np.maximum(0.0, (self.inverse @ x) @ x))

    def greedy(self, scores: Floats, allowed: Bools) -> tuple[int, Floats]:
        scores = np.where(allowed, scores, -np.inf)
        best = np.flatnonzero(scores == scores.max())
        arm = int(self.rng.choice(best))
        return arm, one_hot(arm, self.arms)


class LinUCB(RidgePolicy):
    """α = 1, as in the paper's examples."""

    alpha = 1.0

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        return self.greedy(self.theta @ shown.x + self.alpha * self.width(shown.x), shown.open)


class EpsilonGreedy(RidgePolicy):
    """10 % uniform exploration over a linear model."""

    epsilon = 0.1

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        best = int(np.where(shown.open, self.theta @ shown.x, -np.inf).argmax())
        probabilities = np.where(shown.open, self.epsilon / shown.open.sum(), 0.0)
        probabilities[best] += 1.0 - self.epsilon
        if self.rng.random() < self.epsilon:
            return int(self.rng.choice(np.flatnonzero(shown.open))), probabilities
        return best, probabilities


class LinTS(RidgePolicy):
    """v = 0.5: the noise of a reward that is nearly 0 or 1. Draws θᵀx, whose law is one-dimensional."""

    scale = 0.5

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        draws = self.theta @ shown.x + self.scale * self.width(shown.x) * self.rng.standard_normal(self.arms)
        return int(np.where(shown.open, draws, -np.inf).argmax()), None


class SquareCB(RidgePolicy):
    """Inverse-gap weighting over the linear model, γ = 10 √(k t): the usual growing schedule."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.rounds = 0

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        self.rounds += 1
        gamma = 10.0 * np.sqrt(self.arms * self.rounds)
        scores = self.theta @ shown.x
        best = int(np.where(shown.open, scores, -np.inf).argmax())
        gaps = np.maximum(0.0, scores[best] - scores)
        probabilities = np.where(shown.open, 1.0 / (self.arms + gamma * gaps), 0.0)
        probabilities[best] = 0.0
        probabilities[best] = 1.0 - probabilities.sum()
        place = int(np.searchsorted(np.cumsum(probabilities), shown.uniform, side="right"))
        return min(place, self.arms - 1), probabilities


class DiscountedLinUCB(RidgePolicy):
    """γ = 0.999 a round: half of the weight after 693 rounds. Solved afresh for the arm that changed;
    the others' weight shrinks with it, which multiplies their inverse.
    """

    alpha = 1.0
    gamma = 0.999

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        dimension = dimension_of(world)
        self.gram = np.zeros((self.arms, dimension, dimension))
        self.ridge = np.eye(dimension)
        self.updates = np.zeros(self.arms, dtype=int)
        self.clock = 0

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        return self.greedy(self.theta @ shown.x + self.alpha * self.width(shown.x), shown.open)

    def update(self, x: Floats, arm: int, reward: float, propensity: float) -> None:
        del propensity
        self.gram *= self.gamma
        self.response *= self.gamma
        self.gram[arm] += np.outer(x, x)
        self.response[arm] += reward * x
        self.clock += 1
        # The others moved by a factor 0.999 at most times the period: solved in turn, not at each update.
        for other in {arm, self.clock % self.arms}:
            self.inverse[other] = np.linalg.inv(self.gram[other] + self.ridge)
            self.theta[other] = self.inverse[other] @ self.response[other]
