"""Which arms cool down after a failure, and when one of them may be tried again.

closed → (a failure that cools) → open for a while → half-open: one request at a time is let through; its
success closes, its failure opens again for twice as long.
"""

from __future__ import annotations

from dataclasses import dataclass

BASE_S = 2.0
"""First cooldown. Short, because the error posterior already moves traffic away; doubled at each relapse."""

LONGEST_S = 120.0
"""Longest cooldown of our own making; a provider's Retry-After may ask for up to `LONGEST_RETRY_AFTER_S`."""

LONGEST_RETRY_AFTER_S = 3600.0


@dataclass(slots=True)
class Cooldown:
    """An arm's cooldown: until when (loop seconds), how long it was, why, and whether a probe is out."""

    until: float
    length: float
    reason: str
    probing: bool = False


class Cooldowns:
    """The cooldowns of all arms. `version` changes whenever eligibility may have changed."""

    def __init__(self) -> None:
        self._cooling: dict[int, Cooldown] = {}
        self.version = 0

    def failed(self, arm: int, reason: str, now: float, retry_after_s: float | None = None) -> bool:
        """Records a failure that cools; returns whether a new cooldown begins."""
        last = self._cooling.get(arm)
        burst = last is not None and not last.probing and now < last.until
        if last is not None and burst:
            length = last.length  # one burst of failures is one failure
        else:
            length = BASE_S if last is None else min(LONGEST_S, 2.0 * last.length)
        wait = length if retry_after_s is None else min(LONGEST_RETRY_AFTER_S, max(0.0, retry_after_s))
        self._cooling[arm] = Cooldown(now + wait, length, reason)
        self.version += 1
        return not burst

    def succeeded(self, arm: int) -> bool:
        """Records an answer, which ends a cooldown; returns whether there was one."""
        if self._cooling and self._cooling.pop(arm, None) is not None:
            self.version += 1
            return True
        return False

    def abandoned(self, arm: int) -> None:
        """Records that a call ended without a verdict (the client left): if it was a probe, there may be another."""
        cooldown = self._cooling.get(arm)
        if cooldown is not None and cooldown.probing:
            cooldown.probing = False
            self.version += 1

    def dispatched(self, arm: int, now: float) -> None:
        """Records that a request goes to `arm`: where a cooldown is over, as its probe."""
        cooldown = self._cooling.get(arm)
        if cooldown is not None and now >= cooldown.until:
            cooldown.probing = True
            self.version += 1

    @property
    def all_well(self) -> bool:
        """True when no arm cools down: nothing to check on the hot path."""
        return not self._cooling

    def available(self, arm: int, now: float) -> bool:
        """Returns whether `arm` may be drawn."""
        cooldown = self._cooling.get(arm)
        return cooldown is None or (now >= cooldown.until and not cooldown.probing)

    def ends_first(self, arms: list[int]) -> int:
        """Returns the position of the arm whose cooldown ends first: better than trying nothing."""
        return min(range(len(arms)), key=lambda position: self._until(arms[position]))

    def _until(self, arm: int) -> float:
        cooldown = self._cooling.get(arm)
        return 0.0 if cooldown is None else cooldown.until

    def state(self, arm: int, now: float) -> dict[str, object] | None:
        """Returns a cooldown as the statistics show it; None for an arm that is well."""
        cooldown = self._cooling.get(arm)
        if cooldown is None:
            return None
        phase = "open" if now < cooldown.until else "half_open"
        return {
            "state": phase,
            "seconds_left": round(max(0.0, cooldown.until - now), 1),
            "reason": cooldown.reason,
        }
