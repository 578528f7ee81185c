"""Changes at half-time, on the arm that is best then."""

from __future__ import annotations

import numpy as np

from benchmarks.routing.world import World

COLLAPSED_TO = 0.3


def best_arm(world: World) -> int:
    """Returns the arm with the best mean reward."""
    return int(world.rewards().mean(axis=0).argmax())


def collapse(world: World, rng: np.random.Generator) -> None:
    """Quality × 0.3, cost as before."""
    del rng
    world.shock = world.rounds // 2
    world.quality[world.shock :, best_arm(world)] *= COLLAPSED_TO
