"""Posterior of answer quality: one Bayesian linear regression per arm over the context, joined by a hierarchy.

For arm a with observations (x_i, y_i) made at times t_i, and prior N(μ_a, D) from `hierarchy`:

    precision  A(t) = D⁻¹ + γ(t) Σ w_i x_i x_iᵀ / σ²            w_i  = exp((t_i − L) / τ)
    mean       θ(t) = μ_a + A(t)⁻¹ γ(t) Σ w_i x_i (y_i − x_iᵀμ_a) / σ²   γ(t) = exp(−(t − L) / τ)

so an observation's weight halves every half-life (`decay`), and without data the posterior returns to the prior. The
sums are additive: an observation can be retracted exactly, and the sums of two processes can be added.

Between two fits a posterior is updated by one observation at a time (`posteriors`); a fit (`hierarchy`) estimates what arms
have in common anew and solves for all posteriors.

A change detector watches the residuals. On an alarm, what was seen before the change keeps only the weight
of a few observations, what came after stays; so one arm is re-opened and no other.

Reference: C. Bishop, "Pattern Recognition and Machine Learning" (2006), 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bandit.arrays import FloatArray, IntArray, with_row
from bandit.quality.decay import Decay
from bandit.quality.evidence import Evidence, Reopening, stacked, unstack
from bandit.quality.hierarchy import Hyper, HyperPrior, Prior, Solution, fit, solve
from bandit.quality.newcomers import SETTLED, newcomer_bonus, newcomers
from bandit.quality.posteriors import Posteriors
from bandit.quality.priors import ArmPrior, contradicted, intercepts, kinship
from bandit.quality.query_effects import QueryEffects
from bandit.quality.settings import QualitySettings
from bandit.quality.sums import Sums

_FIRST_FIT, _LAST_FIT = 8, 256
"""Observations between two fits of the hierarchy: an eighth of all so far, within these bounds. The upper
bound also limits the rank-one updates of a covariance between exact inversions."""

_OUTWEIGHED = 5.0
"""Labelled examples count as outweighed once feedback weighs this many times as much."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The result of a fit, over n arms.

    paired     the labels of each arm without the query effects, None where there are none to be removed
    hyper      what arms have in common
    bonus      (n,) added to the prior means of newcomers
    centre     (d,) the mean context of all observations
    prior      the arms' prior given `hyper`
    solution   the arms' posteriors given `prior` and their observations
    """

    paired: list[Sums | None]
    hyper: Hyper
    bonus: FloatArray
    centre: FloatArray
    prior: Prior
    solution: Solution


class QualityModel:
    """The posteriors of quality of all arms, and all that they follow from."""

    def __init__(self, groups: IntArray, settings: QualitySettings) -> None:
        dimension = groups.shape[0]
        self._settings = settings
        self._decay = Decay(settings.half_life_s)
        self._dimension = dimension
        common_sd = np.full(dimension, settings.slope_sd)
        common_sd[0] = settings.common_sd
        common_mean = np.zeros(dimension)
        common_mean[0] = settings.common_mean
        sds = np.array([settings.arm_sd, settings.task_sd, settings.topic_sd, settings.statistic_sd])
        self._hyper_prior = HyperPrior(
            common_mean=common_mean,
            common_sd=common_sd,
            spread=(sds**2)[groups],
            group=groups,
            spread_strength=settings.spread_strength,
            noise=settings.noise_variance,
            noise_strength=settings.noise_strength,
        )
        # Until the first fit, θ₀ has no covariance.
        doubt = np.zeros((dimension, dimension))
        self._hyper = Hyper(common_mean, self._hyper_prior.spread, settings.noise_variance, doubt)
        self.informed = False  # whether labels are trusted, and feedback doesn't outweigh them by far
        self._labels_count = False  # whether there are labelled examples and they are trusted
        self._total = 0  # observations ever
        self._since = 0  # observations since the last fit
        self._due = _FIRST_FIT  # observations from one fit to the next
        self._founders = 0  # how many arms joined before `SETTLED` observations: the first ones
        self._names: list[str] = []
        self._priors: list[ArmPrior] = []
        self._kin: list[list[tuple[int, float]]] = []
        self._evidence: list[Evidence] = []
        self._query_effects = QueryEffects(dimension)
        self._bonus = np.zeros(0)  # added to the prior means of newcomers
        self._prior = Prior(np.zeros((0, dimension)), np.zeros((0, dimension)), np.zeros(0))
        self.posteriors = Posteriors(dimension)
        self._centre = np.zeros(dimension)  # mean context of all observations at the last fit
        self._centre[0] = 1.0

    def add_arm(self, name: str, prior: ArmPrior) -> None:
        """Adds an arm with its prior and its siblings' observations."""
        self.fit_if_due()
        arm = len(self._priors)
        kin = kinship(prior, self._priors)
        evidence = Evidence(self._dimension)
        for sibling, share in kin:
            self._kin[sibling].append((arm, share))
            evidence.sums.add(self._evidence[sibling].sums, share)
        self._names.append(name)
        self._priors.append(prior)
        self._kin.append(kin)
        self._evidence.append(evidence)
        self._bonus = with_row(self._bonus, 0.0)
        if self._total < SETTLED:
            self._founders = arm + 1
        if not self._decay.started:  # of the others only the prior mean changes, as the mean price does
            self._prior = self._arm_prior(self._hyper, self._bonus)
            solution = self._solution(arm, evidence.sums, 0.0)
            self.posteriors.add_arm(self._prior.mean.T.copy(), solution.covariance, solution.broad)
        else:
            bonus = self._newcomer_bonus(self._hyper)
            paired = [evidence.paired for evidence in self._evidence]
            self._use(self._solve_all(paired, self._hyper, bonus, self._centre, self._scale()))

    def observe_labels(self, x: FloatArray, arms: IntArray, values: FloatArray, *, at: float) -> None:
        """Records the labels `values` (k,), in [0, 1], of k different arms' answers to one query; `at` as in `observe`."""
        for arm, value in zip(arms, values, strict=True):
            self.observe(int(arm), x, float(value), at=at, weight=1.0, labelled=True)
        self._query_effects.add(x, arms, values, 1.0 / self._decay.scale(at), len(self._priors))

    def observe(
        self, arm: int, x: FloatArray, value: float, *, at: float, weight: float, labelled: bool
    ) -> bool:
        """Records one feedback or label in [0, 1]; returns whether it made the change detector alarm.

        `at` is when it came in, epoch seconds, not decreasing from call to call.
        """
        self.fit_if_due()
        self._advance(at)
        scaled = weight * self._decay.weight(at)
        self._total += 1
        self._since += 1
        evidence = self._evidence[arm]
        evidence.count += 1
        evidence.add(x, value, scaled, labelled=labelled)
        alarm = None
        if not labelled:
            self._check_labels(arm, x, value, weight)
            mean, variance = self.posteriors.predict(arm, x)
            # Weighted, or feedback that is mostly complaints would look like a fall.
            surprise = weight * (value - mean) / math.sqrt(self._hyper.noise + variance)
            alarm = evidence.watch(x, value, scaled, surprise, at)
        if alarm is not None:
            evidence.reopen(alarm, at, self._decay.scale(at), self._settings.reopened_weight)
            self._solve(arm)
        else:
            self._update(arm, x, value, weight, at)
        for sibling, share in self._kin[arm]:
            self._evidence[sibling].add(x, value, share * scaled, labelled=labelled)
            self._update(sibling, x, value, share * weight, at)
        if labelled or self._labels_count:
            self._compare_labels_with_feedback()
        return alarm is not None

    def _update(self, arm: int, x: FloatArray, value: float, weight: float, at: float) -> None:
        strength = weight * self._decay.weight_now(at) / self._hyper.noise
        self.posteriors.observe(arm, x, value, strength, self._centre)

    def _check_labels(self, arm: int, x: FloatArray, value: float, weight: float) -> None:
        evidence = self._evidence[arm]
        labels, trust = evidence.labels, evidence.trust
        if not trust.trusted or labels.weight <= 0.0:
            return
        noise, scale = self._hyper.noise, self._scale()
        if evidence.labels_theta is None:
            evidence.labels_theta = self._solution(arm, labels, scale).theta[:, 0].copy()
        residual = weight * (value - float(evidence.labels_theta @ x))
        trust.record(residual, noise, labels.weight * scale)
        every = [other.trust for other in self._evidence]
        if not contradicted(every):
            return
        for trust in every:
            trust.trusted = False
        # What the arms have in common came from the labels too.
        self._fit()

    def _compare_labels_with_feedback(self) -> None:
        labels, feedback = 0.0, 0.0
        for evidence in self._evidence:
            labels += evidence.labels.weight if evidence.trust.trusted else 0.0
            feedback += evidence.sums.weight
        self._labels_count, self.informed = labels > 0.0, labels > feedback / _OUTWEIGHED

    def retract(self, arm: int, x: FloatArray, value: float, *, at: float, weight: float) -> None:
        """Retracts a feedback exactly: the arguments are those it was observed with."""
        if not self._decay.started:
            raise ValueError("nothing was observed yet")
        self.fit_if_due()
        scaled = weight * self._decay.weight(at)
        evidence = self._evidence[arm]
        evidence.count -= 1
        evidence.forget_recent(x, value, scaled, at)
        for other, share in ((arm, 1.0), *self._kin[arm]):
            self._evidence[other].retract(x, value, share * scaled, at)
            self._solve(other)
        if self._labels_count:
            self._compare_labels_with_feedback()

    def effective_samples(self, arm: int, now: float) -> float:
        """Returns the decayed number of observations behind the posterior of `arm` at `now`."""
        if not self._decay.started:
            return 0.0
        return max(0.0, self._evidence[arm].weight * self._decay.scale(now))

    def count(self, arm: int) -> int:
        """Returns the number of observations of `arm` in force."""
        return self._evidence[arm].count

    def reopened(self, arm: int) -> int:
        """Returns how many changes were detected on `arm`."""
        return len(self._evidence[arm].reopenings)

    def posterior(self, arm: int, now: float) -> tuple[FloatArray, FloatArray]:
        """Returns the mean (d,) and covariance (d, d) of the coefficients of `arm` at exactly `now`, solved anew."""
        if not self._decay.started:
            return self.posteriors.of(arm)
        solution = self._solution(arm, self._evidence[arm].counted_sums(), self._decay.scale(now))
        return solution.theta[:, 0], solution.covariance[:, :, 0]

    def _scale(self) -> float:
        return self._decay.scale(self._decay.reference)

    def _advance(self, now: float) -> None:
        factor = self._decay.advance(now)
        if factor is not None:
            for evidence in self._evidence:
                evidence.scale(factor)
            self._query_effects.scale(factor)

    @property
    def fit_due(self) -> bool:
        """Whether it is time for a fit. It is made before anything else is learnt, at the latest."""
        return self._since >= self._due or self._decay.behind

    def fit_if_due(self) -> None:
        """Fits what arms have in common, if it is time."""
        if self.fit_due:
            self._fit()

    def compute_fit(self) -> Fit:
        """Returns a fit of all that was observed. Reads only, so that it may run in another thread as long as nothing
        is learnt.
        """
        hyper, bonus, centre = self._hyper, self._bonus, self._centre
        scale = self._decay.scale(self._decay.ahead)
        labels = [evidence.labels for evidence in self._evidence]
        paired = self._query_effects.removed(
            labels, self._kin, self.posteriors.means(np.eye(self._dimension))
        )
        active = [arm for arm, evidence in enumerate(self._evidence) if evidence.weight > 0.0]
        if active:
            sums = [self._evidence[arm].counted_sums(paired[arm]) for arm in active]
            offset, pooled = intercepts(self._names, self._priors, self._settings.price_slope)
            factor = self._strength_factors(hyper)[active]
            offset = (offset + bonus)[active]
            hyper = fit(sums, scale, offset, pooled[active], factor, hyper, self._hyper_prior)
            bonus = self._newcomer_bonus(hyper)
            centre = np.sum([one.outer[0] for one in sums], axis=0)
            centre = centre / centre[0]
        return self._solve_all(paired, hyper, bonus, centre, scale)

    def apply_fit(self, fit: Fit | None) -> None:
        """Replaces the posteriors by those of `compute_fit`, since which nothing was learnt; None if it failed: then
        they stay, and the next fit is due when it would be anyway.
        """
        self._since = 0
        self._due = min(_LAST_FIT, max(_FIRST_FIT, self._total // 8))
        self._decay.reference = self._decay.ahead
        if fit is not None:
            self._use(fit)

    def _fit(self) -> None:
        self.apply_fit(None)
        self._use(self.compute_fit())

    def _use(self, fit: Fit) -> None:
        self._hyper, self._bonus, self._centre, self._prior = fit.hyper, fit.bonus, fit.centre, fit.prior
        self.posteriors.set_all(fit.solution.theta, fit.solution.covariance, fit.solution.broad)
        for evidence, paired in zip(self._evidence, fit.paired, strict=True):
            evidence.paired = paired

    def _newcomer_bonus(self, hyper: Hyper) -> FloatArray:
        """Returns what to add to the prior means (n,)."""
        untried = newcomers(self._evidence, self._founders) if self._total >= SETTLED else []
        if not untried:
            return self._bonus
        offset, pooled = intercepts(self._names, self._priors, self._settings.price_slope)
        return newcomer_bonus(untried, self._evidence, offset, pooled, hyper, self._bonus)

    def _strength_factors(self, hyper: Hyper) -> FloatArray:
        """Returns the factors (n,) on the intercept's prior variance: an arm's prior may have a strength of its own."""
        strengths = [prior.strength for prior in self._priors]
        mean_variance = float(hyper.spread[0])
        return np.array([1.0 if s is None else hyper.noise / s / mean_variance for s in strengths])

    def _arm_prior(self, hyper: Hyper, bonus: FloatArray) -> Prior:
        """Returns the prior of the arms' coefficients given what they have in common."""
        count = len(self._priors)
        offset, pooled = intercepts(self._names, self._priors, self._settings.price_slope)
        mean, spread = np.tile(hyper.common, (count, 1)), np.tile(hyper.spread, (count, 1))
        mean[:, 0] = pooled * hyper.common[0] + offset + bonus
        spread[:, 0] *= self._strength_factors(hyper)
        return Prior(mean, spread, np.array([float(prior.quality is None) for prior in self._priors]))

    def _solve_all(
        self, paired: list[Sums | None], hyper: Hyper, bonus: FloatArray, centre: FloatArray, scale: float
    ) -> Fit:
        prior = self._arm_prior(hyper, bonus)
        sums = [
            evidence.counted_sums(labels) for evidence, labels in zip(self._evidence, paired, strict=True)
        ]
        return Fit(paired, hyper, bonus, centre, prior, solve(sums, scale, prior, hyper, centre))

    def _solution(self, arm: int, sums: Sums, scale: float) -> Solution:
        return solve([sums], scale, self._prior.of(arm), self._hyper, self._centre)

    def _solve(self, arm: int) -> None:
        solution = self._solution(arm, self._evidence[arm].counted_sums(), self._scale())
        self.posteriors.set_arm(
            arm, solution.theta[:, 0], solution.covariance[:, :, 0], float(solution.broad[0])
        )

    def snapshot(self) -> dict[str, FloatArray]:
        """Returns copies of the whole state, keys beginning with `quality`."""
        self.fit_if_due()
        every = self._evidence
        reopenings = [(arm, r.before, r.kept) for arm, e in enumerate(every) for r in e.reopenings]
        posteriors = [self.posteriors.of(arm) for arm in range(len(every))]
        return {
            **stacked(every, self._dimension),
            **self._query_effects.snapshot(len(every)),
            "quality.centre": self._centre.copy(),
            "quality.hope": self._bonus.copy(),
            "quality.reopenings": np.array(reopenings, dtype=np.float64).reshape(-1, 3),
            "quality.hyper": np.concatenate([self._hyper.common, self._hyper.spread, [self._hyper.noise]]),
            "quality.progress": np.array(
                [self._total, self._since, self._due, self._founders], dtype=np.float64
            ),
            "quality.doubt": self._hyper.doubt.copy(),
            # Not solved again at the restart: updates since the last fit hold what was learnt of θ₀ since.
            "quality.theta": np.array([theta for theta, _ in posteriors]).reshape(-1, self._dimension),
            "quality.covariance": np.array([covariance for _, covariance in posteriors]).reshape(
                -1, self._dimension, self._dimension
            ),
            "quality.broad": self.posteriors.sds() ** 2,
            "quality.clock": self._decay.snapshot(),
        }

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Restores a snapshot into a model with the same arms, nothing observed yet.

        Raises KeyError or ValueError if it doesn't fit.
        """
        size = self._dimension
        hyper = arrays["quality.hyper"]
        if hyper.shape != (2 * size + 1,) or hyper[size:].min() <= 0.0:
            raise ValueError("hyperparameters don't fit")
        doubt = arrays["quality.doubt"].copy()
        self._hyper = Hyper(hyper[:size].copy(), hyper[size:-1].copy(), float(hyper[-1]), doubt)
        self._bonus = arrays["quality.hope"].copy()
        self._centre = arrays["quality.centre"].copy()
        if self._bonus.shape != (len(self._priors),):
            raise ValueError("priors don't fit")
        unstack(self._evidence, arrays)
        self._query_effects.restore(arrays)
        for arm, before, kept in arrays["quality.reopenings"]:
            self._evidence[int(arm)].reopenings.append(Reopening(float(before), float(kept)))
        self._total, self._since, self._due, self._founders = (int(v) for v in arrays["quality.progress"])
        self._decay.restore(arrays["quality.clock"])
        self._compare_labels_with_feedback()
        self._prior = self._arm_prior(self._hyper, self._bonus)
        self.posteriors.set_all(
            arrays["quality.theta"].T.copy(),
            arrays["quality.covariance"].transpose(1, 2, 0).copy(),
            arrays["quality.broad"].copy(),
        )
