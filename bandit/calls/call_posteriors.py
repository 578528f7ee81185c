"""Posteriors that every call feeds: output tokens, TTFT, time per output token, errors.

Means of logarithms, because these are positive and heavy-tailed; each observation counts as at most a few standard
deviations from the mean, so that one hung call can't poison an arm. Old observations lose weight by wall-clock time, and
the expectation returns to the pooled mean of all arms, never to zero.

Arms of one provider share its network and its machines, so an arm that has hardly been called is expected to be
as fast and as reliable as its provider's others.

One of the modules that are compiled (`setup.py`); the types of the compiled code stand in the `.pxd` file beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

import cython
import numpy as np

from bandit.arrays import FloatArray, IntArray, with_row

if cython.compiled:
    from cython.cimports.libc.math import exp, floor, log, sqrt
else:
    from math import exp, floor, log, sqrt

_HUBER = 2.5
"""Standard deviations that an observation counts as, at most.

Reference: P. Huber (1964), "Robust estimation of a location parameter".
"""

_LEAST_SD = 0.25
_PRIOR_SD = 0.8
"""Spread assumed before there is data: a factor of about two either way."""

_CELL_PRIOR = 4.0
"""Observations that the arm's mean over all cells counts as in each of them."""

_ARM_PRIOR = 1.0
"""Observations that the mean of its provider, or of all arms, counts as in an arm's."""

_PRIOR_ERRORS, _PRIOR_CALLS = 0.04, 2.0
"""One failure in fifty calls."""


