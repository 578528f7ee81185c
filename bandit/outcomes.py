"""Posteriors that every call feeds: output tokens, TTFT, time per output token, errors.

Means of logarithms, because these are positive and heavy-tailed; each observation is pulled in to a few
standard deviations of what is known, so that one hung call can't poison an arm. Old observations lose
weight by wall-clock time, towards the pooled mean of all arms, never towards zero.

Arms of one provider share its network and its machines, so an arm that has hardly been called is expected to be
as fast and as reliable as its provider's others. `Providers` is who belongs together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from bandit.arrays import FloatArray, IntArray, with_row

_HUBER = 2.5
"""Standard deviations beyond which an observation counts as if it stood there."""

_LEAST_SD = 0.25
_PRIOR_SD = 0.8
"""Spread assumed before there is data: a factor of about two either way."""

_CELL_PRIOR = 4.0
"""Observations of a task that outweigh the arm's mean over all tasks."""

_ARM_PRIOR = 1.0


class Providers:
    """Which arms are served by the same provider; an arm that names none stands alone."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self.group: IntArray = np.zeros(0, dtype=np.intp)
        self.shared = False

    def add_arm(self, provider: str) -> None:
        """Adds an arm."""
        known = self._names.index(provider) if provider and provider in self._names else None
        self.shared = self.shared or known is not None
        group = len(self._names) if known is None else int(self.group[known])
        self.group = np.array([*self.group, group], dtype=np.intp)
        self._names.append(provider)

    def totals(self, values: FloatArray) -> FloatArray:
        """Returns the sum of `values` (n,) over all arms of each arm's provider, shape (n,)."""
        sums = np.zeros(self.group.shape[0])
        np.add.at(sums, self.group, values)
        return sums[self.group]


class LogMeans:
    """Per arm and cell (task slot, or one cell): decayed mean and variance of a logarithm."""

    def __init__(self, *, cells: int, typical: float, half_life_s: float) -> None:
        self._cells = cells
        self._typical = float(np.log(typical))
        self._rate = float(np.log(2.0)) / half_life_s
        self._weight = np.zeros((0, cells))
        self._sum = np.zeros((0, cells))
        self._last = np.zeros((0, cells))
        self._spread = np.zeros((0, 2))  # weight and weighted squared residuals
        self._arm_weight = np.zeros(0)  # of all cells together, like _arm_sum
        self._arm_sum = np.zeros(0)
        self._providers = Providers()
        self._predictions: dict[
            int, tuple[FloatArray, FloatArray]
        ] = {}  # by cell, until the next observation

    def add_arm(self, provider: str = "") -> None:
        """Adds an arm that knows nothing yet, but what other arms of `provider` showed."""
        self._providers.add_arm(provider)
        self._weight = with_row(self._weight, 0.0)
        self._sum = with_row(self._sum, 0.0)
        self._last = with_row(self._last, 0.0)
        self._spread = with_row(self._spread, np.array([1.0, _PRIOR_SD**2]))
        self._arm_weight = with_row(self._arm_weight, 0.0)
        self._arm_sum = with_row(self._arm_sum, 0.0)
        self._predictions.clear()

    def observe(self, arm: int, cell: int, value: float, now: float) -> None:
        """Takes one positive `value` (tokens or seconds)."""
        self._predictions.clear()
        logarithm = math.log(max(value, 1e-6))
        weight, total = float(self._weight[arm, cell]), float(self._sum[arm, cell])
        arm_weight, arm_sum = float(self._arm_weight[arm]), float(self._arm_sum[arm])
        if arm_weight >= 3.0:
            known, squared = self._spread[arm].tolist()
            sd = max(_LEAST_SD, math.sqrt(squared / known))
            expected = (arm_sum + _ARM_PRIOR * self._typical) / (arm_weight + _ARM_PRIOR)
            if self._cells > 1:
                expected = (total + _CELL_PRIOR * expected) / (weight + _CELL_PRIOR)
            residual = min(_HUBER * sd, max(-_HUBER * sd, logarithm - expected))
            logarithm = expected + residual
            self._spread[arm] = (0.995 * known + 1.0, 0.995 * squared + residual * residual)
        last = float(self._last[arm, cell])
        keep = math.exp(-self._rate * max(0.0, now - last))
        self._weight[arm, cell] = weight * keep + 1.0
        self._sum[arm, cell] = total * keep + logarithm
        self._arm_weight[arm] = arm_weight + weight * (keep - 1.0) + 1.0
        self._arm_sum[arm] = arm_sum + total * (keep - 1.0) + logarithm
        self._last[arm, cell] = max(now, last)

    def predict(self, cell: int) -> tuple[FloatArray, FloatArray]:
        """Returns (mean of the value, relative standard error of that mean), each of shape (n,).

        An arm without data gets the mean of all arms. The mean of a log-normal value is exp(m + s²/2).
        """
        known = self._predictions.get(cell)
        if known is not None:
            return known
        arm_weight, arm_sum = self._arm_weight, self._arm_sum
        pooled: FloatArray | float
        pooled = (float(arm_sum.sum()) + _ARM_PRIOR * self._typical) / (float(arm_weight.sum()) + _ARM_PRIOR)
        if self._providers.shared:
            totals = self._providers.totals
            pooled = (totals(arm_sum) + _ARM_PRIOR * pooled) / (totals(arm_weight) + _ARM_PRIOR)
        mean = (arm_sum + _ARM_PRIOR * pooled) / (arm_weight + _ARM_PRIOR)
        variance = self._spread[:, 1] / self._spread[:, 0]
        seen = arm_weight
        if self._cells > 1:
            own = self._weight[:, cell]
            mean = (self._sum[:, cell] + _CELL_PRIOR * mean) / (own + _CELL_PRIOR)
            seen = own + np.minimum(arm_weight, _CELL_PRIOR)
        result = np.exp(mean + 0.5 * np.minimum(variance, 1.0)), np.sqrt(variance / (seen + _ARM_PRIOR))
        self._predictions[cell] = result
        return result

    def snapshot(self, name: str) -> dict[str, FloatArray]:
        """Returns copies of the state, keys beginning with `name`."""
        return {
            f"{name}.weight": self._weight.copy(),
            f"{name}.sum": self._sum.copy(),
            f"{name}.last": self._last.copy(),
            f"{name}.spread": self._spread.copy(),
            f"{name}.arm": np.stack([self._arm_weight, self._arm_sum], axis=1),
        }

    def restore(self, name: str, arrays: Mapping[str, FloatArray]) -> None:
        """Takes what `snapshot` gave. Raises KeyError or ValueError if it doesn't fit."""
        weight = arrays[f"{name}.weight"]
        if weight.ndim != 2 or weight.shape[1] != self._cells:
            raise ValueError(f"{name}: {weight.shape} has not {self._cells} cells")
        self._weight = weight.copy()
        self._sum = arrays[f"{name}.sum"].copy()
        self._last = arrays[f"{name}.last"].copy()
        self._spread = arrays[f"{name}.spread"].copy()
        self._arm_weight = arrays[f"{name}.arm"][:, 0].copy()
        self._arm_sum = arrays[f"{name}.arm"][:, 1].copy()
        self._predictions.clear()


