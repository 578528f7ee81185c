"""What arms have in common: an empirical-Bayes linear model with one common coefficient vector.

    y = xᵀ(θ₀ + δ_a) + noise,   θ₀ ~ N(m, V₀),   δ_a ~ N(o_a e₀, D) with D diagonal,   noise ~ N(0, σ²_a)

θ₀ holds what is hard or easy for all arms; given θ₀ the arms are independent. The uncertainty of θ₀, its covariance S, is
part of every arm's. D and σ² are estimated too, as posterior modes with the prior weight of a few observations, so that the
learner explores as much as *these* arms differ and as *this* feedback is noisy.

`fit`: with P_a = Σ w x xᵀ / σ²_a, r_a = Σ w x (y − o_a x₀) / σ²_a and C_a = (D⁻¹ + P_a)⁻¹, integrating δ_a out leaves the
precision P_a − P_a C_a P_a and the response r_a − P_a C_a r_a on θ₀.

`solve`: for arm a with prior mean m_a, diagonal prior variance D_a, sums A_a = γ Σ w x xᵀ and b_a = γ Σ w x y,

    C_a = (D_a⁻¹ + A_a/σ²)⁻¹,   θ_a = m_a + C_a (b_a − A_a m_a)/σ²,   covariance = C_a + W S Wᵀ with W = C_a D_a⁻¹,

where W is the part of θ₀ that the arm's own observations leave unchanged.

Pure functions of arrays: they may run in another thread, and numpy lets others run meanwhile.

References: C. Bishop, "Pattern Recognition and Machine Learning" (2006), 3.5; J. Hong et al. (2022),
"Hierarchical Bayesian bandits".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bandit.arrays import FloatArray, IntArray
from bandit.quality.sums import Sums


@dataclass(slots=True)
class Hyper:
    """What arms have in common.

    common   (d,) mean of θ₀
    spread   (d,) diagonal of D
    noise    pooled noise variance σ²
    doubt    (d, d) covariance S of θ₀
    """

    common: FloatArray
    spread: FloatArray
    noise: float
    doubt: FloatArray


@dataclass(frozen=True, slots=True)
class HyperPrior:
    """Prior of the hyperparameters.

    common_mean, common_sd  (d,) of θ₀
    spread                  (d,) prior guess of D, by group of coefficients
    group                   (d,) group of each coefficient: a group shares one factor on its guess
    spread_strength         coefficients that the guess of D counts as
    noise                   prior guess of σ²; noise_strength: observations it counts as
    """

    common_mean: FloatArray
    common_sd: FloatArray
    spread: FloatArray
    group: IntArray
    spread_strength: float
    noise: float
    noise_strength: float


@dataclass(frozen=True, slots=True)
class Prior:
    """The prior of n arms' coefficients, given what arms have in common.

    mean    (n, d) of the coefficients
    spread  (n, d) their variances
    pooled  (n,) 1.0 where the intercept's mean contains θ₀'s, 0.0 where it is the arm's own
    """

    mean: FloatArray
    spread: FloatArray
    pooled: FloatArray

    def of(self, arm: int) -> Prior:
        """Returns the prior of one arm, n = 1."""
        part = slice(arm, arm + 1)
        return Prior(self.mean[part], self.spread[part], self.pooled[part])


@dataclass(frozen=True, slots=True)
class Solution:
    """The posteriors of n arms.

    theta        (d, n) means of the coefficients
    covariance   (d, d, n)
    broad        (n,) variance of quality at the mean context
    """

    theta: FloatArray
    covariance: FloatArray
    broad: FloatArray


BLOCK = 32
"""Arms that are computed in one go: their arrays stay in the cache, and other threads wait for no more than these."""


def fit(
    every: Sequence[Sums],
    scale: float,
    offset: FloatArray,
    pooled: FloatArray,
    factor: FloatArray,
    hyper: Hyper,
    hyper_prior: HyperPrior,
) -> Hyper:
    """Returns the next hyperparameters: one step of expectation maximisation from `hyper`.

    Over the n arms with observations:

    every    sums of each, to be multiplied by `scale`
    offset   (n,) o_a of the intercept's prior mean
    pooled   (n,) 0 where that mean doesn't contain θ₀'s, else 1
    factor   (n,) on the intercept's prior variance
    """
    parts = [
        _Block(every[part], scale, offset[part], pooled[part], factor[part], hyper)
        for part in (slice(start, start + BLOCK) for start in range(0, len(every), BLOCK))
    ]
    prior = hyper_prior.common_sd**-2.0
    precision, evidence = np.diag(prior), prior * hyper_prior.common_mean
    for part in parts:
        precision += part.precision
        evidence += part.evidence
    doubt = np.linalg.inv(precision)
    doubt = 0.5 * (doubt + doubt.T)
    common = doubt @ evidence

    groups = int(hyper_prior.group.max()) + 1
    totals, counts = np.zeros(groups), np.zeros(groups)
    residual = hyper_prior.noise_strength * hyper_prior.noise
    for part in parts:
        seen, second, missed = part.expect(common)
        ratio = (seen * second / hyper_prior.spread).sum(axis=0)
        totals += np.bincount(hyper_prior.group, weights=ratio, minlength=groups)
        counts += np.bincount(hyper_prior.group, weights=seen.sum(axis=0), minlength=groups)
        residual += missed
    ratio = (hyper_prior.spread_strength + totals) / (hyper_prior.spread_strength + counts)
    weight = hyper_prior.noise_strength + scale * sum(sums.weight for sums in every)
    return Hyper(common, hyper_prior.spread * ratio[hyper_prior.group], max(residual / weight, 1e-4), doubt)


class _Block:
    """Some of the arms: their part of the posterior of θ₀ (`precision`, `evidence`), then of the estimates of D and σ²."""

    def __init__(
        self,
        every: Sequence[Sums],
        scale: float,
        offset: FloatArray,
        pooled: FloatArray,
        factor: FloatArray,
        hyper: Hyper,
    ) -> None:
        self._noise, self._offset = hyper.noise, offset
        self._response = scale * np.array([sums.response for sums in every])
        self._square = scale * np.array([sums.square for sums in every])
        gram = np.array([sums.outer for sums in every]) * (scale / hyper.noise)
        target = self._response / hyper.noise - offset[:, None] * gram[:, :, 0]
        diagonal = np.tile(1.0 / hyper.spread, (len(every), 1))
        diagonal[:, 0] /= factor
        axis = np.arange(hyper.spread.shape[0])
        full = gram.copy()
        full[:, axis, axis] += diagonal
        covariance = np.linalg.inv(full)
        projected = gram @ covariance
        mask = np.ones(target.shape)
        mask[:, 0] = pooled
        precision = (gram - projected @ gram) * mask[:, :, None] * mask[:, None, :]
        self.precision: FloatArray = precision.sum(axis=0)
        self.evidence: FloatArray = (mask * (target - (projected @ target[:, :, None])[:, :, 0])).sum(axis=0)
        self._mask, self._gram, self._target, self._covariance = mask, gram, target, covariance

    def expect(self, common: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        """Returns which coefficients (n, d) were observed, their expected squares about θ₀ (n, d), and the expected sum of
        squared residuals, given θ₀ = `common` (d,).
        """
        gram, covariance = self._gram, self._covariance
        axis = np.arange(common.shape[0])
        mean = self._mask * common
        deviation = (covariance @ (self._target - (gram @ mean[:, :, None])[:, :, 0])[:, :, None])[:, :, 0]
        theta = mean + deviation
        theta[:, 0] += self._offset
        # A coefficient that was never observed is no evidence about D.
        seen = (gram[:, axis, axis] > 0.5).astype(np.float64)
        seen[:, 0] *= self._mask[:, 0]
        fitted = (theta * (gram @ theta[:, :, None])[:, :, 0]).sum(axis=1) + (gram * covariance).sum(
            axis=(1, 2)
        )
        residual = self._square - 2.0 * (theta * self._response).sum(axis=1) + self._noise * fitted
        second = deviation**2 + covariance[:, axis, axis]
        return seen, second, float(np.maximum(residual, 0.0).sum())


def solve(every: Sequence[Sums], scale: float, prior: Prior, hyper: Hyper, centre: FloatArray) -> Solution:
    """Returns the posteriors of n arms; `every` holds the sums of each, `scale` is γ, `centre` (d,) the mean context."""
    count, dimension = prior.mean.shape
    solution = Solution(
        np.empty((dimension, count)), np.empty((dimension, dimension, count)), np.empty(count)
    )
    axis = np.arange(dimension)
    for start in range(0, count, BLOCK):
        part = slice(start, start + BLOCK)
        precision, mean = 1.0 / prior.spread[part], prior.mean[part]
        gram = np.array([sums.outer for sums in every[part]]) * (scale / hyper.noise)
        target = np.array([sums.response for sums in every[part]]) * (scale / hyper.noise)
        target -= (gram @ mean[:, :, None])[:, :, 0]
        gram[:, axis, axis] += precision
        covariance = np.linalg.inv(gram)
        theta = mean + (covariance @ target[:, :, None])[:, :, 0]
        left = covariance * precision[:, None, :]
        left[:, :, 0] *= prior.pooled[part, None]
        covariance += left @ hyper.doubt @ left.transpose(0, 2, 1)
        covariance = 0.5 * (covariance + covariance.transpose(0, 2, 1))
        solution.theta[:, part] = theta.T
        solution.covariance[:, :, part] = covariance.transpose(1, 2, 0)
        solution.broad[part] = (covariance @ centre) @ centre
    return solution
