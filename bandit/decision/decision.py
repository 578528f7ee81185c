"""One decision: what each candidate is expected to be worth, how probable its draw was, and which one was drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bandit.arrays import FloatArray, IntArray
from bandit.decision.decide import COST, ERROR, MEAN, PROBABILITY, SECONDS, TOKENS, VARIANCE


@dataclass(slots=True, init=False)
class Decision:
    """One draw. Arrays have shape (k,), one entry per candidate; money in US dollars, time in seconds.

    `table` is what `kernels.decide` filled; `value_usd` is what a perfect answer counted as, which a quality
    target moves.
    """

    candidates: IntArray
    chosen: int
    table: FloatArray
    value_usd: float
    second_usd: float

    def __init__(
        self,
        candidates: IntArray,
        chosen: int,
        table: FloatArray,
        value_usd: float,
        second_usd: float,
    ) -> None:
        self.candidates = candidates
        self.chosen = chosen
        self.table = table
        self.value_usd = value_usd
        self.second_usd = second_usd

    @property
    def arm(self) -> int:
        """The drawn arm's index."""
        return int(self.candidates[self.chosen])

    @property
    def probabilities(self) -> FloatArray:
        """The probability that each candidate was drawn with, in (0, 1]; sums to 1."""
        return self._row(PROBABILITY)

    @property
    def propensity(self) -> float:
        """The probability that the drawn arm was drawn with, in (0, 1]."""
        return float(self.table[PROBABILITY, self.chosen])

    @property
    def quality(self) -> FloatArray:
        """Expected quality, in [0, 1]."""
        return self._row(MEAN).clip(0.0, 1.0)

    @property
    def quality_sd(self) -> FloatArray:
        """Standard deviation of what is known of the expected quality; of one that didn't compete, a guess."""
        return np.sqrt(self._row(VARIANCE))

    @property
    def output_tokens(self) -> FloatArray:
        """Expected length of the answer."""
        return self._row(TOKENS)

    @property
    def cost_usd(self) -> FloatArray:
        """Expected cost."""
        return self._row(COST)

    @property
    def seconds(self) -> FloatArray:
        """Expected time that the objective counts: to the first token, or to the whole answer."""
        return self._row(SECONDS)

    @property
    def error(self) -> FloatArray:
        """Probability that the call fails."""
        return self._row(ERROR)

    @property
    def utility(self) -> FloatArray:
        """Expected utility of the objective."""
        worth = self.value_usd * (1.0 - self.error)
        return worth * self.quality - self.cost_usd - self.second_usd * self.seconds

    def _row(self, number: int) -> FloatArray:
        row: FloatArray = self.table[number]
        return row
