"""Names of the policies, and how each is made for a world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from benchmarks.routing.policies.base import Policy
from benchmarks.routing.policies.linear import DiscountedLinUCB, EpsilonGreedy, LinTS, LinUCB, SquareCB
from benchmarks.routing.policies.production import Production
from benchmarks.routing.policies.simple import BestSingle, Oracle, Uniform
from benchmarks.routing.world import World

Maker = Callable[[World, np.random.Generator], Policy]

OURS = "meritorder"
YARDSTICKS = ("random", "best-single", "oracle")

POLICIES: Mapping[str, Maker] = MappingProxyType(
    {
        OURS: lambda world, rng: Production(world),
        "random": lambda world, rng: Uniform(world),
        "best-single": lambda world, rng: BestSingle(world),
        "oracle": lambda world, rng: Oracle(world),
        "epsilon-greedy": EpsilonGreedy,
        "linucb": LinUCB,
        "lints": LinTS,
        "d-linucb": DiscountedLinUCB,
        "squarecb": SquareCB,
    }
)
