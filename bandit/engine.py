"""The bandit: posteriors in, probability vector out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from bandit.arrays import FloatArray, IntArray, with_row
from bandit.bias import FeedbackBias
from bandit.features import (
    DIMENSION,
    KINDS,
    Context,
    RequestFacts,
    column_groups,
    context_vector,
    kind_of,
)
from bandit.objective import Objective, Quote
from bandit.outcomes import ErrorRates, LogMeans
from bandit.pacing import Pacer
from bandit.priors import ArmPrior
from bandit.quality import QualityModel, QualitySettings
from bandit.tasks import TASK_COLUMNS, TaskRegistry, recognise_task
from bandit.thompson import best_probabilities, best_probabilities_many, bounded, draw, with_floor
from bandit.topics import TOPICS

_Z95 = 1.959964
_ONE_ARM = np.ones(1)

_MOST_KNOWN = 256
"""Candidate sets times kinds of work whose expectations are kept."""

VERSION = 1
"""Of snapshots. One more whenever state or its meaning changes; another version's snapshot is refused."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Constants of the learner.

    floor               least probability of an eligible arm
    floor_total         least probability of all arms together that is spent on floors, at most
    broad, narrow       factors on the posterior standard deviation of quality when sampling, for what
                        concerns all traffic and for the rest; 1 is Thompson's. `broadening` is added to
                        `broad` per factor of ten in observations: a constant small factor locks in on a
                        second-best arm in one run of eight, a constant large one explores too much at first
    token_half_life_s   of output lengths
    latency_half_life_s of TTFT and time per token
    error_half_life_s   of the error rate
    """

    quality: QualitySettings = field(default_factory=QualitySettings)
    floor: float = 0.001
    floor_total: float = 0.003
    broad: float = 0.2
    broadening: float = 0.15
    narrow: float = 0.1
    token_half_life_s: float = 7 * 86400.0
    latency_half_life_s: float = 3600.0
    error_half_life_s: float = 600.0


@dataclass(slots=True)
class Round:
    """One request to decide on: the arguments of `Bandit.decide` that differ from request to request."""

    x: FloatArray
    quote: Quote
    objective: Objective
    max_tokens: int | None
    uniform: float
    budget: str | None = None


@dataclass(slots=True)
class Decision:
    """One draw. Arrays have shape (k,), one entry per candidate; money in US dollars, time in seconds."""

    candidates: IntArray
    probabilities: FloatArray
    chosen: int
    quality: FloatArray
    quality_sd: FloatArray
    output_tokens: FloatArray
    cost_usd: FloatArray
    seconds: FloatArray
    error: FloatArray
    utility: FloatArray

    @property
    def arm(self) -> int:
        """The drawn arm's index."""
        return int(self.candidates[self.chosen])

    @property
    def propensity(self) -> float:
        """The probability that the drawn arm was drawn with, in (0, 1]."""
        return float(self.probabilities[self.chosen])


@dataclass(frozen=True, slots=True)
class Estimate:
    """Posterior mean and 95 % interval, clipped to [0, 1], and the decayed observations behind it."""

    mean: float
    low: float
    high: float
    effective_samples: float


