"""Posterior of answer quality: one Bayesian linear regression per arm over the context, joined by a hierarchy.

For arm a with observations (x_i, y_i) made at times t_i, and prior N(μ_a, D) from `hierarchy`:

    precision  A(t) = D⁻¹ + γ(t) Σ w_i x_i x_iᵀ / σ²            w_i  = exp((t_i − L) / τ)
    mean       θ(t) = μ_a + A(t)⁻¹ γ(t) Σ w_i x_i (y_i − x_iᵀμ_a) / σ²   γ(t) = exp(−(t − L) / τ)

so an observation's weight halves every half-life, and without data the posterior returns to the prior. The
sums are additive: an observation can be taken back exactly, and the sums of two processes can be added.

A change detector watches the residuals. On an alarm, what was seen before the change keeps only the weight
of a few observations, what came after stays; so one arm is re-opened and no other.

References: C. Bishop, "Pattern Recognition and Machine Learning" (2006), 3.3; G. Cormode et al. (2009),
"Forward decay: a practical time decay model for streaming systems".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bandit.arrays import FloatArray, IntArray, with_row
from bandit.quality.evidence import Evidence, Reopening, stacked, unstack
from bandit.quality.hierarchy import Beliefs, Hyper, fit
from bandit.quality.posteriors import Posteriors
from bandit.quality.priors import ArmPrior, contradicted, intercepts, kinship
from bandit.quality.query_effects import Panel
from bandit.quality.solving import Prior, Solution, solve
from bandit.quality.sums import Sums

_REBASE_AT = 60.0
"""Largest exponent of a weight before the landmark moves: exp(60) squared is far from overflow."""

_FIRST_FIT, _LAST_FIT = 8, 256
"""Observations between two fits of the hierarchy: an eighth of all so far, within these bounds. The upper
one also bounds the rank-one updates of a covariance between exact inversions."""

_OUTWEIGHED = 5.0
"""How many times as much as labelled examples feedback weighs when it is learnt from as if there were none."""

_SETTLED, _TRIED = 300, 30
"""Observations from which on an untried arm is a newcomer; observations of an arm to compare it with."""


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """Constants of the quality posterior.

    noise_variance   prior guess of the variance of a feedback; noise_strength: observations it counts as
    common_mean      prior mean quality of an arm; common_sd: of the intercept and the slopes they share
    arm_sd, task_sd, topic_sd, statistic_sd
                     prior guess of how far arms differ: in the mean, and by task, topic and statistic
    spread_strength  coefficients that these guesses count as
    price_slope      quality per factor of ten in list price
    half_life_s      seconds after which an observation counts half
    reopened_weight  observations that what came before a change still counts as
    """

    noise_variance: float = 0.15
    noise_strength: float = 20.0
    common_mean: float = 0.6
    common_sd: float = 0.3
    slope_sd: float = 0.15
    arm_sd: float = 0.1
    task_sd: float = 0.05
    topic_sd: float = 0.05
    statistic_sd: float = 0.035
    spread_strength: float = 30.0
    price_slope: float = 0.1
    half_life_s: float = 14 * 86400.0
    reopened_weight: float = 4.0


@dataclass(frozen=True, slots=True)
class Fit:
    """What a fit makes of the observations: what the labels of n arms say without what is the queries' part, what arms have
    in common, what is hoped of newcomers (n,), the mean context (d,), what is believed of the arms without their own
    observations, and with them.
    """

    paired: list[Sums | None]
    hyper: Hyper
    hope: FloatArray
    centre: FloatArray
    prior: Prior
    solution: Solution


class QualityModel:
    """The posteriors of all arms, their covariances kept ready for the next decision."""

    def __init__(self, groups: IntArray, settings: QualitySettings) -> None:
        dimension = groups.shape[0]
        self._settings = settings
        self._tau = settings.half_life_s / math.log(2.0)
        self._tick = self._tau / 256.0
        self._dimension = dimension
        common_sd = np.full(dimension, settings.slope_sd)
        common_sd[0] = settings.common_sd
        common_mean = np.zeros(dimension)
        common_mean[0] = settings.common_mean
        sds = np.array([settings.arm_sd, settings.task_sd, settings.topic_sd, settings.statistic_sd])
        self._beliefs = Beliefs(
            common_mean=common_mean,
            common_sd=common_sd,
            spread=(sds**2)[groups],
            group=groups,
            spread_strength=settings.spread_strength,
            noise=settings.noise_variance,
            noise_strength=settings.noise_strength,
        )
        # What arms have in common is in doubt from the first fit on: before it, all of them share that doubt.
        doubt = np.zeros((dimension, dimension))
        self._hyper = Hyper(common_mean, self._beliefs.spread, settings.noise_variance, doubt)
        self._landmark: float | None = None
        self._reference = 0.0  # the time that the posteriors are for
        self._ahead = 0.0  # the newest tick, which the next fit moves them to
        self.informed = False  # whether labels are believed, and feedback doesn't outweigh them by far
        self._believed = False  # whether there are labelled examples and they are believed
        self._total = 0  # observations ever
        self._since = 0  # of these after the last fit
        self._due = _FIRST_FIT
        self._founders = 0  # arms that joined before the others were settled: the first so many
        self._names: list[str] = []
        self._priors: list[ArmPrior] = []
        self._kin: list[list[tuple[int, float]]] = []
        self._evidence: list[Evidence] = []
        self._panel = Panel(dimension)
        self._hope = np.zeros(0)  # added to the prior mean of an arm that joined late
        self._prior = Prior(np.zeros((0, dimension)), np.zeros((0, dimension)), np.zeros(0))
        self.posteriors = Posteriors(dimension)
        self._centre = np.zeros(dimension)  # mean context of all observations at the last fit
        self._centre[0] = 1.0

    def add_arm(self, name: str, prior: ArmPrior) -> None:
        """Adds an arm that knows only its prior, and what its siblings have seen."""
        self.settle()
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
        self._hope = with_row(self._hope, 0.0)
        if self._total < _SETTLED:
            self._founders = arm + 1
        if self._landmark is None:  # of the others nothing changes but what their price makes them expect
            self._prior = self._before(self._hyper, self._hope)
            found = self._solution(arm, evidence.sums, 0.0)
            self.posteriors.add_arm(self._prior.mean.T.copy(), found.covariance, found.broad)
        else:
            welcomed = self._welcomed(self._hyper)
            paired = [evidence.paired for evidence in self._evidence]
            self._use(self._solved(paired, self._hyper, welcomed, self._centre, self._decay(self._reference)))

    def observe_labels(self, x: FloatArray, arms: IntArray, values: FloatArray, *, at: float) -> None:
        """Takes the labels `values` (k,), in [0, 1], of k different arms' answers to one query; `at` as in `observe`."""
        for arm, value in zip(arms, values, strict=True):
            self.observe(int(arm), x, float(value), at=at, weight=1.0, labelled=True)
        self._panel.add(x, arms, values, 1.0 / self._decay(at), len(self._priors))

    def observe(
        self, arm: int, x: FloatArray, value: float, *, at: float, weight: float, labelled: bool
    ) -> bool:
        """Takes one feedback; returns whether it made the change detector alarm.

        `at` is when the feedback was taken in, epoch seconds, not decreasing from call to call.
        """
        self.settle()
        self._advance(at)
        assert self._landmark is not None
        scaled = weight * math.exp((at - self._landmark) / self._tau)
        self._total += 1
        self._since += 1
        evidence = self._evidence[arm]
        evidence.count += 1
        evidence.add(x, value, scaled, labelled=labelled)
        alarm = None
        if not labelled:
            self._check_labels(arm, x, value, weight)
            mean, variance = self.posteriors.foresee(arm, x)
            # Weighted, or feedback that is mostly complaints would look like a fall.
            surprise = weight * (value - mean) / math.sqrt(self._hyper.noise + variance)
            alarm = evidence.watch(x, value, scaled, surprise, at)
        if alarm is not None:
            evidence.reopen(alarm, at, self._decay(at), self._settings.reopened_weight)
            self._solve(arm)
        else:
            self._update(arm, x, value, weight, at)
        for sibling, share in self._kin[arm]:
            self._evidence[sibling].add(x, value, share * scaled, labelled=labelled)
            self._update(sibling, x, value, share * weight, at)
        if labelled or self._believed:
            self._take_stock()
        return alarm is not None

    def _update(self, arm: int, x: FloatArray, value: float, weight: float, at: float) -> None:
        strength = weight * math.exp((at - self._reference) / self._tau) / self._hyper.noise
        self.posteriors.observe(arm, x, value, strength, self._centre)

    def _check_labels(self, arm: int, x: FloatArray, value: float, weight: float) -> None:
        evidence = self._evidence[arm]
        labels, trust = evidence.labels, evidence.trust
        if not trust.trusted or labels.weight <= 0.0:
            return
        noise, scale = self._hyper.noise, self._decay(self._reference)
        if evidence.told is None:
            evidence.told = self._solution(arm, labels, scale).theta[:, 0].copy()
        residual = weight * (value - float(evidence.told @ x))
        trust.take(residual, noise, labels.weight * scale)
        every = [other.trust for other in self._evidence]
        if not contradicted(every):
            return
        for trust in every:
            trust.trusted = False
        # What the arms have in common came from the labels too.
        self._fit()

    def _take_stock(self) -> None:
        told, heard = 0.0, 0.0
        for evidence in self._evidence:
            told += evidence.labels.weight if evidence.trust.trusted else 0.0
            heard += evidence.sums.weight
        self._believed, self.informed = told > 0.0, told > heard / _OUTWEIGHED

    def retract(self, arm: int, x: FloatArray, value: float, *, at: float, weight: float) -> None:
        """Takes back an observation exactly: same arguments as it was observed with."""
        if self._landmark is None:
            raise ValueError("nothing was observed yet")
        self.settle()
        scaled = weight * math.exp((at - self._landmark) / self._tau)
        evidence = self._evidence[arm]
        evidence.count -= 1
        evidence.forget_recent(x, value, scaled, at)
        for other, share in ((arm, 1.0), *self._kin[arm]):
            self._evidence[other].take_back(x, value, share * scaled, at)
            self._solve(other)
        if self._believed:
            self._take_stock()

    def effective_samples(self, arm: int, now: float) -> float:
        """Returns the decayed number of observations that the posterior of `arm` rests on at `now`."""
        if self._landmark is None:
            return 0.0
        return max(0.0, self._evidence[arm].weight * self._decay(now))

    def count(self, arm: int) -> int:
        """Returns the number of observations of `arm` in force."""
        return self._evidence[arm].count

    def reopened(self, arm: int) -> int:
        """Returns how many changes were detected on `arm`."""
        return len(self._evidence[arm].reopenings)

    def posterior(self, arm: int, now: float) -> tuple[FloatArray, FloatArray]:
        """Returns (θ, covariance) at exactly `now`, solved afresh."""
        if self._landmark is None:
            return self.posteriors.of(arm)
        found = self._solution(arm, self._evidence[arm].known(), self._decay(now))
        return found.theta[:, 0], found.covariance[:, :, 0]

    def _decay(self, now: float) -> float:
        assert self._landmark is not None
        return math.exp(-(now - self._landmark) / self._tau)

    def _advance(self, now: float) -> None:
        """Keeps the time in ticks: a fit moves the posteriors to the newest one, at most 0.4 % of weight behind."""
        tick = math.floor(now / self._tick) * self._tick
        if self._landmark is None:
            self._landmark = self._reference = self._ahead = tick
        elif tick > self._ahead:
            self._ahead = tick
            if (tick - self._landmark) / self._tau > _REBASE_AT:
                factor = self._decay(tick)
                for evidence in self._evidence:
                    evidence.scale(factor)
                self._panel.scale(factor)
                self._landmark = tick

    @property
    def due(self) -> bool:
        """Whether it is time for a fit. It is made by `settle` or, at the latest, before anything else is learnt."""
        return self._since >= self._due or self._ahead > self._reference

    def settle(self) -> None:
        """Fits what arms have in common, if it is time."""
        if self.due:
            self._fit()

    def fitted(self) -> Fit:
        """Returns what a fit makes of all that was observed. Reads only, so that it may run in another thread as
        long as nothing is learnt.
        """
        hyper, hope, centre = self._hyper, self._hope, self._centre
        scale = self._decay(self._ahead)
        labels = [evidence.labels for evidence in self._evidence]
        paired = self._panel.paired(labels, self._kin, self.posteriors.means(np.eye(self._dimension)))
        active = [arm for arm, evidence in enumerate(self._evidence) if evidence.weight > 0.0]
        if active:
            known = [self._evidence[arm].known(paired[arm]) for arm in active]
            offset, pooled = intercepts(self._names, self._priors, self._settings.price_slope)
            own = self._own(hyper)[active]
            hyper = fit(known, scale, (offset + hope)[active], pooled[active], own, hyper, self._beliefs)
            hope = self._welcomed(hyper)
            centre = np.sum([sums.outer[0] for sums in known], axis=0)
            centre = centre / centre[0]
        return self._solved(paired, hyper, hope, centre, scale)

    def take(self, fit: Fit | None) -> None:
        """Goes on with what `fitted` returned, nothing having been learnt since; None if it failed: then the next fit
        is made when it would be next.
        """
        self._since = 0
        self._due = min(_LAST_FIT, max(_FIRST_FIT, self._total // 8))
        self._reference = self._ahead
        if fit is not None:
            self._use(fit)

    def _fit(self) -> None:
        self.take(None)
        self._use(self.fitted())

    def _use(self, fit: Fit) -> None:
        self._hyper, self._hope, self._centre, self._prior = fit.hyper, fit.hope, fit.centre, fit.prior
        self.posteriors.replace(fit.solution.theta, fit.solution.covariance, fit.solution.broad)
        for evidence, paired in zip(self._evidence, fit.paired, strict=True):
            evidence.paired = paired

    def _welcomed(self, hyper: Hyper) -> FloatArray:
        """Returns what to add to the prior means (n,): arms that joined late get the benefit of the doubt, a prior
        mean as good as the best arm's.

        Else an average prior would keep a newcomer from being tried where a good arm is known already. Only
        while they are few: with many untried arms, hope for each of them would cost more than it finds. Arms that were
        there from the start and never judged, as dear ones may be, don't keep one that joined since from its welcome.
        """
        untried = [
            arm
            for arm, evidence in enumerate(self._evidence)
            if evidence.weight == 0.0 == evidence.sums.weight
        ]
        few = max(1, len(self._evidence) // 10)
        if len(untried) > few:
            untried = [arm for arm in untried if arm >= self._founders]
        if self._total < _SETTLED or not untried or len(untried) > few:
            return self._hope
        tried = [evidence.sums for evidence in self._evidence if evidence.count >= _TRIED]
        if not tried:
            return self._hope
        best = max(float(sums.response[0]) / float(sums.outer[0, 0]) for sums in tried if sums.weight > 0.0)
        contexts = np.sum([sums.outer[0] for sums in tried], axis=0)
        offset, pooled = intercepts(self._names, self._priors, self._settings.price_slope)
        typical = float(hyper.common[1:] @ contexts[1:]) / float(contexts[0])
        hope = self._hope.copy()
        for arm in untried:
            expected = pooled[arm] * float(hyper.common[0]) + offset[arm] + typical
            hope[arm] = max(0.0, best - expected) if pooled[arm] else 0.0
        return hope

    def _own(self, hyper: Hyper) -> FloatArray:
        """Returns the factors (n,) on the intercept's prior variance: an arm may come with a strength of its own."""
        strengths = [prior.strength for prior in self._priors]
        mean_variance = float(hyper.spread[0])
        return np.array([1.0 if s is None else hyper.noise / s / mean_variance for s in strengths])

    def _before(self, hyper: Hyper, hope: FloatArray) -> Prior:
        """Returns what is believed of the arms before their own observations."""
        count = len(self._priors)
        offset, pooled = intercepts(self._names, self._priors, self._settings.price_slope)
        mean, spread = np.tile(hyper.common, (count, 1)), np.tile(hyper.spread, (count, 1))
        mean[:, 0] = pooled * hyper.common[0] + offset + hope
        spread[:, 0] *= self._own(hyper)
        return Prior(mean, spread, np.array([float(prior.quality is None) for prior in self._priors]))

    def _solved(
        self, paired: list[Sums | None], hyper: Hyper, hope: FloatArray, centre: FloatArray, scale: float
    ) -> Fit:
        prior = self._before(hyper, hope)
        known = [evidence.known(without) for evidence, without in zip(self._evidence, paired, strict=True)]
        return Fit(paired, hyper, hope, centre, prior, solve(known, scale, prior, hyper, centre))

    def _solution(self, arm: int, sums: Sums, scale: float) -> Solution:
        return solve([sums], scale, self._prior.of(arm), self._hyper, self._centre)

    def _solve(self, arm: int) -> None:
        found = self._solution(arm, self._evidence[arm].known(), self._decay(self._reference))
        self.posteriors.put(arm, found.theta[:, 0], found.covariance[:, :, 0], float(found.broad[0]))

    def snapshot(self) -> dict[str, FloatArray]:
        """Returns copies of the whole state, keys beginning with `quality`."""
        self.settle()
        every = self._evidence
        clock = (math.nan if self._landmark is None else self._landmark, self._reference)
        reopenings = [(arm, r.before, r.kept) for arm, e in enumerate(every) for r in e.reopenings]
        known = [self.posteriors.of(arm) for arm in range(len(every))]
        return {
            **stacked(every, self._dimension),
            **self._panel.snapshot(len(every)),
            "quality.centre": self._centre.copy(),
            "quality.hope": self._hope.copy(),
            "quality.reopenings": np.array(reopenings, dtype=np.float64).reshape(-1, 3),
            "quality.hyper": np.concatenate([self._hyper.common, self._hyper.spread, [self._hyper.noise]]),
            "quality.progress": np.array(
                [self._total, self._since, self._due, self._founders], dtype=np.float64
            ),
            "quality.doubt": self._hyper.doubt.copy(),
            # Not solved again at the restart: updates since the last fit know more of θ₀ than that fit did.
            "quality.theta": np.array([theta for theta, _ in known]).reshape(-1, self._dimension),
            "quality.covariance": np.array([covariance for _, covariance in known]).reshape(
                -1, self._dimension, self._dimension
            ),
            "quality.broad": self.posteriors.sds() ** 2,
            "quality.clock": np.array([*np.nan_to_num(clock, nan=0.0), self._landmark is not None]),
        }

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Takes what `snapshot` gave into a model with the same arms, nothing observed yet.

        Raises KeyError or ValueError if it doesn't fit.
        """
        size = self._dimension
        hyper = arrays["quality.hyper"]
        if hyper.shape != (2 * size + 1,) or hyper[size:].min() <= 0.0:
            raise ValueError("hyperparameters don't fit")
        doubt = arrays["quality.doubt"].copy()
        self._hyper = Hyper(hyper[:size].copy(), hyper[size:-1].copy(), float(hyper[-1]), doubt)
        self._hope = arrays["quality.hope"].copy()
        self._centre = arrays["quality.centre"].copy()
        if self._hope.shape != (len(self._priors),):
            raise ValueError("priors don't fit")
        unstack(self._evidence, arrays)
        self._panel.restore(arrays)
        for found, before, kept in arrays["quality.reopenings"]:
            self._evidence[int(found)].reopenings.append(Reopening(float(before), float(kept)))
        self._total, self._since, self._due, self._founders = (int(v) for v in arrays["quality.progress"])
        landmark, reference, observed = arrays["quality.clock"].tolist()
        self._landmark = landmark if observed else None
        self._reference = self._ahead = reference
        self._take_stock()
        self._prior = self._before(self._hyper, self._hope)
        self.posteriors.replace(
            arrays["quality.theta"].T.copy(),
            arrays["quality.covariance"].transpose(1, 2, 0).copy(),
            arrays["quality.broad"].copy(),
        )
