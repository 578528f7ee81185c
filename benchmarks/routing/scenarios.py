"""Scenarios: what is done to a stationary world before the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from benchmarks.routing import shocks
from benchmarks.routing.table import Table
from benchmarks.routing.world import World, build

Edit = Callable[[World, np.random.Generator], None]

LABELS = 200


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named world.

    lambdas   prices of cost that it is run at
    labelled  queries labelled for every arm before the stream; `shuffled`: each arm is told another's labels
    family    which metrics are read off: "reward", "shock", "target" or "budget"
    reshape   makes another table first (more arms)
    """

    name: str
    edit: Edit | None = None
    lambdas: tuple[float, ...] = (0.1,)
    declared: bool = False
    labelled: int = 0
    shuffled: bool = False
    family: str = "reward"
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
    Scenario("collapse", shocks.collapse, family="shock"),
)

SCENARIOS: Mapping[str, Scenario] = MappingProxyType({scenario.name: scenario for scenario in ALL})
