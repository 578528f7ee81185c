"""A whole decision in one compiled loop: every learner's posterior in, probabilities and a draw out.

The whole vector of probabilities is computed, and the arm drawn from that very vector.

One of the modules that are compiled (`setup.py`); the types of the compiled code stand in the `.pxd` file beside it.
"""

from __future__ import annotations

import cython
import numpy as np

from bandit.arrays import FloatArray, IntArray
from bandit.calls.call_posteriors import ErrorRates, LogMeans, Providers
from bandit.decision.arm_probabilities import MOST, Contest
from bandit.quality.posteriors import Posteriors

if cython.compiled:
    from cython.cimports.libc.math import sqrt
else:
    from math import sqrt

    from bandit.decision.arm_probabilities import cut_mean, cut_sd, excess

COMPILED: bool = cython.compiled
"""False where the loops run as plain Python, some fifty times slower."""

MEAN, VARIANCE, TOKENS, COST, SECONDS, ERROR, PROBABILITY = range(7)
"""Rows of the table that a decision fills, one column per candidate: expected quality, the variance of what is
known of it, expected output tokens, US dollars, seconds and failures, and the probability of the draw."""

TABLE_ROWS = 7

_HIGH, _LOW = 3.5, 3.0
"""An arm whose mean + 3.5 sd lies below another's mean − 3 sd is the best with a probability below 2e-4."""

FIELD = MOST
_FIELD = FIELD
"""Candidates that compete for one decision, at most. With more, those that could be best by a cheap bound compete, and
the others get the floor: what hundreds of arms would add to the cost of a request, they'd hardly add to its answer."""