class Providers:
    """Which arms are served by the same provider; an arm without a name of one stands alone.

    names    the provider of each arm
    group    (n,) number of each arm's provider: the index of its first arm
    shared   whether any two arms have one provider
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.group: IntArray = np.zeros(0, dtype=np.intp)
        self.shared = False

    def add_arm(self, provider: str) -> None:
        """Adds an arm."""
        group = len(self.names)
        if provider and provider in self.names:
            self.shared = True
            group = int(self.group[self.names.index(provider)])
        self.group = np.concatenate([self.group, np.array([group], dtype=np.intp)])
        self.names.append(provider)


class LogMeans:
    """Per arm and cell (kind of work, or one cell): decayed mean and variance of a logarithm.

    weight, total, last   (n, cells): decayed observations, sum of their logarithms, time of the latest
    arms                  (n, 4): both sums over all cells, weight and weighted squares of the residuals

    by_weight, by_total   (n,) sums over the arms of each provider
    expected, stamp       (cells, n) expectations, and the version that each was computed at

    With m the mean logarithm and s² its variance, the expected value is exp(m + s²/2), that of a log-normal one. m is shrunk
    towards the arm's mean over all cells, that towards its provider's and this towards that of all arms.

    Expectations are kept until the next observation: decisions outnumber the batches that are learnt from, and most of the
    time for hundreds of arms goes into exponentials. `version` counts changes; entries with an older stamp are recomputed.
    """

    def __init__(self, *, cells: int, typical: float, half_life_s: float) -> None:
        self.cells = cells
        self.typical = log(typical)
        self.rate = log(2.0) / half_life_s
        self.weight = np.zeros((0, cells))
        self.total = np.zeros((0, cells))
        self.last = np.zeros((0, cells))
        self.arms = np.zeros((0, 4))
        self.version = 0
        self._forget()

    def _forget(self) -> None:
        count = self.arms.shape[0]
        self.version += 1
        self.summed = 0
        self.pooled = 0.0
        self.by_weight, self.by_total = np.zeros(count), np.zeros(count)
        self.expected = np.zeros((self.cells, count))
        self.stamp = np.zeros((self.cells, count), dtype=np.intp)

    def add_arm(self) -> None:
        """Adds an arm without observations."""
        self.weight = with_row(np.asarray(self.weight), 0.0)
        self.total = with_row(np.asarray(self.total), 0.0)
        self.last = with_row(np.asarray(self.last), 0.0)
        self.arms = with_row(np.asarray(self.arms), np.array([0.0, 0.0, 1.0, _PRIOR_SD**2]))
        self._forget()

    def observe(self, arm: int, cell: int, value: float, now: float) -> None:
        """Records one positive `value` (tokens or seconds). Raises IndexError if there is no such arm or cell."""
        if not (0 <= arm < self.arms.shape[0] and 0 <= cell < self.cells):
            raise IndexError(f"no cell {cell} of an arm {arm}")
        self.version += 1
        logarithm = log(max(value, 1e-6))
        weight, total = self.weight[arm, cell], self.total[arm, cell]
        if self.arms[arm, 0] >= 3.0:
            count, squared = self.arms[arm, 2], self.arms[arm, 3]
            most = _HUBER * max(_LEAST_SD, sqrt(squared / count))
            expected = (self.arms[arm, 1] + _ARM_PRIOR * self.typical) / (self.arms[arm, 0] + _ARM_PRIOR)
            if self.cells > 1:
                expected = (total + _CELL_PRIOR * expected) / (weight + _CELL_PRIOR)
            residual = min(most, max(-most, logarithm - expected))
            logarithm = expected + residual
            self.arms[arm, 2] = 0.995 * count + 1.0
            self.arms[arm, 3] = 0.995 * squared + residual * residual
        last = self.last[arm, cell]
        keep = exp(-self.rate * max(0.0, now - last))
        self.weight[arm, cell] = weight * keep + 1.0
        self.total[arm, cell] = total * keep + logarithm
        self.arms[arm, 0] += weight * (keep - 1.0) + 1.0
        self.arms[arm, 1] += total * (keep - 1.0) + logarithm
        self.last[arm, cell] = max(now, last)

    def expect(self, cell: int, providers: Providers, rows: IntArray, result: FloatArray) -> None:
        """Writes the expected value of each of the arms `rows` (k,) into `result` (k,). `rows` isn't checked."""
        version, kept, stamp = self.version, self.expected, self.stamp
        if self.summed != version:
            self._sum(providers)
        for position in range(rows.shape[0]):
            arm = rows[position]
            if stamp[cell, arm] != version:
                prior = self.pooled
                if providers.shared:
                    group = providers.group[arm]
                    prior = (self.by_total[group] + _ARM_PRIOR * prior) / (self.by_weight[group] + _ARM_PRIOR)
                mean = (self.arms[arm, 1] + _ARM_PRIOR * prior) / (self.arms[arm, 0] + _ARM_PRIOR)
                if self.cells > 1:
                    mean = (self.total[arm, cell] + _CELL_PRIOR * mean) / (
                        self.weight[arm, cell] + _CELL_PRIOR
                    )
                kept[cell, arm] = exp(mean + 0.5 * min(self.arms[arm, 3] / self.arms[arm, 2], 1.0))
                stamp[cell, arm] = version
            result[position] = kept[cell, arm]

    def _sum(self, providers: Providers) -> None:
        """Sums over all arms, and by provider."""
        count = self.arms.shape[0]
        weight, total = 0.0, _ARM_PRIOR * self.typical
        for arm in range(count):
            weight += self.arms[arm, 0]
            total += self.arms[arm, 1]
            self.by_weight[arm] = 0.0
            self.by_total[arm] = 0.0
        self.pooled = total / (weight + _ARM_PRIOR)
        if providers.shared:
            for arm in range(count):
                self.by_weight[providers.group[arm]] += self.arms[arm, 0]
                self.by_total[providers.group[arm]] += self.arms[arm, 1]
        self.summed = self.version

    def predict(self, cell: int, providers: Providers) -> FloatArray:
        """Returns the expected value of every arm, shape (n,)."""
        rows = np.arange(self.arms.shape[0])
        result: FloatArray = np.empty(rows.shape[0])
        self.expect(cell, providers, rows, result)
        return result

    def snapshot(self, name: str) -> dict[str, FloatArray]:
        """Returns copies of the state, keys beginning with `name`."""
        arms = np.asarray(self.arms)
        return {
            f"{name}.weight": np.array(self.weight),
            f"{name}.sum": np.array(self.total),
            f"{name}.last": np.array(self.last),
            f"{name}.arm": arms[:, :2].copy(),
            f"{name}.spread": arms[:, 2:].copy(),
        }

    def restore(self, name: str, arrays: Mapping[str, FloatArray]) -> None:
        """Restores a snapshot. Raises KeyError or ValueError if it doesn't fit."""
        weight = arrays[f"{name}.weight"]
        if weight.ndim != 2 or weight.shape[1] != self.cells:
            raise ValueError(f"{name}: {weight.shape} has not {self.cells} cells")
        total, last = arrays[f"{name}.sum"], arrays[f"{name}.last"]
        arms = np.concatenate([arrays[f"{name}.arm"], arrays[f"{name}.spread"]], axis=1)
        if not weight.shape == total.shape == last.shape or arms.shape != (weight.shape[0], 4):
            raise ValueError(
                f"{name}: {weight.shape}, {total.shape}, {last.shape} and {arms.shape} don't fit"
            )
        self.weight, self.total, self.last, self.arms = weight.copy(), total.copy(), last.copy(), arms
        self._forget()


