"""A whole decision in one compiled loop: every learner's posterior in, probabilities and a draw out.

Thompson sampling as a probability vector. Drawing one value per arm from independent Gaussian posteriors and
taking the largest picks arm a with probability

    P(a) = ∫ Π_{b≠a} Φ((t − μ_b) / σ_b) dΦ((t − μ_a) / σ_a).

The integral is one-dimensional, so the whole vector can be computed, and the arm drawn from that very
vector: a logged propensity is then exact by construction, not an estimate.

One of the modules that are compiled (`setup.py`); the types of the compiled code stand in the `.pxd` file beside it.

Reference: W. R. Thompson (1933), "On the likelihood that one unknown probability exceeds another".
"""

from __future__ import annotations

import cython
import numpy as np

from bandit.arrays import FloatArray, IntArray
from bandit.outcomes import ErrorRates, LogMeans, Providers
from bandit.posteriors import Posteriors

if cython.compiled:
    from cython.cimports.libc.math import erfc, exp, sqrt
else:
    from math import erfc, exp, sqrt

COMPILED: bool = cython.compiled
"""False where the loops run as plain Python, some fifty times slower."""

MEAN, VARIANCE, TOKENS, COST, SECONDS, ERROR, PROBABILITY = range(7)
"""Rows of the table that a decision fills, one column per candidate: expected quality, the variance of what is
known of it, expected output tokens, US dollars, seconds and failures, and the probability of the draw."""

TABLE_ROWS = 7

_HIGH, _LOW = 3.5, 3.0
"""An arm whose mean + 3.5 sd lies below another's mean − 3 sd is the best with a probability below 2e-4."""

_NOTHING = 1e-9
"""Probability below which rounding is all that is left."""

_REACH, _STEPS = 8.0, 64.0
_CDF = np.array(
    [0.5 * erfc((_REACH - i / _STEPS) / sqrt(2.0)) for i in range(int(2.0 * _REACH * _STEPS) + 2)]
)
"""Φ on [−8, 8]; interpolated, it errs by less than 1e-5. Small enough to stay in a core's nearest cache."""

_POINTS = 48
_QUANTILES = np.linspace(-4.0, 4.5, _POINTS)
"""Standard deviations at which the arms' quantiles are compared to place the grid."""

_ROOT_TWO_PI, _ROOT_TWO = sqrt(2.0 * 3.141592653589793), sqrt(2.0)


def _excess(mean: float, sd: float) -> float:
    beta = max((1.0 - mean) / sd, -6.0)
    if beta > 3.0:
        return 0.0
    return float(exp(-0.5 * beta * beta) / (_ROOT_TWO_PI * 0.5 * erfc(-beta / _ROOT_TWO)))


def _cut_mean(mean: float, sd: float, excess: float) -> float:
    return float(min(mean - sd * excess, 1.0))


def _cut_sd(mean: float, sd: float, excess: float) -> float:
    beta = max((1.0 - mean) / sd, -6.0)
    return float(sd * sqrt(max(1.0 - beta * excess - excess * excess, 1e-2)))


def bounded(mean: float, sd: float) -> tuple[float, float]:
    """Returns mean and sd of a Gaussian cut off above 1: quality can't be better than perfect.

    With β = (1 − μ)/σ and λ = φ(β)/Φ(β): mean μ − σλ, variance σ²(1 − βλ − λ²).
    """
    excess = _excess(mean, sd)
    return _cut_mean(mean, sd, excess), _cut_sd(mean, sd, excess)


def _compete(count: int, mean: FloatArray, sd: FloatArray, grid: FloatArray, result: FloatArray) -> None:
    """Writes P(arm is the best) of the first `count` of `mean` and `sd`; `grid` (≥ count + 2, _POINTS) is scratch."""
    best_at, product = count, count + 1
    for point in range(_POINTS):
        grid[best_at, point] = mean[0] + sd[0] * _QUANTILES[point]
        grid[product, point] = 1.0
    for arm in range(1, count):
        for point in range(_POINTS):
            grid[best_at, point] = max(grid[best_at, point], mean[arm] + sd[arm] * _QUANTILES[point])
    for arm in range(count):
        scale = _STEPS / sd[arm]
        for point in range(_POINTS):
            place = (grid[best_at, point] - mean[arm]) * scale + _REACH * _STEPS
            place = min(2.0 * _REACH * _STEPS, max(0.0, place))
            index = int(place)
            below = _CDF[index]
            below += (place - index) * (_CDF[index + 1] - below)
            grid[arm, point] = below
            grid[product, point] *= below
    total = 0.0
    for arm in range(count):
        # ∫ Π_{b≠a} Φ_b dΦ_a as Σ (o_i + o_i+1)(c_i+1 − c_i), multiplied out: o_i c_i is the same for every arm.
        # Below the grid lies what the others' product is as good as zero for.
        mass = grid[product, 0] + grid[product, _POINTS - 1]
        before = grid[product, 0] / grid[arm, 0]
        for point in range(_POINTS - 1):
            after = grid[product, point + 1] / grid[arm, point + 1]
            mass += before * grid[arm, point + 1] - after * grid[arm, point]
            before = after
        result[arm] = max(mass, _NOTHING) - _NOTHING
        total += result[arm]
    for arm in range(count):
        result[arm] /= total


