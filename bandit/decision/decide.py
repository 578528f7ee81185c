"""A whole decision in one compiled loop: every learner's posterior in, probabilities and a draw out.

    posteriors → expected quality, tokens, seconds, errors → utilities → probabilities → floor and cap → draw

The whole vector of probabilities is computed, and the arm is drawn from that very vector.

One of the modules that are compiled (`setup.py`); the types of the compiled code stand in the `.pxd` file beside it.
"""

from __future__ import annotations

import cython
import numpy as np

from bandit.arrays import FloatArray, IntArray
from bandit.calls.call_posteriors import ErrorRates, LogMeans, Providers
from bandit.decision.arm_probabilities import ArmProbabilities
from bandit.decision.predict_quality import QualityPredictor
from bandit.decision.shortlist import SIZE, Shortlist
from bandit.quality.posteriors import Posteriors

if cython.compiled:
    from cython.cimports.libc.math import sqrt
else:
    from math import sqrt

    from bandit.decision.arm_probabilities import cut_mean, cut_sd, excess

COMPILED: bool = cython.compiled
"""False where the loops run as plain Python, some fifty times slower."""

MEAN, VARIANCE, TOKENS, COST, SECONDS, ERROR, PROBABILITY = range(7)
"""Rows of the table that a decision fills, one column per candidate: expected quality and its posterior variance,
expected output tokens, US dollars, seconds and failures, and the probability of the draw."""

TABLE_ROWS = 7

_HIGH, _LOW = 3.5, 3.0
"""An arm whose mean + 3.5 sd lies below another's mean − 3 sd is the best with a probability below 2e-4."""

_SIZE = SIZE


class DecisionInputs:
    """What one decision is made of, besides the posteriors.

    x, kind        context (d,), and its kind of work
    candidates     (k,) arm indices, k ≥ 1
    fixed_usd      (k,) price of this request whatever the answer, US dollars
    output_usd     (k,) price per output token, US dollars
    max_tokens     longest answer, inf for no limit
    now            epoch seconds
    uniform        a random number in [0, 1)
    value_usd, second_usd   what a perfect answer is worth, and what a second costs, US dollars
    whole_answer   whether the whole answer is waited for, not the first token
    money_price    what a dollar costs beyond itself
    broad, narrow  factors on the standard deviation of quality, for what concerns all traffic and for the rest, which only
                   helps requests like this one
    sampled_narrow `narrow` of Thompson's draws
    directed       share of information-directed draws, in [0, 1]; the others are Thompson's
    quality_only   share of requests that are decided by quality alone, in [0, 1]
    floor_total    least probabilities of all arms together, in [0, 1]
    max_exploration   largest probability of all arms but the best one, in (0, 1]
    """

    def __init__(
        self,
        *,
        x: FloatArray,
        kind: int,
        candidates: IntArray,
        fixed_usd: FloatArray,
        output_usd: FloatArray,
        max_tokens: float,
        now: float,
        uniform: float,
        value_usd: float,
        second_usd: float,
        whole_answer: bool,
        money_price: float,
        broad: float,
        narrow: float,
        sampled_narrow: float,
        directed: float,
        quality_only: float,
        floor_total: float,
        max_exploration: float,
    ) -> None:
        self.x, self.kind = x, kind
        self.candidates, self.fixed_usd, self.output_usd = candidates, fixed_usd, output_usd
        self.max_tokens, self.now, self.uniform = max_tokens, now, uniform
        self.value_usd, self.second_usd, self.whole_answer = value_usd, second_usd, whole_answer
        self.money_price = money_price
        self.broad, self.narrow, self.sampled_narrow = broad, narrow, sampled_narrow
        self.directed, self.quality_only = directed, quality_only
        self.floor_total, self.max_exploration = floor_total, max_exploration


