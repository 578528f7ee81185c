"""Posteriors of many arms at once, from their sums and what they have in common.

For arm a with prior mean m_a, diagonal prior variance D_a, sums A_a = γ Σ w x xᵀ and b_a = γ Σ w x y, noise variance σ²
and the covariance S of what is common to all arms (`hierarchy`):

    C_a = (D_a⁻¹ + A_a/σ²)⁻¹,   θ_a = m_a + C_a (b_a − A_a m_a)/σ²,   covariance = C_a + W S Wᵀ with W = C_a D_a⁻¹

Pure functions of arrays: whoever has them may compute in another thread, and numpy lets others run meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bandit.arrays import FloatArray
from bandit.quality.hierarchy import TOGETHER, Hyper
from bandit.quality.sums import Sums


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of n arms before their own observations.

    mean    (n, d) of the coefficients
    spread  (n, d) their variances
    hangs   (n,) 1.0 where the intercept's mean is what arms have in common, 0.0 where it is the arm's own
    """

    mean: FloatArray
    spread: FloatArray
    hangs: FloatArray

    def of(self, arm: int) -> Prior:
        """Returns that of one arm, n = 1."""
        part = slice(arm, arm + 1)
        return Prior(self.mean[part], self.spread[part], self.hangs[part])


@dataclass(frozen=True, slots=True)
class Solution:
    """Of n arms: theta (d, n), covariance (d, d, n), and the variance at the mean context, broad (n,)."""

    theta: FloatArray
    covariance: FloatArray
    broad: FloatArray


def solve(known: Sequence[Sums], scale: float, prior: Prior, hyper: Hyper, centre: FloatArray) -> Solution:
    """Returns the posteriors of n arms; `known` are the sums of each, `scale` is γ, `centre` (d,) the mean context."""
    count, dimension = prior.mean.shape
    found = Solution(np.empty((dimension, count)), np.empty((dimension, dimension, count)), np.empty(count))
    every = np.arange(dimension)
    for start in range(0, count, TOGETHER):
        part = slice(start, start + TOGETHER)
        precision, mean = 1.0 / prior.spread[part], prior.mean[part]
        gram = np.array([sums.outer for sums in known[part]]) * (scale / hyper.noise)
        target = np.array([sums.response for sums in known[part]]) * (scale / hyper.noise)
        target -= (gram @ mean[:, :, None])[:, :, 0]
        gram[:, every, every] += precision
        covariance = np.linalg.inv(gram)
        theta = mean + (covariance @ target[:, :, None])[:, :, 0]
        left = covariance * precision[:, None, :]
        left[:, :, 0] *= prior.hangs[part, None]
        covariance += left @ hyper.doubt @ left.transpose(0, 2, 1)
        covariance = 0.5 * (covariance + covariance.transpose(0, 2, 1))
        found.theta[:, part] = theta.T
        found.covariance[:, :, part] = covariance.transpose(1, 2, 0)
        found.broad[part] = (covariance @ centre) @ centre
    return found
