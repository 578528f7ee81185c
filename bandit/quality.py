"""Posterior of answer quality: one Bayesian linear regression per arm over the context.

For arm a with observations (x_i, y_i) made at times t_i, and m_a the arm's prior quality:

    precision  A(t) = P₀ + γ(t) Σ w_i x_i x_iᵀ / σ²        w_i  = exp((t_i − L) / τ)
    mean       θ(t) = A(t)⁻¹ γ(t) Σ w_i x_i (y_i − m_a) / σ²   γ(t) = exp(−(t − L) / τ)

so an observation's weight halves every half-life, and without data the posterior returns to the prior. The
sums are additive: an observation can be taken back exactly, and the sums of two processes can be added.

A change detector watches the residuals. On an alarm, what was seen before the change keeps only the weight
of a few observations, what came after stays; so one arm is re-opened and no other.

References: C. Bishop, "Pattern Recognition and Machine Learning" (2006), 3.3; G. Cormode et al. (2009),
"Forward decay: a practical time decay model for streaming systems".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bandit.arrays import FloatArray, with_row
from bandit.drift import FALL, RISE, Cusum

_REBASE_AT = 60.0
"""Largest exponent of a weight before the landmark moves: exp(60) squared is far from overflow."""

_EXACT_EVERY = 256
"""Rank-one updates of a covariance between exact inversions; keeps rounding below 1e-12."""


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """Constants of the quality posterior.

    noise_variance   variance of a feedback around the mean; 0.2 is close to that of a yes/no answer
    intercept_sd     prior standard deviation of an arm's mean quality
    slope_sd         prior standard deviation of every other coefficient
    half_life_s      seconds after which an observation counts half
    reopened_weight  observations that what came before a change still counts as
    """

    noise_variance: float = 0.2
    intercept_sd: float = 0.3
    slope_sd: float = 0.15
    half_life_s: float = 14 * 86400.0
    reopened_weight: float = 4.0


@dataclass(frozen=True, slots=True)
class Reopening:
    """A detected change: observations up to `before` were scaled by `kept`."""

    before: float
    kept: float


class _Sums:
    """Σ w x xᵀ, Σ w x y and Σ w of some observations of one arm."""

    __slots__ = ("outer", "response", "weight")

    def __init__(self, dimension: int) -> None:
        self.outer = np.zeros((dimension, dimension))
        self.response = np.zeros(dimension)
        self.weight = 0.0

    def add(self, outer: FloatArray, response: FloatArray, weight: float) -> None:
        self.outer += outer
        self.response += response
        self.weight += weight

    def scale(self, factor: float) -> None:
        self.outer *= factor
        self.response *= factor
        self.weight *= factor

    def clear(self) -> None:
        if self.weight:
            self.scale(0.0)

    def packed(self) -> FloatArray:
        return np.concatenate([self.outer.ravel(), self.response, [self.weight]])

    def unpack(self, packed: FloatArray) -> None:
        size = self.response.shape[0]
        if packed.shape != (size * size + size + 1,):
            raise ValueError(f"sums of another dimension: {packed.shape}")
        self.outer = packed[: size * size].reshape(size, size).copy()
        self.response = packed[size * size : -1].copy()
        self.weight = float(packed[-1])


class QualityModel:
    """The posteriors of all arms, their covariances kept ready for the next decision."""

    def __init__(self, dimension: int, settings: QualitySettings) -> None:
        self._settings = settings
        self._tau = settings.half_life_s / math.log(2.0)
        self._tick = self._tau / 256.0
        prior_sd = np.full(dimension, settings.slope_sd)
        prior_sd[0] = settings.intercept_sd
        self._prior_precision = np.diag(prior_sd**-2.0)
        self._prior_covariance = np.diag(prior_sd**2.0)
        self._dimension = dimension
        self._landmark: float | None = None
        self._reference = 0.0  # the time that the cached posteriors are for
        self._sums: list[_Sums] = []
        self._recent: list[tuple[_Sums, _Sums]] = []  # since the last zero of the rising and falling sum
        self._cusum: list[Cusum] = []
        self._reopenings: list[list[Reopening]] = []
        self._updates: list[int] = []
        self.counts: list[int] = []  # observations in force
        self.prior_mean = np.zeros(0)
        self._covariance = np.zeros((0, dimension, dimension))
        self._theta = np.zeros((0, dimension))

    def add_arm(self, prior_quality: float) -> None:
        """Adds an arm that knows only its prior mean, in [0, 1]."""
        self._sums.append(_Sums(self._dimension))
        self._recent.append((_Sums(self._dimension), _Sums(self._dimension)))
        self._cusum.append(Cusum())
        self._reopenings.append([])
        self._updates.append(0)
        self.counts.append(0)
        self.prior_mean = with_row(self.prior_mean, prior_quality)
        self._covariance = with_row(self._covariance, self._prior_covariance)
        self._theta = with_row(self._theta, 0.0)

    def predict(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Returns posterior mean and standard deviation of E[quality | x], each of shape (n,).

        They are for the time of the latest observation: a decision must not move the learner's clock.
        """
        variance = (self._covariance @ x) @ x
        return self.prior_mean + self._theta @ x, np.sqrt(np.maximum(variance, 1e-12))

    def observe(self, arm: int, x: FloatArray, value: float, *, at: float, weight: float) -> bool:
        """Takes one feedback; returns whether it made the change detector alarm.

        `at` is when the feedback was taken in, epoch seconds, not decreasing from call to call.
        """
        self._advance(at)
        assert self._landmark is not None
        noise = self._settings.noise_variance
        centred = value - float(self.prior_mean[arm])
        spread = self._covariance[arm] @ x
        variance = float(spread @ x)
        residual = centred - float(self._theta[arm] @ x)
        scaled = weight * math.exp((at - self._landmark) / self._tau)
        outer, response = np.outer(scaled * x, x), (scaled * centred) * x
        self._sums[arm].add(outer, response, scaled)
        self.counts[arm] += 1

        cusum = self._cusum[arm]
        alarm = cusum.step(residual / math.sqrt(noise + variance), at)
        for recent, level in zip(self._recent[arm], (cusum.rise, cusum.fall), strict=True):
            if level > 0.0:
                recent.add(outer, response, scaled)
            else:
                recent.clear()
        if alarm is not None:
            self._reopen(arm, alarm, at)
            return True

        self._updates[arm] += 1
        if self._updates[arm] >= _EXACT_EVERY:
            self._solve(arm)
        else:
            strength = weight * math.exp((at - self._reference) / self._tau) / noise
            gain = strength / (1.0 + strength * variance)
            self._covariance[arm] -= np.outer(gain * spread, spread)
            self._theta[arm] += (gain * residual) * spread
        return False

    def retract(self, arm: int, x: FloatArray, value: float, *, at: float, weight: float) -> None:
        """Takes back an observation exactly: same arguments as it was observed with."""
        if self._landmark is None:
            raise ValueError("nothing was observed yet")
        scaled = weight * math.exp((at - self._landmark) / self._tau)
        centred = value - float(self.prior_mean[arm])
        cusum = self._cusum[arm]
        for recent, since in zip(self._recent[arm], (cusum.rise_since, cusum.fall_since), strict=True):
            if recent.weight > 0.0 and at > since:
                recent.add(np.outer(-scaled * x, x), (-scaled * centred) * x, -scaled)
        for reopening in self._reopenings[arm]:
            if at <= reopening.before:
                scaled *= reopening.kept
        self._sums[arm].add(np.outer(-scaled * x, x), (-scaled * centred) * x, -scaled)
        self.counts[arm] -= 1
        self._solve(arm)

    def effective_samples(self, arm: int, now: float) -> float:
        """Returns the decayed number of observations that the posterior of `arm` rests on at `now`."""
        if self._landmark is None:
            return 0.0
        return max(0.0, self._sums[arm].weight * self._decay(now))

    def reopened(self, arm: int) -> int:
        """Returns how many changes were detected on `arm`."""
        return len(self._reopenings[arm])

    def posterior(self, arm: int, now: float) -> tuple[FloatArray, FloatArray]:
        """Returns (θ + prior mean on the intercept, covariance) at exactly `now`, solved afresh."""
        theta, covariance = self._solved(arm, now)
        theta[0] += self.prior_mean[arm]
        return theta, covariance

    def _reopen(self, arm: int, direction: int, at: float) -> None:
        cusum, sums = self._cusum[arm], self._sums[arm]
        recent = self._recent[arm][direction]
        before = (cusum.rise_since, cusum.fall_since)[direction]
        old = (sums.weight - recent.weight) * self._decay(at)
        kept = min(1.0, self._settings.reopened_weight / max(old, 1e-9))
        sums.add(-recent.outer, -recent.response, -recent.weight)
        sums.scale(kept)
        sums.add(recent.outer, recent.response, recent.weight)
        self._reopenings[arm].append(Reopening(before, kept))
        for part in self._recent[arm]:
            part.clear()
        cusum.reset(at)
        self._solve(arm)

    def _decay(self, now: float) -> float:
        assert self._landmark is not None
        return math.exp(-(now - self._landmark) / self._tau)

    def _advance(self, now: float) -> None:
        """Moves the cached posteriors to the tick of `now`, at most 0.4 % of weight behind it."""
        reference = math.floor(now / self._tick) * self._tick
        if reference <= self._reference:
            return
        self._reference = reference
        if self._landmark is None:
            self._landmark = reference
        elif (reference - self._landmark) / self._tau > _REBASE_AT:
            factor = self._decay(reference)
            for sums, recent in zip(self._sums, self._recent, strict=True):
                for part in (sums, *recent):
                    part.scale(factor)
            self._landmark = reference
        for arm, sums in enumerate(self._sums):
            if sums.weight:
                self._solve(arm)

    def _solved(self, arm: int, now: float) -> tuple[FloatArray, FloatArray]:
        sums = self._sums[arm]
        if self._landmark is None or not sums.weight:
            return np.zeros(self._dimension), self._prior_covariance.copy()
        scale = self._decay(now) / self._settings.noise_variance
        covariance = np.linalg.inv(self._prior_precision + scale * sums.outer)
        covariance = 0.5 * (covariance + covariance.T)
        return covariance @ (scale * sums.response), covariance

    def _solve(self, arm: int) -> None:
        self._theta[arm], self._covariance[arm] = self._solved(arm, self._reference)
        self._updates[arm] = 0

    def snapshot(self) -> dict[str, FloatArray]:
        """Returns copies of the whole state, keys beginning with `quality`."""
        reopenings = [(arm, r.before, r.kept) for arm, found in enumerate(self._reopenings) for r in found]
        width = self._dimension * self._dimension + self._dimension + 1
        return {
            "quality.sums": np.array([s.packed() for s in self._sums]).reshape(-1, width),
            "quality.recent": np.array([[r.packed() for r in pair] for pair in self._recent]).reshape(
                -1, 2, width
            ),
            "quality.cusum": np.array(
                [(c.rise, c.fall, c.rise_since, c.fall_since) for c in self._cusum]
            ).reshape(-1, 4),
            "quality.reopenings": np.array(reopenings, dtype=np.float64).reshape(-1, 3),
            "quality.counts": np.array(self.counts, dtype=np.float64),
            "quality.prior_mean": self.prior_mean.copy(),
            "quality.landmark": np.array([math.nan if self._landmark is None else self._landmark]),
        }

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Takes what `snapshot` gave. Raises KeyError or ValueError if it doesn't fit or isn't finite."""
        sums = arrays["quality.sums"]
        if not (np.isfinite(sums).all() and np.isfinite(arrays["quality.recent"]).all()):
            raise ValueError("quality sums aren't finite")
        self._sums, self._recent, self._cusum = [], [], []
        self._reopenings, self._updates, self.counts = [], [], []
        self.prior_mean = np.zeros(0)
        self._covariance = np.zeros((0, self._dimension, self._dimension))
        self._theta = np.zeros((0, self._dimension))
        for arm, prior in enumerate(arrays["quality.prior_mean"]):
            self.add_arm(float(prior))
            self._sums[arm].unpack(sums[arm])
            for direction in (RISE, FALL):
                self._recent[arm][direction].unpack(arrays["quality.recent"][arm, direction])
            self._cusum[arm] = Cusum(*(float(v) for v in arrays["quality.cusum"][arm]))
            self.counts[arm] = int(arrays["quality.counts"][arm])
        for found, before, kept in arrays["quality.reopenings"]:
            self._reopenings[int(found)].append(Reopening(float(before), float(kept)))
        landmark = float(arrays["quality.landmark"][0])
        self._landmark = None if math.isnan(landmark) else landmark
        self._reference = 0.0
        if self._landmark is not None:
            self._advance(self._landmark)
