"""Who gives feedback: its probability for bad and for good answers, and the weights that correct for it.

People who complain more often than they praise make every arm look worse, and good arms most of all in relation to their
price. If bad answers get feedback with probability p₀ and good ones with p₁, the same for
all, then in every group c (the answers of an arm, or of a kind of work) of N answers with n₀ bad and n₁ good feedbacks

    n₀ / p₀ + n₁ / p₁ = N   on average,

and groups of different quality identify p₀ and p₁. With ᾱ = N/n over all, b and g the shares of bad and good feedback,
1/p₀ = ᾱ(1 + r g) and 1/p₁ = ᾱ(1 − r b) satisfy the total, and r is the slope through the origin of y = N − ᾱn on
z = ᾱ(g n₀ − b n₁), each group counting 1/(ᾱN). Both y and z contain counts, whose noise would bias the slope: small groups,
of arms that were seldom drawn because they are bad, would make unbiased feedback look like complaints. With counts of
variance (1 − n/N) n₀ and (1 − n/N) n₁, noise alone makes E[yz] = −ᾱ(1 − n/N)z and E[z²] = ᾱ²(1 − n/N)(g² n₀ + b² n₁), which
are subtracted. Then r is shrunk, because a weight is fixed once and a wrong one stays: towards 0, so that weights stay 1
without good reason; for complaints, towards their prior r. A value v between 0 and 1 is given with probability
(1 − v)p₀ + v p₁.

References: D. Horvitz and D. Thompson (1952), weighting by the inverse probability of being seen; W. Fuller (1987),
"Measurement error models".
"""

from __future__ import annotations

import numpy as np

from bandit.arrays import FloatArray, with_row

_SHRINKAGE = 60.0
"""Sum of squares of z at which r is shrunk by half; r = −1.8 if bad answers get five times the feedback of good ones.
About 1,500 feedbacks where groups differ by a tenth in quality."""

_COMPLAINTS = -0.8
"""Prior r of complaints: with as many bad answers as good ones, bad ones get 2.3 times the feedback."""

_LEAST, _MOST = 0.2, 5.0
"""Range of a weight before it is scaled."""

_ENOUGH = 100
"""Feedbacks from which on a bias is estimated."""


class FeedbackBias:
    """Counts of answers, of bad and of good feedback, by arm and kind of work (n, kinds, 3).

    weight_total   sum of the weights of all feedback
    """

    def __init__(self, kinds: int) -> None:
        self._counts = np.zeros((0, kinds, 3))
        self._answers = 0.0
        self.weight_total = 0.0

    def add_arm(self) -> None:
        """Adds an arm without answers."""
        self._counts = with_row(self._counts, 0.0)

    def record_answer(self, arm: int, kind: int) -> None:
        """Counts one answer."""
        self._counts[arm, kind, 0] += 1.0
        self._answers += 1.0

    @property
    def judged_share(self) -> float:
        """Weight of feedback per answer, in [0, 1]. An answer that was judged together with others counts as a part of one."""
        return max(0.0, min(1.0, self.weight_total / max(self._answers, 1.0)))

    def record_feedback(self, arm: int, kind: int, value: float, weight: float, count: float = 1.0) -> None:
        """Counts one feedback in [0, 1] of some weight; a count of −1 retracts it."""
        self.weight_total += count * weight
        cell = self._counts[arm, kind]
        cell[1] += count * (1.0 - value)
        cell[2] += count * value

    def count(self, arm: int, kind: int) -> int:
        """Returns the number of feedbacks in force in one cell."""
        return round(float(self._counts[arm, kind, 1:].sum()))

    def weight(self, value: float, *, complaint: bool = False) -> float:
        """Returns the weight of a feedback `value` in [0, 1]: about 1, more for the kind that is given too seldom.

        1/p_v over its mean, clipped to [0.2, 5], times the effective number of feedbacks over their number. `complaint`:
        the feedback is expected to come from the disappointed.
        """
        total, n_bad, n_good = self._counts.sum(axis=(0, 1)).tolist()
        judged = n_bad + n_good
        if judged < (1.0 if complaint else _ENOUGH) or judged > 0.9 * total:
            return 1.0
        mean, silent = total / judged, 1.0 - judged / total
        b, g = n_bad / judged, n_good / judged
        slope = square = 0.0
        for axis in (0, 1):
            answers, bad, good = self._counts.sum(axis=axis).T
            y, z = answers - mean * (bad + good), mean * (g * bad - b * good)
            scale = 1.0 / np.maximum(mean * answers, 1.0)
            slope += float(scale @ (z * (y + silent * mean)))
            square += float(scale @ (z**2 - silent * mean**2 * (g**2 * bad + b**2 * good)))
        prior = _COMPLAINTS if complaint else 0.0
        ratio = (slope + prior * _SHRINKAGE) / (max(0.0, square) + _SHRINKAGE)
        weights = [
            min(_MOST, max(_LEAST, 1.0 + ratio * g)),
            min(_MOST, max(_LEAST, 1.0 - ratio * b)),
        ]
        # Uneven weights carry less information than even ones: together they count as (Σw)² / Σw² observations (Kish).
        size = (n_bad * weights[0] + n_good * weights[1]) / (
            n_bad * weights[0] ** 2 + n_good * weights[1] ** 2
        )
        return float(size / ((1.0 - value) / weights[0] + value / weights[1]))

    def snapshot(self) -> FloatArray:
        """Returns a copy of the counts."""
        return self._counts.copy()

    def restore(self, counts: FloatArray, weight_total: float) -> None:
        """Restores a snapshot, and `weight_total`. Raises ValueError if it doesn't fit."""
        if counts.shape != self._counts.shape:
            raise ValueError(f"feedback counts have shape {counts.shape}")
        self._counts = counts.copy()
        self._answers = float(counts[:, :, 0].sum())
        self.weight_total = weight_total
