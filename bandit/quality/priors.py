"""The prior of an arm before traffic: hints of the catalogue, kinship, labelled examples.

Labelled examples are trusted until traffic contradicts them. Per arm, with r̄ the mean residual of n
feedbacks against what the labels alone predict, the odds of "this arm is elsewhere" are

    N(r̄; 0, v₀ + s² + σ²/n) / N(r̄; 0, v₀ + σ²/n)

with s the spread of arms and v₀ the labels' own error: that of a mean of so many labels, and as much again for contexts
unlike the labelled ones, so that clean feedback refutes what noisy feedback can't. When the odds of all k arms together
pass e⁴, or those of one pass e⁴·k (of many arms one is sooner contradicted by chance), all arms lose their labels: the file
describes other arms than these. Waiting for a second arm wouldn't do: an arm with bad labels is hardly ever drawn, so
nothing would contradict them.

Reference: R. Kass and A. Raftery (1995), "Bayes factors": beyond 3 to 5 (natural logarithm) is strong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bandit.arrays import FloatArray

_LOG_ODDS = 4.0
_SPREAD = 0.25
_UNLIKE = 1.0
"""Variance of a prediction, in that of a mean of the labels, that contexts unlike the labelled ones add."""

_CLIP = 3.0
"""Standard deviations that a residual counts as, at most: one outlier is no evidence."""

_TIER = 0.08
"""Quality that a tier of a model's name is worth: a vendor's large model against its middle one."""

_CHEAPEST, _DEAREST = 0.01, 1000.0
"""US dollars per million tokens between which a price is a sign of quality. No model has cost more than 600."""

_PARAMETERS = re.compile(r"(?<![a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)b(?![a-z0-9])")
_SMALL = re.compile(r"(?<![a-z])(mini|small|tiny|nano|lite|micro|haiku|instant|edge)(?![a-z])")
_LARGE = re.compile(r"(?<![a-z])(pro|large|ultra|opus|max|sonnet)(?![a-z])|4o(?!-mini)")

_SAME_MODEL, _SAME_FAMILY = 0.5, 0.05
"""What an observation of a sibling counts as. One model gives the same answers wherever it runs, but providers
quantise and truncate, so half; siblings of a family only share a style."""


@dataclass(frozen=True, slots=True)
class ArmPrior:
    """The prior of an arm's quality, before any feedback.

    quality       mean, in [0, 1]; None: that of the other arms
    strength      feedbacks that this prior counts as; None for the learner's default
    model         arms of one model share quality, whoever serves it
    family        models of one family share a little
    provider      arms of one provider start from each other's latency and errors
    usd_per_mtok  list price, mean of input and output, US dollars per million tokens: dearer models tend to
                  be better
    """

    quality: float | None = None
    strength: float | None = None
    model: str = ""
    family: str = ""
    provider: str = ""
    usd_per_mtok: float | None = None

    def __post_init__(self) -> None:
        if self.quality is not None and not 0.0 <= self.quality <= 1.0:
            raise ValueError(f"prior quality must be in [0, 1], not {self.quality}")
        if self.strength is not None and not 0.0 < self.strength < math.inf:
            raise ValueError(f"prior strength must be positive, not {self.strength}")
        if self.usd_per_mtok is not None and not 0.0 <= self.usd_per_mtok < math.inf:
            raise ValueError(f"price must be at least 0, not {self.usd_per_mtok}")


def kinship(prior: ArmPrior, others: Sequence[ArmPrior]) -> list[tuple[int, float]]:
    """Returns (position in `others`, what its observations count as) of an arm's siblings."""
    siblings = []
    for position, other in enumerate(others):
        if prior.model and prior.model == other.model:
            siblings.append((position, _SAME_MODEL))
        elif prior.family and prior.family == other.family:
            siblings.append((position, _SAME_FAMILY))
    return siblings


def tier(name: str) -> int:
    """Returns -1, 0 or 1 for a small, middle or large model, by its name: its parameters, else its size in words."""
    name = name.lower().replace("_", "-")
    parameters = _PARAMETERS.search(name)
    if parameters is not None:
        billions = float(parameters[2]) * float(parameters[1] or 1)
        return -1 if billions < 20.0 else 0 if billions < 65.0 else 1
    if _SMALL.search(name):
        return -1
    return 1 if _LARGE.search(name) else 0


def intercepts(
    names: Sequence[str], priors: Sequence[ArmPrior], slope: float
) -> tuple[FloatArray, FloatArray]:
    """Returns (offset (n,), pooled (n,)): the prior mean quality of an arm is pooled · θ₀ + offset.

    `slope` is quality per factor of ten in price, counted from the geometric mean price of the arms; tiers
    are counted from their mean. Tiers are those of the models' names, or of the arms' where a prior names no model.
    """
    logs = [
        math.log10(min(max(prior.usd_per_mtok, _CHEAPEST), _DEAREST))
        if prior.usd_per_mtok is not None
        else None
        for prior in priors
    ]
    priced = [value for value in logs if value is not None]
    middle = sum(priced) / len(priced) if priced else 0.0
    tiers = [tier(prior.model or name) for name, prior in zip(names, priors, strict=True)]
    level = sum(tiers) / max(1, len(tiers))
    offset = np.array([_TIER * (own - level) for own in tiers])
    pooled = np.ones(len(priors))
    for arm, (prior, value) in enumerate(zip(priors, logs, strict=True)):
        if prior.quality is not None:
            offset[arm], pooled[arm] = prior.quality, 0.0
        elif value is not None:
            offset[arm] += slope * (value - middle)
    return offset, pooled


@dataclass(slots=True)
class LabelTrust:
    """Whether one arm's labelled examples are still trusted.

    seen        feedbacks
    residuals   sum of their residuals against the prediction of the labels alone
    log_odds    natural logarithm of the odds against the labels
    """

    trusted: bool = True
    seen: float = 0.0
    residuals: float = 0.0
    log_odds: float = 0.0

    def record(self, residual: float, noise: float, labels: float) -> None:
        """Records one residual against the prediction of `labels` examples; `noise` is the variance of a feedback."""
        self.seen += 1.0
        most = _CLIP * math.sqrt(noise)
        self.residuals += min(most, max(-most, residual))
        error = (1.0 + _UNLIKE) * noise / max(labels, 1.0) + noise / self.seen
        wide = error + _SPREAD**2
        squared = (self.residuals / self.seen) ** 2
        self.log_odds = 0.5 * (squared / error - squared / wide - math.log(wide / error))


def contradicted(every: Sequence[LabelTrust]) -> bool:
    """Returns whether feedback on these k ≥ 1 arms, on one or on all together, contradicts their labels."""
    together = most = 0.0
    for trust in every:
        if trust.trusted:
            together += trust.log_odds
            most = max(most, trust.log_odds)
    return together > _LOG_ODDS or most > _LOG_ODDS + math.log(len(every))
