"""Small worlds for the learner."""

import numpy as np
import pytest

from bandit import ArmPrior, Bandit, Context, Quote, RequestFacts


def facts(text: str = "What is 2 + 2?", task: str | None = None, **changes: object) -> RequestFacts:
    fields: dict = {
        "route": "auto", "task": task, "system": "", "text": text, "characters": len(text), "turns": 1,
        "has_tools": False, "has_images": False, "has_schema": False, "max_tokens": None,
    }  # fmt: skip
    return RequestFacts(**(fields | changes))


def free(arms: int) -> Quote:
    return Quote(np.zeros(arms), np.zeros(arms))


def answered(bandit: Bandit, arm: int, context: Context, now: float, **changes: object) -> None:
    fields: dict = {"output_tokens": 100, "ttft_s": 0.5, "token_s": 0.01, "error": False}
    bandit.observe_outcome(arm, context.x, task=context.task, now=now, **(fields | changes))


@pytest.fixture
def three() -> Bandit:
    bandit = Bandit()
    for name in ("a", "b", "c"):
        bandit.add_arm(name, ArmPrior(quality=0.5))
    return bandit
