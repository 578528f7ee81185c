"""Which arms rest after a failure, and when one of them may be tried again.

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
class Rest:
    """An arm's cooldown: until when (loop seconds), how long it was, why, and whether a probe is out."""

    until: float
    length: float
    reason: str
    probing: bool = False


class Health:
    """Cooldowns of all arms. `version` changes whenever eligibility may have changed."""

    def __init__(self) -> None:
        self._resting: dict[int, Rest] = {}
        self.version = 0

    def failed(self, arm: int, reason: str, now: float, retry_after_s: float | None = None) -> bool:
        """An attempt failed in a way that cools; returns whether a new rest begins."""
        last = self._resting.get(arm)
        burst = last is not None and not last.probing and now < last.until
        if last is not None and burst:
            length = last.length  # one burst of failures is one failure
        else:
            length = BASE_S if last is None else min(LONGEST_S, 2.0 * last.length)
        wait = length if retry_after_s is None else min(LONGEST_RETRY_AFTER_S, max(0.0, retry_after_s))
        self._resting[arm] = Rest(now + wait, length, reason)
        self.version += 1
        return not burst

    def succeeded(self, arm: int) -> bool:
        """An attempt was answered: the arm is well; returns whether it was resting."""
        if self._resting and self._resting.pop(arm, None) is not None:
            self.version += 1
            return True
        return False

    def abandoned(self, arm: int) -> None:
        """A probe ended without a verdict (the client left)."""
        rest = self._resting.get(arm)
        if rest is not None and rest.probing:
            rest.probing = False
            self.version += 1

    def dispatched(self, arm: int, now: float) -> None:
        """A request goes to `arm`: if it was resting, this is its probe."""
        rest = self._resting.get(arm)
        if rest is not None and now >= rest.until:
            rest.probing = True
            self.version += 1

    @property
    def all_well(self) -> bool:
        """True when no arm is resting: nothing to check on the hot path."""
        return not self._resting

    def available(self, arm: int, now: float) -> bool:
        """Says whether `arm` may be drawn."""
        rest = self._resting.get(arm)
        return rest is None or (now >= rest.until and not rest.probing)

    def least_bad(self, arms: list[int]) -> int:
        """Returns the position of the arm whose rest ends first: better than trying nothing."""
        return min(range(len(arms)), key=lambda position: self._until(arms[position]))

    def _until(self, arm: int) -> float:
        rest = self._resting.get(arm)
        return 0.0 if rest is None else rest.until

    def state(self, arm: int, now: float) -> dict[str, object] | None:
        """Describes a rest for the statistics; None for an arm that is well."""
        rest = self._resting.get(arm)
        if rest is None:
            return None
        phase = "open" if now < rest.until else "half_open"
        return {"state": phase, "seconds_left": round(max(0.0, rest.until - now), 1), "reason": rest.reason}
