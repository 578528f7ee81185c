"""From estimates to probability vectors: what one arm is expected to be worth, and which one is drawn.

Many requests over the same candidates are one computation: numpy's cost is per call, not per number.
Shapes: b requests, k candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bandit.arrays import FloatArray, IntArray
from bandit.objective import Objective, Quote
from bandit.pacing import Pacer
from bandit.thompson import best_probabilities, bounded, draw, with_floor

_BUDGETED, _TARGETED = 1.5, 1.25
"""Factors on curiosity where a budget or a quality is held: an arm passed over for good there costs more than
utility. For a quality, a share of requests explores besides."""


@dataclass(slots=True)
class Round:
    """One request to decide on: its context `x`, its prices, and what is wanted of it.

    `uniform` is a random number in [0, 1). `budget` names whose spending the objective's targets are held
    for (a route, a key).
    """

    x: FloatArray
    quote: Quote
    objective: Objective
    max_tokens: int | None
    uniform: float
    budget: str | None = None


@dataclass(slots=True)
class Outlook:
    """What calls of the candidates are like, apart from quality: arrays of shape (k,), `tokens` (k,) or (b, k)."""

    tokens: FloatArray
    ttft: FloatArray
    token_s: FloatArray
    error: FloatArray


@dataclass(slots=True)
class Estimates:
    """What the decisions of one batch rest on: arrays that broadcast to (b, k); US dollars and seconds."""

    mean: FloatArray
    variance: FloatArray
    tokens: FloatArray
    cost: FloatArray
    seconds: FloatArray
    error: FloatArray
    worth: FloatArray
    waiting: FloatArray | float


@dataclass(slots=True)
class Decision:
    """One draw. Arrays have shape (k,), one entry per candidate; money in US dollars, time in seconds."""

    candidates: IntArray
    probabilities: FloatArray
    chosen: int
    estimates: Estimates
    row: int

    @property
    def arm(self) -> int:
        """The drawn arm's index."""
        return int(self.candidates[self.chosen])

    @property
    def propensity(self) -> float:
        """The probability that the drawn arm was drawn with, in (0, 1]."""
        return float(self.probabilities[self.chosen])

    @property
    def quality(self) -> FloatArray:
        """Expected quality, in [0, 1]."""
        return self._of(self.estimates.mean.clip(0.0, 1.0))

    @property
    def quality_sd(self) -> FloatArray:
        """Standard deviation of what is known of the expected quality."""
        return np.sqrt(self._of(self.estimates.variance))

    @property
    def output_tokens(self) -> FloatArray:
        """Expected length of the answer."""
        return self._of(self.estimates.tokens)

    @property
    def cost_usd(self) -> FloatArray:
        """Expected cost."""
        return self._of(self.estimates.cost)

    @property
    def seconds(self) -> FloatArray:
        """Expected time that the objective counts: to the first token, or to the whole answer."""
        return self._of(self.estimates.seconds)

    @property
    def error(self) -> FloatArray:
        """Probability that the call fails."""
        return self._of(self.estimates.error)

    @property
    def utility(self) -> FloatArray:
        """Expected utility of the objective."""
        paid = self._of(self.estimates.cost + self.estimates.waiting * self.estimates.seconds)
        return self._of(self.estimates.worth) * self.quality - paid

    def _of(self, array: FloatArray) -> FloatArray:
        return array if array.ndim == 1 else array[min(self.row, array.shape[0] - 1)]


def estimate(
    rounds: Sequence[Round], mean: FloatArray, variance: FloatArray, outlook: Outlook, pacer: Pacer
) -> Estimates:
    """Joins quality (mean and variance, (b, k)) and outlook with each round's prices and objective."""
    tokens = outlook.tokens
    if any(r.max_tokens is not None for r in rounds):
        most = [np.inf if r.max_tokens is None else r.max_tokens for r in rounds]
        tokens = np.minimum(tokens, np.array(most)[:, None])
    cost = _rows([r.quote.output_usd for r in rounds]) * tokens
    cost = cost + _rows([r.quote.fixed_usd for r in rounds])
    whole = _column([float(r.objective.whole_answer) for r in rounds])
    value = _column(
        [
            r.objective.value_usd
            if r.objective.min_quality is None
            else pacer.value(r.budget, r.objective.value_usd)
            for r in rounds
        ]
    )
    return Estimates(
        mean=mean,
        variance=variance,
        tokens=tokens,
        cost=cost,
        seconds=outlook.ttft + whole * tokens * outlook.token_s,
        error=outlook.error,
        worth=value * (1.0 - outlook.error),
        waiting=_column([r.objective.second_usd for r in rounds]),
    )


