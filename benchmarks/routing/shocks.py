"""Changes at half-time, on the arm that is best then."""

from __future__ import annotations

import numpy as np

from benchmarks.routing.world import World

COLLAPSED_TO = 0.3
DEARER = 5.0
_BUDGET_SHARE = 0.3


def best_arm(world: World) -> int:
    """Returns the arm with the best mean reward."""
    return int(world.rewards().mean(axis=0).argmax())


def collapse(world: World, rng: np.random.Generator) -> None:
    """Quality × 0.3, cost as before."""
    del rng
    world.shock = world.rounds // 2
    world.quality[world.shock :, best_arm(world)] *= COLLAPSED_TO


def collapse_at_ten_percent(world: World, rng: np.random.Generator) -> None:
    collapse(world, rng)
    world.seen = rng.random(world.quality.shape) < 0.1


def dearer(world: World, rng: np.random.Generator) -> None:
    """Price × 5 of the best arm."""
    del rng
    world.shock = world.rounds // 2
    reprice(world, best_arm(world), world.shock, DEARER)


def dearest(world: World, rng: np.random.Generator) -> None:
    """Price × 5 of the arm that is best in quality, where that matters most: every query costs it half of λ."""
    del rng
    world.shock = world.rounds // 2
    reprice(world, int(world.quality.mean(axis=0).argmax()), world.shock, DEARER)


def reprice(world: World, arm: int, since: int, factor: float) -> None:
    """Multiplies an arm's price from a round on: what is paid, and what is quoted."""
    for array in (world.cost, world.fixed_usd, world.output_usd):
        array[since:, arm] *= factor


def newcomer(world: World, rng: np.random.Generator) -> None:
    """The best arm doesn't exist before half-time."""
    del rng
    world.shock = world.rounds // 2
    world.arrival = np.zeros(len(world.table.arms), dtype=np.intp)
    world.arrival[best_arm(world)] = world.shock


def outage(world: World, rng: np.random.Generator) -> None:
    """Every call to the best arm fails."""
    del rng
    world.shock = world.rounds // 2
    world.error[world.shock :, best_arm(world)] = True


def budget(world: World, rng: np.random.Generator) -> None:
    """30 % of what the best-quality arm costs may be spent on average; quality alone counts beside it."""
    del rng
    world.goal.max_usd = _BUDGET_SHARE * world.goal.reference


def budget_dearer(world: World, rng: np.random.Generator) -> None:
    """The same, and the best-quality arm's price × 5 at half-time."""
    budget(world, rng)
    dearest(world, rng)
