"""The demo's result: the learnt policy against simpler ones on the same questions in the same market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from proxy.market.catalogue import Catalogue
from proxy.market.conditions import cost_usd, is_right
from proxy.market.demo.story import Story
from proxy.market.demo.traffic import Answered

_RESAMPLES = 2000
_INTERVAL = (2.5, 97.5)

_Array = np.ndarray[Any, np.dtype[np.float64]]

LEARNT, RANDOM, BEST_FIXED, DEAREST, PHASE_BEST = (
    "Meritorder",
    "random arm",
    "best fixed arm",
    "dearest arm",
    "best arm per phase",
)


@dataclass(frozen=True, slots=True)
class Score:
    """One policy on one stretch of requests, with 95 % bootstrap intervals.

    quality            fraction of right answers
    usd_per_1000       cost of 1,000 requests, US dollars
    utility            mean of value · quality − cost, US dollars per 1,000 requests
    behind             utility of the learnt policy minus this one's, paired, same unit
    """

    policy: str
    quality: float
    usd_per_1000: float
    utility: float
    utility_interval: tuple[float, float]
    behind: float
    behind_interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """Quality and cost of one policy, each of shape (n,)."""

    quality: _Array
    cost: _Array

    def utility(self, value_usd: float) -> _Array:
        return value_usd * self.quality - self.cost


class Replay:
    """What every policy would have got for the questions of one run (n requests, k recorded arms)."""

    def __init__(
        self, catalogue: Catalogue, story: Story, answers: Sequence[Answered], value_usd: float
    ) -> None:
        count, arms = len(answers), [model.arm for model in catalogue.models]
        self.arms = arms
        self._story = story
        self._value_usd = value_usd
        self._index = np.array([answer.index for answer in answers])
        self._right = np.zeros((count, len(arms)))
        self._cost = np.zeros((count, len(arms)))
        self._up = np.zeros((count, len(arms)), dtype=bool)
        states = {start: story.conditions_at(start) for start in story.phases}
        for row, answer in enumerate(answers):
            state = states[max(start for start in states if start <= answer.index)]
            for position, model in enumerate(catalogue.models):
                conditions = state.get(model.arm)
                if conditions is not None and conditions.up:
                    self._up[row, position] = True
                    self._right[row, position] = is_right(answer.question, position, conditions)
                    self._cost[row, position] = cost_usd(model, answer.question, position, conditions)
        self._learnt = _Outcomes(
            np.array([float(answer.right) for answer in answers]),
            np.array([answer.cost_usd for answer in answers]),
        )

    def scores(self, since: int, seed: int) -> tuple[list[Score], dict[str, str]]:
        """Scores every policy on the requests from number `since` on, and names the arms of fixed ones.

        A fixed arm that is down gives no answer: quality 0, cost 0. Best and dearest are chosen with
        hindsight over all n requests among the arms that were on offer from the start.
        """
        best, dearest = self._best_fixed(), self._dearest()
        every = {
            LEARNT: self._learnt,
            BEST_FIXED: self._fixed(best),
            DEAREST: self._fixed(dearest),
            RANDOM: self._random(),
            PHASE_BEST: self._best_of_each_phase(),
        }
        here = self._index >= since
        utilities = np.stack([outcomes.utility(self._value_usd)[here] for outcomes in every.values()])
        count = utilities.shape[1]
        rng = np.random.default_rng(seed)
        weights = rng.multinomial(count, np.full(count, 1.0 / count), size=_RESAMPLES) / count
        resampled = 1000.0 * (weights @ utilities.T)
        scores = []
        for position, (policy, outcomes) in enumerate(every.items()):
            own, ahead = resampled[:, position], resampled[:, 0] - resampled[:, position]
            scores.append(
                Score(
                    policy=policy,
                    quality=float(outcomes.quality[here].mean()),
                    usd_per_1000=1000.0 * float(outcomes.cost[here].mean()),
                    utility=1000.0 * float(utilities[position].mean()),
                    utility_interval=_interval(own),
                    behind=1000.0 * float(utilities[0].mean() - utilities[position].mean()),
                    behind_interval=_interval(ahead),
                )
            )
        return scores, {BEST_FIXED: self.arms[best], DEAREST: self.arms[dearest]}

    def _fixed(self, position: int) -> _Outcomes:
        return _Outcomes(self._right[:, position], self._cost[:, position])

    def _from_the_start(self) -> list[int]:
        return [position for position, arm in enumerate(self.arms) if arm in self._story.arms]

    def _best_fixed(self) -> int:
        return max(
            self._from_the_start(),
            key=lambda position: float(self._fixed(position).utility(self._value_usd).mean()),
        )

    def _dearest(self) -> int:
        return max(self._from_the_start(), key=lambda position: float(self._cost[:, position].mean()))

    def _random(self) -> _Outcomes:
        """The expectation of a uniform draw among the arms that are up."""
        share = self._up / self._up.sum(axis=1, keepdims=True)
        return _Outcomes((share * self._right).sum(axis=1), (share * self._cost).sum(axis=1))

    def _best_of_each_phase(self) -> _Outcomes:
        """A bound without context: always the arm that is best until the next change."""
        quality, cost = np.zeros(len(self._index)), np.zeros(len(self._index))
        utility = self._value_usd * self._right - self._cost
        phase = np.searchsorted(np.array(self._story.phases), self._index, side="right")
        for number in np.unique(phase):
            rows = phase == number
            mean = np.where(self._up[rows].all(axis=0), utility[rows].mean(axis=0), -np.inf)
            best = int(mean.argmax())
            quality[rows], cost[rows] = self._right[rows, best], self._cost[rows, best]
        return _Outcomes(quality, cost)


def _interval(resampled: _Array) -> tuple[float, float]:
    low, high = np.percentile(resampled, _INTERVAL)
    return float(low), float(high)
