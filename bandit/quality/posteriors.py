"""Gaussian posteriors of the quality coefficients of all arms, ready for the next decision.

The arm is the last axis: a decision walks through the same few cells of every arm's matrix, which then lie side by
side in memory.

One of the modules that are compiled (`setup.py`); the types of the compiled code stand in the `.pxd` file beside it.
"""

from __future__ import annotations

import numpy as np

from bandit.arrays import FloatArray


class Posteriors:
    """The Gaussian posteriors of n arms' coefficients.

    theta        (d, n) means
    covariance   (d, d, n)
    broad        (n,) variance of quality at the mean context
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.theta = np.zeros((size, 0))
        self.covariance = np.zeros((size, size, 0))
        self.broad = np.zeros(0)
        self.spread = np.zeros(size)

    def add_arm(self, theta: FloatArray, covariance: FloatArray, broad: FloatArray) -> None:
        """Adds an arm: theta (d, n + 1) of all arms, covariance (d, d, 1) and broad (1,) of the new one."""
        self.theta = theta
        self.covariance = np.concatenate([self.covariance, covariance], axis=2)
        self.broad = np.concatenate([self.broad, broad])

    def set_arm(self, arm: int, theta: FloatArray, covariance: FloatArray, broad: float) -> None:
        """Replaces one arm's posterior."""
        np.asarray(self.theta)[:, arm] = theta
        np.asarray(self.covariance)[:, :, arm] = covariance
        self.broad[arm] = broad

    def set_all(self, theta: FloatArray, covariance: FloatArray, broad: FloatArray) -> None:
        """Replaces all posteriors: (d, n), (d, d, n) and (n,). The arrays aren't copied and are changed from now on."""
        self.theta, self.covariance, self.broad = theta, covariance, broad

    def of(self, arm: int) -> tuple[FloatArray, FloatArray]:
        """Returns copies of one arm's mean (d,) and covariance (d, d)."""
        return np.asarray(self.theta)[:, arm].copy(), np.asarray(self.covariance)[:, :, arm].copy()

    def means(self, contexts: FloatArray) -> FloatArray:
        """Returns E[quality | x] of every arm, shape (…, n), for contexts of shape (…, d)."""
        means: FloatArray = contexts @ np.asarray(self.theta)
        return means

    def sds(self) -> FloatArray:
        """Returns the standard deviation of every arm's quality at the mean context, shape (n,)."""
        sds: FloatArray = np.sqrt(np.maximum(np.asarray(self.broad), 0.0))
        return sds

    def predict(self, arm: int, x: FloatArray) -> tuple[float, float]:
        """Returns mean and variance of E[quality | x] of one arm. Raises IndexError if shapes don't fit."""
        self._check(arm, x.shape[0])
        mean, variance = 0.0, 0.0
        for row in range(self.size):
            if x[row] != 0.0:
                mean += self.theta[row, arm] * x[row]
                for column in range(self.size):
                    variance += x[row] * self.covariance[row, column, arm] * x[column]
        return mean, variance

    def observe(self, arm: int, x: FloatArray, value: float, strength: float, centre: FloatArray) -> None:
        """Updates one arm's posterior by an observation.

        x          (d,) context
        value      what was observed
        strength   its precision, 1 / variance of the noise
        centre     (d,) mean context, for `broad`

        With s = Cx and gain g = strength / (1 + strength · xᵀs): θ ← θ + g (value − xᵀθ) s, C ← C − g s sᵀ. Raises IndexError if shapes don't fit.
        """
        self._check(arm, x.shape[0])
        self._check(arm, centre.shape[0])
        size, spread = self.size, self.spread
        variance, residual, shared = 0.0, value, 0.0
        for row in range(size):
            spread[row] = 0.0
        for row in range(size):
            if x[row] != 0.0:
                residual -= self.theta[row, arm] * x[row]
                for column in range(size):
                    spread[column] += self.covariance[row, column, arm] * x[row]
        for row in range(size):
            variance += spread[row] * x[row]
            shared += spread[row] * centre[row]
        gain = strength / (1.0 + strength * variance)
        for row in range(size):
            self.theta[row, arm] += gain * residual * spread[row]
            if spread[row] != 0.0:
                for column in range(size):
                    self.covariance[row, column, arm] -= gain * spread[row] * spread[column]
        self.broad[arm] -= gain * shared * shared

    def _check(self, arm: int, size: int) -> None:
        if not 0 <= arm < self.broad.shape[0] or size != self.size:
            raise IndexError(f"no arm {arm} of contexts of {size}")


def add_outer(outer: FloatArray, response: FloatArray, x: FloatArray, y: float, weight: float) -> None:
    """Adds weight · x xᵀ to `outer` (d, d), and weight · y x to `response` (d,), in place."""
    size = x.shape[0]
    if not size == response.shape[0] == outer.shape[0] == outer.shape[1]:
        raise IndexError(f"a vector of {size} where {response.shape[0]} are summed")
    for row in range(size):
        if x[row] != 0.0:
            scaled = weight * x[row]
            response[row] += scaled * y
            for column in range(size):
                outer[row, column] += scaled * x[column]


def add_context(sums: FloatArray, arm: int, kind: int, x: FloatArray) -> None:
    """Adds a context (d,) to the sums (n, k, d + 1) of its arm and kind in place; the last entry counts contexts."""
    size = x.shape[0]
    if not (0 <= arm < sums.shape[0] and 0 <= kind < sums.shape[1] and size + 1 == sums.shape[2]):
        raise IndexError(f"no arm {arm} with kind {kind} of contexts of {size}")
    for column in range(size):
        sums[arm, kind, column] += x[column]
    sums[arm, kind, size] += 1.0
