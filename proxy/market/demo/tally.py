"""Running figures of a demo run: over the latest requests, and since the start."""

from __future__ import annotations

from collections import Counter, deque
from statistics import median

from proxy.market.demo.traffic import Answered

WINDOW = 100
"""Requests that "now" means in the view."""


class Tally:
    """Fed by the answers in the order they come."""

    def __init__(self, value_usd: float) -> None:
        self._value_usd = value_usd
        self._latest: deque[Answered] = deque(maxlen=WINDOW)
        self.requests: Counter[str] = Counter()
        self.answers = 0
        self.errors = 0

    def add(self, answer: Answered) -> None:
        self.answers += 1
        self.errors += answer.error is not None
        self._latest.append(answer)
        if answer.arm is not None:
            self.requests[answer.arm] += 1

    def shares(self) -> dict[str, float]:
        """Returns the arms' shares of the latest requests, largest first."""
        counts = Counter(answer.arm for answer in self._latest if answer.arm is not None)
        return {arm: count / len(self._latest) for arm, count in counts.most_common()}

    @property
    def quality(self) -> float:
        """Fraction of right answers among the latest."""
        return sum(answer.right for answer in self._latest) / max(1, len(self._latest))

    @property
    def usd_per_1000(self) -> float:
        return 1000.0 * sum(answer.cost_usd for answer in self._latest) / max(1, len(self._latest))

    @property
    def utility_per_1000(self) -> float:
        return 1000.0 * self._value_usd * self.quality - self.usd_per_1000

    @property
    def seconds(self) -> float:
        """Median duration of the latest requests."""
        return median(answer.seconds for answer in self._latest) if self._latest else 0.0
