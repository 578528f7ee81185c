"""Quality targets: what quality must be worth for the cheapest mix to hold a fraction of the best arm's.

A decision draws, mostly, the arm with the largest worth · quality − price. On the last requests of a budget, with the
posteriors of now, the mean expected quality of those choices rises with the worth, so the smallest
worth that reaches the target is found by bisection. A controller would lag, and wind up while a target can't be reached.

The best arm's quality is uncertain. An arm with a few unlucky answers is seldom drawn and stays underestimated, so each
arm counts with 0.2 standard deviations more than its mean, as long as that raises the target by no more than half of
what choosing by context can add. Half of the quality that exploration costs is made up for too: making up for all of
it would drive the price up without end.

The first 500 requests, and a share (500/n)^1.5 of the later ones, are decided by quality alone: otherwise the best arm
would never be found where it is too dear to be drawn by chance.

Reference: S. Agrawal and N. Devanur (2014), "Bandits with concave rewards and convex knapsacks".
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from bandit.arrays import FloatArray, IntArray

RECENT = 512
"""Latest requests of a budget that its worth is computed on."""

_EVERY = 16
"""Answers from one computation of the worth to the next."""

_SMOOTHING = 0.1
_FORGETTING = 0.98
"""Of what an arm's answers cost per expected token, by answer."""

_OPTIMISM = 0.2
"""Standard deviations that are added to an arm's mean."""

_MADE_UP = 0.5
"""Share of the quality lost by exploration that is made up for."""

_REACH = 0.5
"""Largest share of what choosing by context adds that optimism and made-up losses may ask for."""

_LOSS_RATE = 0.005
_NEGLIGIBLE = 1e-4
"""Quality below the best possible mean that the target stays: the last step there would cost any price."""

_QUALITY_ONLY, _FALL = 500.0, 1.5
_HALVINGS = 18
_RANGE = 9.0
"""Largest log of a worth over what the first request named: a factor of 8,000 either way."""


class QualityTarget:
    """One budget's latest requests, what arms charged for them, and the worth of a perfect answer.

    contexts        (m, d) of the latest m ≤ RECENT requests

    spent, tokens   (n,) decayed sums over answers by arm: US dollars, and expected output tokens
    first, shift    worth of the first request, US dollars, and the logarithm of the worth over it
    loss            running mean of the quality that exploration costs, in [0, 1]
    seen            requests so far, counted anew when an arm is added
    """

    def __init__(self, dimension: int, worth: float) -> None:
        self.contexts = np.zeros((0, dimension))
        self.spent = np.zeros(0)
        self.tokens = np.zeros(0)
        self.first = worth
        self.shift = 0.0
        self.loss = 0.0
        self.seen = 0

    @property
    def worth(self) -> float:
        """What a perfect answer is worth, US dollars, > 0."""
        return self.first * math.exp(self.shift)

    @property
    def quality_only(self) -> float:
        """Share of requests, in (0, 1], to decide by quality alone."""
        return min(1.0, math.pow(_QUALITY_ONLY / (self.seen + 1.0), _FALL))

    def record(
        self,
        arm: int,
        x: FloatArray,
        cost_usd: float,
        quality: FloatArray,
        tokens: FloatArray,
        waiting: FloatArray,
    ) -> bool:
        """Records one request that `arm` answered: expected quality, output tokens and US dollars of waiting of all arms (n,).

        Returns whether it is time for `update_worth`.
        """
        missing = quality.shape[0] - self.spent.shape[0]
        if missing > 0:
            if self.spent.shape[0]:
                self.seen = 0  # a new arm may be the best one
            self.spent = np.concatenate([self.spent, np.zeros(missing)])
            self.tokens = np.concatenate([self.tokens, np.zeros(missing)])
        self.spent[arm] = _FORGETTING * self.spent[arm] + cost_usd
        self.tokens[arm] = _FORGETTING * self.tokens[arm] + tokens[arm]
        utility = self.worth * quality - self.rates() * tokens - waiting
        lost = float(quality[int(utility.argmax())] - quality[arm])
        self.loss += max(_LOSS_RATE, 1.0 / (self.seen + 2.0)) * (lost - self.loss)
        if self.contexts.shape[0] < RECENT:
            self.contexts = np.concatenate([self.contexts, x[None, :]])
        else:
            self.contexts[self.seen % RECENT] = x
        self.seen += 1
        return self.seen % _EVERY == 0

    def rates(self) -> FloatArray:
        """Returns the US dollars that each arm charged per expected token (n,), infinite where it never answered."""
        answered = self.tokens > 0.0
        return np.where(answered, self.spent / np.where(answered, self.tokens, 1.0), np.inf)

    def packed(self) -> tuple[dict[str, float], FloatArray, FloatArray]:
        """Returns numbers, the contexts, and `spent` over `tokens` (2, n)."""
        numbers = {"first": self.first, "shift": self.shift, "loss": self.loss, "seen": self.seen}
        return numbers, self.contexts.copy(), np.array([self.spent, self.tokens])

    @classmethod
    def unpacked(
        cls, numbers: Mapping[str, float], contexts: FloatArray, charged: FloatArray
    ) -> QualityTarget:
        """Returns the target that `packed` stored. Raises ValueError or KeyError if it doesn't fit."""
        target = cls(contexts.shape[1], float(numbers["first"]))
        target.shift, target.loss = float(numbers["shift"]), float(numbers["loss"])
        target.seen = int(numbers["seen"])
        if not (target.first > 0.0 and math.isfinite(target.worth) and math.isfinite(target.loss)):
            raise ValueError("a quality target isn't finite")
        if charged.shape[0] != 2 or contexts.shape[0] > RECENT or target.seen < 0:
            raise ValueError(f"a quality target of shapes {contexts.shape}, {charged.shape}")
        target.contexts, target.spent, target.tokens = contexts.copy(), *charged.copy()
        return target

    def update_worth(
        self, quality: FloatArray, price: FloatArray, sd: FloatArray, candidates: IntArray, fraction: float
    ) -> None:
        """Moves the worth towards the smallest that holds the target on `contexts`.

        quality, price   (m, n) expected quality, and US dollars, of every arm for every context
        sd               (n,) posterior standard deviation of the arms' mean quality
        candidates       (k,) arms that the latest decision could draw
        fraction         of the best arm's quality that is to be held, in (0, 1]
        """
        level = quality.mean(axis=0)
        priced = candidates[np.isfinite(price[0, candidates])]
        if priced.shape[0] == 0:
            return
        quality, price = quality[:, priced], price[:, priced]
        most = float(quality.max(axis=1).mean())
        asked = fraction * float(level[candidates].max())
        optimistic = fraction * float((level + _OPTIMISM * sd)[candidates].max()) + _MADE_UP * max(
            0.0, self.loss
        )
        target = min(optimistic, asked + _REACH * max(0.0, most - asked), most - _NEGLIGIBLE)
        rows = np.arange(quality.shape[0])
        low, high = -_RANGE, _RANGE
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            chosen = (self.first * math.exp(middle) * quality - price).argmax(axis=1)
            if float(quality[rows, chosen].mean()) < target:
                low = middle
            else:
                high = middle
        self.shift += _SMOOTHING * (high - self.shift)
