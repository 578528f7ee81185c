"""What is read off a run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.routing.replay import Trace
from benchmarks.routing.table import Floats
from benchmarks.routing.world import World

FIRST = 1000
AFTER_SHOCK = 2000
SMOOTHED_OVER = 20
RECOVERED = 0.9

# 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom.
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Returns mean and 95 % Student interval over seeds; (mean, mean, mean) for one seed."""
    array = np.array(values, dtype=np.float64)
    mean = float(array.mean())
    if array.size < 2:
        return mean, mean, mean
    quantile = _T[array.size - 2] if array.size - 1 <= len(_T) else 1.96
    half = quantile * float(array.std(ddof=1)) / math.sqrt(array.size)
    return mean, mean - half, mean + half


def gap(reward: Floats, rewards: Floats) -> float:
    """Returns 100 · (mean reward − best single) / (oracle − best single) over the given rounds.

    `reward` (T,) is the run's, `rewards` (T, k) every arm's.
    """
    single = float(rewards.mean(axis=0).max())
    oracle = float(rewards.max(axis=1).mean())
    return 100.0 * (float(reward.mean()) - single) / max(1e-12, oracle - single)


def read(world: World, trace: Trace, family: str) -> dict[str, float]:
    """Returns the metrics of one run by name."""
    rewards = world.rewards()
    values = {
        "gap%": gap(trace.reward, rewards),
        "reward": float(trace.reward.mean()),
        "utility_usd": float(trace.reward.mean()) * world.goal.value_usd,
        "quality": float(trace.quality.mean()),
        "cost": float(trace.cost.mean()) / world.goal.reference,
        "us_p50": float(np.median(trace.micros)),
    }
    if world.rounds > FIRST:
        values["gap%_first_1000"] = gap(trace.reward[:FIRST], rewards[:FIRST])
    if family == "shock":
        values |= after_shock(world, trace, rewards)
    values["static_mix_quality"] = mix_quality(
        world.cost.mean(axis=0), world.quality.mean(axis=0), float(trace.cost.mean())
    )
    if family == "target":
        values |= on_target(world, trace)
    if family == "budget":
        values |= overshoot(world, trace)
    return values


def after_shock(world: World, trace: Trace, rewards: Floats) -> dict[str, float]:
    """Rounds to 90 % of the new optimum, and reward lost against the new best arm over 2,000 rounds.

    Recovery is read from the arms' mean rewards after the shock, weighted with the drawing probabilities:
    the noise of single queries would hide it. First round from which the mean over the next 20 is reached.
    """
    assert world.shock is not None
    after = rewards[world.shock :]
    means = after.mean(axis=0)
    value = trace.probability[world.shock :] @ means
    smooth = np.convolve(value, np.full(SMOOTHED_OVER, 1.0 / SMOOTHED_OVER), mode="valid")
    reached = np.flatnonzero(smooth >= RECOVERED * means.max())
    window = slice(0, AFTER_SHOCK)
    lost = (
        after[window].mean(axis=0).max() * after[window].shape[0] - trace.reward[world.shock :][window].sum()
    )
    return {
        "rounds_to_90%": float(reached[0]) if reached.size else float(after.shape[0]),
        "reward_lost": float(lost),
    }


def on_target(world: World, trace: Trace) -> dict[str, float]:
    """Cost and quality of the last half over those of the arm with the best quality in it, and the cost of
    the cheapest static mix of that quality.
    """
    half = slice(world.rounds // 2, None)
    quality, cost = world.quality[half].mean(axis=0), world.cost[half].mean(axis=0)
    best = int(quality.argmax())
    reached = float(trace.quality[half].mean())
    return {
        "target_quality": reached / float(quality[best]),
        "target_cost": float(trace.cost[half].mean()) / float(cost[best]),
        "static_mix_cost": mix_cost(cost, quality, reached) / float(cost[best]),
    }


def overshoot(world: World, trace: Trace) -> dict[str, float]:
    """Mean cost over the budget, in per cent: after the first tenth, and from the shock on if there is one."""
    assert world.goal.max_usd is not None
    start = world.rounds // 10
    steady = slice(start, world.shock)
    over = 100.0 * (float(trace.cost[steady].mean()) / world.goal.max_usd - 1.0)
    values = {"overshoot%": over}
    if world.shock is not None:
        across = trace.cost[world.shock :]
        values["overshoot%_after_shock"] = 100.0 * (float(across.mean()) / world.goal.max_usd - 1.0)
    return values


def hull(cost: Floats, quality: Floats) -> list[tuple[float, float]]:
    """Returns the corners (cost, quality) of the best static mixes, cheapest first."""
    corners: list[tuple[float, float]] = []
    for point in sorted(zip(cost.tolist(), quality.tolist(), strict=True), key=lambda p: (p[0], -p[1])):
        if corners and point[1] <= corners[-1][1]:
            continue
        while len(corners) >= 2 and _slope(corners[-2], point) >= _slope(corners[-2], corners[-1]):
            corners.pop()
        corners.append(point)
    return corners


def mix_cost(cost: Floats, quality: Floats, target: float) -> float:
    """Returns what the cheapest static mix with mean quality `target` costs; the best arm's if out of reach."""
    corners = hull(cost, quality)
    if target <= corners[0][1]:
        return corners[0][0]
    for left, right in pairs(corners):
        if target <= right[1]:
            return left[0] + (right[0] - left[0]) * (target - left[1]) / (right[1] - left[1])
    return corners[-1][0]


def mix_quality(cost: Floats, quality: Floats, spent: float) -> float:
    """Returns the mean quality of the best static mix that costs at most `spent`."""
    corners = hull(cost, quality)
    return float(np.interp(spent, [c for c, _ in corners], [q for _, q in corners]))


def pairs(corners: list[tuple[float, float]]) -> Iterable[tuple[tuple[float, float], tuple[float, float]]]:
    return itertools.pairwise(corners)


def _slope(left: tuple[float, float], right: tuple[float, float]) -> float:
    return (right[1] - left[1]) / max(1e-300, right[0] - left[0])