def _hope(
    common: float,
    narrow: float,
    rows: IntArray,
    broad: FloatArray,
    means: FloatArray,
    variances: FloatArray,
    worth: FloatArray,
    paid: FloatArray,
    result: FloatArray,
) -> None:
    """Writes the utility that each candidate could have: with the best quality that is not out of the question."""
    for position in range(rows.shape[0]):
        shared = broad[rows[position]]
        unsure = max(variances[position] - shared, 0.0) * narrow * narrow + common * common * shared
        hoped = min(means[position] + _HIGH * sqrt(max(unsure, 0.0)), 1.0)
        result[position] = worth[position] * hoped - paid[position]


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
        self.worth = np.empty(0)
        self.paid = np.empty(0)
        self.index = np.empty(0)
        self.order = np.empty(0)
        self.support, self.weights = np.empty(0, dtype=np.intp), np.empty(0)
        self.field = np.empty(FIELD, dtype=np.intp)
        self.able = np.empty(FIELD, dtype=np.intp)
        self.arms = np.empty(FIELD, dtype=np.intp)
        self.known, self.mean, self.sd = np.empty(FIELD), np.empty(FIELD), np.empty(FIELD)
        self.share, self.contest = np.empty(FIELD), Contest(FIELD)

    def _make_room(self, count: int, size: int) -> None:
        self.waits, self.worth, self.paid = np.empty(count), np.empty(count), np.empty(count)
        self.index, self.order = np.empty(count), np.empty(count)
        self.support, self.weights = np.empty(size + 3, dtype=np.intp), np.empty(size + 3)

    def _foresee(self, x: FloatArray, rows: IntArray, means: FloatArray, variances: FloatArray) -> int:
        """Writes the expected quality of all candidates, and of many a guess at its variance: the covariance's diagonal
        alone. Returns how many entries of `x`, noted in `support`, are not 0.
        """
        theta, covariance, weights = self.quality.theta, self.quality.covariance, self.weights
        count, used, first = rows.shape[0], 0, rows[0]
        side_by_side = True  # as all arms of a gateway are; the loops then take several arms at a time
        for position in range(count):
            means[position] = 0.0
            variances[position] = 0.0
            if rows[position] != first + position:
                side_by_side = False
        for row in range(x.shape[0]):
            if x[row] != 0.0:
                self.support[used], weights[used] = row, x[row]
                used += 1
        for at in range(used, used + 3):  # four at a time, the last of them with some that weigh nothing
            self.support[at], weights[at] = 0, 0.0
        for at in range(0, used, 4):
            one, two = self.support[at], self.support[at + 1]
            three, four = self.support[at + 2], self.support[at + 3]
            a, b, c, d = weights[at], weights[at + 1], weights[at + 2], weights[at + 3]
            if not side_by_side:
                for position in range(count):
                    arm = rows[position]
                    means[position] += (a * theta[one, arm] + b * theta[two, arm]) + (
                        c * theta[three, arm] + d * theta[four, arm]
                    )
            else:
                for arm in range(count):
                    means[arm] += (a * theta[one, first + arm] + b * theta[two, first + arm]) + (
                        c * theta[three, first + arm] + d * theta[four, first + arm]
                    )
            if count <= _FIELD:
                continue
            a, b, c, d = a * a, b * b, c * c, d * d
            if not side_by_side:
                for position in range(count):
                    arm = rows[position]
                    variances[position] += (a * covariance[one, one, arm] + b * covariance[two, two, arm]) + (
                        c * covariance[three, three, arm] + d * covariance[four, four, arm]
                    )
            else:
                for arm in range(count):
                    variances[arm] += (
                        a * covariance[one, one, first + arm] + b * covariance[two, two, first + arm]
                    ) + (c * covariance[three, three, first + arm] + d * covariance[four, four, first + arm])
        return used

    def _select(self, count: int) -> int:
        """Puts the candidates with the largest `index` into `field`, in their order, and returns how many: all where
        they are few.
        """
        if count <= _FIELD:
            for position in range(count):
                self.field[position] = position
            return count
        order = self.order
        for position in range(count):
            order[position] = self.index[position]
        # Hoare's selection of the least value that still gets in.
        wanted, low, high = count - _FIELD, 0, count - 1
        while low < high:
            pivot, left, right = order[(low + high) // 2], low, high
            while left <= right:
                while order[left] < pivot:
                    left += 1
                while order[right] > pivot:
                    right -= 1
                if left <= right:
                    order[left], order[right] = order[right], order[left]
                    left += 1
                    right -= 1
            if wanted <= right:
                high = right
            elif wanted >= left:
                low = left
            else:
                break
        least, taken, equal = order[wanted], 0, _FIELD
        for position in range(count):
            if self.index[position] > least:
                equal -= 1
        for position in range(count):
            if taken < _FIELD and self.index[position] >= least:
                if self.index[position] == least:
                    if equal == 0:
                        continue
                    equal -= 1
                self.field[taken] = position
                taken += 1
        return taken

    def _know(self, rows: IntArray, used: int, count: int, variances: FloatArray) -> None:
        """Writes the variances of the `count` candidates in `field`."""
        covariance, known, arms, weights = self.quality.covariance, self.known, self.arms, self.weights
        side_by_side = True
        for number in range(count):
            known[number] = 0.0
            arms[number] = rows[self.field[number]]
            if arms[number] != arms[0] + number:
                side_by_side = False
        first = arms[0]
        for at in range(used):
            row = self.support[at]
            for later in range(at, used, 4):
                one, two = self.support[later], self.support[later + 1]
                three, four = self.support[later + 2], self.support[later + 3]
                # The matrix is symmetric, so what is beside the diagonal counts twice.
                a, b, c, d = weights[later], weights[later + 1], weights[later + 2], weights[later + 3]
                twice = 2.0 * weights[at]
                a, b, c, d = (weights[at] if later == at else twice) * a, twice * b, twice * c, twice * d
                if side_by_side:
                    for number in range(count):
                        arm = first + number
                        known[number] += (a * covariance[row, one, arm] + b * covariance[row, two, arm]) + (
                            c * covariance[row, three, arm] + d * covariance[row, four, arm]
                        )
                else:
                    for number in range(count):
                        arm = arms[number]
                        known[number] += (a * covariance[row, one, arm] + b * covariance[row, two, arm]) + (
                            c * covariance[row, three, arm] + d * covariance[row, four, arm]
                        )
        for number in range(count):
            variances[self.field[number]] = max(known[number], 1e-12)

    def _judge(self, count: int, directed: float) -> None:
        """Writes into `share` the probability of each of the first `count` by `mean` and `sd`."""
        ahead, contest = 0, self.contest
        for position in range(1, count):
            if self.mean[position] - _LOW * self.sd[position] > self.mean[ahead] - _LOW * self.sd[ahead]:
                ahead = position
        lowest = self.mean[ahead] - _LOW * self.sd[ahead]
        able = 0
        for position in range(count):
            self.share[position] = 0.0
            if self.mean[position] + _HIGH * self.sd[position] >= lowest:
                self.able[able] = position
                contest.mean[able] = self.mean[position]
                contest.sd[able] = self.sd[position]
                able += 1
        if able == 1:
            self.share[self.able[0]] = 1.0
            return
        contest.judge(able, directed)
        for position in range(able):
            self.share[self.able[position]] = contest.share[position]

    def _weigh(
        self,
        count: int,
        rows: IntArray,
        means: FloatArray,
        variances: FloatArray,
        common: float,
        narrow: float,
    ) -> None:
        """Writes mean and sd of the utility of the `count` candidates in `field`."""
        broad = self.quality.broad
        for number in range(count):
            position = self.field[number]
            shared = broad[rows[position]]
            mean = means[position]
            unsure = (
                max(variances[position] - shared, 0.0) * narrow * narrow + common * common * shared + 1e-12
            )
            unsure = sqrt(max(unsure, 1e-12))
            # Around the unclipped mean where it is below 1: clipping at 0 would hide how far apart arms are.
            lost = excess(mean, unsure)
            self.mean[number] = self.worth[position] * cut_mean(mean, unsure, lost) - self.paid[position]
            self.sd[number] = self.worth[position] * cut_sd(mean, unsure, lost) + 1e-12

    def _award(self, count: int, directed: float, part: float, shares: FloatArray) -> int:
        """Adds `part` of the probabilities to `shares`; returns the position of the candidate with the largest mean."""
        ahead = 0
        for number in range(1, count):
            if self.mean[number] > self.mean[ahead]:
                ahead = number
        self._judge(count, directed)
        for number in range(count):
            shares[self.field[number]] += part * self.share[number]
        return int(self.field[ahead])

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
        sampled_narrow: float,
        directed: float,
        looking: float,
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
        sampled_narrow `narrow` of Thompson's draws
        directed       share of information-directed draws, in [0, 1]; the others are Thompson's
        looking        share of requests that are decided by quality alone, in [0, 1]
        floors         least probabilities of all arms together, in [0, 1]
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
        if self.waits.shape[0] < count or self.support.shape[0] < size + 3:
            self._make_room(max(count, self.waits.shape[0]), size)
        means, variances, tokens = table[MEAN], table[VARIANCE], table[TOKENS]
        costs, seconds, errors, shares = table[COST], table[SECONDS], table[ERROR], table[PROBABILITY]
        self.tokens.expect(kind, self.providers, rows, tokens)
        self.ttft.expect(0, self.providers, rows, seconds)
        self.errors.expect(now, self.providers, rows, errors)
        if whole:
            self.token_s.expect(0, self.providers, rows, self.waits)
        used = self._foresee(x, rows, means, variances)

        for position in range(count):
            tokens[position] = min(tokens[position], most_tokens)
            cost = fixed_usd[position] + output_usd[position] * tokens[position]
            if whole:
                seconds[position] += tokens[position] * self.waits[position]
            costs[position] = cost
            self.worth[position] = value_usd * (1.0 - errors[position])
            self.paid[position] = cost + second_usd * seconds[position] + dearer * cost
            shares[position] = 0.0
        if count > _FIELD:
            deep = narrow if directed > 0.0 else sampled_narrow
            _hope(common, deep, rows, quality.broad, means, variances, self.worth, self.paid, self.index)
        taken = self._select(count)
        self._know(rows, used, taken, variances)
        best = 0
        if directed < 1.0:
            self._weigh(taken, rows, means, variances, common, sampled_narrow)
            best = self._award(taken, 0.0, 1.0 - directed, shares)
        if directed > 0.0:
            self._weigh(taken, rows, means, variances, common, narrow)
            best = self._award(taken, 1.0, directed, shares)
        if looking > 0.0:
            if count > _FIELD:
                for position in range(count):
                    hoped = means[position] + _HIGH * sqrt(max(variances[position], 0.0))
                    self.index[position] = min(hoped, 1.0)
                taken = self._select(count)
                self._know(rows, used, taken, variances)
            for number in range(taken):
                mean, unsure = means[self.field[number]], sqrt(variances[self.field[number]])
                lost = excess(mean, unsure)
                self.mean[number] = cut_mean(mean, unsure, lost)
                self.sd[number] = cut_sd(mean, unsure, lost)
            self._judge(taken, directed)
            for position in range(count):
                shares[position] *= 1.0 - looking
            for number in range(taken):
                shares[self.field[number]] += looking * self.share[number]

        if count > 1:
            # A floor under every propensity is what makes off-policy evaluation possible.
            least = floors / count
            for position in range(count):
                shares[position] = shares[position] * (1.0 - count * least) + least
        explored = 1.0 - shares[best]
        if explored > most_explored:
            # The others keep their proportions, so an arm that could be drawn before still can.
            for position in range(count):
                shares[position] *= most_explored / explored
            shares[best] = 1.0 - most_explored

        total = 0.0
        for position in range(count):
            total += shares[position]
        passed = 0.0
        for drawn in range(count - 1):
            passed += shares[drawn]
            if passed > uniform * total:
                return drawn
        return int(count) - 1
