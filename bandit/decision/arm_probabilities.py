"""Who is the best of a few arms whose values are uncertain: how likely each is, and which one to try.

Two ways to turn the posteriors of k arms, independent Gaussians, into a probability vector. Both are exact
vectors that the arm is then drawn from, so a logged propensity is exact by construction, not an estimate.

Thompson sampling: each arm with the probability that it is the best one,

    P(a) = ∫ Π_{b≠a} Φ((t − μ_b) / σ_b) dΦ((t − μ_a) / σ_a).

Information-directed sampling: of all mixtures π of two arms the one with the least

    (Σ_a π_a Δ_a)² / Σ_a π_a v_a,   Δ_a = E[max_b μ_b] − E[μ_a],   v_a = Var_i E[μ_a | arm i is the best],

the squared regret that it expects per information that it gains: v_a is the part of what is unknown of an arm that
bears on which one is best. An optimum needs no more than two arms.

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
"""Arms that one contest of a decision takes, at most."""

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
    """Returns λ = φ(β)/Φ(β) with β = (1 − μ)/σ: what cutting off above 1 takes from the mean, in σ."""
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


class Contest:
    """Room for one contest of at most `most` arms."""

    def __init__(self, most: int) -> None:
        self.mean, self.sd, self.share = np.empty(most), np.empty(most), np.empty(most)
        self.top, self.product, self.weights = np.empty(_POINTS), np.empty(_POINTS), np.empty(_POINTS)
        self.below = np.empty((most, _POINTS))
        self.held = np.empty((_POINTS, most))
        self.won = np.empty(most)
        self.told, self.regret, self.learnt = np.empty(most), np.empty(most), np.empty(most)

    def _place(self, count: int, informed: bool) -> None:
        """Places the grid and writes what every arm's distribution function is there, their product, and, if `informed`,
        `held`: how far an arm's mean falls when its value is known to lie below, E[μ | μ < t] − μ = −σ φ(z)/Φ(z).

        The grid t_j = max_a(μ_a + σ_a z_j) follows whichever arm is ahead at each quantile, so that narrow and wide
        posteriors are both resolved.
        """
        top, product, below, held = self.top, self.product, self.below, self.held
        reach, last, points = _REACH * _STEPS, 2.0 * _REACH * _STEPS, _POINTS
        for point in range(points):
            top[point] = self.mean[0] + self.sd[0] * _QUANTILES[point]
            product[point] = 1.0
        for arm in range(1, count):
            mean, sd = self.mean[arm], self.sd[arm]
            for point in range(points):
                value = mean + sd * _QUANTILES[point]
                top[point] = max(top[point], value)
        for arm in range(count):
            mean, sd, scale = self.mean[arm], self.sd[arm], _STEPS / self.sd[arm]
            for point in range(points):
                place = (top[point] - mean) * scale + reach
                place = max(0.0, place)
                place = min(last, place)
                index = int(place)
                part = place - index
                value = _CDF[index] + part * (_CDF[index + 1] - _CDF[index])
                below[arm, point] = value
                product[point] *= value
                if informed:
                    held[point, arm] = -sd * (_MILLS[index] + part * (_MILLS[index + 1] - _MILLS[index]))

    def judge(self, count: int, directed: float) -> None:
        """Writes into `share` the probabilities of the first `count` of `mean` and `sd` > 0.

        A share `directed`, in [0, 1], of the draws is information-directed, the others are Thompson's.
        """
        self._place(count, directed > 0.0)
        if directed > 0.0:
            self._inform(count)
            self._mix(count, directed)
        else:
            self._compete(count)
            for arm in range(count):
                self.share[arm] = 0.0
        total = 0.0
        for arm in range(count):
            total += self.won[arm]
        total = max(total, _NOTHING)
        for arm in range(count):
            self.share[arm] += (1.0 - directed) * self.won[arm] / total

    def _compete(self, count: int) -> None:
        """Writes into `won` what the probability that each arm is the best is proportional to; accurate to about 3e-3."""
        product = self.product
        for arm in range(count):
            # ∫ Π_{b≠a} Φ_b dΦ_a as Σ (o_i + o_i+1)(c_i+1 − c_i), multiplied out: o_i c_i is the same for every arm.
            # Below the grid lies what the others' product is as good as zero for.
            mass = product[0] + product[_POINTS - 1]
            before = product[0] / self.below[arm, 0]
            for point in range(_POINTS - 1):
                after = product[point + 1] / self.below[arm, point + 1]
                mass += before * self.below[arm, point + 1] - after * self.below[arm, point]
                before = after
            self.won[arm] = max(mass, _NOTHING) - _NOTHING

    def _inform(self, count: int) -> None:
        """Writes `regret` Δ, `learnt` v, and `won` as `_compete` does."""
        top, told, held, weights, product = self.top, self.told, self.held, self.weights, self.product
        points, nothing = _POINTS, _NOTHING
        for arm in range(count):
            self.learnt[arm] = 0.0
        most, total = 0.0, 0.0
        for best in range(count):
            # Where the best one's value lies in a step of the grid, all others lie below it: on average over the step, at
            # half of what they do at either end.
            won, value, weight = 0.0, 0.0, 0.0
            low = self.below[best, 0]
            before = product[0] / low
            for point in range(1, points):
                high = self.below[best, point]
                after = product[point] / high
                earlier, weight = weight, 0.5 * (before + after) * (high - low)
                before, low = after, high
                weights[point - 1] = 0.5 * (earlier + weight)
                won += weight
                value += weight * (top[point - 1] + top[point])
            weights[points - 1] = 0.5 * weight
            if not won > 0.0:  # nobody wins where a mean is no number
                self.won[best] = product[0]
                continue
            self.won[best] = won + product[0]
            for arm in range(count):
                told[arm] = 0.0
            for point in range(0, points, 4):
                one, two, three, four = (
                    weights[point],
                    weights[point + 1],
                    weights[point + 2],
                    weights[point + 3],
                )
                if one + two + three + four > nothing:
                    for arm in range(count):
                        told[arm] += (one * held[point, arm] + two * held[point + 1, arm]) + (
                            three * held[point + 2, arm] + four * held[point + 3, arm]
                        )
            most += 0.5 * value
            total += won
            told[best] = 0.5 * value - won * self.mean[best]
            for arm in range(count):
                self.learnt[arm] += told[arm] * told[arm] / won
        total = max(total, nothing)
        for arm in range(count):
            self.learnt[arm] /= total
            self.regret[arm] = max(most / total - self.mean[arm], 0.0)

    def _mix(self, count: int, whole: float) -> None:
        """Writes `whole` of the best mixture by `regret` and `learnt` into `share`."""
        regret, learnt = self.regret, self.learnt
        one, other, part = 0, 0, 0.0
        for arm in range(1, count):  # where nothing is to be learnt
            if regret[arm] < regret[one]:
                one = arm
        least = regret[one] * regret[one] / learnt[one] if learnt[one] > 0.0 else 1e300
        for first in range(count):
            if learnt[first] > 0.0:
                ratio = regret[first] * regret[first] / learnt[first]
                if ratio < least:
                    least, one, other, part = ratio, first, first, 0.0
            for second in range(first + 1, count):
                # (Δ + q d)² / (v + q e) is convex in q, and flat where q d e = e Δ − 2 d v.
                d, e = regret[second] - regret[first], learnt[second] - learnt[first]
                if d * e == 0.0:
                    continue
                share = regret[first] / d - 2.0 * learnt[first] / e
                if not 0.0 < share < 1.0:
                    continue
                ratio = regret[first] + share * d
                ratio = ratio * ratio / (learnt[first] + share * e)
                if ratio < least:
                    least, one, other, part = ratio, first, second, share
        for arm in range(count):
            self.share[arm] = 0.0
        self._divide(count, one, whole * (1.0 - part))
        self._divide(count, other, whole * part)

    def _divide(self, count: int, like: int, part: float) -> None:
        """Adds `part` to the shares of all that are like arm `like`, evenly: nothing tells them apart yet."""
        regret, learnt, equals = self.regret, self.learnt, 0
        for arm in range(count):
            if _near(regret[arm], regret[like]) and _near(learnt[arm], learnt[like]):
                equals += 1
        for arm in range(count):
            if _near(regret[arm], regret[like]) and _near(learnt[arm], learnt[like]):
                self.share[arm] += part / equals


def _alone(mean: FloatArray, sd: FloatArray) -> Contest:
    contest = Contest(mean.shape[0])
    for arm in range(mean.shape[0]):
        contest.mean[arm], contest.sd[arm] = mean[arm], sd[arm]
    return contest


def probabilities(mean: FloatArray, sd: FloatArray, directed: float = 0.0) -> FloatArray:
    """Returns the probability that each arm is drawn with, for independent Gaussians: all shapes (k,), k ≥ 1; sums to 1.

    `mean` and `sd` > 0 have the same unit. A share `directed`, in [0, 1], of the draws is information-directed, the others
    are Thompson's: with the probability that the arm is the best.
    """
    contest = _alone(mean, sd)
    contest.judge(mean.shape[0], directed)
    return np.asarray(contest.share)
