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

from dataclasses import dataclass

import numpy as np

from bandit.arrays import FloatArray, IntArray


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


def fit(
    outer: FloatArray,
    response: FloatArray,
    square: FloatArray,
    weight: FloatArray,
    offset: FloatArray,
    pooled: FloatArray,
    own: FloatArray,
    hyper: Hyper,
    beliefs: Beliefs,
) -> Hyper:
    """Returns the next hyperparameters: one step of expectation maximisation from `hyper`.

    Over the n arms with observations: outer (n, d, d), response (n, d), square and weight (n,); offset (n,)
    of the intercept's prior mean; pooled (n,) is 0 where that mean doesn't hang on θ₀; own (n,) factors on
    the intercept's prior variance.
    """
    count, dimension = response.shape
    noise = hyper.noise
    gram = outer / noise
    first = offset[:, None] * outer[:, :, 0]
    target = (response - first) / noise
    diagonal = np.tile(1.0 / hyper.spread, (count, 1))
    diagonal[:, 0] /= own
    full = gram.copy()
    every = np.arange(dimension)
    full[:, every, every] += diagonal
    covariance = np.linalg.inv(full)
    projected = gram @ covariance
    precision = gram - projected @ gram
    evidence = target - (projected @ target[:, :, None])[:, :, 0]
    mask = np.ones((count, dimension))
    mask[:, 0] = pooled
    precision = precision * mask[:, :, None] * mask[:, None, :]
    prior = beliefs.common_sd**-2.0
    doubt = np.linalg.inv(precision.sum(axis=0) + np.diag(prior))
    doubt = 0.5 * (doubt + doubt.T)
    common = doubt @ ((evidence * mask).sum(axis=0) + prior * beliefs.common_mean)
    mean = mask * common
    deviation = (covariance @ (target - (gram @ mean[:, :, None])[:, :, 0])[:, :, None])[:, :, 0]
    theta = mean + deviation
    theta[:, 0] += offset

    second = deviation**2 + covariance[:, every, every]
    # A coefficient that an arm has not seen tells nothing of D.
    seen = (gram[:, every, every] > 0.5).astype(np.float64)
    seen[:, 0] *= pooled
    ratio = seen * second / beliefs.spread
    groups = int(beliefs.group.max()) + 1
    totals = np.bincount(beliefs.group, weights=ratio.sum(axis=0), minlength=groups)
    counts = np.bincount(beliefs.group, weights=seen.sum(axis=0), minlength=groups)
    factor = (beliefs.spread_strength + totals) / (beliefs.spread_strength + counts)
    residual = (
        square
        - 2.0 * (theta * response).sum(axis=1)
        + (theta * (outer @ theta[:, :, None])[:, :, 0]).sum(axis=1)
        + (outer * covariance).sum(axis=(1, 2))
    )
    fitted = (beliefs.noise_strength * beliefs.noise + float(np.maximum(residual, 0.0).sum())) / (
        beliefs.noise_strength + float(weight.sum())
    )
    return Hyper(common, beliefs.spread * factor[beliefs.group], max(fitted, 1e-4), doubt)
