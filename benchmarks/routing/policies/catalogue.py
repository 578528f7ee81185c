"""Names of the policies, and how each is made for a world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType

import numpy as np

from benchmarks.routing.policies.base import Policy
from benchmarks.routing.policies.linear import DiscountedLinUCB, EpsilonGreedy, LinTS, LinUCB, SquareCB
from benchmarks.routing.policies.litellm import LiteLLMLike
from benchmarks.routing.policies.pilot import Pilot
from benchmarks.routing.policies.production import Production
from benchmarks.routing.policies.simple import BestSingle, Oracle, Uniform
from benchmarks.routing.policies.tensorzero import TrackAndStop
from benchmarks.routing.scenarios import Scenario
from benchmarks.routing.world import World

Maker = Callable[[World, np.random.Generator], Policy]

OURS = "meritorder"
YARDSTICKS = ("random", "best-single", "oracle")
SLOW = ("mabwiser-lints",)
"""Milliseconds a round: run in the plain scenarios only, unless asked for."""

NEEDS_FIXED_ARMS = ("mabwiser-lints", "track-and-stop")
PER_ARM_COST = ("vw-squarecb", "vw-bag", "vw-regcb", "paretobandit", "mabwiser-lints", "d-linucb")
"""Left out with hundreds of arms."""


def _ours(world: World, rng: np.random.Generator) -> Policy:
    del rng
    return Production(world)


def _peer(module: str, name: str, **options: str) -> Maker:
    """A policy whose library is in the bench group only, imported when it runs."""

    def make(world: World, rng: np.random.Generator) -> Policy:
        maker = getattr(import_module(f"benchmarks.routing.policies.{module}"), name)
        policy: Policy = maker(world, rng, **options)
        return policy

    return make


POLICIES: Mapping[str, Maker] = MappingProxyType(
    {
        OURS: _ours,
        "random": Uniform,
        "best-single": BestSingle,
        "oracle": Oracle,
        "epsilon-greedy": EpsilonGreedy,
        "linucb": LinUCB,
        "lints": LinTS,
        "d-linucb": DiscountedLinUCB,
        "squarecb": SquareCB,
        "vw-squarecb": _peer("vw", "VowpalWabbit", kind="--squarecb"),
        "vw-bag": _peer("vw", "VowpalWabbit", kind="--bag 5"),
        "vw-regcb": _peer("vw", "VowpalWabbit", kind="--regcb"),
        "mabwiser-lints": _peer("mab", "MabWiser"),
        "paretobandit": _peer("pareto", "ParetoBandit"),
        "litellm-like": LiteLLMLike,
        "track-and-stop": TrackAndStop,
        "pilot": Pilot,
    }
)


def usual(scenario: Scenario) -> tuple[str, ...]:
    """Returns the policies that run in a scenario unless others are named."""
    left_out: set[str] = set()
    if scenario.family == "evaluation":
        return (OURS,)
    if scenario.name not in ("stationary", "declared", "warm"):
        left_out |= set(SLOW)
    if not scenario.fixed_arms:
        left_out |= set(NEEDS_FIXED_ARMS)
    if scenario.many:
        left_out |= set(PER_ARM_COST)
    return tuple(policy for policy in POLICIES if policy not in left_out)
