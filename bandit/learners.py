"""Everything that is learnt, in one place: what a snapshot holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from bandit.arrays import FloatArray
from bandit.calls.call_model import CallModel
from bandit.context.features import DIMENSION, KINDS, column_groups
from bandit.context.tasks import TaskRegistry
from bandit.decision.decide import Decider
from bandit.decision.pacing import Pacer
from bandit.quality.context_sums import ContextSums
from bandit.quality.feedback_bias import FeedbackBias
from bandit.quality.priors import ArmPrior
from bandit.quality.regression import QualityModel
from bandit.settings import Settings

VERSION = 8
"""Of snapshots. One more whenever state or its meaning changes; another version's snapshot is refused."""


class Learners:
    """The learners of all arms, who share no state but the order of the arms.

    Invariant: whatever changes with an observation is in here, and so in the snapshot. `decider` reads the others.
    """

    def __init__(self, settings: Settings) -> None:
        self.arms: list[str] = []
        self.index: dict[str, int] = {}
        self.priors: list[ArmPrior] = []
        self.tasks = TaskRegistry()
        self.quality = QualityModel(column_groups(), settings.quality)
        self.calls = CallModel(
            kinds=KINDS,
            token_half_life_s=settings.token_half_life_s,
            latency_half_life_s=settings.latency_half_life_s,
            error_half_life_s=settings.error_half_life_s,
        )
        self.decider = Decider(
            self.quality.posteriors,
            self.calls.tokens,
            self.calls.ttft,
            self.calls.token_s,
            self.calls.errors,
            self.calls.providers,
        )
        self.feedback_bias = FeedbackBias(KINDS)
        self.pacer = Pacer()
        self.contexts = ContextSums()

    def add_arm(self, name: str, prior: ArmPrior) -> int:
        """Returns the index of arm `name`, adding it at its first mention."""
        index = self.index.get(name)
        if index is not None:
            return index
        index = self.index[name] = len(self.arms)
        self.arms.append(name)
        self.priors.append(prior)
        self.quality.add_arm(name, prior)
        self.calls.add_arm(prior.provider)
        self.feedback_bias.add_arm()
        self.contexts.add_arm()
        return index

    def snapshot(self) -> tuple[dict[str, object], dict[str, FloatArray]]:
        """Returns (a JSON object, arrays)."""
        budgets, targets = self.pacer.snapshot()
        meta: dict[str, object] = {
            "version": VERSION,
            "dimension": DIMENSION,
            "arms": list(self.arms),
            "priors": [asdict(prior) for prior in self.priors],
            "tasks": self.tasks.names(),
            "templates": self.tasks.template_counts(),
            "budgets": budgets,
        }
        arrays = {
            **self.quality.snapshot(),
            **self.calls.snapshot(),
            **targets,
            "contexts": self.contexts.snapshot(),
            "feedback": self.feedback_bias.snapshot(),
            "heard": np.array([self.feedback_bias.weight_total]),
        }
        return meta, arrays

    def restore(self, meta: Mapping[str, Any], arrays: Mapping[str, FloatArray]) -> None:
        """Restores a snapshot into learners without arms. Raises ValueError, KeyError, TypeError, IndexError or
        AttributeError, and leaves them half restored, if it doesn't fit.
        """
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
        self.tasks = TaskRegistry(meta["tasks"], meta["templates"])
        self.pacer.restore(meta["budgets"], arrays)
        self.feedback_bias.restore(arrays["feedback"], float(arrays["heard"][0]))
        self.contexts.restore(arrays["contexts"])
        self.quality.restore(arrays)
        self.calls.restore(arrays)
