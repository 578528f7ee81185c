"""Off-policy evaluation: the reward that another policy would have had on logged traffic.

Row t holds the context's candidates, the probability vector p_t they were drawn with, the drawn arm A_t and
its reward r_t. A target policy has probabilities π_t over the same candidates. With w_t = π_t(A_t) / p_t(A_t):

    IPS    mean of w_t r_t
    SNIPS  Σ w_t r_t / Σ w_t
    DR     Σ h_t Γ_t / Σ h_t,   Γ_t = Σ_a π_t(a) q_t(a) + w_t (r_t − q_t(A_t))

q_t is a model of the reward fitted to rows before t only, so Γ_t − E Γ_t is a martingale difference however the
logger learnt. The weight h_t is the mean of Σ_a π²/p over recent rows before t to the power −1/2: rows in which
the logger explored more carry more information, and all terms of the martingale have about the same variance. It depends on
the past alone, so it adds no bias as long as the value itself doesn't drift inside the window.

The interval is an asymptotic confidence sequence: it holds at all sample sizes at once, so looking at it again
and again costs nothing. The sum of a martingale behaves like a Wiener process in the time V = Σ h_t² (Γ_t −
estimate)², which stays within either of

    c √V_N                                  up to V_N, the time after the N rows planned for, with 4 Φ(−c) = ¾ α
    √( (V + 1/ρ²) · log((V ρ² + 1) / (¼α)²) )   forever

but for a probability of ¾ α and ¼ α (reflection principle; normal mixture), so the smaller one at n, divided by
Σ h_t, holds throughout with 1 − α. N must be settled beforehand, or at least not by the rewards. At N rows the
interval is 2.35 standard errors wide either way, where a single look would take 1.96 and the mixture alone 3.04;
below half of N and beyond it, about 3.5.

References: D. Horvitz and D. Thompson (1952); A. Swaminathan and T. Joachims (2015), SNIPS; M. Dudík et al.
(2011), doubly robust; V. Hadad et al. (2021), weights for adaptively collected data; I. Waudby-Smith et al.
(2021), "Time-uniform central limit theory and asymptotic confidence sequences"; P. O'Brien and T. Fleming (1979), the
constant boundary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bandit.arrays import FloatArray, IntArray

ALPHA = 0.05
_Z95 = 1.959964
_LEAST_ROWS = 50
_LEAST_EFFECTIVE = 30.0
_SUPPORTED = 1e-3
"""Propensity below which an arm was in effect never drawn: one draw would count a thousandfold."""

_UNSUPPORTED_MASS = 0.01
_MISMATCH = 5.0
"""Standard errors by which the mean weight may miss 1 before the propensities are called wrong."""

PLANNED = 5000
"""Default number of rows at which the confidence sequence is narrowest."""

_FOREVER = 0.25
"""Share of α that is spent on the bound that holds beyond the rows planned for."""

_REFIT = 50
_RECENT = 0.02
_RIDGE = 4.0


class CannotEvaluateError(ValueError):
    """The log can't answer the question; the message has the reason."""


