"""Scenarios: what is done to a stationary world before the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from benchmarks.routing import shocks, streams
from benchmarks.routing.table import Table
from benchmarks.routing.world import World, build

Edit = Callable[[World, np.random.Generator], None]

LABELS = 200


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named world.

    lambdas   prices of cost that it is run at
    labelled  queries labelled for every arm before the stream; `shuffled`: each arm is told another's labels
    family    which metrics are read off: "reward", "shock", "target", "budget" or "evaluation"
    reshape   makes another table first (more arms)
    fixed_arms  False where arms come and go, which some peers can't take
    many      so many arms that slow peers are left out
    """

    name: str
    edit: Edit | None = None
    lambdas: tuple[float, ...] = (0.1,)
    declared: bool = False
    labelled: int = 0
    shuffled: bool = False
    family: str = "reward"
    fixed_arms: bool = True
    many: bool = False
    reshape: Callable[[Table, np.random.Generator], Table] | None = None

    def world(self, table: Table, lam: float, seed: int, rounds: int | None) -> World:
        """Returns the world of one seed: the same for every policy."""
        rng = np.random.default_rng([seed, 1])
        if self.reshape is not None:
            table = self.reshape(table, rng)
        world = build(table, lam, rng, declared=self.declared, labelled=self.labelled, rounds=rounds)
        if self.shuffled and world.labels is not None:
            world.labels.told = shifted(len(table.arms), rng)
        if self.edit is not None:
            self.edit(world, rng)
        return world


def shifted(arms: int, rng: np.random.Generator) -> np.ndarray:
    """Returns a random permutation of the arms that leaves none in its place."""
    order = rng.permutation(arms)
    told = np.empty(arms, dtype=np.intp)
    told[order] = np.roll(order, 1)
    return told


ALL: tuple[Scenario, ...] = (
    Scenario("stationary", lambdas=(0.0, 0.1, 0.5)),
    Scenario("declared", lambdas=(0.0, 0.1, 0.5), declared=True),
    Scenario("warm", labelled=LABELS),
    Scenario("warm-declared", labelled=LABELS, declared=True),
    Scenario("wrong-prior", labelled=LABELS, shuffled=True),
    Scenario("wrong-prior-declared", labelled=LABELS, shuffled=True, declared=True),
    Scenario("feedback-10", streams.feedback(0.1)),
    Scenario("feedback-2", streams.feedback(0.02)),
    Scenario("delay-500", streams.feedback(1.0, 500)),
    Scenario("delay-2000", streams.feedback(1.0, 2000)),
    Scenario("warm-delay-500-feedback-10", streams.feedback(0.1, 500), labelled=LABELS),
    Scenario("warm-delay-500-feedback-2", streams.feedback(0.02, 500), labelled=LABELS),
    Scenario("complaints", streams.complaints),
    Scenario("complaints-unbiased", streams.unbiased),
    Scenario("collapse", shocks.collapse, family="shock"),
    Scenario("collapse-feedback-10", shocks.collapse_at_ten_percent, family="shock"),
    Scenario("price-x5", shocks.dearer, family="shock"),
    Scenario("price-x5-best-quality", shocks.dearest, family="shock"),
    Scenario("new-best-arm", shocks.newcomer, family="shock", fixed_arms=False),
    Scenario("outage", shocks.outage, family="shock"),
    Scenario("price-history", streams.market),
    Scenario("latency", streams.latency),
    Scenario("sessions", streams.sessions),
    Scenario("episodes", streams.episodes),
    Scenario("budget", shocks.budget, lambdas=(0.0,), family="budget"),
    Scenario("budget-price-x5", shocks.budget_dearer, lambdas=(0.0,), family="budget"),
    Scenario("min-quality-100", streams.at_least(1.0), family="target"),
    Scenario("min-quality-99", streams.at_least(0.99), family="target"),
    Scenario("arms-50", reshape=streams.grown_to(50)),
    Scenario("evaluation", family="evaluation"),
    Scenario("arms-400", reshape=streams.grown_to(400), many=True),
)

SCENARIOS: Mapping[str, Scenario] = MappingProxyType({scenario.name: scenario for scenario in ALL})
