"""Expected quality of a request's candidates, and its variance, by the posteriors of their coefficients.

For a context x and an arm with posterior mean θ and covariance C:

    mean = xᵀθ,   variance = xᵀCx

A context has few entries that aren't 0, so sums run over these alone, four at a time; entries of weight 0 fill the last
four.

One of the modules that are compiled (`setup.py`); the types of the compiled code stand in the `.pxd` file beside it.
"""

from __future__ import annotations

import numpy as np

from bandit.arrays import FloatArray, IntArray
from bandit.decision.shortlist import SIZE
from bandit.quality.posteriors import Posteriors

_LEAST_VARIANCE = 1e-12
"""Rounding may leave nothing or less of a variance."""


class QualityPredictor:
    """The context that is decided on, by its entries that aren't 0, and the posteriors.

    support, weights   where the `used` entries stand, and the entries
    """

    def __init__(self, posteriors: Posteriors) -> None:
        self.posteriors = posteriors
        self.used = 0
        self.support, self.weights = np.empty(0, dtype=np.intp), np.empty(0)
        self.arms, self.sums = np.empty(SIZE, dtype=np.intp), np.empty(SIZE)

    def look_at(self, x: FloatArray) -> None:
        """Stores the entries of context `x` (d,) that aren't 0, for the other methods."""
        size, used = x.shape[0], 0
        if self.support.shape[0] < size + 3:
            self.support, self.weights = np.empty(size + 3, dtype=np.intp), np.empty(size + 3)
        for row in range(size):
            if x[row] != 0.0:
                self.support[used], self.weights[used] = row, x[row]
                used += 1
        for at in range(used, used + 3):
            self.support[at], self.weights[at] = 0, 0.0
        self.used = used

    def write_means(self, rows: IntArray, means: FloatArray) -> None:
        """Writes the expected quality of the arms `rows` (k,) into `means` (k,)."""
        theta, weights = self.posteriors.theta, self.weights
        count = rows.shape[0]
        for position in range(count):
            means[position] = 0.0
        for at in range(0, self.used, 4):
            one, two = self.support[at], self.support[at + 1]
            three, four = self.support[at + 2], self.support[at + 3]
            a, b, c, d = weights[at], weights[at + 1], weights[at + 2], weights[at + 3]
            for position in range(count):
                arm = rows[position]
                means[position] += (a * theta[one, arm] + b * theta[two, arm]) + (
                    c * theta[three, arm] + d * theta[four, arm]
                )

    def write_estimated_variances(self, rows: IntArray, variances: FloatArray) -> None:
        """Writes estimates of the variances of the arms `rows` (k,) into `variances` (k,): of the covariance's diagonal
        alone, as cheap as means.
        """
        covariance, weights = self.posteriors.covariance, self.weights
        count = rows.shape[0]
        for position in range(count):
            variances[position] = 0.0
        for at in range(0, self.used, 4):
            one, two = self.support[at], self.support[at + 1]
            three, four = self.support[at + 2], self.support[at + 3]
            a, b, c, d = weights[at], weights[at + 1], weights[at + 2], weights[at + 3]
            a, b, c, d = a * a, b * b, c * c, d * d
            for position in range(count):
                arm = rows[position]
                variances[position] += (a * covariance[one, one, arm] + b * covariance[two, two, arm]) + (
                    c * covariance[three, three, arm] + d * covariance[four, four, arm]
                )

    def write_variances(self, rows: IntArray, positions: IntArray, count: int, variances: FloatArray) -> None:
        """Writes the variances of the first `count` ≤ SIZE of `positions` in `rows` (k,) into `variances` (k,)."""
        covariance, weights, arms, sums = self.posteriors.covariance, self.weights, self.arms, self.sums
        for number in range(count):
            sums[number] = 0.0
            arms[number] = rows[positions[number]]
        for at in range(self.used):
            row = self.support[at]
            for later in range(at, self.used, 4):
                one, two = self.support[later], self.support[later + 1]
                three, four = self.support[later + 2], self.support[later + 3]
                # The matrix is symmetric, so what is beside the diagonal counts twice.
                a, b, c, d = weights[later], weights[later + 1], weights[later + 2], weights[later + 3]
                twice = 2.0 * weights[at]
                a, b, c, d = (weights[at] if later == at else twice) * a, twice * b, twice * c, twice * d
                for number in range(count):
                    arm = arms[number]
                    sums[number] += (a * covariance[row, one, arm] + b * covariance[row, two, arm]) + (
                        c * covariance[row, three, arm] + d * covariance[row, four, arm]
                    )
        for number in range(count):
            variances[positions[number]] = max(sums[number], _LEAST_VARIANCE)
