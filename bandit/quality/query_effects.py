"""Labelled examples of several arms at once: a query that is hard for one arm is hard for most.

Of the m labels of a query q, y_a = xᵀθ_a + u_q + e_a with u_q ~ N(0, ρσ²) for the query and e_a ~ N(0, (1 − ρ)σ²) for the
answer. At every fit, one step of expectation maximisation: given what is believed of the arms, the query's part is
expected to be

    û_q = s (ȳ_q − xᵀθ̄),   s = mρ / (1 + (m − 1)ρ)

with means over the m arms, and y_a − û_q says of θ_a what 1/(1 − ρ) labels of other queries each would. All of it is
linear in the queries' sums, so that no query is kept. ρ is estimated from the queries' mean residuals, whose variance
is σ²(ρ + (1 − ρ)/m).

Reference: D. Bates et al. (2015), "Fitting linear mixed-effects models using lme4", for a random intercept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bandit.arrays import FloatArray, IntArray
from bandit.quality.sums import Sums

_COMMON, _QUERIES = 0.3, 20.0
"""Prior guess of ρ, and the queries that it counts as."""

_MOST_COMMON = 0.8


class Panel:
    """The arms that the first query was labelled for, and all queries that were labelled for just these."""

    def __init__(self, dimension: int) -> None:
        self.arms: IntArray = np.zeros(0, dtype=np.intp)
        self._around = 0  # arms there were then: later ones' siblings told them nothing
        self._means = Sums(dimension)  # of the queries: x and ȳ
        # By arm: Σ w x y (m, d), and Σ w y² and Σ w ȳ y (m, 2).
        self._response, self._squares = np.zeros((0, dimension)), np.zeros((0, 2))

    def add(self, x: FloatArray, arms: IntArray, values: FloatArray, weight: float, around: int) -> None:
        """Takes the labels `values` of `arms`, all different, for one query; `around` is the number of all arms."""
        if not self.arms.size and arms.size > 1:
            self.arms, self._around = arms.copy(), around
            self._response, self._squares = np.zeros((arms.size, x.size)), np.zeros((arms.size, 2))
        if not np.array_equal(arms, self.arms):
            return  # a query like any other
        mean = float(values.mean())
        self._means.add_one(x, mean, weight)
        self._response += np.outer(weight * values, x)
        self._squares += weight * np.column_stack([values**2, values * mean])

    def paired(
        self, labels: Sequence[Sums], kin: Sequence[Sequence[tuple[int, float]]], theta: FloatArray
    ) -> list[Sums | None]:
        """Returns the labels of n arms without the queries' parts, None where there are no such queries.

        `labels` are the sums of each arm's, siblings' included; `kin` the siblings of each arm, and what its labels count as
        for them; theta (d, n) what is believed of the arms.
        """
        paired: list[Sums | None] = [None] * len(labels)
        means = self._means
        if not means.weight > 0.0:
            return paired
        middle = theta[:, self.arms].mean(axis=1)
        missed = means.square - 2.0 * (means.response @ middle) + middle @ means.outer @ middle
        shared = self._shared(missed, theta[:, self.arms])
        known = self.arms.size * shared / (1.0 + (self.arms.size - 1.0) * shared)
        precision = 1.0 / (1.0 - shared)
        shift = known * (means.response - means.outer @ middle)
        for position, arm in enumerate(self.arms):
            response = (precision - 1.0) * self._response[position] - precision * shift
            square, cross = self._squares[position]
            cross -= self._response[position] @ middle
            square = (precision - 1.0) * square + precision * (known**2 * missed - 2.0 * known * cross)
            for other, share in ((int(arm), 1.0), *kin[arm]):
                if other < self._around:
                    left = paired[other]
                    if left is None:
                        left = paired[other] = Sums(middle.shape[0])
                        left.add(labels[other])
                    left.outer += share * (precision - 1.0) * means.outer
                    left.response += share * response
                    left.square += share * square
        return paired

    def _shared(self, missed: float, theta: FloatArray) -> float:
        """Returns ρ, from the summed squares of the queries' mean residuals, and theta (d, m) of the arms."""
        means, count = self._means, self.arms.size
        alone = self._squares[:, 0].sum() - 2.0 * (self._response.T * theta).sum()
        alone = (alone + (theta * (means.outer @ theta)).sum()) / count
        found = (count * missed / max(alone, 1e-9) - 1.0) / (count - 1.0)
        found = min(max(found, 0.0), _MOST_COMMON)
        return float((means.weight * found + _QUERIES * _COMMON) / (means.weight + _QUERIES))

    def scale(self, factor: float) -> None:
        """Multiplies all weights."""
        self._means.scale(factor)
        self._response *= factor
        self._squares *= factor

    def snapshot(self, count: int) -> dict[str, FloatArray]:
        """Returns copies of the state, keys beginning with `quality.panel`, their shapes those of `count` arms."""
        places, sums = np.zeros(count), np.zeros((count, self._response.shape[1] + 2))
        places[self.arms] = np.arange(self.arms.size) + 1.0
        sums[self.arms] = np.column_stack([self._response, self._squares])
        return {
            "quality.panel": self._means.packed(),
            "quality.panel_around": np.array([float(self._around)]),
            "quality.panel_places": places,
            "quality.panel_sums": sums,
        }

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Takes what `snapshot` gave. Raises KeyError, IndexError or ValueError if it doesn't fit."""
        places, sums = arrays["quality.panel_places"], arrays["quality.panel_sums"]
        if sums.shape != (places.size, self._response.shape[1] + 2):
            raise ValueError(f"labels of another form: {sums.shape}")
        arms = np.argsort(places)[np.count_nonzero(places == 0.0) :]
        self._means.unpack(arrays["quality.panel"])
        self.arms, self._around = arms, int(arrays["quality.panel_around"][0])
        self._response, self._squares = sums[arms, :-2].copy(), sums[arms, -2:].copy()
