"""Targets that hold on average: dual prices that every outcome moves.

A budget B of dollars per request adds a price of money, m · value_usd / B per dollar, with

    m ← m · exp(η (cost / B − 1))

so the steps telescope: the mean overshoot over T requests is log(m_T / m_0) / (η T), whatever the prices do,
as long as m stays within its range. The right m is unknown by orders of magnitude, hence the product: steps
that are added either swing by more than the right price, and stick at zero, or take forever.

A quality target replaces value_usd by value_usd · exp(v), with

    v ← v + η (target · quality of the best arm − quality of the drawn one),

both as the posterior expects them for this request. Which arm is best is a running mean over requests, and
the quality of another arm that may turn out better by one and a half standard deviations counts instead: else
an arm that was unlucky in its first answers would never be tried again, and the target be held against too
low a mark.

References: S. Balseiro, H. Lu and V. Mirrokni (2020), "Dual mirror descent for online allocation problems"
(the product is its entropic case); S. Agrawal and N. Devanur (2014), "Bandits with concave rewards and convex
knapsacks".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from bandit.arrays import FloatArray

_MONEY_STEP = 0.05
_LEAST_MONEY, _MOST_MONEY = 1e-4, 1e3
"""Range of m; the least counts as nothing. Ten points of quality for a mean budget are m = 0.1."""

_FIRST_MONEY = 1e-2
_LONGEST_STEP = 20.0
"""Of log m: more than its range, so that only the range ever cuts a step off."""

_QUALITY_STEP = 1.0
_QUALITY_RANGE = 12.0
"""Largest |v|: a factor of 160,000 either way."""

_LEVEL_RATE = 0.005
"""Weight of a request in the running means that tell which arm is the best one."""

_HOPE = 1.5
"""Standard deviations by which an arm may be better than it seems."""


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
        if dual is None or dual.money <= _LEAST_MONEY:
            return 0.0
        return dual.money * value_usd / max_usd

    def value(self, budget: str | None, value_usd: float) -> float:
        """Returns the dollars that a perfect answer must be worth for the quality target to hold."""
        dual = self._duals.get(budget or "")
        return value_usd if dual is None else value_usd * math.exp(dual.quality)

    def spent(self, budget: str | None, cost_usd: float, max_usd: float) -> None:
        """Takes the cost of one request."""
        dual = self._dual(budget)
        step = min(_LONGEST_STEP, _MONEY_STEP * (cost_usd / max_usd - 1.0))
        dual.money = min(_MOST_MONEY, max(_LEAST_MONEY, dual.money * math.exp(step)))

    def answered(
        self,
        budget: str | None,
        arm: int,
        quality: FloatArray,
        sd: FloatArray,
        candidates: list[int],
        fraction: float,
    ) -> None:
        """Takes the expected quality of all arms (n,) for one request that `arm` answered, and the standard
        deviation of what is known of their means over requests (n,).
        """
        dual = self._dual(budget)
        values, unsure = quality.tolist(), sd.tolist()
        levels = dual.levels
        levels.extend(values[len(levels) :])
        dual.seen += 1
        rate = max(_LEVEL_RATE, 1.0 / dual.seen)
        for candidate in candidates:
            levels[candidate] += rate * (values[candidate] - levels[candidate])
        best = max(candidates, key=levels.__getitem__)
        hoped = max(levels[c] + (_HOPE * unsure[c] if c != best else 0.0) for c in candidates)
        missing = fraction * (values[best] + hoped - levels[best]) - values[arm]
        if missing > 0.0 and values[arm] >= max(values[c] for c in candidates):
            return  # more weight on quality could not have chosen better
        moved = dual.quality + _QUALITY_STEP * missing
        dual.quality = min(_QUALITY_RANGE, max(-_QUALITY_RANGE, moved))

    def _dual(self, budget: str | None) -> Dual:
        return self._duals.setdefault(budget or "", Dual(_FIRST_MONEY, 0.0, [], 0))

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
