"""PILOT: LinUCB under an online knapsack.

With a budget, an arm is eligible while its optimistic quality per dollar reaches a threshold that rises
exponentially with the share of the budget spent (the online multiple-choice knapsack); without one it is
LinUCB. Labels take the place of its preference pre-training.

Reference: P. Panda et al. (2025), "Adaptive LLM routing under budget constraints".
"""

from __future__ import annotations

import math

import numpy as np

from benchmarks.routing.policies.base import Outcome, Round
from benchmarks.routing.policies.linear import LinUCB
from benchmarks.routing.table import Floats
from benchmarks.routing.world import World


class Pilot(LinUCB):
    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.budget = None if world.goal.max_usd is None else world.goal.max_usd * world.rounds
        self.spent = 0.0
        self.paid = world.table.input_usd * world.table.input_tokens.mean() + world.table.output_usd * 250.0
        self.calls = np.ones(self.arms)

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        optimistic = self.theta @ shown.x + self.alpha * self.width(shown.x)
        if self.budget is None:
            return self.greedy(optimistic, shown.open)
        cost = self.paid / self.calls
        cheapest, dearest = 0.05 / cost.max(), 1.0 / cost.min()
        used = min(1.0, self.spent / self.budget)
        threshold = (dearest * math.e / cheapest) ** used * cheapest / math.e
        allowed = shown.open & (np.maximum(optimistic, 0.0) / cost >= threshold)
        if used >= 1.0 or not allowed.any():
            allowed = shown.open & (cost == cost[shown.open].min())
        return self.greedy(optimistic, allowed)

    def outcome(self, shown: Round, outcome: Outcome, propensity: float) -> None:
        super().outcome(shown, outcome, propensity)
        if not outcome.error:
            self.spent += outcome.cost
            self.paid[outcome.arm] += outcome.cost
            self.calls[outcome.arm] += 1.0
