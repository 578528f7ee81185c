"""What every policy of the harness looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from benchmarks.routing.table import Floats
from benchmarks.routing.world import Bools, World


@dataclass(frozen=True, slots=True)
class Round:
    """What a policy may look at before it chooses.

    x           (d,) vector for policies that take one: 1, one-hot declared task if any, text statistics
    task        the caller's declaration, None when it made none
    fixed_usd, output_usd  (k,) today's quote
    open        (k,) arms that exist today
    uniform     a random number in [0, 1)
    """

    number: int
    now: float
    prompt: str
    task: str | None
    x: Floats
    fixed_usd: Floats
    output_usd: Floats
    open: Bools
    uniform: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the drawn arm showed at once."""

    arm: int
    cost: float
    tokens: int
    seconds: float | None
    ttft: float | None
    error: bool


class Policy(Protocol):
    """One way of choosing. Feedback comes later than the outcome, or never."""

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        """Returns the arm and the probability vector (k,) it was drawn from, None if the policy has none."""
        ...

    def outcome(self, shown: Round, outcome: Outcome, propensity: float) -> None: ...

    def feedback(self, number: int, quality: float, now: float, share: float = 1.0) -> None:
        """Takes the quality of the answer of round `number`, or of an episode of which it is this share."""
        ...

    def warm(self, world: World) -> None:
        """Takes `world.labels`: every arm's outcome on some queries."""
        ...


def dimension_of(world: World) -> int:
    """Returns the length d of `Round.x`."""
    return int(feature_matrix(world, world.rows[:1]).shape[1])


def feature_matrix(world: World, rows: np.ndarray) -> Floats:
    """Returns `features` of many queries, shape (len(rows), d)."""
    parts = [np.ones((len(rows), 1))]
    if world.declared:
        names = sorted(set(world.table.tasks))
        position = {name: place for place, name in enumerate(names)}
        parts.append(np.eye(len(names))[[position[world.table.tasks[row]] for row in rows]])
    parts.append(world.table.statistics[rows])
    return np.concatenate(parts, axis=1)


class ScalarPolicy:
    """Base of peers that learn one number per answer: quality − λ · cost / reference, when quality comes.

    A failed call teaches reward 0 at once: a peer that never heard of failures could not leave a dead arm.
    """

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.arms = len(world.table.arms)
        self.goal = world.goal
        self.rng = rng
        self._pending: dict[int, tuple[Floats, int, float, float]] = {}

    def outcome(self, shown: Round, outcome: Outcome, propensity: float) -> None:
        if outcome.error:
            self.update(shown.x, outcome.arm, 0.0, propensity)
            return
        paid = self.goal.penalty(outcome.cost, outcome.seconds)
        self._pending[shown.number] = (shown.x, outcome.arm, paid, propensity)

    def feedback(self, number: int, quality: float, now: float, share: float = 1.0) -> None:
        del now, share
        x, arm, paid, propensity = self._pending.pop(number)
        self.update(x, arm, quality - paid, propensity)

    def warm(self, world: World) -> None:
        assert world.labels is not None
        table = world.table
        vectors = feature_matrix(world, world.labels.rows)
        for x, row in zip(vectors, world.labels.rows, strict=True):
            for arm, told in enumerate(world.labels.told):
                paid = self.goal.penalty(float(table.cost[row, arm]), None)
                self.update(x, arm, table.quality[row, told] - paid, 1.0)

    def update(self, x: Floats, arm: int, reward: float, propensity: float) -> None:
        raise NotImplementedError


def one_hot(arm: int, arms: int) -> Floats:
    vector = np.zeros(arms)
    vector[arm] = 1.0
    return vector
