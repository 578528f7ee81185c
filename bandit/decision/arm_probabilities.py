"""The probability that each of a few arms is drawn with, from the posteriors of their utilities.

Two ways to turn the posteriors of k arms, independent Gaussians N(μ_a, σ_a²), into a probability vector. The arm is drawn
from that very vector, so a logged propensity is exact by construction, not an estimate.

Thompson sampling: each arm with the probability that it is the best one,

    P(a) = ∫ Π_{b≠a} Φ((t − μ_b) / σ_b) dΦ((t − μ_a) / σ_a).

Information-directed sampling: of all mixtures π of two arms, the one with the smallest

    (Σ_a π_a Δ_a)² / Σ_a π_a v_a,   Δ_a = E[max_b μ_b] − E[μ_a],   v_a = Var_i E[μ_a | arm i is the best],

the squared expected regret per information gained: v_a is the part of arm a's variance that bears on which arm is best.
An optimum needs no more than two arms.

One of the modules that are compiled (`setup.py`); the types of the compiled code stand in the `.pxd` file beside it.

References: W. R. Thompson (1933), "On the likelihood that one unknown probability exceeds another"; D. Russo and
B. Van Roy (2018), "Learning to optimize via information-directed sampling", section 6.3 for the variance in place of
the mutual information.
"""

from __future__ import annotations

import cython
import numpy as np

from bandit.arrays import FloatArray

if cython.compiled:
    from cython.cimports.libc.math import erfc, exp, sqrt
else:
    from math import erfc, exp, sqrt

MOST = 12
_MOST = MOST
"""Arms whose probabilities are computed in one go, at most."""

_NOTHING = 1e-9
"""Probability below which rounding is all that is left."""

_REACH, _STEPS = 8.0, 64.0
_PLACES = np.arange(int(2.0 * _REACH * _STEPS) + 2) / _STEPS - _REACH
_CDF = np.array([0.5 * erfc(-z / sqrt(2.0)) for z in _PLACES])
"""Φ on [−8, 8]; interpolated, it errs by less than 1e-5. Small enough to stay in a core's nearest cache."""

_ROOT_TWO_PI, _ROOT_TWO = sqrt(2.0 * 3.141592653589793), sqrt(2.0)

_MILLS = np.array([exp(-0.5 * z * z) / _ROOT_TWO_PI for z in _PLACES]) / _CDF
"""φ/Φ on [−8, 8]: how many σ a Gaussian's mean falls when it is known to lie below μ + zσ."""

_POINTS = 48  # a multiple of four
_QUANTILES = np.linspace(-4.0, 4.5, _POINTS)
"""Standard deviations at which the arms' quantiles are compared to place the grid."""


def excess(mean: float, sd: float) -> float:
    """Returns λ = φ(β)/Φ(β) with β = (1 − μ)/σ: how much cutting off above 1 lowers the mean, in σ."""
    beta = max((1.0 - mean) / sd, -6.0)
    if beta > 3.0:
        return 0.0
    return float(exp(-0.5 * beta * beta) / (_ROOT_TWO_PI * 0.5 * erfc(-beta / _ROOT_TWO)))


def cut_mean(mean: float, sd: float, lost: float) -> float:
    """Returns the mean of a Gaussian cut off above 1; `lost` is its `excess`."""
    return float(min(mean - sd * lost, 1.0))


def cut_sd(mean: float, sd: float, lost: float) -> float:
    """Returns the sd of a Gaussian cut off above 1; `lost` is its `excess`."""
    beta = max((1.0 - mean) / sd, -6.0)
    return float(sd * sqrt(max(1.0 - beta * lost - lost * lost, 1e-2)))


def bounded(mean: float, sd: float) -> tuple[float, float]:
    """Returns mean and sd of a Gaussian cut off above 1: quality can't be better than perfect.

    With β = (1 − μ)/σ and λ = φ(β)/Φ(β): mean μ − σλ, variance σ²(1 − βλ − λ²).
    """
    lost = excess(mean, sd)
    return cut_mean(mean, sd, lost), cut_sd(mean, sd, lost)


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-9 * (one + other)


