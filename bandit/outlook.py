"""What a call of each arm is like, apart from its quality: output tokens, latency, errors, for a decision.

A view of some candidates is kept until the next outcome: outcomes come in batches, with many decisions between.
`prepare` makes the views anew right after a batch, when nobody waits for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bandit.arrays import FloatArray, IntArray
from bandit.outcomes import ErrorRates, LogMeans

_MOST_VIEWS = 32
"""Candidate sets whose views are kept."""

_FRESH_S = 1.0
"""Seconds that a view holds: error rates fall with time alone."""


@dataclass(slots=True)
class View:
    """What is expected of some candidates at one time; arrays (k,), `tokens` by kind of work.

    `rows` is what picks the candidates out of an array of all arms; None where they are all arms.
    """

    candidates: IntArray
    rows: IntArray | None
    at: float
    ttft: FloatArray
    token_s: FloatArray
    error: FloatArray
    tokens: dict[int, FloatArray] = field(default_factory=dict)
    used: bool = True
    current: bool = True


class Outlooks:
    """The posteriors that every call feeds."""

    def __init__(
        self, *, kinds: int, token_half_life_s: float, latency_half_life_s: float, error_half_life_s: float
    ) -> None:
        self._tokens = LogMeans(cells=kinds, typical=250.0, half_life_s=token_half_life_s)
        self._ttft = LogMeans(cells=1, typical=0.6, half_life_s=latency_half_life_s)
        self._token_s = LogMeans(cells=1, typical=0.015, half_life_s=latency_half_life_s)
        self._errors = ErrorRates(half_life_s=error_half_life_s)
        self._arms = 0
        self._views: dict[int, View] = {}

    def add_arm(self, provider: str = "") -> None:
        """Adds an arm that knows nothing yet."""
        self._tokens.add_arm()
        for part in (self._ttft, self._token_s, self._errors):
            part.add_arm(provider)
        self._arms += 1
        self._views.clear()

    def view(self, candidates: IntArray, now: float) -> View:
        """Returns what is expected of the candidates whatever is asked of them."""
        known = self._views.get(id(candidates))
        if (
            known is not None
            and known.current
            and known.candidates is candidates
            and 0.0 <= now - known.at < _FRESH_S
        ):
            known.used = True
            return known
        everyone = np.array_equal(candidates, np.arange(self._arms))
        return self._see(candidates, None if everyone else candidates, now)

    def tokens(self, view: View, kind: int) -> FloatArray:
        """Returns the expected output tokens for one kind of work, shape (k,)."""
        found = view.tokens.get(kind)
        if found is None:
            found = view.tokens[kind] = _picked(self._tokens.predict(kind)[0], view.rows)
        return found

    def typical(self, kind: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Returns expected output tokens, TTFT and seconds per token of all arms for one kind of work: (n,) each."""
        return self._tokens.predict(kind)[0], self._ttft.predict(0)[0], self._token_s.predict(0)[0]

    def prepare(self, now: float) -> None:
        """Makes the views anew that were used since the last time; they are what will be asked for next."""
        old = list(self._views.values())
        self._views.clear()
        for view in old:
            if view.used:
                fresh = self._see(view.candidates, view.rows, now)
                fresh.used = False
                for kind in view.tokens:
                    self.tokens(fresh, kind)

    def observe(
        self,
        arm: int,
        kind: int,
        *,
        output_tokens: int | None,
        ttft_s: float | None,
        token_s: float | None,
        now: float,
    ) -> None:
        """Takes what an answer was like; None where it said nothing (no usage, no content)."""
        if output_tokens:
            self._tokens.observe(arm, kind, output_tokens, now)
        if ttft_s is not None:
            self._ttft.observe(arm, 0, ttft_s, now)
        if token_s is not None:
            self._token_s.observe(arm, 0, token_s, now)
        self._outdate()

    def ended(self, arm: int, *, error: bool, now: float) -> None:
        """Takes whether a call failed."""
        self._errors.observe(arm, error=error, now=now)
        self._outdate()

    def _outdate(self) -> None:
        for view in self._views.values():
            view.current = False

    def _see(self, candidates: IntArray, rows: IntArray | None, now: float) -> View:
        view = View(
            candidates=candidates,
            rows=rows,
            at=now,
            ttft=_picked(self._ttft.predict(0)[0], rows),
            token_s=_picked(self._token_s.predict(0)[0], rows),
            error=_picked(self._errors.predict(now), rows),
        )
        if len(self._views) >= _MOST_VIEWS:
            self._views.clear()
        self._views[id(candidates)] = view
        return view

    def snapshot(self) -> dict[str, FloatArray]:
        """Returns copies of the state."""
        return {
            **self._tokens.snapshot("tokens"),
            **self._ttft.snapshot("ttft"),
            **self._token_s.snapshot("token_s"),
            **self._errors.snapshot("errors"),
        }

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Takes what `snapshot` gave. Raises KeyError or ValueError if it doesn't fit."""
        self._tokens.restore("tokens", arrays)
        self._ttft.restore("ttft", arrays)
        self._token_s.restore("token_s", arrays)
        self._errors.restore("errors", arrays)
        self._views.clear()


def _picked(array: FloatArray, rows: IntArray | None) -> FloatArray:
    return array if rows is None else array[rows]
