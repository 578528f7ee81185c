"""Thompson sampling as a probability vector.

Drawing one value per arm from independent Gaussian posteriors and taking the largest picks arm a with
probability

    P(a) = ∫ Π_{b≠a} Φ((t − μ_b) / σ_b) dΦ((t − μ_a) / σ_a).

The integral is one-dimensional, so the whole vector can be computed, and the arm drawn from that very
vector: a logged propensity is then exact by construction, not an estimate.

Reference: W. R. Thompson (1933), "On the likelihood that one unknown probability exceeds another".
"""

from __future__ import annotations

import math

import numpy as np

from bandit.arrays import FloatArray

_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)

_HIGH, _LOW = 3.5, 3.0
"""An arm whose mean + 3.5 sd lies below another's mean − 3 sd is the best with a probability below 2e-4."""

_TABLE_STEP = 1.0 / 512.0
_TABLE = np.array(
    [0.5 * math.erfc(-(-8.0 + i * _TABLE_STEP) / math.sqrt(2.0)) for i in range(int(16.0 / _TABLE_STEP) + 2)]
)
_TABLE_RISE = np.diff(_TABLE)

_NEAREST_SCALE = 1024.0
_NEAREST_ZERO = 8.0 * _NEAREST_SCALE + 0.5
_NEAREST = np.array(
    [
        0.5 * math.erfc((8.0 - i / _NEAREST_SCALE) / math.sqrt(2.0))
        for i in range(int(16.0 * _NEAREST_SCALE) + 1)
    ]
)

_QUANTILES = np.linspace(-4.0, 4.5, 48)
"""Standard deviations at which the arms' quantiles are compared to place the grid."""

_NOTHING = 1e-9
"""Probability below which rounding is all that is left."""

_MANY = 32
"""Arms from which on it pays to look first who can win at all."""

_MOST_AT_ONCE = 400
"""Rounds times arms whose grids fit into a core's cache."""


def normal_cdf(z: FloatArray) -> FloatArray:
    """Returns Φ(z) elementwise, any shape, to 1e-6, by interpolation in a table (numpy has no erf)."""
    position = (np.clip(z, -7.99, 7.99) + 8.0) * (1.0 / _TABLE_STEP)
    index = position.astype(np.intp)
    result: FloatArray = _TABLE[index] + (position - index) * _TABLE_RISE[index]
    return result


def bounded(mean: FloatArray, sd: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Returns mean and sd of the Gaussians cut off above 1: quality can't be better than perfect. Any shape.

    With β = (1 − μ)/σ and λ = φ(β)/Φ(β): mean μ − σλ, variance σ²(1 − βλ − λ²).
    """
    beta = (1.0 - mean) / sd
    if float(beta.min()) > 3.0:
        return mean, sd
    beta = np.maximum(beta, -6.0)
    ratio = np.exp(-0.5 * beta * beta) / (_ROOT_TWO_PI * np.maximum(normal_cdf(beta), 1e-12))
    shrunk = np.sqrt(np.maximum(1.0 - beta * ratio - ratio * ratio, 1e-2))
    return np.minimum(mean - sd * ratio, 1.0), sd * shrunk


def best_probabilities(mean: FloatArray, sd: FloatArray) -> FloatArray:
    """Returns P(arm is the best) for independent Gaussians: shape (b, k), rows sum to 1.

    `mean` and `sd` have shape (b, k): b decisions over k arms; sd > 0, same unit. Accurate to about 3e-3. The
    grid t_j = max_a(μ_a + σ_a z_j) follows whichever arm is ahead at each quantile, so that narrow and wide
    posteriors are both resolved.
    """
    rounds, arms = mean.shape
    if arms > _MANY:
        able = mean + _HIGH * sd > np.maximum.reduce(mean - _LOW * sd, axis=1)[:, None]
        contenders = np.logical_or.reduce(able, axis=0).nonzero()[0]
        if 2 * contenders.shape[0] < arms:
            result = np.zeros(mean.shape)
            result[:, contenders] = best_probabilities(mean[:, contenders], sd[:, contenders])
            return result
    if rounds > 1 and rounds * arms > _MOST_AT_ONCE:
        middle = rounds // 2
        halves = (slice(None, middle), slice(middle, None))
        return np.concatenate([best_probabilities(mean[half], sd[half]) for half in halves])
    grid = sd[:, :, None] * _QUANTILES
    grid += mean[:, :, None]
    best_at = np.maximum.reduce(grid, axis=1)
    scale = _NEAREST_SCALE / sd
    position = best_at[:, None, :] * scale[:, :, None]
    position += (_NEAREST_ZERO - mean * scale)[:, :, None]
    cdf = _NEAREST.take(position.astype(np.intp), mode="clip")
    best = np.multiply.reduce(cdf, axis=1)
    others = best[:, None, :] / cdf
    # ∫ Π_{b≠a} Φ_b dΦ_a as Σ (o_i + o_i+1)(c_i+1 − c_i), multiplied out: o_i c_i is the same for every arm.
    # Below the grid lies what the others' product is as good as zero for.
    mass: FloatArray = np.einsum("bkg,bkg->bk", others[:, :, :-1], cdf[:, :, 1:])
    mass -= np.einsum("bkg,bkg->bk", others[:, :, 1:], cdf[:, :, :-1])
    mass += best[:, :1] + best[:, -1:]
    np.maximum(mass, _NOTHING, out=mass)
    mass -= _NOTHING
    mass /= np.add.reduce(mass, axis=1)[:, None]
    return mass


def with_floor(probabilities: FloatArray, floor: float, total: float) -> FloatArray:
    """Mixes in at least `floor` for every arm, `total` for all together: shape (…, k), sums to 1.

    Keeps every propensity above zero, which is what makes off-policy evaluation possible.
    """
    count = int(probabilities.shape[-1])
    least = min(floor, total / count)
    result: FloatArray = probabilities * (1.0 - count * least) + least
    return result


def draw(probabilities: FloatArray, uniforms: FloatArray) -> list[int]:
    """Returns for each row of (b, k) the position that its number in [0, 1) falls on in the cumulated vector."""
    cumulated = probabilities.cumsum(axis=1)
    passed = cumulated[:, :-1] <= uniforms[:, None] * cumulated[:, -1:]
    positions: list[int] = passed.sum(axis=1).tolist()
    return positions
