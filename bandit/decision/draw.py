"""One draw: what each candidate is expected to be worth, how probable its draw was, and which one was drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bandit.arrays import FloatArray, IntArray
from bandit.decision.decide import COST, ERROR, MEAN, PROBABILITY, SECONDS, TOKENS, VARIANCE


@dataclass(slots=True, init=False)
class Draw:
    """An arm that was drawn, and the vector it was drawn from. Arrays have shape (k,), one entry per candidate.

    candidates   arm indices
    chosen       position of the drawn arm in `candidates`
    table        (TABLE_ROWS, k) what `Decider.decide` computed; probabilities are float32 values, as the journal keeps them
    value_usd    US dollars that a perfect answer counted as, which a quality target moves
    second_usd   US dollars that a second of waiting counted as

    Invariant: `propensity` is the entry of `probabilities` at `chosen`, bit for bit, after a redraw too.
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
        """The probability that each candidate was drawn with, in [0, 1]; sums to 1 within float32."""
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
        """Posterior standard deviation of the expected quality; of a candidate that didn't compete, an estimate."""
        return np.sqrt(self._row(VARIANCE))

    @property
    def output_tokens(self) -> FloatArray:
        """Expected length of the answer, tokens."""
        return self._row(TOKENS)

    @property
    def cost_usd(self) -> FloatArray:
        """Expected cost, US dollars."""
        return self._row(COST)

    @property
    def seconds(self) -> FloatArray:
        """Expected time that the objective counts, seconds: to the first token, or to the whole answer."""
        return self._row(SECONDS)

    @property
    def error(self) -> FloatArray:
        """Probability that the call fails, in (0, 1)."""
        return self._row(ERROR)

    @property
    def utility(self) -> FloatArray:
        """Expected utility of the objective, US dollars."""
        worth = self.value_usd * (1.0 - self.error)
        return worth * self.quality - self.cost_usd - self.second_usd * self.seconds

    def without(self, position: int, uniform: float) -> Draw | None:
        """Returns a draw from the other candidates, with `uniform` in [0, 1); None where none has a probability left.

        The rest of the vector is divided by its sum, p_a / (1 − p_position), rounded to float32 and drawn from. So
        the entries of the new vector are the probabilities of this draw, given that the candidate at `position` is out.
        """
        rest = self.probabilities.copy()
        rest[position] = 0.0
        total = float(rest.sum())
        if total <= 0.0:
            return None
        table = self.table.copy()
        table[PROBABILITY] = (rest / total).astype(np.float32)
        cumulated = np.cumsum(table[PROBABILITY])
        chosen = int(np.searchsorted(cumulated, uniform * cumulated[-1], side="right"))
        chosen = min(chosen, rest.shape[0] - 1)
        while table[PROBABILITY, chosen] == 0.0:  # rounding at the very end of the vector
            chosen -= 1
        return Draw(self.candidates, chosen, table, self.value_usd, self.second_usd)

    def _row(self, number: int) -> FloatArray:
        row: FloatArray = self.table[number]
        return row
