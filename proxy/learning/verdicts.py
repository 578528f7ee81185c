"""How much each task's own verdicts on an arm still weigh: old ones fade as they do in the bandit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bandit import Settings

_TAU_S = Settings().quality.half_life_s / math.log(2.0)

_REBASE_AT = 50.0
"""Weights grow by e with every `_TAU_S` since the landmark: beyond e⁵⁰ it is moved, long before they overflow."""


class Verdicts:
    """Weights of verdicts by arm and task, in units of the landmark's time."""

    def __init__(self) -> None:
        self._weights: dict[str, dict[str, float]] = {}
        self._landmark: float | None = None

    def add(self, arm: str, task: str, weight: float, at: float) -> None:
        """Records a verdict of `weight` at `at` (epoch seconds); a negative weight takes one back."""
        if self._landmark is None:
            self._landmark = at
        if at - self._landmark > _REBASE_AT * _TAU_S:
            self._rebase(at)
        weights = self._weights.setdefault(arm, {})
        weights[task] = weights.get(task, 0.0) + weight * math.exp((at - self._landmark) / _TAU_S)

    def effective(self, arm: str, task: str, now: float, whole: float) -> float:
        """Returns what the task's verdicts still weigh of `whole`, the arm's effective samples, that may rest on labels
        and other arms too, or have been cut by a change.
        """
        weights = self._weights.get(arm, {})
        decay = 1.0 if self._landmark is None else math.exp(-(now - self._landmark) / _TAU_S)
        total = sum(weights.values()) * decay
        own = max(0.0, weights.get(task, 0.0) * decay)
        return own * whole / total if total > whole else own

    def _rebase(self, at: float) -> None:
        assert self._landmark is not None
        factor = math.exp((self._landmark - at) / _TAU_S)
        self._landmark = at
        for weights in self._weights.values():
            for task in weights:
                weights[task] *= factor

    def snapshot(self) -> dict[str, object]:
        """Returns the state, JSON-able."""
        return {"landmark": self._landmark, "weights": {arm: dict(of) for arm, of in self._weights.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restores a snapshot. Raises KeyError, TypeError or ValueError if it doesn't fit."""
        landmark = state["landmark"]
        self._landmark = None if landmark is None else float(landmark)
        self._weights = {
            str(arm): {str(task): float(weight) for task, weight in weights.items()}
            for arm, weights in state["weights"].items()
        }
