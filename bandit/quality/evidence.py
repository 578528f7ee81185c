"""What one arm has shown: additive sums of its feedback and of its labelled examples, and its change detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bandit.arrays import FloatArray
from bandit.quality.drift import FALL, RISE, Cusum
from bandit.quality.priors import LabelTrust
from bandit.quality.sums import Sums


@dataclass(frozen=True, slots=True)
class Reopening:
    """A detected change: observations up to `before` were scaled by `kept`."""

    before: float
    kept: float


class Evidence:
    """The observations of one arm.

    sums, labels   of feedback, and of labelled examples, which count while `trust` lasts
    paired         the labels without query effects, as of the last fit; None where there are none to be removed
    labels_theta   (d,) posterior mean given the labels alone, fixed at the first feedback; None before
    recent         sums since the last zero of the rising and of the falling sum of `cusum`
    count          observations in force
    """

    def __init__(self, dimension: int) -> None:
        self.sums = Sums(dimension)
        self.labels = Sums(dimension)
        self.paired: Sums | None = None
        self.trust = LabelTrust()
        self.labels_theta: FloatArray | None = None
        self.recent = (Sums(dimension), Sums(dimension))
        self.cusum = Cusum()
        self.reopenings: list[Reopening] = []
        self.count = 0

    @property
    def weight(self) -> float:
        """Decayed number of observations that count, as of the landmark."""
        return self.sums.weight + (self.labels.weight if self.trust.trusted else 0.0)

    def counted_sums(self, paired: Sums | None = None) -> Sums:
        """Returns the sums of all that counts; to be read only. `paired`, where it isn't None, stands for the labels."""
        if not (self.trust.trusted and self.labels.weight):
            return self.sums
        both = Sums(self.sums.response.shape[0])
        both.add(self.sums)
        both.add(paired or self.paired or self.labels)
        return both

    def add(self, x: FloatArray, value: float, weight: float, *, labelled: bool) -> None:
        """Records one observation."""
        if labelled:
            self.labels.add_one(x, value, weight)
            self.paired = None
        else:
            self.sums.add_one(x, value, weight)

    def watch(self, x: FloatArray, value: float, weight: float, surprise: float, at: float) -> int | None:
        """Records the standardised residual `surprise` of a feedback that was added; returns RISE or FALL on an alarm."""
        alarm = self.cusum.step(surprise, at)
        for recent, level in zip(self.recent, (self.cusum.rise, self.cusum.fall), strict=True):
            if level > 0.0:
                recent.add_one(x, value, weight)
            else:
                recent.clear()
        return alarm

    def reopen(self, direction: int, at: float, decay: float, weight: float) -> None:
        """After an alarm: everything before the change keeps the weight of `weight` observations. `decay` is the factor
        on all sums at `at`.
        """
        recent = self.recent[direction]
        before = (self.cusum.rise_since, self.cusum.fall_since)[direction]
        old = (self.sums.weight - recent.weight) * decay
        kept = min(1.0, weight / max(old, 1e-9))
        self.sums.add(recent, -1.0)
        self.sums.scale(kept)
        self.sums.add(recent)
        self.trust.trusted = False
        self.reopenings.append(Reopening(before, kept))
        for part in self.recent:
            part.clear()
        self.cusum.reset(at)

    def retract(self, x: FloatArray, value: float, weight: float, at: float) -> None:
        """Retracts a feedback of time `at`, of which less is left if a change was detected since."""
        for reopening in self.reopenings:
            if at <= reopening.before:
                weight *= reopening.kept
        self.sums.add_one(x, value, -weight)

    def forget_recent(self, x: FloatArray, value: float, weight: float, at: float) -> None:
        """Removes a feedback of time `at` from the recent sums."""
        for recent, since in zip(self.recent, (self.cusum.rise_since, self.cusum.fall_since), strict=True):
            if recent.weight > 0.0 and at > since:
                recent.add_one(x, value, -weight)

    def scale(self, factor: float) -> None:
        """Multiplies all weights."""
        for part in (self.sums, self.labels, *self.recent):
            part.scale(factor)
        if self.paired is not None:
            self.paired.scale(factor)


def stacked(every: Sequence[Evidence], dimension: int) -> dict[str, FloatArray]:
    """Returns copies of all but the reopenings of n arms: the first axis is the arm."""
    width = dimension * dimension + dimension + 2
    thetas = [np.zeros(dimension) if e.labels_theta is None else e.labels_theta for e in every]
    none = np.zeros(width)
    return {
        "quality.sums": np.array([e.sums.packed() for e in every]).reshape(-1, width),
        "quality.labels": np.array([e.labels.packed() for e in every]).reshape(-1, width),
        "quality.paired": np.array([none if e.paired is None else e.paired.packed() for e in every]).reshape(
            -1, width
        ),
        "quality.recent": np.array([[r.packed() for r in e.recent] for e in every]).reshape(-1, 2, width),
        "quality.cusum": np.array(
            [(e.cusum.rise, e.cusum.fall, e.cusum.rise_since, e.cusum.fall_since) for e in every]
        ).reshape(-1, 4),
        "quality.trust": np.array(
            [(e.trust.trusted, e.trust.seen, e.trust.residuals, e.trust.log_odds) for e in every],
            dtype=np.float64,
        ).reshape(-1, 4),
        "quality.told": np.array(thetas).reshape(-1, dimension),
        "quality.told_known": np.array([e.labels_theta is not None for e in every], dtype=np.float64),
        "quality.counts": np.array([e.count for e in every], dtype=np.float64),
    }


def unstack(every: Sequence[Evidence], arrays: Mapping[str, FloatArray]) -> None:
    """Restores what `stacked` returned. Raises KeyError, IndexError or ValueError if it doesn't fit."""
    for arm, evidence in enumerate(every):
        evidence.sums.unpack(arrays["quality.sums"][arm])
        evidence.labels.unpack(arrays["quality.labels"][arm])
        if arrays["quality.paired"][arm, -1] > 0.0:
            evidence.paired = Sums(evidence.sums.response.shape[0])
            evidence.paired.unpack(arrays["quality.paired"][arm])
        for direction in (RISE, FALL):
            evidence.recent[direction].unpack(arrays["quality.recent"][arm, direction])
        evidence.cusum = Cusum(*(float(v) for v in arrays["quality.cusum"][arm]))
        trusted, seen, residuals, log_odds = arrays["quality.trust"][arm].tolist()
        evidence.trust = LabelTrust(bool(trusted), seen, residuals, log_odds)
        theta: FloatArray = arrays["quality.told"][arm].copy()
        if theta.shape != evidence.sums.response.shape:
            raise ValueError(f"labels of another dimension: {theta.shape}")
        evidence.labels_theta = theta if arrays["quality.told_known"][arm] > 0.0 else None
        evidence.count = int(arrays["quality.counts"][arm])
