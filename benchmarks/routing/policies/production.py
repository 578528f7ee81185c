"""The gateway's own learner, called as the gateway calls it."""

from __future__ import annotations

import re

import numpy as np

from bandit import ArmPrior, Bandit, Context, Objective, Quote, RequestFacts, Settings
from benchmarks.routing.policies.base import Outcome, Round
from benchmarks.routing.table import Floats
from benchmarks.routing.world import START, World

_LABELLED_AT = START - 3600.0
_BUDGET = "benchmark"


class Production:
    """`bandit.Bandit` with its default settings: the one frozen configuration.

    It is told of each arm what a gateway's catalogue knows (name, vendor, list price), nothing of quality.
    """

    def __init__(self, world: World, settings: Settings | None = None) -> None:
        self.bandit = Bandit(settings)
        table = world.table
        for arm, entry, output in zip(table.arms, table.input_usd, table.output_usd, strict=True):
            self.bandit.add_arm(arm, catalogue_prior(arm, float(entry + output) / 2.0 * 1e6))
        self.candidates = np.arange(len(table.arms))
        goal = world.goal
        self.objective = Objective(
            value_usd=goal.value_usd,
            second_usd=goal.waiting_price * goal.value_usd,
            max_usd_per_request=goal.max_usd,
            min_quality=goal.min_quality,
        )
        self.biased = world.biased
        self._decided: dict[int, tuple[int, Floats]] = {}
        self._context = Context(np.zeros(0), "")

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        self._context = self.bandit.context(request(shown.prompt, shown.task))
        arms = self.candidates = np.flatnonzero(shown.open)
        decision = self.bandit.decide(
            self._context.x,
            arms,
            Quote(shown.fixed_usd[arms], shown.output_usd[arms]),
            self.objective,
            max_tokens=None,
            now=shown.now,
            uniform=shown.uniform,
            budget=_BUDGET,
        )
        vector = np.zeros(shown.open.shape[0])
        vector[arms] = decision.probabilities
        return decision.arm, vector

    def outcome(self, shown: Round, outcome: Outcome, propensity: float) -> None:
        del propensity
        token_s = None
        if outcome.seconds is not None and outcome.ttft is not None and outcome.tokens:
            token_s = max(0.0, outcome.seconds - outcome.ttft) / outcome.tokens
        self.bandit.observe_outcome(
            outcome.arm,
            self._context.x,
            task=self._context.task,
            output_tokens=outcome.tokens or None,
            ttft_s=outcome.ttft,
            token_s=token_s,
            error=outcome.error,
            now=shown.now,
            cost_usd=outcome.cost,
            budget=_BUDGET,
            objective=self.objective,
            candidates=self.candidates,
        )
        if not outcome.error:
            self._decided[shown.number] = (outcome.arm, self._context.x)

    def feedback(self, number: int, quality: float, now: float, share: float = 1.0) -> None:
        arm, x = self._decided.pop(number)
        source = "complaint" if self.biased else "user"
        weight = self.bandit.feedback_weight(quality, source=source)
        self.bandit.observe_quality(arm, x, quality, at=now, weight=weight * share)
        self.bandit.fit_if_due()

    def warm(self, world: World) -> None:
        assert world.labels is not None
        table, told = world.table, world.labels.told
        for row in world.labels.rows:
            facts = request(table.prompts[row], table.tasks[row] if world.declared else None)
            context, values = self.bandit.bare_context(facts), table.quality[row, told]
            self.bandit.observe_labels(
                context.x,
                self.candidates,
                values,
                task=context.task,
                at=_LABELLED_AT,
                output_tokens=table.output_tokens[row].astype(np.intp),
            )


def catalogue_prior(arm: str, usd_per_mtok: float) -> ArmPrior:
    """Returns what a catalogue says of an arm. `vendor/model@provider`, where the last part may be missing."""
    model, _, provider = arm.partition("@")
    family = re.split(r"[-_. /(]", model.rpartition("/")[2].lower())[0]
    return ArmPrior(model=model, family=family, provider=provider, usd_per_mtok=usd_per_mtok)


def request(prompt: str, task: str | None) -> RequestFacts:
    """Returns the facts of a plain chat request with one user turn."""
    return RequestFacts(
        route="auto",
        task=task,
        system="",
        text=prompt,
        characters=len(prompt),
        turns=1,
        has_tools=False,
        has_images=False,
        has_schema=False,
        max_tokens=None,
    )
