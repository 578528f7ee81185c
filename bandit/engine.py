"""The bandit: posteriors in, probability vector out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from bandit.arrays import FloatArray, IntArray, with_row
from bandit.calls.call_model import Outlook
from bandit.context.facts import Context, RequestFacts
from bandit.context.features import (
    DIMENSION,
    KINDS,
    column_groups,
    context_vector,
    kind_of,
    with_task,
)
from bandit.context.tasks import TASK_COLUMNS, TaskRegistry, recognise_task, templates, with_ends
from bandit.context.topics import TOPICS
from bandit.decision.decide import TABLE_ROWS, Judge
from bandit.decision.decision import Decision
from bandit.decision.objective import Objective, Quote
from bandit.decision.pacing import Pacer
from bandit.quality.feedback_bias import FeedbackBias
from bandit.quality.posteriors import add_context
from bandit.quality.priors import ArmPrior
from bandit.quality.regression import Fit, QualityModel, QualitySettings

_Z95 = 1.959964

_BUDGETED, _TARGETED = 1.5, 1.25
"""Factors on curiosity where a budget or a quality is held: an arm passed over for good there costs more than
utility. For a quality, a share of requests explores besides."""

_LEARNT = (
    "arms", "_index", "_priors", "_tasks", "_quality", "_outlook", "_judge", "_bias", "_pacer", "_contexts",
)  # fmt: skip
"""All that a bandit holds but its settings."""

VERSION = 8
"""Of snapshots. One more whenever state or its meaning changes; another version's snapshot is refused."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Constants of the learner.

    floor_total         probability that is spent on floors, shared evenly by the eligible arms
    directed, directed_judged
                        share of draws that are information-directed, where hardly any answer is judged and where every
                        one is; the others are Thompson's. Rare feedback must be gained where it tells most; where it is
                        plenty, Thompson's draws cost no more and hardly ever give up the best arm after unlucky answers
    broad, narrow       factors on the posterior standard deviation of quality when drawing, for what concerns
                        all traffic and for the rest; 1 is the posterior's own
    sampled_narrow      `narrow` of Thompson's draws: doubt about single kinds of requests is left to the directed ones.
    informed_broad      `broad` while labelled examples are believed and weigh over a fifth of the feedback. All draws are Thompson's
                        then: what seems known is not looked at for its information, so nothing would contradict wrong ones
    token_half_life_s   of output lengths
    latency_half_life_s of TTFT and time per token
    error_half_life_s   of the error rate
    """

    quality: QualitySettings = field(default_factory=QualitySettings)
    floor_total: float = 0.001
    directed: float = 0.9
    directed_judged: float = 0.3
    broad: float = 0.7
    narrow: float = 0.5
    sampled_narrow: float = 0.1
    informed_broad: float = 0.5
    token_half_life_s: float = 7 * 86400.0
    latency_half_life_s: float = 3600.0
    error_half_life_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Posterior mean and 95 % interval, clipped to [0, 1], and the decayed observations behind it."""

    mean: float
    low: float
    high: float
    effective_samples: float


