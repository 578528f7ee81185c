"""Do off-policy intervals hold? The production learner logs; fixed arms and mixtures are evaluated on its log.

Every run draws 5,000 queries with replacement, so that the truth is the table's mean. The floor is 2 % an arm,
as far as the arms leave room for it.
"""

from __future__ import annotations

import numpy as np

from bandit import Settings
from bandit.evaluation.off_policy import CannotEvaluateError, Interval, Log, evaluate
from benchmarks.routing.policies.base import feature_matrix
from benchmarks.routing.policies.production import Production
from benchmarks.routing.replay import replay
from benchmarks.routing.table import Floats, Table
from benchmarks.routing.world import build

ROWS = 5000
FLOOR = 0.02
LAMBDA = 0.1


def coverage(table: Table, seed: int, rows: int = ROWS) -> dict[str, float]:
    """Returns metrics of one run: share of targets whose truth lies in the doubly robust interval, half-widths
    (mean, widest), and the share refused.
    """
    rng = np.random.default_rng([seed, 3])
    arms = len(table.arms)
    world = build(table, LAMBDA, rng, queries=rng.integers(len(table.prompts), size=rows))
    floor = min(FLOOR, 0.5 / arms)
    policy = Production(world, Settings(floor_total=floor * arms))
    trace = replay(world, policy, np.random.default_rng([seed, 2]))
    probability = trace.probability.astype(np.float64)
    log = Log(
        probability / probability.sum(axis=1, keepdims=True),
        trace.arm,
        trace.reward,
        feature_matrix(world, world.rows)[:, 1:],
    )
    truth = (table.quality - LAMBDA * table.cost / table.reference_cost).mean(axis=0)
    found: list[tuple[Interval, Interval, float]] = []
    refused = 0
    for weights in targets(arms):
        try:
            estimate = evaluate(log, np.tile(weights, (rows, 1)))
        except CannotEvaluateError:
            refused += 1
            continue
        found.append((estimate.dr, estimate.dr_once, float(weights @ truth)))
    halves = [half(always) for always, _, _ in found]
    return {
        "dr_coverage": float(np.mean([one.low <= mean <= one.high for one, _, mean in found])),
        "dr_once_coverage": float(np.mean([one.low <= mean <= one.high for _, one, mean in found])),
        "dr_once_half_width": float(np.mean([half(one) for _, one, _ in found])),
        "dr_half_width": float(np.mean(halves)),
        "dr_half_width_widest": float(np.max(halves)),
        "refused": refused / (refused + len(found)),
    }


def half(interval: Interval) -> float:
    return (interval.high - interval.low) / 2.0


def targets(arms: int) -> list[Floats]:
    """Returns every fixed arm, and the uniform mixture."""
    return [*np.eye(arms), np.full(arms, 1.0 / arms)]
