"""The bandit: posteriors in, a probability vector and a draw out; observations in, posteriors changed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bandit.arrays import FloatArray, IntArray
from bandit.context.facts import Context, RequestFacts
from bandit.context.features import context_vector, kind_of, with_task
from bandit.context.tasks import TASK_COLUMNS, recognise_task, templates, with_ends
from bandit.context.topics import TOPICS
from bandit.decision.decide import TABLE_ROWS, DecisionInputs
from bandit.decision.draw import Draw
from bandit.decision.objective import Objective, Quote
from bandit.learners import Learners
from bandit.quality.priors import ArmPrior
from bandit.quality.regression import Fit
from bandit.settings import Settings

_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Estimate:
    """Posterior mean of quality and its 95 % interval, clipped to [0, 1], and the decayed observations behind them."""

    mean: float
    low: float
    high: float
    effective_samples: float


class Bandit:
    """A contextual bandit over arms whose quality, tokens, latency and errors are learnt apart.

    The objective joins them only at the decision, so a price change or another caller's objective acts on
    the very next request without anything to unlearn.

    Invariant: the state is a deterministic function of the calls of `add_arm`, `observe_*`, `retract_quality` and
    `apply_fit`; `context`, `decide` and `compute_fit` read it and never write.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._learners = Learners(self.settings)

    @property
    def arms(self) -> list[str]:
        """The names of all arms, in the order of their indices."""
        return self._learners.arms

    def index(self, arm: str) -> int:
        """Returns the index of `arm`. Raises KeyError for an arm never added."""
        return self._learners.index[arm]

    def add_arm(self, name: str, prior: ArmPrior | None = None) -> int:
        """Returns the index of arm `name`, adding it at its first mention."""
        return self._learners.add_arm(name, prior or ArmPrior())

    def tasks(self) -> list[str]:
        """Returns the tasks that have a column of their own, in the order they were met."""
        return self._learners.tasks.names()

    # -- what a request is, and which arm it gets ------------------------------------------------------

    def context(self, facts: RequestFacts) -> Context:
        """Returns the context of a request. Reads only; a task never met has no column until it is observed."""
        tasks = self._learners.tasks
        task = recognise_task(facts)
        ends = templates(facts)
        if ends:
            task = tasks.first_with_slot(ends) or ""
        x = context_vector(facts, tasks.find(task) if task else None)
        if not task:
            kind = kind_of(x) - TASK_COLUMNS
            task = with_ends(f"topic:{TOPICS[kind]}" if kind < len(TOPICS) else facts.route, ends)
        return Context(x, task)

    def bare_context(self, facts: RequestFacts) -> Context:
        """Returns the context of a query without a column for its task, and the task, "" for none. Reads only."""
        task = recognise_task(facts) or self._learners.tasks.first_with_slot(templates(facts)) or ""
        return Context(context_vector(facts, None), task)

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
    ) -> Draw:
        """Computes the whole probability vector over `candidates` (k ≥ 1 arm indices) and draws from it.

        `x` has shape (DIMENSION,), `uniform` is a random number in [0, 1), `now` epoch seconds. `budget`
        names whose spending the objective's targets are held for (a route, a key). Reads only.
        """
        learners, settings = self._learners, self.settings
        value, money_price, boldness, quality_only = objective.value_usd, 0.0, 1.0, 0.0
        if objective.has_targets:
            boldness = settings.budgeted
            if objective.min_quality is not None:
                boldness = settings.targeted
                value, quality_only = learners.pacer.value(budget, value), learners.pacer.quality_only(budget)
            if objective.max_usd_per_request is not None:
                money_price = learners.pacer.money_price(budget, value, objective.max_usd_per_request)
        judged = learners.feedback_bias.judged_share
        directed = settings.directed + (settings.directed_judged - settings.directed) * judged
        broad = settings.broad
        if learners.quality.informed:
            directed, broad = 0.0, settings.informed_broad
        table = np.empty((TABLE_ROWS, candidates.shape[0]))
        inputs = DecisionInputs(
            x=x,
            kind=kind_of(x),
            candidates=candidates,
            fixed_usd=quote.fixed_usd,
            output_usd=quote.output_usd,
            max_tokens=math.inf if max_tokens is None else max_tokens,
            now=now,
            uniform=uniform,
            value_usd=value,
            second_usd=objective.second_usd,
            whole_answer=objective.whole_answer,
            money_price=money_price,
            broad=boldness * broad,
            narrow=boldness * settings.narrow,
            sampled_narrow=boldness * settings.sampled_narrow,
            directed=directed,
            quality_only=quality_only,
            floor_total=settings.floor_total,
            max_exploration=1.0 if objective.max_exploration is None else objective.max_exploration,
        )
        chosen = learners.decider.decide(inputs, table)
        return Draw(candidates, chosen, table, value, objective.second_usd)

    # -- what a call was like --------------------------------------------------------------------------

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
        """Records the end of one call.

        `x` and `task` are those of `context`. Tokens and seconds are None where they weren't measured (no usage, no
        content), `error` where the arm isn't to be judged by the call, whose cost counts all the same. `budget`,
        `objective` and `candidates` are those of the decision, needed where the objective has targets to hold on average.
        """
        learners = self._learners
        learners.tasks.record(task)
        if error is not None:
            learners.calls.errors.observe(arm, error, now)
        if objective is not None and cost_usd is not None and objective.max_usd_per_request is not None:
            learners.pacer.record_cost(budget, cost_usd, objective.max_usd_per_request)
        if error or error is None:
            return
        if objective is not None and objective.min_quality is not None:
            learners.pacer.record_answer(
                budget,
                objective,
                arm,
                x,
                cost_usd or 0.0,
                np.arange(len(learners.arms)) if candidates is None else candidates,
                learners.quality.posteriors,
                learners.calls,
            )
        kind = kind_of(x)
        learners.feedback_bias.record_answer(arm, kind)
        learners.contexts.record(arm, x)
        learners.calls.observe(
            arm, kind, output_tokens=output_tokens, ttft_s=ttft_s, token_s=token_s, now=now
        )

    def observe_failure(self, arm: int, *, now: float) -> None:
        """Records a failed attempt whose request another arm answered."""
        self._learners.calls.errors.observe(arm, True, now)

    # -- how good answers were -------------------------------------------------------------------------

    def observe_quality(
        self, arm: int, x: FloatArray, value: float, *, at: float, weight: float = 1.0
    ) -> bool:
        """Records one feedback in [0, 1] for an answer of `arm` to context `x`; returns whether a change was detected.

        `at` is when it came in (epoch seconds); calls must come in the order of `at`.
        """
        learners = self._learners
        learners.feedback_bias.record_feedback(arm, kind_of(x), value, weight)
        return learners.quality.observe(arm, x, value, at=at, weight=weight, labelled=False)

    def retract_quality(
        self, arm: int, x: FloatArray, value: float, *, at: float, weight: float = 1.0
    ) -> None:
        """Retracts a feedback exactly; the arguments are those it was observed with."""
        learners = self._learners
        learners.feedback_bias.record_feedback(arm, kind_of(x), value, weight, -1.0)
        learners.quality.retract(arm, x, value, at=at, weight=weight)

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
        """Records a query whose answers were judged before traffic: values (k,) in [0, 1] of k different `arms`.

        `x` and `task` are those of `bare_context`, `output_tokens` (k,) the answers' lengths, 0 where unknown. Labels are
        prior knowledge, which is dropped when traffic contradicts it. As in `observe_quality`, calls must come in the
        order of `at`.
        """
        learners, slot = self._learners, None
        if task:
            learners.tasks.record(task)
            slot = learners.tasks.find(task)
        if slot is not None:
            x = with_task(x, slot)
        learners.quality.observe_labels(x, arms, values, at=at)
        if output_tokens is not None:
            kind = kind_of(x)
            for arm, tokens in zip(arms, output_tokens, strict=True):
                learners.calls.observe(
                    int(arm), kind, output_tokens=int(tokens), ttft_s=None, token_s=None, now=at
                )

    def feedback_weight(self, value: float, *, source: str) -> float:
        """Returns the weight to observe a feedback with: it corrects for who gives feedback at all. Reads only.

        Feedback of source "audit" was asked for at random and needs no correction; feedback of source "complaint" is
        expected to come from the disappointed.
        """
        if source == "audit":
            return 1.0
        return self._learners.feedback_bias.weight(value, complaint=source == "complaint")

    # -- what arms have in common ----------------------------------------------------------------------

    @property
    def fit_due(self) -> bool:
        """Whether a fit of what arms have in common is due. Until it is made, posteriors are those of the last fit and
        of the observations since. The next observation makes it at the latest.
        """
        return self._learners.quality.fit_due

    def fit_if_due(self) -> None:
        """Makes the fit if it is due: with hundreds of arms, a tenth of a second."""
        self._learners.quality.fit_if_due()

    def compute_fit(self) -> Fit:
        """Returns the fit, for `apply_fit`. Reads only: it may run in another thread while decisions are made here, as
        long as nothing is observed, added or restored.
        """
        return self._learners.quality.compute_fit()

    def apply_fit(self, fit: Fit | None) -> None:
        """Replaces the posteriors by those of a fit of all that was observed till now; None if none could be made."""
        self._learners.quality.apply_fit(fit)

    # -- reports ---------------------------------------------------------------------------------------

    def feedback_count(self, arm: int, task: str | None = None) -> int:
        """Returns the number of feedbacks in force for `arm`, of all traffic or of one task."""
        if task is None:
            return self._learners.quality.count(arm)
        kind = self._kind_named(task)
        return 0 if kind is None else self._learners.feedback_bias.count(arm, kind)

    def reopened(self, arm: int) -> int:
        """Returns how many changes of quality were detected on `arm`."""
        return self._learners.quality.reopened(arm)

    def posterior(self, arm: int, now: float) -> tuple[FloatArray, FloatArray]:
        """Returns mean (DIMENSION,) and covariance (DIMENSION, DIMENSION) of the quality coefficients."""
        return self._learners.quality.posterior(arm, now)

    def quality_estimate(self, arm: int, now: float, task: str | None = None) -> Estimate:
        """Estimates E[quality] of `arm` over the contexts of all traffic, or of one task's.

        The same contexts are used for every arm, so that two arms' estimates can be compared.
        """
        learners = self._learners
        x = learners.contexts.mean(None if task is None else self._kind_named(task))
        theta, covariance = learners.quality.posterior(arm, now)
        mean = float(theta @ x)
        half = _Z95 * float(np.sqrt(max(0.0, float(x @ covariance @ x))))
        low, middle, high = np.clip([mean - half, mean, mean + half], 0.0, 1.0).tolist()
        return Estimate(middle, low, high, learners.quality.effective_samples(arm, now))

    def _kind_named(self, task: str) -> int | None:
        name = task.removeprefix("topic:")
        if name != task and name in TOPICS:
            return TASK_COLUMNS + TOPICS.index(name)
        return self._learners.tasks.find(task)

    # -- snapshots -------------------------------------------------------------------------------------

    def snapshot(self) -> tuple[dict[str, object], dict[str, FloatArray]]:
        """Returns (a JSON object, arrays); `restore` makes the same bandit of both."""
        return self._learners.snapshot()

    def restore(self, meta: Mapping[str, object], arrays: Mapping[str, FloatArray]) -> None:
        """Restores a snapshot. Raises ValueError, and leaves the bandit as it was, if anything is
        missing, not finite, of another shape or of another version.
        """
        restored = Learners(self.settings)
        try:
            restored.restore(meta, arrays)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"not a snapshot of this bandit: {error!r}") from error
        self._learners = restored
