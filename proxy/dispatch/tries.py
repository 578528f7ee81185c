"""The arms that were asked for one request: whose failure each was, and whether another arm may be asked.

A refusal that is one arm's own is remembered by arm and feature. A body that two arms refuse without naming what they lack is
the client's fault, and goes back at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.errors import ErrorKind, ProviderError
from proxy.routing.refusals import Refusals, features
from proxy.routing.request import ClientRequest

_OPINIONS = 2
"""Arms that may find a body malformed before the client hears of it."""

BACKOFF_S = 0.25
"""Before a lone arm is asked once more: long enough for a connection or a worker that is replaced."""

_LONGEST_BACKOFF_S = 2.0
"""A provider that wants more rest says so to the client."""

_PASSING = frozenset((500, 502, 503, 529))
_LOST = frozenset(("connection_lost", "connect_failed"))
_REFUSALS = frozenset((ErrorKind.INVALID_REQUEST, ErrorKind.CONTEXT_LENGTH, ErrorKind.TOO_LARGE))


@dataclass(slots=True)
class Failed:
    """An attempt that another one followed, as the record holds it."""

    arm: str
    error: ProviderError
    seconds: float

    def row(self) -> dict[str, object]:
        return {
            "arm": self.arm,
            "error": self.error.kind.label,
            "status": self.error.status,
            "message": self.error.message[:500],
            "seconds": round(self.seconds, 4),
        }


class Tries:
    """What became of the arms so far. `most_s` is how long the request may take."""

    __slots__ = ("_began", "_features", "_most_s", "_refusals", "_request", "_retried", "_unclear", "failed")

    def __init__(self, refusals: Refusals, request: ClientRequest, most_s: float, now: float) -> None:
        self.failed: list[Failed] = []
        self._refusals = refusals
        self._request = request
        self._most_s = most_s
        self._began = now
        self._unclear: list[tuple[int, ProviderError]] = []
        self._retried = False
        self._features: frozenset[str] | None = None

    def asked(self, arm: int, now: float) -> None:
        """Records that a request goes to `arm`."""
        if self._refusals.any:
            self._refusals.dispatched(arm, self._asked_for(), self._request.input_tokens, now)

    def answered(self, arm: int, now: float) -> None:
        """Records an answer: a body that one arm takes is sound, so who refused it did so on its own account."""
        for refuser, error in self._unclear:
            self._refusals.proved(refuser, error, self._asked_for(), now)
        if self._refusals.any:
            self._refusals.answered(arm, self._asked_for(), self._request.input_tokens)

    def elsewhere(self, arm: int, error: ProviderError, now: float) -> bool:
        """Records a failure; returns whether another arm may be asked."""
        if not error.kind.another_arm:
            return False
        if error.kind in _REFUSALS:
            request = self._request
            if not self._refusals.refused(arm, error, self._asked_for(), request.input_tokens, now):
                self._unclear.append((arm, error))
        return len(self._unclear) < _OPINIONS and now - self._began < self._most_s

    def without(self, arm: int, error: ProviderError, now: float) -> bool:
        """Returns whether the arm is to be asked again at once, without a field that it refused and that it can do without."""
        return self._refusals.leave_out(arm, error, self._asked_for(), now) is not None

    def backoff_s(self, error: ProviderError, status: int | None, now: float) -> float | None:
        """Returns how long to wait before a lone arm is asked once more; None where it isn't."""
        lost = status is None and error.code in _LOST
        if self._retried or self.failed or not (lost or error.status in _PASSING):
            return None
        wait = max(BACKOFF_S, error.retry_after_s or 0.0)
        if wait > _LONGEST_BACKOFF_S or now + wait - self._began >= self._most_s:
            return None
        self._retried = True
        return wait

    def _asked_for(self) -> frozenset[str]:
        if self._features is None:
            self._features = features(self._request)
        return self._features
