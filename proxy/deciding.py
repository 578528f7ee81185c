"""Requests that arrive in the same turn of the event loop are decided together.

numpy's cost is per call, not per number: eight decisions at once cost little more than two.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from bandit import Decision, Round
from proxy.arms import CandidateSet
from proxy.learner import Learner


@dataclass(slots=True)
class _Waiting:
    round: Round
    candidates: CandidateSet
    decided: asyncio.Future[Decision]


class Decider:
    """Collects rounds until the loop's next turn."""

    def __init__(self, learner: Learner, loop: asyncio.AbstractEventLoop) -> None:
        self._learner = learner
        self._loop = loop
        self._waiting: list[_Waiting] = []

    def decide(self, one: Round, candidates: CandidateSet) -> asyncio.Future[Decision]:
        """Returns the decision to be."""
        decided: asyncio.Future[Decision] = self._loop.create_future()
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(_Waiting(one, candidates, decided))
        return decided

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        groups: dict[int, list[_Waiting]] = {}
        for item in waiting:
            groups.setdefault(id(item.candidates), []).append(item)
        now = time.time()
        for group in groups.values():
            candidates = group[0].candidates.indices
            try:
                decisions = self._learner.bandit.decide_many(
                    [item.round for item in group], candidates, now=now
                )
            except Exception as error:  # noqa: BLE001  every request must hear of it
                for item in group:
                    if not item.decided.done():
                        item.decided.set_exception(error)
                continue
            for item, decision in zip(group, decisions, strict=True):
                if not item.decided.done():
                    item.decided.set_result(decision)