def best_probabilities(mean: FloatArray, sd: FloatArray) -> FloatArray:
    """Returns P(arm is the best) for independent Gaussians: all shapes (k,), k ≥ 1; sums to 1.

    `mean` and `sd` > 0 have the same unit. Accurate to about 3e-3. The grid t_j = max_a(μ_a + σ_a z_j) follows
    whichever arm is ahead at each quantile, so that narrow and wide posteriors are both resolved.
    """
    count = mean.shape[0]
    found = np.empty(count)
    _compete(count, mean, sd, np.empty((count + 2, _POINTS)), found)
    return found


class Judge:
    """Decides by what the learners know at that moment; it changes nothing of them."""

    def __init__(
        self,
        quality: Posteriors,
        tokens: LogMeans,
        ttft: LogMeans,
        token_s: LogMeans,
        errors: ErrorRates,
        providers: Providers,
    ) -> None:
        self.quality = quality
        self.tokens = tokens
        self.ttft = ttft
        self.token_s = token_s
        self.errors = errors
        self.providers = providers
        self.waits = np.empty(0)
        self.mean = np.empty(0)
        self.sd = np.empty(0)
        self.share = np.empty(0)
        self.able = np.empty(0, dtype=np.intp)
        self.support = np.empty(0, dtype=np.intp)
        self.grid = np.empty((0, _POINTS))

    def _make_room(self, count: int, size: int) -> None:
        self.waits = np.empty(count)
        self.mean, self.sd, self.share = np.empty(count), np.empty(count), np.empty(count)
        self.able = np.empty(count, dtype=np.intp)
        self.support = np.empty(size, dtype=np.intp)
        self.grid = np.empty((count + 2, _POINTS))

    def _contest(self, count: int) -> None:
        """Writes into `share` the probability that each candidate is the best by `mean` and `sd`."""
        ahead = 0
        for position in range(1, count):
            if self.mean[position] - _LOW * self.sd[position] > self.mean[ahead] - _LOW * self.sd[ahead]:
                ahead = position
        lowest = self.mean[ahead] - _LOW * self.sd[ahead]
        able = 0
        for position in range(count):
            self.share[position] = 0.0
            if self.mean[position] + _HIGH * self.sd[position] >= lowest:
                self.able[able] = position
                self.mean[able] = self.mean[position]
                self.sd[able] = self.sd[position]
                able += 1
        if able == 1:
            self.share[self.able[0]] = 1.0
            return
        _compete(able, self.mean, self.sd, self.grid, self.waits)
        for position in range(able):
            self.share[self.able[position]] = self.waits[position]

    def decide(
        self,
        x: FloatArray,
        kind: int,
        rows: IntArray,
        fixed_usd: FloatArray,
        output_usd: FloatArray,
        now: float,
        most_tokens: float,
        value_usd: float,
        second_usd: float,
        whole: bool,
        dearer: float,
        common: float,
        narrow: float,
        looking: float,
        floor: float,
        floors: float,
        most_explored: float,
        uniform: float,
        table: FloatArray,
    ) -> int:
        """Fills `table` (TABLE_ROWS, k) for the k candidates `rows` and returns the position of the arm drawn.

        x, kind        context (d,), and its kind of work
        fixed_usd, output_usd   prices of this request (k,): whatever the answer, and per output token
        now            epoch seconds
        most_tokens    longest answer
        value_usd, second_usd   what a perfect answer is worth, and what a second costs
        whole          whether the whole answer is waited for, not the first token
        dearer         what a dollar costs beyond itself
        common, narrow factors on the standard deviation of quality, for what concerns all traffic and for the rest,
                       which only helps requests like this one
        looking        share of requests that are decided by quality alone, in [0, 1]
        floor, floors  least probability of an arm, and of all of these together at most
        most_explored  largest probability of other arms than the best
        uniform        a random number in [0, 1)

        Raises IndexError if shapes don't fit or there is no such arm.
        """
        quality, count, size = self.quality, rows.shape[0], x.shape[0]
        if (
            size != quality.size
            or count < 1
            or not count == fixed_usd.shape[0] == output_usd.shape[0] == table.shape[1]
            or table.shape[0] != TABLE_ROWS
        ):
            raise IndexError(
                f"{count} candidates, a context of {size}, and what they need don't fit together"
            )
        for position in range(count):
            if not 0 <= rows[position] < quality.broad.shape[0]:
                raise IndexError(f"no arm {rows[position]}")
        if not 0 <= kind < self.tokens.cells:
            raise IndexError(f"no kind {kind}")
        if self.waits.shape[0] < count or self.support.shape[0] < size:
            self._make_room(max(count, self.waits.shape[0]), size)
        self.tokens.expect(kind, self.providers, rows, table[TOKENS])
        self.ttft.expect(0, self.providers, rows, table[SECONDS])
        self.token_s.expect(0, self.providers, rows, self.waits)
        self.errors.expect(now, self.providers, rows, table[ERROR])

        for position in range(count):
            table[MEAN, position] = 0.0
            table[VARIANCE, position] = 0.0
        used = 0
        for row in range(size):
            if x[row] != 0.0:
                self.support[used] = row
                used += 1
        for at in range(used):
            row = self.support[at]
            for position in range(count):
                table[MEAN, position] += x[row] * quality.theta[row, rows[position]]
            for later in range(at, used):
                column = self.support[later]
                # The matrix is symmetric.
                weight = x[row] * x[column] * (1.0 if later == at else 2.0)
                for position in range(count):
                    table[VARIANCE, position] += weight * quality.covariance[row, column, rows[position]]

        for position in range(count):
            shared = quality.broad[rows[position]]
            mean, variance = table[MEAN, position], max(table[VARIANCE, position], 1e-12)
            tokens = min(table[TOKENS, position], most_tokens)
            cost = fixed_usd[position] + output_usd[position] * tokens
            seconds = table[SECONDS, position] + (tokens * self.waits[position] if whole else 0.0)
            worth = value_usd * (1.0 - table[ERROR, position])
            unsure = max(variance - shared, 0.0) * narrow * narrow + common * common * shared + 1e-12
            unsure = sqrt(max(unsure, 1e-12))
            # Around the unclipped mean where it is below 1: clipping at 0 would hide how far apart arms are.
            excess = _excess(mean, unsure)
            paid = cost + second_usd * seconds + dearer * cost
            self.mean[position] = worth * _cut_mean(mean, unsure, excess) - paid
            self.sd[position] = worth * _cut_sd(mean, unsure, excess) + 1e-12
            table[VARIANCE, position] = variance
            table[TOKENS, position] = tokens
            table[COST, position] = cost
            table[SECONDS, position] = seconds
        best = 0
        for position in range(1, count):
            if self.mean[position] > self.mean[best]:
                best = position
        self._contest(count)
        for position in range(count):
            table[PROBABILITY, position] = self.share[position]
        if looking > 0.0:
            for position in range(count):
                mean, unsure = table[MEAN, position], sqrt(table[VARIANCE, position])
                excess = _excess(mean, unsure)
                self.mean[position] = _cut_mean(mean, unsure, excess)
                self.sd[position] = _cut_sd(mean, unsure, excess)
            self._contest(count)
            for position in range(count):
                table[PROBABILITY, position] += looking * (
                    self.share[position] - table[PROBABILITY, position]
                )

        if count > 1:
            # A floor under every propensity is what makes off-policy evaluation possible.
            least = min(floor, floors / count)
            for position in range(count):
                table[PROBABILITY, position] = table[PROBABILITY, position] * (1.0 - count * least) + least
        explored = 1.0 - table[PROBABILITY, best]
        if explored > most_explored:
            # The others keep their proportions, so an arm that could be drawn before still can.
            for position in range(count):
                table[PROBABILITY, position] *= most_explored / explored
            table[PROBABILITY, best] = 1.0 - most_explored

        total = 0.0
        for position in range(count):
            total += table[PROBABILITY, position]
        passed = 0.0
        for drawn in range(count - 1):
            passed += table[PROBABILITY, drawn]
            if passed > uniform * total:
                return drawn
        return int(count) - 1
