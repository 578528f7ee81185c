"""Targets that hold on average: dual prices that every outcome moves.

A budget B of dollars per request adds a price of money, m · value_usd / B per dollar, with

    m ← m · exp(η (cost / B − 1))

so that the steps telescope: the mean overshoot over T requests is log(m_T / m_0) / (η T), whatever the prices do,
as long as m stays within its range. The step is a factor because the right m is unknown by orders of magnitude: steps
that are added swing by more than the right price and stick at zero, or they take forever.

A quality target replaces value_usd by the worth that `targeting` finds.

References: S. Balseiro, H. Lu and V. Mirrokni (2020), "Dual mirror descent for online allocation problems"
(the product is its entropic case).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bandit.arrays import FloatArray, IntArray
from bandit.calls.call_model import CallModel
from bandit.context.features import kind_of
from bandit.decision.objective import Objective
from bandit.decision.targeting import QualityTarget
from bandit.quality.posteriors import Posteriors

_MONEY_STEP = 0.05
_LEAST_MONEY, _MOST_MONEY = 1e-4, 1e3
"""Range of m; the least counts as 0. Ten points of quality for a mean budget are m = 0.1."""

_FIRST_MONEY = 1e-2
_LONGEST_STEP = 20.0
"""Largest step of log m: more than its range, so that only the range ever cuts a step off."""


class Pacer:
    """The price of money of every budget, by its name, and the quality targets."""

    def __init__(self) -> None:
        self._money: dict[str, float] = {}
        self._targets: dict[str, QualityTarget] = {}

    def money_price(self, budget: str | None, value_usd: float, max_usd: float) -> float:
        """Returns what a dollar costs beyond itself, m · value_usd / max_usd, ≥ 0."""
        money = self._money.get(budget or "", _LEAST_MONEY)
        return 0.0 if money <= _LEAST_MONEY else money * value_usd / max_usd

    def value(self, budget: str | None, value_usd: float) -> float:
        """Returns the dollars that a perfect answer must be worth for the quality target to hold."""
        target = self._targets.get(budget or "")
        return value_usd if target is None else target.worth

    def quality_only(self, budget: str | None) -> float:
        """Returns the share of requests, in (0, 1], to decide by quality alone, where there is a quality target."""
        target = self._targets.get(budget or "")
        return 1.0 if target is None else target.quality_only

    def target(self, budget: str | None, dimension: int, value_usd: float) -> QualityTarget:
        """Returns the quality target of a budget."""
        return self._targets.setdefault(budget or "", QualityTarget(dimension, value_usd))

    def record_cost(self, budget: str | None, cost_usd: float, max_usd: float) -> None:
        """Records the cost of one request of a budget of `max_usd` per request."""
        step = min(_LONGEST_STEP, _MONEY_STEP * (cost_usd / max_usd - 1.0))
        money = self._money.get(budget or "", _FIRST_MONEY) * math.exp(step)
        self._money[budget or ""] = min(_MOST_MONEY, max(_LEAST_MONEY, money))

    def record_answer(
        self,
        budget: str | None,
        objective: Objective,
        arm: int,
        x: FloatArray,
        cost_usd: float,
        candidates: IntArray,
        quality: Posteriors,
        calls: CallModel,
    ) -> None:
        """Records one answer of `arm` to a request whose objective has a quality target.

        `x` (d,) and `candidates` (k,) are those of the decision. Every few answers the worth of a perfect answer is
        computed again, with the posteriors of now.
        """
        if objective.min_quality is None:
            return
        target = self.target(budget, x.shape[0], objective.value_usd)
        tokens, waiting = _tokens_and_waiting(calls, objective, kind_of(x))
        if not target.record(arm, x, cost_usd, quality.means(x), tokens, waiting):
            return
        kinds = [kind_of(context) for context in target.contexts]
        rates = target.rates()
        price = {}
        for kind in set(kinds):
            tokens, waiting = _tokens_and_waiting(calls, objective, kind)
            price[kind] = rates * tokens + waiting
        target.update_worth(
            quality.means(target.contexts),
            np.array([price[kind] for kind in kinds]),
            quality.sds(),
            candidates,
            objective.min_quality,
        )

    def snapshot(self) -> tuple[dict[str, object], dict[str, FloatArray]]:
        """Returns (what JSON can hold, arrays)."""
        meta: list[object] = []
        arrays: dict[str, FloatArray] = {}
        for number, (name, target) in enumerate(self._targets.items()):
            numbers, contexts, charged = target.packed()
            meta.append([name, numbers])
            arrays |= {f"targets.{number}.contexts": contexts, f"targets.{number}.charged": charged}
        return {"money": dict(self._money), "targets": meta}, arrays

    def restore(self, meta: Mapping[str, Any], arrays: Mapping[str, FloatArray]) -> None:
        """Restores a snapshot. Raises KeyError, ValueError or TypeError if it doesn't fit."""
        self._money = {name: float(money) for name, money in meta["money"].items()}
        if not all(map(math.isfinite, self._money.values())):
            raise ValueError("a budget isn't finite")
        for number, (name, numbers) in enumerate(meta["targets"]):
            contexts, charged = arrays[f"targets.{number}.contexts"], arrays[f"targets.{number}.charged"]
            if not (np.isfinite(contexts).all() and np.isfinite(charged).all()):
                raise ValueError(f"quality target {name} isn't finite")
            self._targets[name] = QualityTarget.unpacked(numbers, contexts, charged)


def _tokens_and_waiting(calls: CallModel, objective: Objective, kind: int) -> tuple[FloatArray, FloatArray]:
    """Returns the expected output tokens of all arms, and what waiting for their answers costs, US dollars: (n,) each."""
    tokens, ttft, token_s = calls.expected(kind)
    seconds = ttft + tokens * token_s if objective.whole_answer else ttft
    return tokens, objective.second_usd * seconds