class Decider:
    """Decides by the posteriors as they are at that moment; it changes nothing of them.

    worth, paid, waits   (k,) US dollars that a perfect answer is worth, US dollars that an answer costs, and seconds per
                         output token, of each candidate
    mean, sd, share      (SIZE,) of the candidates on the shortlist: utility, its standard deviation, probability
    """

    def __init__(
        self,
        quality: Posteriors,
        tokens: LogMeans,
        ttft: LogMeans,
        token_s: LogMeans,
        errors: ErrorRates,
        providers: Providers,
    ) -> None:
        self.posteriors = quality
        self.tokens = tokens
        self.ttft = ttft
        self.token_s = token_s
        self.errors = errors
        self.providers = providers
        self.quality = QualityPredictor(quality)
        self.shortlist = Shortlist()
        self.waits = np.empty(0)
        self.worth = np.empty(0)
        self.paid = np.empty(0)
        self.rounded = np.empty(0, dtype=np.float32)
        self.possible = np.empty(SIZE, dtype=np.intp)
        self.mean, self.sd, self.share = np.empty(SIZE), np.empty(SIZE), np.empty(SIZE)
        self.arm_probabilities = ArmProbabilities(SIZE)

    def decide(self, inputs: DecisionInputs, table: FloatArray) -> int:
        """Fills `table` (TABLE_ROWS, k) for the k candidates and returns the position of the arm drawn.

        Raises IndexError if shapes don't fit or there is no such arm.
        """
        rows = inputs.candidates
        self._check(inputs, table)
        count, directed = rows.shape[0], inputs.directed
        if self.waits.shape[0] < count:
            self._make_room(count)
        means, variances, shares = table[MEAN], table[VARIANCE], table[PROBABILITY]
        self._expect(inputs, table)
        self.quality.look_at(inputs.x)
        self.quality.write_means(rows, means)
        if count > _SIZE:
            self.quality.write_estimated_variances(rows, variances)
            self._bound_utilities(inputs, means, variances)
        competing = self.shortlist.select(count)
        self.quality.write_variances(rows, self.shortlist.positions, competing, variances)
        for position in range(count):
            shares[position] = 0.0
        best = 0
        if directed < 1.0:
            self._write_utilities(inputs, inputs.sampled_narrow, competing, means, variances)
            best = self._add_shares(competing, 0.0, 1.0 - directed, shares)
        if directed > 0.0:
            self._write_utilities(inputs, inputs.narrow, competing, means, variances)
            best = self._add_shares(competing, 1.0, directed, shares)
        if inputs.quality_only > 0.0:
            self._mix_in_quality(inputs, competing, means, variances, shares)
        self._keep_floor_and_cap(inputs, best, shares)
        return self._draw(inputs.uniform, shares)

    def _check(self, inputs: DecisionInputs, table: FloatArray) -> None:
        rows, size = inputs.candidates, inputs.x.shape[0]
        count, arms = rows.shape[0], self.posteriors.broad.shape[0]
        if (
            size != self.posteriors.size
            or count < 1
            or not count == inputs.fixed_usd.shape[0] == inputs.output_usd.shape[0] == table.shape[1]
            or table.shape[0] != TABLE_ROWS
        ):
            raise IndexError(
                f"{count} candidates, a context of {size}, and what they need don't fit together"
            )
        for position in range(count):
            if not 0 <= rows[position] < arms:
                raise IndexError(f"no arm {rows[position]}")
        if not 0 <= inputs.kind < self.tokens.cells:
            raise IndexError(f"no kind {inputs.kind}")

    def _make_room(self, count: int) -> None:
        self.waits, self.worth, self.paid = np.empty(count), np.empty(count), np.empty(count)
        self.rounded = np.empty(count, dtype=np.float32)
        self.shortlist.make_room(count)

    def _expect(self, inputs: DecisionInputs, table: FloatArray) -> None:
        """Writes what a call of each candidate is expected to be like, and `worth` and `paid` by it."""
        rows, fixed_usd, output_usd = inputs.candidates, inputs.fixed_usd, inputs.output_usd
        tokens, costs, seconds, errors = table[TOKENS], table[COST], table[SECONDS], table[ERROR]
        worth, paid, waits, whole = self.worth, self.paid, self.waits, inputs.whole_answer
        max_tokens, value_usd = inputs.max_tokens, inputs.value_usd
        second_usd, money_price = inputs.second_usd, inputs.money_price
        self.tokens.expect(inputs.kind, self.providers, rows, tokens)
        self.ttft.expect(0, self.providers, rows, seconds)
        self.errors.expect(inputs.now, self.providers, rows, errors)
        if whole:
            self.token_s.expect(0, self.providers, rows, waits)
        for position in range(rows.shape[0]):
            tokens[position] = min(tokens[position], max_tokens)
            cost = fixed_usd[position] + output_usd[position] * tokens[position]
            if whole:
                seconds[position] += tokens[position] * waits[position]
            costs[position] = cost
            worth[position] = value_usd * (1.0 - errors[position])
            paid[position] = cost + second_usd * seconds[position] + money_price * cost

    def _bound_utilities(self, inputs: DecisionInputs, means: FloatArray, variances: FloatArray) -> None:
        """Writes the utility of each candidate with the best quality that is not out of the question."""
        rows, bound, broad = inputs.candidates, self.shortlist.bound, inputs.broad
        broads, worth, paid = self.posteriors.broad, self.worth, self.paid
        narrow = inputs.narrow if inputs.directed > 0.0 else inputs.sampled_narrow
        for position in range(rows.shape[0]):
            shared = broads[rows[position]]
            variance = max(variances[position] - shared, 0.0) * narrow * narrow + broad * broad * shared
            highest = min(means[position] + _HIGH * sqrt(max(variance, 0.0)), 1.0)
            bound[position] = worth[position] * highest - paid[position]

    def _write_utilities(
        self, inputs: DecisionInputs, narrow: float, count: int, means: FloatArray, variances: FloatArray
    ) -> None:
        """Writes mean and sd of the utility of the `count` candidates on the shortlist."""
        rows, positions = inputs.candidates, self.shortlist.positions
        broads, broad = self.posteriors.broad, inputs.broad
        for number in range(count):
            position = positions[number]
            shared, mean = broads[rows[position]], means[position]
            sd = max(variances[position] - shared, 0.0) * narrow * narrow + broad * broad * shared + 1e-12
            sd = sqrt(max(sd, 1e-12))
            # Around the unclipped mean where it is below 1: clipping at 0 would hide how far apart arms are.
            lost = excess(mean, sd)
            self.mean[number] = self.worth[position] * cut_mean(mean, sd, lost) - self.paid[position]
            self.sd[number] = self.worth[position] * cut_sd(mean, sd, lost) + 1e-12

    def _add_shares(self, count: int, directed: float, part: float, shares: FloatArray) -> int:
        """Adds `part` of the probabilities to `shares`; returns the position of the candidate with the largest mean."""
        best = 0
        for number in range(1, count):
            if self.mean[number] > self.mean[best]:
                best = number
        self._write_shares(count, directed)
        for number in range(count):
            shares[self.shortlist.positions[number]] += part * self.share[number]
        return int(self.shortlist.positions[best])

    def _write_shares(self, count: int, directed: float) -> None:
        """Writes into `share` the probability of each of the first `count` by `mean` and `sd`."""
        ahead, probabilities = 0, self.arm_probabilities
        for number in range(1, count):
            if self.mean[number] - _LOW * self.sd[number] > self.mean[ahead] - _LOW * self.sd[ahead]:
                ahead = number
        lowest = self.mean[ahead] - _LOW * self.sd[ahead]
        possible = 0
        for number in range(count):
            self.share[number] = 0.0
            if self.mean[number] + _HIGH * self.sd[number] >= lowest:
                self.possible[possible] = number
                probabilities.mean[possible] = self.mean[number]
                probabilities.sd[possible] = self.sd[number]
                possible += 1
        if possible == 1:
            self.share[self.possible[0]] = 1.0
            return
        probabilities.compute(possible, directed)
        for number in range(possible):
            self.share[self.possible[number]] = probabilities.share[number]

    def _mix_in_quality(
        self,
        inputs: DecisionInputs,
        competing: int,
        means: FloatArray,
        variances: FloatArray,
        shares: FloatArray,
    ) -> None:
        """Mixes the probabilities by quality alone into `shares`, with the share `quality_only`."""
        positions, bound, part = self.shortlist.positions, self.shortlist.bound, inputs.quality_only
        count = shares.shape[0]
        if count > _SIZE:
            for position in range(count):
                bound[position] = min(means[position] + _HIGH * sqrt(max(variances[position], 0.0)), 1.0)
            competing = self.shortlist.select(count)
            self.quality.write_variances(inputs.candidates, positions, competing, variances)
        for number in range(competing):
            mean, sd = means[positions[number]], sqrt(variances[positions[number]])
            lost = excess(mean, sd)
            self.mean[number] = cut_mean(mean, sd, lost)
            self.sd[number] = cut_sd(mean, sd, lost)
        self._write_shares(competing, inputs.directed)
        for position in range(count):
            shares[position] *= 1.0 - part
        for number in range(competing):
            shares[positions[number]] += part * self.share[number]

    def _keep_floor_and_cap(self, inputs: DecisionInputs, best: int, shares: FloatArray) -> None:
        """Raises the least probabilities to the floor, and lowers those of all but `best` to `max_exploration` together."""
        count, most = shares.shape[0], inputs.max_exploration
        if count > 1:
            # A floor under every propensity is what makes off-policy evaluation possible.
            least = inputs.floor_total / count
            for position in range(count):
                shares[position] = shares[position] * (1.0 - count * least) + least
        explored = 1.0 - shares[best]
        if explored > most:
            # The others keep their proportions, so an arm that could be drawn before still can.
            for position in range(count):
                shares[position] *= most / explored
            shares[best] = 1.0 - most

    def _draw(self, uniform: float, shares: FloatArray) -> int:
        """Rounds `shares` to float32, as the journal keeps them, and returns the position drawn from the rounded ones."""
        count, total, passed = shares.shape[0], 0.0, 0.0
        for position in range(count):
            self.rounded[position] = shares[position]
            shares[position] = self.rounded[position]
            total += shares[position]
        for position in range(count - 1):
            passed += shares[position]
            if passed > uniform * total:
                return int(position)
        return int(count) - 1
