"""The `paretobandit` package: its router with its default α, forgetting and prior strength.

It gets the same vector as the linear peers (its own embedding needs a download) and this harness's reward
instead of its log-price penalty, so that it aims at what is measured. Warm labels enter as its offline prior
does: with the weight of its default effective sample size, shared among the labels.
"""

from __future__ import annotations

import logging

import numpy as np
from pareto_bandit import BanditRouter
from pareto_bandit.config import BEST_K3_HPARAMS
from pareto_bandit.feature_service import FeatureService
from pareto_bandit.types import RouterConfig

from benchmarks.routing.policies.base import Outcome, Round, dimension_of, feature_matrix
from benchmarks.routing.table import Floats
from benchmarks.routing.world import World

logging.getLogger("pareto_bandit").setLevel(logging.ERROR)

_LEAST_PRICE = 1e-3


class ParetoBandit:
    def __init__(self, world: World, rng: np.random.Generator) -> None:
        table = world.table
        self.goal = world.goal
        self.prices = [
            {
                "input_cost_per_m": max(_LEAST_PRICE, entry * 1e6),
                "output_cost_per_m": max(_LEAST_PRICE, out * 1e6),
            }
            for entry, out in zip(table.input_usd.tolist(), table.output_usd.tolist(), strict=True)
        ]
        self.known = set(np.flatnonzero(world.open_at(0)).tolist())
        self.router = BanditRouter.create(
            model_registry={str(arm): self.prices[arm] for arm in sorted(self.known)},
            feature_service=FeatureService.for_precomputed(dimension=dimension_of(world) - 1),
            priors="none",
            cost_penalty=0.0,
            bandit_seed=int(rng.integers(2**31)),
            config=RouterConfig(reward_min=-20.0, reward_max=1.0),
        )
        self.request = ""
        self._pending: dict[int, tuple[str, float]] = {}

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        for arm in np.flatnonzero(shown.open).tolist():
            if arm not in self.known:
                self.known.add(arm)
                self.router.register_model(str(arm), **self.prices[arm])
        model, log = self.router.route(shown.x[1:])
        self.request = log.request_id
        return int(model), None

    def outcome(self, shown: Round, outcome: Outcome, propensity: float) -> None:
        del propensity
        if outcome.error:
            self.router.process_feedback(self.request, 0.0)
            return
        self._pending[shown.number] = (self.request, self.goal.penalty(outcome.cost, outcome.seconds))

    def feedback(self, number: int, quality: float, now: float, share: float = 1.0) -> None:
        del now, share
        request, paid = self._pending.pop(number)
        self.router.process_feedback(request, quality - paid)

    def warm(self, world: World) -> None:
        assert world.labels is not None
        table = world.table
        weight = BEST_K3_HPARAMS["prior_n_effective"] / max(1, len(world.labels.rows))
        vectors = feature_matrix(world, world.labels.rows)
        for x, row in zip(vectors, world.labels.rows, strict=True):
            for arm, told in enumerate(world.labels.told):
                reward = table.quality[row, told] - self.goal.penalty(float(table.cost[row, arm]), None)
                self.router.update(str(arm), x[1:], float(reward), weight=weight, advance_time=False)
