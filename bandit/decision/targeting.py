"""Quality targets: what quality must be worth for the cheapest mix to hold a fraction of the best arm's.

The decision takes the arm with the largest worth · quality − price. On the last requests of a budget, with the
posteriors of now, the mean expected quality of those choices rises with the worth, so the least worth that
reaches the target is found by bisection: no controller that lags, or winds up while a target can't be reached.

What the best arm can do isn't known. Its expectation is a maximum, but one of few draws where the arm was unlucky
and is therefore seldom chosen; so an arm counts with 0.2 standard deviations more than it seems to do, as far as
that asks for no more than half of what choosing by context can add. Half of what exploring costs in quality is
made up for too: more would be paid for with ever dearer answers.

The first 500 requests, and a share (500/n)^1.5 of the later ones, are decided by quality alone:
which arm is the best one must be found out even if it is too dear to be met by chance.

Reference: S. Agrawal and N. Devanur (2014), "Bandits with concave rewards and convex knapsacks".
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from bandit.arrays import FloatArray, IntArray

RECENT = 512
"""Requests that the worth is found on."""

_EVERY = 16
_SMOOTHING = 0.1
_FORGETTING = 0.98
"""Of what an arm's answers cost per expected token, by answer."""

_HOPE = 0.2
_MADE_UP = 0.5
_REACH = 0.5
_LOSS_RATE = 0.005
_NOTHING = 1e-4
"""Quality not worth the last step to the best answers throughout."""

_LOOKING, _FALL = 500.0, 1.5
_HALVINGS = 18
_RANGE = 9.0
"""Largest log of a worth over what the first request named: a factor of 8,000 either way."""


class Target:
    """One budget's requests, what arms charge on them, and the worth of a perfect answer in dollars.

    spent, tokens   (n,) decayed sums over answers by arm: dollars, and output tokens as expected
    loss            running mean of the quality that exploring costs
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
        """Dollars that a perfect answer is worth."""
        return self.first * math.exp(self.shift)

    @property
    def looking(self) -> float:
        """Share of requests, in (0, 1], to decide by quality alone."""
        return min(1.0, math.pow(_LOOKING / (self.seen + 1.0), _FALL))

    def answered(
        self,
        arm: int,
        x: FloatArray,
        cost_usd: float,
        quality: FloatArray,
        tokens: FloatArray,
        waiting: FloatArray,
    ) -> bool:
        """Takes one request that `arm` answered: expected quality, tokens and the price of waiting of all arms (n,).

        Returns whether it is time to `settle`.
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
        """Returns what each arm has charged per expected token (n,), infinite where it never answered."""
        known = self.tokens > 0.0
        return np.where(known, self.spent / np.where(known, self.tokens, 1.0), np.inf)

    def packed(self) -> tuple[dict[str, float], FloatArray, FloatArray]:
        """Returns numbers, the contexts, and `spent` over `tokens` (2, n)."""
        numbers = {"first": self.first, "shift": self.shift, "loss": self.loss, "seen": self.seen}
        return numbers, self.contexts.copy(), np.array([self.spent, self.tokens])

    @classmethod
    def unpacked(cls, numbers: Mapping[str, float], contexts: FloatArray, charged: FloatArray) -> Target:
        """Takes what `packed` gave. Raises ValueError or KeyError if it doesn't fit."""
        target = cls(contexts.shape[1], float(numbers["first"]))
        target.shift, target.loss = float(numbers["shift"]), float(numbers["loss"])
        target.seen = int(numbers["seen"])
        if not (target.first > 0.0 and math.isfinite(target.worth) and math.isfinite(target.loss)):
            raise ValueError("a quality target isn't finite")
        if charged.shape[0] != 2 or contexts.shape[0] > RECENT or target.seen < 0:
            raise ValueError(f"a quality target of shapes {contexts.shape}, {charged.shape}")
        target.contexts, target.spent, target.tokens = contexts.copy(), *charged.copy()
        return target

    def settle(
        self, quality: FloatArray, price: FloatArray, sd: FloatArray, candidates: IntArray, fraction: float
    ) -> None:
        """Moves the worth towards what holds the target on `contexts`: quality and price (m, n), and the standard
        deviation of what is known of the arms' means (n,).
        """
        level = quality.mean(axis=0)
        able = candidates[np.isfinite(price[0, candidates])]
        if able.shape[0] == 0:
            return
        quality, price = quality[:, able], price[:, able]
        most = float(quality.max(axis=1).mean())
        asked = fraction * float(level[candidates].max())
        hoped = fraction * float((level + _HOPE * sd)[candidates].max()) + _MADE_UP * max(0.0, self.loss)
        target = min(hoped, asked + _REACH * max(0.0, most - asked), most - _NOTHING)
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
