"""A world: what would happen in each round of one run, whichever arm is drawn.

Scenarios edit these arrays; the replay reveals from them only what the drawn arm would have shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.routing.table import Floats, Table

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]

SECONDS_PER_ROUND = 1.0
"""A service with one request a second: what half-lives in wall-clock time act on."""

START = 1.7e9


@dataclass(slots=True)
class Goal:
    """What is asked for. reward = quality − λ · cost / reference − waiting_price · seconds.

    The same in dollars: value_usd = reference / λ, and a second costs waiting_price · value_usd.
    """

    lam: float
    reference: float
    waiting_price: float = 0.0
    min_quality: float | None = None
    max_usd: float | None = None

    def penalty(self, cost: float, seconds: float | None) -> float:
        """Returns what the cost (US dollars) and the waiting of one answer take off its reward."""
        return self.lam * cost / self.reference + self.waiting_price * (seconds or 0.0)

    @property
    def value_usd(self) -> float:
        """Dollars that a perfect answer is worth; without a price of cost, a thousand best answers."""
        return self.reference / self.lam if self.lam > 0.0 else 1000.0 * self.reference


@dataclass(slots=True)
class Labels:
    """Queries labelled before the stream: rows of the table, and whose label each arm is told (k,)."""

    rows: Ints
    told: Ints


@dataclass(slots=True)
class World:
    """Arrays over T rounds and k arms.

    rows            (T,) query of the table
    quality, cost   (T, k)
    tokens          (T, k) output tokens
    fixed_usd       (T, k) price of the input, output_usd (T, k) per output token: the quote
    error           (T, k) the call fails: no quality, no cost
    seconds, ttft   (T, k) whole duration and time to first token, or None
    seen            (T, k) whether feedback on that arm's answer would come
    delay           rounds until it comes
    shock           round of the change, or None
    arrival         (k,) round from which an arm exists, or None
    session         (T,) conversation of a round, or None; prefix_usd (T, k): saved when its last turn was
                    answered by the same arm; 0 in a first turn
    episodes        feedback comes once a conversation, after its last turn: the mean quality of its answers
    """

    table: Table
    goal: Goal
    rows: Ints
    quality: Floats
    cost: Floats
    tokens: Floats
    fixed_usd: Floats
    output_usd: Floats
    error: Bools
    seen: Bools
    declared: bool
    delay: int = 0
    biased: bool = False
    seconds: Floats | None = None
    ttft: Floats | None = None
    labels: Labels | None = None
    shock: int | None = None
    arrival: Ints | None = None
    session: Ints | None = None
    prefix_usd: Floats | None = None
    episodes: bool = False

    @property
    def rounds(self) -> int:
        return int(self.rows.shape[0])

    def rewards(self) -> Floats:
        """Returns the reward of every arm in every round, shape (T, k); a failed call or an arm that doesn't
        exist is worth 0. In sessions: with a warm prompt cache, as of an arm that serves all turns.
        """
        cost = self.cost if self.prefix_usd is None else np.maximum(0.0, self.cost - self.prefix_usd)
        reward = self.quality - self.goal.lam * cost / self.goal.reference
        if self.seconds is not None:
            reward = reward - self.goal.waiting_price * self.seconds
        closed = self.error
        if self.arrival is not None:
            closed = closed | (np.arange(self.rounds)[:, None] < self.arrival)
        return np.where(closed, 0.0, reward)

    def open_at(self, number: int) -> Bools:
        """Returns which arms exist in a round, shape (k,)."""
        if self.arrival is None:
            return np.ones(len(self.table.arms), dtype=bool)
        return self.arrival <= number


def build(
    table: Table,
    lam: float,
    rng: np.random.Generator,
    *,
    declared: bool = False,
    labelled: int = 0,
    rounds: int | None = None,
    queries: Ints | None = None,
) -> World:
    """Returns the stationary world: every query once in a random order, or `queries`; all feedback at once."""
    order = rng.permutation(len(table.prompts)) if queries is None else queries
    labels = None
    if labelled:
        labels = Labels(order[:labelled], np.arange(len(table.arms)))
        order = order[labelled:]
    rows = order[:rounds] if rounds else order
    shape = (rows.shape[0], len(table.arms))
    return World(
        table=table,
        goal=Goal(lam, table.reference_cost),
        rows=rows,
        quality=table.quality[rows],
        cost=table.cost[rows],
        tokens=table.output_tokens[rows],
        fixed_usd=table.input_tokens[rows] * table.input_usd,
        output_usd=np.broadcast_to(table.output_usd, shape).copy(),
        error=np.zeros(shape, dtype=bool),
        seen=np.ones(shape, dtype=bool),
        declared=declared,
        labels=labels,
    )
