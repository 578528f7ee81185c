"""The benefit of the doubt: arms that join late get a prior mean as good as the best arm's.

Otherwise an average prior would keep a newcomer from being tried where a good arm is there already. Only while they are
few: with many untried arms, optimism for each of them would cost more than it finds. Arms that were there from the start
and never judged, as dear ones may be, don't keep a later one from its benefit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bandit.arrays import FloatArray
from bandit.quality.evidence import Evidence
from bandit.quality.hierarchy import Hyper

SETTLED = 300
"""Observations from which on an untried arm is a newcomer."""

_TRIED = 30
"""Observations from which on an arm is one to compare a newcomer with."""


def newcomers(every: Sequence[Evidence], founders: int) -> list[int]:
    """Returns the untried arms that get the benefit, of n arms of which the first `founders` are there from the start."""
    untried = [arm for arm, evidence in enumerate(every) if evidence.weight == 0.0 == evidence.sums.weight]
    few = max(1, len(every) // 10)
    if len(untried) > few:
        untried = [arm for arm in untried if arm >= founders]
    return untried if len(untried) <= few else []


def newcomer_bonus(
    untried: Sequence[int],
    every: Sequence[Evidence],
    offset: FloatArray,
    pooled: FloatArray,
    hyper: Hyper,
    bonus: FloatArray,
) -> FloatArray:
    """Returns what to add to the prior means of n arms, (n,): `bonus`, with that of the arms `untried` computed anew.

    `offset` and `pooled` (n,) are the arms' `intercepts`.
    """
    tried = [evidence.sums for evidence in every if evidence.count >= _TRIED]
    if not tried:
        return bonus
    best = max(float(sums.response[0]) / float(sums.outer[0, 0]) for sums in tried if sums.weight > 0.0)
    contexts = np.sum([sums.outer[0] for sums in tried], axis=0)
    typical = float(hyper.common[1:] @ contexts[1:]) / float(contexts[0])
    result = bonus.copy()
    for arm in untried:
        expected = pooled[arm] * float(hyper.common[0]) + offset[arm] + typical
        result[arm] = max(0.0, best - expected) if pooled[arm] else 0.0
    return result
