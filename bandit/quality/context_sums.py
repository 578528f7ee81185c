"""The mean context of traffic: what "on average" means in a report."""

from __future__ import annotations

import numpy as np

from bandit.arrays import FloatArray, with_row
from bandit.context.features import DIMENSION, KINDS, kind_of
from bandit.quality.posteriors import add_context


class ContextSums:
    """Sum and number of the contexts that were answered, by arm and kind of work: (n, KINDS, DIMENSION + 1)."""

    def __init__(self) -> None:
        self._sums = np.zeros((0, KINDS, DIMENSION + 1))

    def add_arm(self) -> None:
        """Adds an arm without answers."""
        self._sums = with_row(self._sums, 0.0)

    def record(self, arm: int, x: FloatArray) -> None:
        """Records one answered context, (DIMENSION,)."""
        add_context(self._sums, arm, kind_of(x), x)

    def mean(self, kind: int | None) -> FloatArray:
        """Returns the mean context (DIMENSION,) of all arms' answers, of all kinds or of one.

        Without answers, entries are 1 for the intercept and the kind and else 0.
        """
        by_kind = self._sums.sum(axis=0)
        total: FloatArray = by_kind.sum(axis=0) if kind is None else by_kind[kind]
        if total[-1]:
            mean: FloatArray = total[:-1] / total[-1]
            return mean
        x = np.zeros(DIMENSION)
        x[0] = 1.0
        if kind is not None:
            x[1 + kind] = 1.0
        return x

    def snapshot(self) -> FloatArray:
        """Returns a copy of the sums."""
        return self._sums.copy()

    def restore(self, sums: FloatArray) -> None:
        """Restores a snapshot of as many arms."""
        self._sums = sums.copy()