class ErrorRates:
    """Probability that a call fails, per arm: a Beta posterior that forgets within minutes.

    The prior is one failure in fifty calls, and the recent calls of the provider's other arms. An outage is over when it is over: with a half-life of ten
    minutes an arm that recovered gets its traffic back without anybody resetting it.
    """

    _PRIOR_ERRORS, _PRIOR_CALLS = 0.04, 2.0

    def __init__(self, *, half_life_s: float) -> None:
        self._rate = float(np.log(2.0)) / half_life_s
        self._errors = np.zeros(0)
        self._calls = np.zeros(0)
        self._last = np.zeros(0)
        self._providers = Providers()

    def add_arm(self, provider: str = "") -> None:
        """Adds an arm that has not been called."""
        self._providers.add_arm(provider)
        self._errors = with_row(self._errors, 0.0)
        self._calls = with_row(self._calls, 0.0)
        self._last = with_row(self._last, 0.0)

    def observe(self, arm: int, *, error: bool, now: float) -> None:
        """Takes the end of one call."""
        keep = math.exp(-self._rate * max(0.0, now - self._last[arm]))
        self._errors[arm] = self._errors[arm] * keep + error
        self._calls[arm] = self._calls[arm] * keep + 1.0
        self._last[arm] = max(now, self._last[arm])

    def predict(self, now: float) -> FloatArray:
        """Returns P(error) at `now`: shape (n,), in (0, 1)."""
        keep = np.exp(-self._rate * np.maximum(0.0, now - self._last))
        errors, calls = self._errors * keep, self._calls * keep
        expected: FloatArray | float = self._PRIOR_ERRORS
        if self._providers.shared:
            # Without the arm's own calls, or a failed arm would look dead twice.
            other_errors = self._providers.totals(errors) - errors
            other_calls = self._providers.totals(calls) - calls
            rate = (other_errors + self._PRIOR_ERRORS) / (other_calls + self._PRIOR_CALLS)
            expected = self._PRIOR_CALLS * rate
        result: FloatArray = (errors + expected) / (calls + self._PRIOR_CALLS)
        return result

    def snapshot(self, name: str) -> dict[str, FloatArray]:
        """Returns copies of the state, keys beginning with `name`."""
        return {
            f"{name}.errors": self._errors.copy(),
            f"{name}.calls": self._calls.copy(),
            f"{name}.last": self._last.copy(),
        }

    def restore(self, name: str, arrays: Mapping[str, FloatArray]) -> None:
        """Takes what `snapshot` gave. Raises KeyError if a part is missing."""
        self._errors = arrays[f"{name}.errors"].copy()
        self._calls = arrays[f"{name}.calls"].copy()
        self._last = arrays[f"{name}.last"].copy()
