"""Labelled examples of several arms at once: a query that is hard for one arm is hard for most.

Of the m labels of a query q, y_a = xᵀθ_a + u_q + e_a with u_q ~ N(0, ρσ²) for the query and e_a ~ N(0, (1 − ρ)σ²) for the
answer. At every fit, one step of expectation maximisation: given the arms' posteriors, the query's part is expected to be

    û_q = s (ȳ_q − xᵀθ̄),   s = mρ / (1 + (m − 1)ρ)

with means over the m arms, and y_a − û_q is worth as much about θ_a as 1/(1 − ρ) labels of different queries. All of it
is linear in the queries' sums, so that no query is kept. ρ is estimated from the queries' mean residuals, whose variance
is σ²(ρ + (1 − ρ)/m).

Reference: D. Bates et al. (2015), "Fitting linear mixed-effects models using lme4", for a random intercept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bandit.arrays import FloatArray, IntArray
from bandit.quality.sums import Sums

_SHARED, _QUERIES = 0.3, 20.0
"""Prior mean of ρ, and the queries that it counts as."""

_MOST_SHARED = 0.8


class QueryEffects:
    """Sums over the queries that were labelled for the same arms as the first one.

    arms   (m,) those arms
    """

    def __init__(self, dimension: int) -> None:
        self.arms: IntArray = np.zeros(0, dtype=np.intp)
        self._arm_count = 0  # at the first query: labels of siblings never reached arms that were added later
        self._means = Sums(dimension)  # of the queries: x and ȳ
        # By arm: Σ w x y (m, d), and Σ w y² and Σ w ȳ y (m, 2).
        self._response, self._squares = np.zeros((0, dimension)), np.zeros((0, 2))

    def add(self, x: FloatArray, arms: IntArray, values: FloatArray, weight: float, arm_count: int) -> None:
        """Records the labels `values` of `arms`, all different, for one query; `arm_count` is the number of all arms."""
        if not self.arms.size and arms.size > 1:
            self.arms, self._arm_count = arms.copy(), arm_count
            self._response, self._squares = np.zeros((arms.size, x.size)), np.zeros((arms.size, 2))
        if not np.array_equal(arms, self.arms):
            return  # its labels count as if they were of different queries
        mean = float(values.mean())
        self._means.add_one(x, mean, weight)
        self._response += np.outer(weight * values, x)
        self._squares += weight * np.column_stack([values**2, values * mean])

    def removed(
        self, labels: Sequence[Sums], kin: Sequence[Sequence[tuple[int, float]]], theta: FloatArray
    ) -> list[Sums | None]:
        """Returns the labels of n arms with the query effects removed, None where there are no such queries.

        labels   sums of each arm's labels, its siblings' included
        kin      (sibling, what the arm's labels count as for it) of each arm
        theta    (d, n) posterior means of the arms' coefficients
        """
        result: list[Sums | None] = [None] * len(labels)
        means = self._means
        if not means.weight > 0.0:
            return result
        middle = theta[:, self.arms].mean(axis=1)
        missed = means.square - 2.0 * (means.response @ middle) + middle @ means.outer @ middle
        shared = self._shared(missed, theta[:, self.arms])
        s = self.arms.size * shared / (1.0 + (self.arms.size - 1.0) * shared)
        precision = 1.0 / (1.0 - shared)
        shift = s * (means.response - means.outer @ middle)
        for position, arm in enumerate(self.arms):
            response = (precision - 1.0) * self._response[position] - precision * shift
            square, cross = self._squares[position]
            cross -= self._response[position] @ middle
            square = (precision - 1.0) * square + precision * (s**2 * missed - 2.0 * s * cross)
            for other, share in ((int(arm), 1.0), *kin[arm]):
                if other < self._arm_count:
                    left = result[other]
                    if left is None:
                        left = result[other] = Sums(middle.shape[0])
                        left.add(labels[other])
                    left.outer += share * (precision - 1.0) * means.outer
                    left.response += share * response
                    left.square += share * square
        return result

    def _shared(self, missed: float, theta: FloatArray) -> float:
        """Returns ρ, in [0, 0.8], from `missed`, the sum of squares of the queries' mean residuals; theta (d, m) of the arms."""
        means, count = self._means, self.arms.size
        alone = self._squares[:, 0].sum() - 2.0 * (self._response.T * theta).sum()
        alone = (alone + (theta * (means.outer @ theta)).sum()) / count
        shared = (count * missed / max(alone, 1e-9) - 1.0) / (count - 1.0)
        shared = min(max(shared, 0.0), _MOST_SHARED)
        return float((means.weight * shared + _QUERIES * _SHARED) / (means.weight + _QUERIES))

    def scale(self, factor: float) -> None:
        """Multiplies all weights."""
        self._means.scale(factor)
        self._response *= factor
        self._squares *= factor

    def snapshot(self, count: int) -> dict[str, FloatArray]:
        """Returns copies of the state in shapes of `count` arms. Keys begin with `quality.panel`, as snapshots have them."""
        places, sums = np.zeros(count), np.zeros((count, self._response.shape[1] + 2))
        places[self.arms] = np.arange(self.arms.size) + 1.0
        sums[self.arms] = np.column_stack([self._response, self._squares])
        return {
            "quality.panel": self._means.packed(),
            "quality.panel_around": np.array([float(self._arm_count)]),
            "quality.panel_places": places,
            "quality.panel_sums": sums,
        }

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Restores a snapshot. Raises KeyError, IndexError or ValueError if it doesn't fit."""
        places, sums = arrays["quality.panel_places"], arrays["quality.panel_sums"]
        if sums.shape != (places.size, self._response.shape[1] + 2):
            raise ValueError(f"labels of another form: {sums.shape}")
        arms = np.argsort(places)[np.count_nonzero(places == 0.0) :]
        self._means.unpack(arrays["quality.panel"])
        self.arms, self._arm_count = arms, int(arrays["quality.panel_around"][0])
        self._response, self._squares = sums[arms, :-2].copy(), sums[arms, -2:].copy()
