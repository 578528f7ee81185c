"""Targets that hold on average: dual prices that every outcome moves.

A budget B of dollars per request adds a price of money, m · value_usd / B per dollar, with

    m ← max(0, m + η (cost / B − 1))

so the steps telescope: the mean overshoot over T requests is (m_T − m_0) / (η T), whatever the prices do. A
quality target replaces value_usd by value_usd · exp(v), with

    v ← v + η (target − quality),

both qualities as the posterior expects them for this request.

References: S. Balseiro, H. Lu and V. Mirrokni (2020), "Dual mirror descent for online allocation problems";
S. Agrawal and N. Devanur (2014), "Bandits with concave rewards and convex knapsacks".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from bandit.arrays import FloatArray

_MONEY_STEP = 0.02
_QUALITY_STEP = 0.5
_QUALITY_RANGE = 12.0
"""Largest |v|: a factor of 160,000 either way."""

_LEVEL_RATE = 0.005
"""Weight of a request in the running means that tell which arm is the best one."""


@dataclass(slots=True)
class Dual:
    """One budget's prices, and the running mean quality of each arm on its requests (by arm index)."""

    money: float
    quality: float
    levels: list[float]
    seen: int


class Pacer:
    """The duals of all budgets, by name."""

    def __init__(self) -> None:
        self._duals: dict[str, Dual] = {}

    def money_price(self, budget: str | None, value_usd: float, max_usd: float) -> float:
        """Returns what a dollar costs beyond itself."""
        dual = self._duals.get(budget or "")
        return 0.0 if dual is None else dual.money * value_usd / max_usd

    def value(self, budget: str | None, value_usd: float) -> float:
        """Returns the dollars that a perfect answer must be worth for the quality target to hold."""
        dual = self._duals.get(budget or "")
        return value_usd if dual is None else value_usd * math.exp(dual.quality)

    def spent(self, budget: str | None, cost_usd: float, max_usd: float) -> None:
        """Takes the cost of one request."""
        dual = self._dual(budget)
        dual.money = max(0.0, dual.money + _MONEY_STEP * (cost_usd / max_usd - 1.0))

    def answered(
        self, budget: str | None, arm: int, quality: FloatArray, candidates: list[int], fraction: float
    ) -> None:
        """Takes the expected quality of all arms (n,) for one request that `arm` answered."""
        dual = self._dual(budget)
        values = quality.tolist()
        dual.levels.extend(values[len(dual.levels) :])
        dual.seen += 1
        rate = max(_LEVEL_RATE, 1.0 / dual.seen)
        levels = dual.levels
        for candidate in candidates:
            levels[candidate] += rate * (values[candidate] - levels[candidate])
        best = max(candidates, key=levels.__getitem__)
        moved = dual.quality + _QUALITY_STEP * (fraction * values[best] - values[arm])
        dual.quality = min(_QUALITY_RANGE, max(-_QUALITY_RANGE, moved))

    def _dual(self, budget: str | None) -> Dual:
        return self._duals.setdefault(budget or "", Dual(0.0, 0.0, [], 0))

    def snapshot(self) -> dict[str, object]:
        """Returns the state as JSON can hold it."""
        return {name: asdict(dual) for name, dual in self._duals.items()}

    def restore(self, state: Mapping[str, Mapping[str, object]]) -> None:
        """Takes what `snapshot` gave. Raises ValueError or TypeError if it doesn't fit."""
        for name, fields in state.items():
            dual = Dual(**fields)  # type: ignore[arg-type]
            if not all(map(math.isfinite, (dual.money, dual.quality, dual.seen, *dual.levels))):
                raise ValueError(f"budget {name} isn't finite")
            self._duals[name] = Dual(dual.money, dual.quality, list(dual.levels), dual.seen)