class Bandit:
    """Contextual Thompson sampling over arms whose quality, tokens, latency and errors are learnt apart.

    The objective joins them only at the decision, so a price change or another caller's objective acts on
    the very next request without anything to unlearn.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.arms: list[str] = []
        self._index: dict[str, int] = {}
        self._priors: list[ArmPrior] = []
        self._tasks = TaskRegistry()
        self._quality = QualityModel(column_groups(), self.settings.quality)
        self._tokens = LogMeans(cells=KINDS, typical=250.0, half_life_s=self.settings.token_half_life_s)
        self._ttft = LogMeans(cells=1, typical=0.6, half_life_s=self.settings.latency_half_life_s)
        self._token_s = LogMeans(cells=1, typical=0.015, half_life_s=self.settings.latency_half_life_s)
        self._errors = ErrorRates(half_life_s=self.settings.error_half_life_s)
        self._bias = FeedbackBias(KINDS)
        self._pacer = Pacer()
        # Sum of contexts and number of them, by arm and task: what "on average" means in a report.
        self._contexts = np.zeros((0, KINDS, DIMENSION + 1))
        self._known: dict[
            tuple[int, int], tuple[IntArray, float, tuple[FloatArray, FloatArray, FloatArray, FloatArray]]
        ] = {}

    def index(self, arm: str) -> int:
        """Returns the index of `arm`. Raises KeyError for an arm never added."""
        return self._index[arm]

    def add_arm(self, name: str, prior: ArmPrior | None = None) -> int:
        """Returns the index of arm `name`, adding it at its first mention."""
        known = self._index.get(name)
        if known is not None:
            return known
        prior = prior or ArmPrior()
        self._index[name] = len(self.arms)
        self.arms.append(name)
        self._priors.append(prior)
        self._quality.add_arm(name, prior)
        for part in (self._tokens, self._ttft, self._token_s, self._errors, self._bias):
            part.add_arm()
        self._contexts = with_row(self._contexts, 0.0)
        self._known.clear()
        return self._index[name]

    def context(self, facts: RequestFacts) -> Context:
        """Returns the context of a request. Reads only; a task never met has no column until it is observed."""
        task = recognise_task(facts)
        x = context_vector(facts, self._tasks.find(task) if task else None)
        if not task:
            kind = kind_of(x) - TASK_COLUMNS
            task = f"topic:{TOPICS[kind]}" if kind < len(TOPICS) else facts.route
        return Context(x, task)

    def tasks(self) -> list[str]:
        """Returns the tasks that have a column of their own, in the order they were met."""
        return self._tasks.names()

    def decide(
        self,
        x: FloatArray,
        candidates: IntArray,
        quote: Quote,
        objective: Objective,
        *,
        max_tokens: int | None,
        now: float,
        uniform: float,
        budget: str | None = None,
    ) -> Decision:
        """Computes the whole probability vector over `candidates` (k ≥ 1 arm indices) and draws from it.

        `x` has shape (DIMENSION,), `uniform` is a random number in [0, 1), `now` epoch seconds. `budget`
        names whose spending the objective's targets are held for (a route, a key). Reads only.
        """
        mean, sd = self._quality.predict(x)
        mean = mean.take(candidates)
        tokens, ttft, token_s, error = self._expected(candidates, kind_of(x), now)
        quality = np.minimum(np.maximum(mean, 0.0), 1.0)
        if max_tokens is not None:
            tokens = np.minimum(tokens, max_tokens)
        cost = quote.fixed_usd + quote.output_usd * tokens
        seconds = ttft
        if objective.whole_answer:
            seconds = ttft + tokens * token_s
        value_usd = objective.value_usd
        if objective.min_quality is not None:
            value_usd = self._pacer.value(budget, value_usd)
        worth = value_usd * (1.0 - error)
        utility = worth * quality - cost - objective.second_usd * seconds
        if candidates.shape[0] == 1:
            probabilities = _ONE_ARM
        else:
            curiosity = self._quality.curiosity(
                sd, self.settings.broad, self.settings.broadening, self.settings.narrow
            )
            # Around the unclipped mean where it is below 1: clipping at 0 would hide how far apart arms are.
            expected, curious = bounded(mean, curiosity.take(candidates))
            centre = utility + worth * (expected - quality)
            if objective.max_usd_per_request is not None:
                centre -= cost * self._pacer.money_price(budget, value_usd, objective.max_usd_per_request)
            probabilities = best_probabilities(centre, worth * curious + 1e-12)
            probabilities = with_floor(probabilities, self.settings.floor, self.settings.floor_total)
        return Decision(
            candidates=candidates,
            probabilities=probabilities,
            chosen=draw(probabilities, uniform),
            quality=quality,
            quality_sd=sd.take(candidates),
            output_tokens=tokens,
            cost_usd=cost,
            seconds=seconds,
            error=error,
            utility=utility,
        )

    def decide_many(self, rounds: Sequence[Round], candidates: IntArray, *, now: float) -> list[Decision]:
        """Returns `decide` of each round, all over the same `candidates`, at a fraction of the cost of one by one.

        Equal to `decide` up to rounding. Rounds with targets to hold, or one candidate, are decided one by one.
        """
        plain = [n for n, r in enumerate(rounds) if not r.objective.has_targets]
        if len(plain) < 2 or candidates.shape[0] < 2:
            return [self._decide_one(r, candidates, now) for r in rounds]
        decided = {
            n: self._decide_one(r, candidates, now) for n, r in enumerate(rounds) if r.objective.has_targets
        }
        chosen = [rounds[n] for n in plain]
        mean, sd = self._quality.predict_many(np.array([r.x for r in chosen]))
        curiosity = self._quality.curiosity(
            sd, self.settings.broad, self.settings.broadening, self.settings.narrow
        ).take(candidates, axis=1)
        mean, sd = mean.take(candidates, axis=1), sd.take(candidates, axis=1)
        known = [self._expected(candidates, kind_of(r.x), now) for r in chosen]
        tokens, ttft, token_s, error = (np.array(part) for part in zip(*known, strict=True))
        most = [math.inf if r.max_tokens is None else float(r.max_tokens) for r in chosen]
        tokens = np.minimum(tokens, np.array(most)[:, None])
        cost = (
            np.array([r.quote.fixed_usd for r in chosen])
            + np.array([r.quote.output_usd for r in chosen]) * tokens
        )
        whole = np.array([float(r.objective.whole_answer) for r in chosen])[:, None]
        seconds = ttft + whole * tokens * token_s
        worth = np.array([r.objective.value_usd for r in chosen])[:, None] * (1.0 - error)
        quality = np.minimum(np.maximum(mean, 0.0), 1.0)
        utility = (
            worth * quality - cost - np.array([r.objective.second_usd for r in chosen])[:, None] * seconds
        )
        expected, curious = bounded(mean, curiosity)
        probabilities = best_probabilities_many(
            utility + worth * (expected - quality), worth * curious + 1e-12
        )
        probabilities = with_floor(probabilities, self.settings.floor, self.settings.floor_total)
        for row, n in enumerate(plain):
            decided[n] = Decision(
                candidates=candidates,
                probabilities=probabilities[row],
                chosen=draw(probabilities[row], rounds[n].uniform),
                quality=quality[row],
                quality_sd=sd[row],
                output_tokens=tokens[row],
                cost_usd=cost[row],
                seconds=seconds[row],
                error=error[row],
                utility=utility[row],
            )
        return [decided[n] for n in range(len(rounds))]

    def _decide_one(self, one: Round, candidates: IntArray, now: float) -> Decision:
        return self.decide(
            one.x,
            candidates,
            one.quote,
            one.objective,
            max_tokens=one.max_tokens,
            now=now,
            uniform=one.uniform,
            budget=one.budget,
        )

    def _expected(
        self, candidates: IntArray, kind: int, now: float
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Returns expected output tokens, TTFT, seconds per token and error probability, each of shape (k,).

        Kept until the next outcome, at most a second: outcomes come in batches, with many decisions between.
        """
        key = (id(candidates), kind)
        known = self._known.get(key)
        if known is not None and known[0] is candidates and 0.0 <= now - known[1] < 1.0:
            return known[2]
        result = (
            self._tokens.predict(kind)[0].take(candidates),
            self._ttft.predict(0)[0].take(candidates),
            self._token_s.predict(0)[0].take(candidates),
            self._errors.predict(now).take(candidates),
        )
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[key] = (candidates, now, result)
        return result

    def observe_outcome(
        self,
        arm: int,
        x: FloatArray,
        *,
        task: str,
        output_tokens: int | None,
        ttft_s: float | None,
        token_s: float | None,
        error: bool,
        now: float,
        cost_usd: float | None = None,
        budget: str | None = None,
        objective: Objective | None = None,
        candidates: IntArray | None = None,
    ) -> None:
        """Takes the end of one call; None where it said nothing (no usage, no content).

        `x` and `task` are those of `context`; `budget`, `objective` and `candidates` those of
        the decision, needed where the objective has targets to hold on average.
        """
        if task and not task.startswith("topic:") and task != "auto":
            self._tasks.slot(task)
        self._known.clear()
        self._errors.observe(arm, error=error, now=now)
        if objective is not None and cost_usd is not None and objective.max_usd_per_request is not None:
            self._pacer.spent(budget, cost_usd, objective.max_usd_per_request)
        if error:
            return
        if objective is not None and objective.min_quality is not None:
            mean, _ = self._quality.predict(x)
            eligible = list(range(len(self.arms))) if candidates is None else candidates.tolist()
            self._pacer.answered(budget, arm, mean, eligible, objective.min_quality)
        slot = kind_of(x)
        self._bias.answered(arm, slot)
        cell = self._contexts[arm, slot]
        cell[:-1] += x
        cell[-1] += 1.0
        if output_tokens:
            self._tokens.observe(arm, slot, output_tokens, now)
        if ttft_s is not None:
            self._ttft.observe(arm, 0, ttft_s, now)
        if token_s is not None:
            self._token_s.observe(arm, 0, token_s, now)

    def observe_failure(self, arm: int, *, now: float) -> None:
        """Takes a failed attempt that another arm made good."""
        self._known.clear()
        self._errors.observe(arm, error=True, now=now)

    def observe_quality(
        self, arm: int, x: FloatArray, value: float, *, at: float, weight: float = 1.0, labelled: bool = False
    ) -> bool:
        """Takes one feedback in [0, 1] for an answer of `arm` to context `x`; returns whether a change was detected.

        `labelled` marks an example from a file that warms the bandit up: prior knowledge, which counts less
        than traffic and is dropped when traffic contradicts it. `at` is when it was taken in (epoch seconds); calls must come in the order of `at`.
        """
        if not labelled:
            self._bias.judged(arm, kind_of(x), value)
        return self._quality.observe(arm, x, value, at=at, weight=weight, labelled=labelled)

    def retract_quality(
        self, arm: int, x: FloatArray, value: float, *, at: float, weight: float = 1.0
    ) -> None:
        """Takes an observation back exactly; the arguments are those it was observed with."""
        self._bias.judged(arm, kind_of(x), value, -1.0)
        self._quality.retract(arm, x, value, at=at, weight=weight)

    def feedback_weight(self, arm: int, x: FloatArray, value: float, *, source: str, now: float) -> float:
        """Returns the weight to observe a feedback with: it corrects for who bothers to give any. Reads only.

        Feedback of source "audit" was asked for at random and needs no correction.
        """
        del arm, x, now
        return 1.0 if source == "audit" else self._bias.weight(value)

    def feedback_count(self, arm: int, task: str | None = None) -> int:
        """Returns the number of feedbacks in force for `arm`, of all traffic or of one task."""
        if task is None:
            return self._quality.counts[arm]
        kind = self._kind_named(task)
        return 0 if kind is None else self._bias.count(arm, kind)

    def reopened(self, arm: int) -> int:
        """Returns how many changes of quality were detected on `arm`."""
        return self._quality.reopened(arm)

    def _kind_named(self, task: str) -> int | None:
        name = task.removeprefix("topic:")
        if name != task and name in TOPICS:
            return TASK_COLUMNS + TOPICS.index(name)
        return self._tasks.find(task)

    def posterior(self, arm: int, now: float) -> tuple[FloatArray, FloatArray]:
        """Returns mean (DIMENSION,) and covariance (DIMENSION, DIMENSION) of the quality coefficients."""
        return self._quality.posterior(arm, now)

    def quality_estimate(self, arm: int, now: float, task: str | None = None) -> Estimate:
        """Estimates E[quality] of `arm` over the contexts of all traffic, or of one task's.

        The same contexts are used for every arm, so that two arms' estimates can be compared.
        """
        slot = None if task is None else self._kind_named(task)
        contexts = self._contexts.sum(axis=0)
        total = contexts.sum(axis=0) if slot is None else contexts[slot]
        if total[-1]:
            x = total[:-1] / total[-1]
        else:
            x = np.zeros(DIMENSION)
            x[0] = 1.0
            if slot is not None:
                x[1 + slot] = 1.0
        theta, covariance = self._quality.posterior(arm, now)
        mean = float(theta @ x)
        half = _Z95 * float(np.sqrt(max(0.0, float(x @ covariance @ x))))
        low, middle, high = np.clip([mean - half, mean, mean + half], 0.0, 1.0).tolist()
        return Estimate(middle, low, high, self._quality.effective_samples(arm, now))

    def snapshot(self) -> tuple[dict[str, object], dict[str, FloatArray]]:
        """Returns (what JSON can hold, arrays); `restore` makes the same bandit of both."""
        meta: dict[str, object] = {
            "version": VERSION,
            "dimension": DIMENSION,
            "arms": list(self.arms),
            "priors": [asdict(prior) for prior in self._priors],
            "tasks": self._tasks.names(),
            "budgets": self._pacer.snapshot(),
        }
        arrays = {
            **self._quality.snapshot(),
            **self._tokens.snapshot("tokens"),
            **self._ttft.snapshot("ttft"),
            **self._token_s.snapshot("token_s"),
            **self._errors.snapshot("errors"),
            "contexts": self._contexts.copy(),
            "feedback": self._bias.snapshot(),
        }
        return meta, arrays

    def restore(self, meta: Mapping[str, object], arrays: Mapping[str, FloatArray]) -> None:
        """Takes what `snapshot` gave. Raises ValueError, and leaves the bandit as it was, if anything is
        missing, not finite, of another shape or of another version.
        """
        fresh = Bandit(self.settings)
        try:
            fresh._take(meta, arrays)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"not a snapshot of this bandit: {error!r}") from error
        self.__dict__.update(fresh.__dict__)

    def _take(self, meta: Mapping[str, Any], arrays: Mapping[str, FloatArray]) -> None:
        if (meta["version"], meta["dimension"]) != (VERSION, DIMENSION):
            raise ValueError(f"snapshot of version {meta['version']}, dimension {meta['dimension']}")
        for name, prior in zip(meta["arms"], meta["priors"], strict=True):
            self.add_arm(name, ArmPrior(**prior))
        for key, expected in self.snapshot()[1].items():
            if not np.isfinite(arrays[key]).all():
                raise ValueError(f"{key} isn't finite")
            # The first axis of reopenings is how many there were; all other shapes follow from the arms.
            if arrays[key].shape != expected.shape and key != "quality.reopenings":
                raise ValueError(f"{key} has shape {arrays[key].shape}, not {expected.shape}")
        self._tasks = TaskRegistry(meta["tasks"])
        self._pacer.restore(meta["budgets"])
        self._bias.restore(arrays["feedback"])
        self._contexts = arrays["contexts"].copy()
        self._quality.restore(arrays)
        self._tokens.restore("tokens", arrays)
        self._ttft.restore("ttft", arrays)
        self._token_s.restore("token_s", arrays)
        self._errors.restore("errors", arrays)
        self._known.clear()