class ArmProbabilities:
    """Arrays for the probabilities of at most `most` arms, used again for every decision.

    mean, sd          (most,) μ and σ > 0 of each arm, in one unit; written by the caller
    share             (most,) the probabilities
    grid              (points,) values t_j that integrals are summed over
    below, product    (most, points) Φ((t_j − μ_a)/σ_a), and (points,) its product over the arms
    fall              (points, most) E[μ_a | μ_a < t_j] − μ_a
    weights           (points,) probability that the best arm's value lies at each point
    is_best           (most,) probability that each arm is the best, not normalised
    shift             (most,) how the mean of each arm changes if one arm is the best, times the probability of that
    regret, gain      (most,) Δ and v
    """

    def __init__(self, most: int) -> None:
        self.mean, self.sd, self.share = np.empty(most), np.empty(most), np.empty(most)
        self.grid, self.product, self.weights = np.empty(_POINTS), np.empty(_POINTS), np.empty(_POINTS)
        self.below = np.empty((most, _POINTS))
        self.fall = np.empty((_POINTS, most))
        self.is_best = np.empty(most)
        self.shift, self.regret, self.gain = np.empty(most), np.empty(most), np.empty(most)

    def _place_grid(self, count: int, directed: bool) -> None:
        """Places the grid and writes `below`, `product` and, if `directed`, `fall` = −σ φ(z)/Φ(z) with z = (t − μ)/σ.

        The grid t_j = max_a(μ_a + σ_a z_j) follows whichever arm is ahead at each quantile, so that narrow and wide
        posteriors are both resolved.
        """
        grid, product, below, fall = self.grid, self.product, self.below, self.fall
        reach, last, points = _REACH * _STEPS, 2.0 * _REACH * _STEPS, _POINTS
        for point in range(points):
            grid[point] = self.mean[0] + self.sd[0] * _QUANTILES[point]
            product[point] = 1.0
        for arm in range(1, count):
            mean, sd = self.mean[arm], self.sd[arm]
            for point in range(points):
                value = mean + sd * _QUANTILES[point]
                grid[point] = max(grid[point], value)
        for arm in range(count):
            mean, sd, scale = self.mean[arm], self.sd[arm], _STEPS / self.sd[arm]
            for point in range(points):
                place = (grid[point] - mean) * scale + reach
                place = max(0.0, place)
                place = min(last, place)
                index = int(place)
                part = place - index
                value = _CDF[index] + part * (_CDF[index + 1] - _CDF[index])
                below[arm, point] = value
                product[point] *= value
                if directed:
                    fall[point, arm] = -sd * (_MILLS[index] + part * (_MILLS[index + 1] - _MILLS[index]))

    def compute(self, count: int, directed: float) -> None:
        """Writes into `share` the probabilities of the first `count` of `mean` and `sd` > 0.

        A share `directed`, in [0, 1], of the draws is information-directed, the others are Thompson's.
        """
        self._place_grid(count, directed > 0.0)
        if directed > 0.0:
            self._compute_information(count)
            self._mix_two(count, directed)
        else:
            self._compute_best(count)
            for arm in range(count):
                self.share[arm] = 0.0
        total = 0.0
        for arm in range(count):
            total += self.is_best[arm]
        total = max(total, _NOTHING)
        for arm in range(count):
            self.share[arm] += (1.0 - directed) * self.is_best[arm] / total

    def _compute_best(self, count: int) -> None:
        """Writes `is_best`, accurate to about 3e-3."""
        product = self.product
        for arm in range(count):
            # ∫ Π_{b≠a} Φ_b dΦ_a as Σ (o_i + o_i+1)(c_i+1 − c_i), multiplied out: o_i c_i is the same for every arm.
            # Below the grid the product of the others is as good as zero.
            mass = product[0] + product[_POINTS - 1]
            before = product[0] / self.below[arm, 0]
            for point in range(_POINTS - 1):
                after = product[point + 1] / self.below[arm, point + 1]
                mass += before * self.below[arm, point + 1] - after * self.below[arm, point]
                before = after
            self.is_best[arm] = max(mass, _NOTHING) - _NOTHING

    def _compute_information(self, count: int) -> None:
        """Writes `regret` Δ, `gain` v, and `is_best` as `_compute_best` does."""
        grid, shift, fall, weights, product = self.grid, self.shift, self.fall, self.weights, self.product
        points, nothing = _POINTS, _NOTHING
        for arm in range(count):
            self.gain[arm] = 0.0
        most, total = 0.0, 0.0
        for best in range(count):
            # If the best arm's value lies in a step of the grid, all others lie below it. Their fall over the step is the mean
            # of that at its ends.
            is_best, value, weight = 0.0, 0.0, 0.0
            low = self.below[best, 0]
            before = product[0] / low
            for point in range(1, points):
                high = self.below[best, point]
                after = product[point] / high
                earlier, weight = weight, 0.5 * (before + after) * (high - low)
                before, low = after, high
                weights[point - 1] = 0.5 * (earlier + weight)
                is_best += weight
                value += weight * (grid[point - 1] + grid[point])
            weights[points - 1] = 0.5 * weight
            if not is_best > 0.0:  # a mean is NaN
                self.is_best[best] = product[0]
                continue
            self.is_best[best] = is_best + product[0]
            for arm in range(count):
                shift[arm] = 0.0
            for point in range(0, points, 4):
                one, two, three, four = (
                    weights[point],
                    weights[point + 1],
                    weights[point + 2],
                    weights[point + 3],
                )
                if one + two + three + four > nothing:
                    for arm in range(count):
                        shift[arm] += (one * fall[point, arm] + two * fall[point + 1, arm]) + (
                            three * fall[point + 2, arm] + four * fall[point + 3, arm]
                        )
            most += 0.5 * value
            total += is_best
            shift[best] = 0.5 * value - is_best * self.mean[best]
            for arm in range(count):
                self.gain[arm] += shift[arm] * shift[arm] / is_best
        total = max(total, nothing)
        for arm in range(count):
            self.gain[arm] /= total
            self.regret[arm] = max(most / total - self.mean[arm], 0.0)

    def _mix_two(self, count: int, whole: float) -> None:
        """Writes the best mixture of two arms by `regret` and `gain` into `share`, its probabilities multiplied by `whole`."""
        regret, gain = self.regret, self.gain
        one, other, part = 0, 0, 0.0
        for arm in range(1, count):  # the least regret, for where nothing can be learnt
            if regret[arm] < regret[one]:
                one = arm
        least = regret[one] * regret[one] / gain[one] if gain[one] > 0.0 else 1e300
        for first in range(count):
            if gain[first] > 0.0:
                ratio = regret[first] * regret[first] / gain[first]
                if ratio < least:
                    least, one, other, part = ratio, first, first, 0.0
            for second in range(first + 1, count):
                # (Δ + q d)² / (v + q e) is convex in q, and flat where q d e = e Δ − 2 d v.
                d, e = regret[second] - regret[first], gain[second] - gain[first]
                if d * e == 0.0:
                    continue
                share = regret[first] / d - 2.0 * gain[first] / e
                if not 0.0 < share < 1.0:
                    continue
                ratio = regret[first] + share * d
                ratio = ratio * ratio / (gain[first] + share * e)
                if ratio < least:
                    least, one, other, part = ratio, first, second, share
        for arm in range(count):
            self.share[arm] = 0.0
        self._share_among_equals(count, one, whole * (1.0 - part))
        self._share_among_equals(count, other, whole * part)

    def _share_among_equals(self, count: int, like: int, part: float) -> None:
        """Adds `part` to the shares of all arms with the regret and gain of arm `like`, evenly: nothing tells them apart yet."""
        regret, gain, equals = self.regret, self.gain, 0
        for arm in range(count):
            if _near(regret[arm], regret[like]) and _near(gain[arm], gain[like]):
                equals += 1
        for arm in range(count):
            if _near(regret[arm], regret[like]) and _near(gain[arm], gain[like]):
                self.share[arm] += part / equals


def _filled(mean: FloatArray, sd: FloatArray) -> ArmProbabilities:
    computed = ArmProbabilities(mean.shape[0])
    for arm in range(mean.shape[0]):
        computed.mean[arm], computed.sd[arm] = mean[arm], sd[arm]
    return computed


def probabilities(mean: FloatArray, sd: FloatArray, directed: float = 0.0) -> FloatArray:
    """Returns the probability that each arm is drawn with, for independent Gaussians: all shapes (k,), k ≥ 1; sums to 1.

    `mean` and `sd` > 0 have the same unit. A share `directed`, in [0, 1], of the draws is information-directed, the others
    are Thompson's: with the probability that the arm is the best.
    """
    computed = _filled(mean, sd)
    computed.compute(mean.shape[0], directed)
    return np.asarray(computed.share)