@dataclass(frozen=True, slots=True)
class Log:
    """n logged rows over k arms.

    probabilities  (n, k) the vectors that were drawn from, 0 for arms that were no candidates
    arm            (n,) drawn arm, in [0, k)
    reward         (n,) its reward, any finite unit
    context        (n, d) for the reward model, or None
    """

    probabilities: FloatArray
    arm: IntArray
    reward: FloatArray
    context: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate in the unit of the reward, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Mean reward per row of the target policy, by three estimators, and of the logger (`logged`).

    `effective_samples` is (Σ w)² / Σ w². All intervals hold at any time but `dr_once`, which holds for one look at a number
    of rows settled beforehand; for that it is a sixth narrower than the sequence where that is narrowest.
    """

    rows: int
    effective_samples: float
    ips: Interval
    snips: Interval
    dr: Interval
    dr_once: Interval
    logged: Interval


def evaluate(log: Log, target: FloatArray, alpha: float = ALPHA, planned: int = PLANNED) -> Evaluation:
    """Estimates the mean reward of `target` (n, k), each row a distribution over the candidates of that row.

    Row t of `target` may depend on the context of row t and on rows before it. The intervals are narrowest at
    `planned` rows, which must be the same at each look. Raises CannotEvaluateError if the logged propensities
    can't support the question.
    """
    rows = np.arange(log.arm.shape[0])
    _check(log, target)
    weight = target[rows, log.arm] / log.probabilities[rows, log.arm]
    effective = float(weight.sum() ** 2 / max(1e-300, float(weight @ weight)))
    _supported(log, target, weight, effective)
    stable = _before(_spread(log.probabilities, target)) ** -0.5
    model = predictions(log)
    direct = np.einsum("nk,nk->n", target, model)
    score = direct + weight * (log.reward - model[rows, log.arm])
    ratio = float((weight * log.reward).sum() / weight.sum())
    return Evaluation(
        rows=rows.shape[0],
        effective_samples=effective,
        ips=sequence(weight * log.reward, _flat(rows.shape[0]), alpha, planned),
        # Linearised: a ratio estimate errs like the mean of w (r − ratio).
        snips=_moved(sequence(weight * (log.reward - ratio), _flat(rows.shape[0]), alpha, planned), ratio),
        dr=sequence(score, stable, alpha, planned),
        dr_once=once(score, stable),
        logged=sequence(log.reward, _flat(rows.shape[0]), alpha, planned),
    )


def sequence(score: FloatArray, weight: FloatArray, alpha: float = ALPHA, planned: int = PLANNED) -> Interval:
    """Returns the weighted mean of `score` (n,) with its asymptotic confidence sequence at n ≥ 2.

    `weight` (n,) > 0; weight t may depend on rows before t only. `planned` ≥ 1 rows is where it is narrowest.
    """
    count, total = score.shape[0], float(weight.sum())
    value = float(weight @ score) / total
    variance = float((weight**2 * (score - value) ** 2).sum())
    if variance <= 0.0:
        return Interval(value, value, value)
    # Both bounds are fixed beforehand in units of the mean term, as in the paper, where σ̂ multiplies the boundary.
    horizon = variance / count * planned
    doubt = -2.0 * math.log(_FOREVER * alpha)
    inverse_rho2 = horizon / (doubt + math.log(doubt + 1.0))
    half = math.sqrt((variance + inverse_rho2) * (math.log(variance / inverse_rho2 + 1.0) + doubt))
    if count <= planned:
        level = NormalDist().inv_cdf(1.0 - (1.0 - _FOREVER) * alpha / 4.0)
        half = min(half, level * math.sqrt(horizon))
    return Interval(value, value - half / total, value + half / total)


def once(score: FloatArray, weight: FloatArray) -> Interval:
    """Returns the weighted mean of `score` (n,) with the 95 % interval of the martingale central limit theorem."""
    total = float(weight.sum())
    value = float(weight @ score) / total
    half = _Z95 * math.sqrt(float((weight**2 * (score - value) ** 2).sum())) / total
    return Interval(value, value - half, value + half)


def predictions(log: Log) -> FloatArray:
    """Returns q (n, k): every row's expected reward by arm, from a ridge regression on rows before it.

    One regression per arm on (1, context), shrunk towards the mean of all rewards so far, refitted every 50
    rows.
    """
    count, arms = log.probabilities.shape
    context = np.ones((count, 1))
    if log.context is not None:
        context = np.concatenate([context, log.context], axis=1)
    width = context.shape[1]
    gram = np.zeros((arms, width, width))
    moment = np.zeros((arms, width))
    sums = np.zeros((arms, width))
    result = np.zeros((count, arms))
    seen, total = 0, 0.0
    ridge = _RIDGE * np.eye(width)
    for start in range(0, count, _REFIT):
        part = slice(start, start + _REFIT)
        mean = total / seen if seen else 0.0
        if seen:
            theta = np.linalg.solve(gram + ridge, (moment - mean * sums)[..., None])[..., 0]
            result[part] = mean + context[part] @ theta.T
        for arm in np.unique(log.arm[part]):
            own = log.arm[part] == arm
            x, reward = context[part][own], log.reward[part][own]
            gram[arm] += x.T @ x
            moment[arm] += reward @ x
            sums[arm] += x.sum(axis=0)
        seen += log.reward[part].shape[0]
        total += float(log.reward[part].sum())
    low, high = float(log.reward.min()), float(log.reward.max())
    return np.clip(result, low, high)


def _check(log: Log, target: FloatArray) -> None:
    count, arms = log.probabilities.shape
    if target.shape != (count, arms) or log.arm.shape != (count,) or log.reward.shape != (count,):
        raise ValueError("target, arm and reward must have the rows and arms of the logged probabilities")
    if count < _LEAST_ROWS:
        raise CannotEvaluateError(f"only {count} rows with this metric; {_LEAST_ROWS} are the least")
    if not (np.isfinite(log.reward).all() and np.isfinite(target).all()):
        raise CannotEvaluateError("a reward or a target probability isn't finite")
    if (target < 0.0).any() or (np.abs(target.sum(axis=1) - 1.0) > 1e-4).any():
        raise ValueError("every row of the target must be a probability vector")
    drawn = log.probabilities[np.arange(count), log.arm]
    if not ((drawn > 0.0) & (drawn <= 1.0 + 1e-6)).all():
        raise CannotEvaluateError("some answers were logged without the probability they were drawn with")


def _supported(log: Log, target: FloatArray, weight: FloatArray, effective: float) -> None:
    unsupported = float(np.where(log.probabilities < _SUPPORTED, target, 0.0).sum(axis=1).mean())
    if unsupported > _UNSUPPORTED_MASS:
        raise CannotEvaluateError(
            f"{unsupported:.0%} of what the target would choose was (almost) never drawn: propensity below "
            f"{_SUPPORTED:g}; keep a floor under the arms in question and collect more traffic"
        )
    if effective < _LEAST_EFFECTIVE:
        raise CannotEvaluateError(
            f"the {weight.shape[0]} rows are worth only {effective:.0f} of the target's own "
            f"({_LEAST_EFFECTIVE:.0f} are the least): it differs too much from what was logged"
        )
    error = float(weight.std()) / math.sqrt(weight.shape[0])
    if abs(float(weight.mean()) - 1.0) > _MISMATCH * error + _UNSUPPORTED_MASS:
        raise CannotEvaluateError(
            f"the logged propensities don't match what was drawn: the mean weight is {weight.mean():.2f} "
            f"and should be 1 ± {_MISMATCH * error:.2f}"
        )


def _spread(probabilities: FloatArray, target: FloatArray) -> FloatArray:
    """Σ_a π² / p by row: the variance of a row's score for a reward of variance 1."""
    safe = np.where(target > 0.0, np.maximum(probabilities, _SUPPORTED), 1.0)
    spread: FloatArray = (target**2 / safe).sum(axis=1)
    return spread


def _before(values: FloatArray) -> FloatArray:
    """Returns at each row the exponential mean of the rows before it."""
    result = np.empty_like(values)
    mean = 1.0
    for row, value in enumerate(values.tolist()):
        result[row] = mean
        # The first rows count fully, so that the start value is soon forgotten.
        mean += max(_RECENT, 1.0 / (row + 2.0)) * (value - mean)
    return result


def _flat(count: int) -> FloatArray:
    return np.ones(count)


def _moved(interval: Interval, by: float) -> Interval:
    return Interval(interval.value + by, interval.low + by, interval.high + by)