class Bandit:
    """A contextual bandit over arms whose quality, tokens, latency and errors are learnt apart.

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
        self._outlook = Outlook(
            kinds=KINDS,
            token_half_life_s=self.settings.token_half_life_s,
            latency_half_life_s=self.settings.latency_half_life_s,
            error_half_life_s=self.settings.error_half_life_s,
        )
        self._judge = Judge(
            self._quality.posteriors,
            self._outlook.tokens,
            self._outlook.ttft,
            self._outlook.token_s,
            self._outlook.errors,
            self._outlook.providers,
        )
        self._bias = FeedbackBias(KINDS)
        self._pacer = Pacer()
        # Sum of contexts and number of them, by arm and task: what "on average" means in a report.
        self._contexts = np.zeros((0, KINDS, DIMENSION + 1))

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
        self._outlook.add_arm(prior.provider)
        self._bias.add_arm()
        self._contexts = with_row(self._contexts, 0.0)
        return self._index[name]

    def context(self, facts: RequestFacts) -> Context:
        """Returns the context of a request. Reads only; a task never met has no column until it is observed."""
        task = recognise_task(facts)
        ends = templates(facts)
        if ends:
            task = self._tasks.known(ends) or ""
        x = context_vector(facts, self._tasks.find(task) if task else None)
        if not task:
            kind = kind_of(x) - TASK_COLUMNS
            task = with_ends(f"topic:{TOPICS[kind]}" if kind < len(TOPICS) else facts.route, ends)
        return Context(x, task)

    def bare_context(self, facts: RequestFacts) -> Context:
        """Returns the context of a query without a column for its task, and the task, "" for none. Reads only."""
        task = recognise_task(facts) or self._tasks.known(templates(facts)) or ""
        return Context(context_vector(facts, None), task)

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
        value, dearer, bolder, looking = objective.value_usd, 0.0, 1.0, 0.0
        if objective.has_targets:
            bolder = _BUDGETED
            if objective.min_quality is not None:
                bolder = _TARGETED
                value, looking = self._pacer.value(budget, value), self._pacer.looking(budget)
            if objective.max_usd_per_request is not None:
                dearer = self._pacer.money_price(budget, value, objective.max_usd_per_request)
        settings = self.settings
        directed = settings.directed + (settings.directed_judged - settings.directed) * self._bias.rate
        broad = settings.broad
        if self._quality.informed:
            directed, broad = 0.0, settings.informed_broad
        table = np.empty((TABLE_ROWS, candidates.shape[0]))
        chosen = self._judge.decide(
            x,
            kind_of(x),
            candidates,
            quote.fixed_usd,
            quote.output_usd,
            now,
            math.inf if max_tokens is None else max_tokens,
            value,
            objective.second_usd,
            objective.whole_answer,
            dearer,
            bolder * broad,
            bolder * settings.narrow,
            bolder * settings.sampled_narrow,
            directed,
            looking,
            settings.floor_total,
            1.0 if objective.max_exploration is None else objective.max_exploration,
            uniform,
            table,
        )
        return Decision(candidates, chosen, table, value, objective.second_usd)

    def observe_outcome(
        self,
        arm: int,
        x: FloatArray,
        *,
        task: str,
        output_tokens: int | None,
        ttft_s: float | None,
        token_s: float | None,
        error: bool | None,
        now: float,
        cost_usd: float | None = None,
        budget: str | None = None,
        objective: Objective | None = None,
        candidates: IntArray | None = None,
    ) -> None:
        """Takes the end of one call; None where it said nothing (no usage, no content). `error` is None where the arm
        isn't to be judged by it; what it cost counts all the same.

        `x` and `task` are those of `context`; `budget`, `objective` and `candidates` those of
        the decision, needed where the objective has targets to hold on average.
        """
        self._tasks.met(task)
        if error is not None:
            self._outlook.errors.observe(arm, error, now)
        if objective is not None and cost_usd is not None and objective.max_usd_per_request is not None:
            self._pacer.spent(budget, cost_usd, objective.max_usd_per_request)
        if error or error is None:
            return
        if objective is not None and objective.min_quality is not None:
            self._hold(budget, objective, objective.min_quality, arm, x, cost_usd or 0.0, candidates)
        slot = kind_of(x)
        self._bias.answered(arm, slot)
        add_context(self._contexts, arm, slot, x)
        self._outlook.observe(arm, slot, output_tokens=output_tokens, ttft_s=ttft_s, token_s=token_s, now=now)

    def _hold(
        self,
        budget: str | None,
        objective: Objective,
        fraction: float,
        arm: int,
        x: FloatArray,
        cost_usd: float,
        candidates: IntArray | None,
    ) -> None:
        """Takes one answer to a request with a quality target."""
        target = self._pacer.target(budget, DIMENSION, objective.value_usd)
        posteriors = self._quality.posteriors
        mean = posteriors.means(x)
        tokens, waiting = self._burden(objective, kind_of(x))
        if not target.answered(arm, x, cost_usd, mean, tokens, waiting):
            return
        kinds = [kind_of(context) for context in target.contexts]
        burdens = {kind: self._burden(objective, kind) for kind in set(kinds)}
        rates = target.rates()
        price = {kind: rates * tokens + waiting for kind, (tokens, waiting) in burdens.items()}
        target.settle(
            posteriors.means(target.contexts),
            np.array([price[kind] for kind in kinds]),
            posteriors.sds(),
            np.arange(len(self.arms)) if candidates is None else candidates,
            fraction,
        )

    def _burden(self, objective: Objective, kind: int) -> tuple[FloatArray, FloatArray]:
        """Returns expected tokens of all arms, and what waiting for their answers costs in dollars: (n,) each."""
        tokens, ttft, token_s = self._outlook.typical(kind)
        seconds = ttft + tokens * token_s if objective.whole_answer else ttft
        return tokens, objective.second_usd * seconds

    def observe_failure(self, arm: int, *, now: float) -> None:
        """Takes a failed attempt that another arm made good."""
        self._outlook.errors.observe(arm, True, now)

    def observe_quality(
        self, arm: int, x: FloatArray, value: float, *, at: float, weight: float = 1.0
    ) -> bool:
        """Takes one feedback in [0, 1] for an answer of `arm` to context `x`; returns whether a change was detected.

        `at` is when it was taken in (epoch seconds); calls must come in the order of `at`.
        """
        self._bias.judged(arm, kind_of(x), value, weight)
        return self._quality.observe(arm, x, value, at=at, weight=weight, labelled=False)

    def observe_labels(
        self,
        x: FloatArray,
        arms: IntArray,
        values: FloatArray,
        *,
        task: str,
        at: float,
        output_tokens: IntArray | None = None,
    ) -> None:
        """Takes a query whose answers were judged before traffic: values (k,) in [0, 1] of the k different `arms`; `x` and
        `task` are its `bare_context`, `output_tokens` (k,) the answers' lengths, 0 where unknown.

        Prior knowledge, which is dropped when traffic contradicts it. As in `observe_quality`, calls must come in the order
        of `at`.
        """
        slot = None
        if task:
            self._tasks.met(task)
            slot = self._tasks.find(task)
        if slot is not None:
            x = with_task(x, slot)
        self._quality.observe_labels(x, arms, values, at=at)
        if output_tokens is not None:
            kind = kind_of(x)
            for arm, tokens in zip(arms, output_tokens, strict=True):
                self._outlook.observe(
                    int(arm), kind, output_tokens=int(tokens), ttft_s=None, token_s=None, now=at
                )

    @property
    def due(self) -> bool:
        """Whether feedback has made a fit of what arms have in common due. Until it is made, posteriors are those
        of the last fit and of what was observed since. Whoever learns next makes it, if nobody has before.
        """
        return self._quality.due

    def settle(self) -> None:
        """Makes the fit that is due, if one is: with hundreds of arms, a tenth of a second."""
        self._quality.settle()

    def fitted(self) -> Fit:
        """Returns the fit, for `take`. Reads only: it may run in another thread while decisions are made here, as long
        as nothing is observed, added or restored.
        """
        return self._quality.fitted()

    def take(self, fit: Fit | None) -> None:
        """Goes on with a fit of all that was observed till now, or, if none could be made, without."""
        self._quality.take(fit)

    def retract_quality(
        self, arm: int, x: FloatArray, value: float, *, at: float, weight: float = 1.0
    ) -> None:
        """Takes an observation back exactly; the arguments are those it was observed with."""
        self._bias.judged(arm, kind_of(x), value, weight, -1.0)
        self._quality.retract(arm, x, value, at=at, weight=weight)

    def feedback_weight(self, value: float, *, source: str) -> float:
        """Returns the weight to observe a feedback with: it corrects for who bothers to give any. Reads only.

        Feedback of source "audit" was asked for at random and needs no correction; of source "complaint" it is expected that
        those speak who are disappointed.
        """
        return 1.0 if source == "audit" else self._bias.weight(value, complaint=source == "complaint")

    def feedback_count(self, arm: int, task: str | None = None) -> int:
        """Returns the number of feedbacks in force for `arm`, of all traffic or of one task."""
        if task is None:
            return self._quality.count(arm)
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
        budgets, targets = self._pacer.snapshot()
        meta: dict[str, object] = {
            "version": VERSION,
            "dimension": DIMENSION,
            "arms": list(self.arms),
            "priors": [asdict(prior) for prior in self._priors],
            "tasks": self._tasks.names(),
            "templates": self._tasks.seen(),
            "budgets": budgets,
        }
        arrays = {
            **self._quality.snapshot(),
            **self._outlook.snapshot(),
            **targets,
            "contexts": self._contexts.copy(),
            "feedback": self._bias.snapshot(),
            "heard": np.array([self._bias.heard]),
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
        for part in _LEARNT:
            setattr(self, part, getattr(fresh, part))

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
        self._tasks = TaskRegistry(meta["tasks"], meta["templates"])
        self._pacer.restore(meta["budgets"], arrays)
        self._bias.restore(arrays["feedback"], float(arrays["heard"][0]))
        self._contexts = arrays["contexts"].copy()
        self._quality.restore(arrays)
        self._outlook.restore(arrays)
