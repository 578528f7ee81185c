"""What arms have in common: an empirical-Bayes linear model with one common coefficient vector.

    y = xᵀ(θ₀ + δ_a) + noise,   θ₀ ~ N(m, V₀),   δ_a ~ N(o_a e₀, D) with D diagonal,   noise ~ N(0, σ²_a)

θ₀ holds what is hard or easy for everybody. Given θ₀ the arms are independent; what is unknown of it makes an arm that was
hardly tried less known than one that was, so it enters with its covariance S. D and σ² are
estimated too, as posterior modes with the prior weight of a few observations, so that the learner explores
as much as *these* arms differ and as *this* feedback is noisy.

With P_a = Σ w x xᵀ / σ²_a, r_a = Σ w x (y − o_a x₀) / σ²_a and C_a = (D⁻¹ + P_a)⁻¹, integrating δ_a out
leaves the precision P_a − P_a C_a P_a and the response r_a − P_a C_a r_a on θ₀, and an arm's coefficients
have the covariance C_a + W S Wᵀ with W = C_a D⁻¹, the part of θ₀ that its own observations leave standing.

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
    """θ₀ (d,), diagonal of D (d,), pooled noise variance, covariance S of θ₀ (d, d)."""

    common: FloatArray
    spread: FloatArray
    noise: float
    doubt: FloatArray


@dataclass(frozen=True, slots=True)
class Beliefs:
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


TOGETHER = 32
"""Arms that are computed in one go: their arrays stay in the cache, and other threads needn't wait for hundreds."""


def fit(
    known: Sequence[Sums],
    scale: float,
    offset: FloatArray,
    pooled: FloatArray,
    own: FloatArray,
    hyper: Hyper,
    beliefs: Beliefs,
) -> Hyper:
    """Returns the next hyperparameters: one step of expectation maximisation from `hyper`.

    Over the n arms with observations: `known` are the sums of each, to be multiplied by `scale`; offset (n,)
    of the intercept's prior mean; pooled (n,) is 0 where that mean doesn't hang on θ₀; own (n,) factors on
    the intercept's prior variance.
    """
    parts = [
        _Part(known[part], scale, offset[part], pooled[part], own[part], hyper)
        for part in (slice(start, start + TOGETHER) for start in range(0, len(known), TOGETHER))
    ]
    prior = beliefs.common_sd**-2.0
    precision, evidence = np.diag(prior), prior * beliefs.common_mean
    for part in parts:
        precision += part.precision
        evidence += part.evidence
    doubt = np.linalg.inv(precision)
    doubt = 0.5 * (doubt + doubt.T)
    common = doubt @ evidence

    groups = int(beliefs.group.max()) + 1
    totals, counts = np.zeros(groups), np.zeros(groups)
    residual = beliefs.noise_strength * beliefs.noise
    for part in parts:
        seen, second, missed = part.expect(common)
        ratio = (seen * second / beliefs.spread).sum(axis=0)
        totals += np.bincount(beliefs.group, weights=ratio, minlength=groups)
        counts += np.bincount(beliefs.group, weights=seen.sum(axis=0), minlength=groups)
        residual += missed
    factor = (beliefs.spread_strength + totals) / (beliefs.spread_strength + counts)
    weight = beliefs.noise_strength + scale * sum(sums.weight for sums in known)
    return Hyper(common, beliefs.spread * factor[beliefs.group], max(residual / weight, 1e-4), doubt)


class _Part:
    """Some of the arms: what they say of θ₀ (`precision`, `evidence`), and, once that is known, of D and σ²."""

    def __init__(
        self,
        known: Sequence[Sums],
        scale: float,
        offset: FloatArray,
        pooled: FloatArray,
        own: FloatArray,
        hyper: Hyper,
    ) -> None:
        self._noise, self._offset = hyper.noise, offset
        self._response = scale * np.array([sums.response for sums in known])
        self._square = scale * np.array([sums.square for sums in known])
        gram = np.array([sums.outer for sums in known]) * (scale / hyper.noise)
        target = self._response / hyper.noise - offset[:, None] * gram[:, :, 0]
        diagonal = np.tile(1.0 / hyper.spread, (len(known), 1))
        diagonal[:, 0] /= own
        every = np.arange(hyper.spread.shape[0])
        full = gram.copy()
        full[:, every, every] += diagonal
        covariance = np.linalg.inv(full)
        projected = gram @ covariance
        mask = np.ones(target.shape)
        mask[:, 0] = pooled
        precision = (gram - projected @ gram) * mask[:, :, None] * mask[:, None, :]
        self.precision: FloatArray = precision.sum(axis=0)
        self.evidence: FloatArray = (mask * (target - (projected @ target[:, :, None])[:, :, 0])).sum(axis=0)
        self._mask, self._gram, self._target, self._covariance = mask, gram, target, covariance

    def expect(self, common: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        """Returns which coefficients (n, d) say something of D, their expected squares about θ₀ (n, d), and the
        expected sum of squared residuals.
        """
        gram, covariance = self._gram, self._covariance
        every = np.arange(common.shape[0])
        mean = self._mask * common
        deviation = (covariance @ (self._target - (gram @ mean[:, :, None])[:, :, 0])[:, :, None])[:, :, 0]
        theta = mean + deviation
        theta[:, 0] += self._offset
        # A coefficient that an arm has not seen tells nothing of D.
        seen = (gram[:, every, every] > 0.5).astype(np.float64)
        seen[:, 0] *= self._mask[:, 0]
        fitted = (theta * (gram @ theta[:, :, None])[:, :, 0]).sum(axis=1) + (gram * covariance).sum(
            axis=(1, 2)
        )
        residual = self._square - 2.0 * (theta * self._response).sum(axis=1) + self._noise * fitted
        second = deviation**2 + covariance[:, every, every]
        return seen, second, float(np.maximum(residual, 0.0).sum())