class ErrorRates:
    """Probability that a call fails, per arm: a Beta posterior that forgets within minutes.

    The prior is one failure in fifty calls, and the recent calls of the provider's other arms. An outage is over
    when it is over: with a half-life of ten minutes an arm that recovered gets its traffic back without anybody
    resetting it. Expectations are computed once a second, and anew after an observation.

    failed, called, last   (n,) decayed failures and calls, and the time of the latest
    """

    def __init__(self, *, half_life_s: float) -> None:
        self.rate = log(2.0) / half_life_s
        self.failed = np.zeros(0)
        self.called = np.zeros(0)
        self.last = np.zeros(0)
        self.version = 0
        self._forget()

    def _forget(self) -> None:
        count = self.last.shape[0]
        self.version += 1
        self.summed = 0
        self.second = 0.0
        self.by_failed, self.by_called = np.zeros(count), np.zeros(count)
        self.expected = np.zeros(count)
        self.stamp = np.zeros(count, dtype=np.intp)

    def add_arm(self) -> None:
        """Adds an arm that has not been called."""
        self.failed = with_row(np.asarray(self.failed), 0.0)
        self.called = with_row(np.asarray(self.called), 0.0)
        self.last = with_row(np.asarray(self.last), 0.0)
        self._forget()

    def observe(self, arm: int, error: bool, now: float) -> None:
        """Records the end of one call. Raises IndexError if there is no such arm."""
        if not 0 <= arm < self.last.shape[0]:
            raise IndexError(f"no arm {arm}")
        self.version += 1
        keep = exp(-self.rate * max(0.0, now - self.last[arm]))
        self.failed[arm] = self.failed[arm] * keep + error
        self.called[arm] = self.called[arm] * keep + 1.0
        self.last[arm] = max(now, self.last[arm])

    def expect(self, now: float, providers: Providers, rows: IntArray, result: FloatArray) -> None:
        """Writes P(error), in (0, 1), of each of the arms `rows` (k,) into `result` (k,). `rows` isn't checked.

        `now` is cut to whole seconds.
        """
        now = floor(now)
        if now != self.second:
            self.second = now
            self.version += 1
        version = self.version
        if providers.shared and self.summed != version:
            self._sum(now, providers)
        for position in range(rows.shape[0]):
            arm = rows[position]
            if self.stamp[arm] != version:
                keep = exp(-self.rate * max(0.0, now - self.last[arm]))
                errors, calls = self.failed[arm] * keep, self.called[arm] * keep
                expected = _PRIOR_ERRORS
                if providers.shared:
                    # Without the arm's own calls: they would count twice.
                    others = max(0.0, self.by_failed[providers.group[arm]] - errors)
                    among = max(0.0, self.by_called[providers.group[arm]] - calls)
                    expected = _PRIOR_CALLS * (others + _PRIOR_ERRORS) / (among + _PRIOR_CALLS)
                self.expected[arm] = (errors + expected) / (calls + _PRIOR_CALLS)
                self.stamp[arm] = version
            result[position] = self.expected[arm]

    def _sum(self, now: float, providers: Providers) -> None:
        """Sums the decayed failures and calls at `now` by provider."""
        count = self.last.shape[0]
        for arm in range(count):
            self.by_failed[arm] = 0.0
            self.by_called[arm] = 0.0
        for arm in range(count):
            keep = exp(-self.rate * max(0.0, now - self.last[arm]))
            self.by_failed[providers.group[arm]] += self.failed[arm] * keep
            self.by_called[providers.group[arm]] += self.called[arm] * keep
        self.summed = self.version

    def predict(self, now: float, providers: Providers) -> FloatArray:
        """Returns P(error) of every arm at `now`: shape (n,), in (0, 1)."""
        rows = np.arange(self.last.shape[0])
        result: FloatArray = np.empty(rows.shape[0])
        self.expect(now, providers, rows, result)
        return result

    def snapshot(self, name: str) -> dict[str, FloatArray]:
        """Returns copies of the state, keys beginning with `name`."""
        return {
            f"{name}.errors": np.array(self.failed),
            f"{name}.calls": np.array(self.called),
            f"{name}.last": np.array(self.last),
        }

    def restore(self, name: str, arrays: Mapping[str, FloatArray]) -> None:
        """Restores a snapshot. Raises KeyError if a part is missing, ValueError if they don't fit."""
        failed, called, last = (arrays[f"{name}.{part}"].copy() for part in ("errors", "calls", "last"))
        if failed.ndim != 1 or not failed.shape == called.shape == last.shape:
            raise ValueError(f"{name}: {failed.shape}, {called.shape} and {last.shape} don't fit")
        self.failed, self.called, self.last = failed, called, last
        self._forget()