def choose(
    rounds: Sequence[Round],
    candidates: IntArray,
    estimates: Estimates,
    curiosity: FloatArray,
    pacer: Pacer,
    floor: tuple[float, float],
) -> list[Decision]:
    """Draws one arm for each round; `curiosity` (b, k) is the standard deviation of quality to explore with."""
    if candidates.shape[0] == 1:
        lone = np.ones(1)
        return [Decision(candidates, lone, 0, estimates, row) for row in range(len(rounds))]
    if any(r.objective.has_targets for r in rounds):
        curiosity = curiosity * _column([_boldness(r.objective) for r in rounds])
    # Around the unclipped mean where it is below 1: clipping at 0 would hide how far apart arms are.
    expected, curious = bounded(estimates.mean, curiosity)
    centre = estimates.worth * expected - (estimates.cost + estimates.waiting * estimates.seconds)
    if any(r.objective.max_usd_per_request is not None for r in rounds):
        centre -= estimates.cost * _column([_money_price(r, pacer) for r in rounds])
    probabilities = best_probabilities(centre, estimates.worth * curious + 1e-12)
    if any(r.objective.min_quality is not None for r in rounds):
        looking = [0.0 if r.objective.min_quality is None else pacer.looking(r.budget) for r in rounds]
        share = np.array(looking)[:, None]
        best = best_probabilities(*bounded(estimates.mean, np.sqrt(estimates.variance)))
        probabilities = (1.0 - share) * probabilities + share * best
    probabilities = with_floor(probabilities, *floor)
    if any(r.objective.max_exploration is not None for r in rounds):
        most = [1.0 if r.objective.max_exploration is None else r.objective.max_exploration for r in rounds]
        probabilities = capped(probabilities, centre.argmax(axis=1), np.array(most))
    drawn = draw(probabilities, np.array([r.uniform for r in rounds]))
    return [
        Decision(candidates, probabilities[row], chosen, estimates, row) for row, chosen in enumerate(drawn)
    ]


def capped(probabilities: FloatArray, greedy: IntArray, most: FloatArray) -> FloatArray:
    """Returns rows (b, k) in which the arms other than `greedy` (b,) have at most `most` (b,) together.

    They keep their proportions, so an arm that could be drawn before still can.
    """
    row = np.arange(probabilities.shape[0])
    explored = 1.0 - probabilities[row, greedy]
    factor = np.minimum(1.0, most / np.maximum(explored, 1e-12))
    result: FloatArray = probabilities * factor[:, None]
    result[row, greedy] = 1.0 - factor * explored
    return result


def _boldness(objective: Objective) -> float:
    if objective.min_quality is not None:
        return _TARGETED
    return 1.0 if objective.max_usd_per_request is None else _BUDGETED


def _money_price(one: Round, pacer: Pacer) -> float:
    objective = one.objective
    if objective.max_usd_per_request is None:
        return 0.0
    value = objective.value_usd
    if objective.min_quality is not None:
        value = pacer.value(one.budget, value)
    return pacer.money_price(one.budget, value, objective.max_usd_per_request)


def _column(values: list[float]) -> FloatArray | float:
    """Returns one number where all are the same, else a column (b, 1)."""
    first = values[0]
    return first if values.count(first) == len(values) else np.array(values)[:, None]


def _rows(arrays: list[FloatArray]) -> FloatArray:
    """Returns one array (k,) where all are the same, else (b, k)."""
    first = arrays[0]
    return first if all(array is first for array in arrays) else np.array(arrays)
