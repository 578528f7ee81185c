from copy import copy

import numpy as np
import pytest

from bandit.arrays import FloatArray
from bandit.calls.call_posteriors import ErrorRates, LogMeans, Providers
from bandit.decision.arm_probabilities import bounded, probabilities
from bandit.decision.decide import (
    COST,
    ERROR,
    MEAN,
    PROBABILITY,
    SECONDS,
    TABLE_ROWS,
    TOKENS,
    VARIANCE,
    Decider,
    DecisionInputs,
)
from bandit.decision.shortlist import SIZE
from bandit.quality.posteriors import Posteriors

NOW = 1.7e9
_BROAD, _NARROW, _SAMPLED_NARROW = 0.5, 0.3, 0.2
"""Factors on the standard deviation of what concerns all traffic, and of the rest in either kind of draws."""


class Case:
    """A random decision over `arms` of which `rows` are candidates, and what it comes to, step by step in numpy."""

    def __init__(self, seed: int, arms: int, size: int = 9) -> None:
        rng = np.random.default_rng(seed)
        self.rows = rng.permutation(arms)[: max(1, arms - 2)]
        self.x = np.concatenate([[1.0], rng.normal(0, 0.5, size - 1) * (rng.random(size - 1) < 0.6)])
        root = rng.normal(0, 0.03, (arms, size, size))
        self.covariance = root @ root.transpose(0, 2, 1) + 1e-6 * np.eye(size)
        self.theta = rng.normal(0, 0.05, (arms, size))
        self.theta[:, 0] += 0.6
        self.broad = self.covariance[:, 0, 0].copy()
        self.posteriors = Posteriors(size)
        self.posteriors.set_all(
            np.ascontiguousarray(self.theta.T),
            np.ascontiguousarray(self.covariance.transpose(1, 2, 0)),
            self.broad.copy(),
        )
        self.tokens = LogMeans(cells=3, typical=200.0, half_life_s=1e6)
        self.ttft = LogMeans(cells=1, typical=0.6, half_life_s=1e4)
        self.token_s = LogMeans(cells=1, typical=0.02, half_life_s=1e4)
        self.errors, self.providers = ErrorRates(half_life_s=600.0), Providers()
        for arm in range(arms):
            self.providers.add_arm(f"p{arm % 5}")
            for part in (self.tokens, self.ttft, self.token_s, self.errors):
                part.add_arm()
        for number in range(3 * arms):
            arm, now = int(rng.integers(arms)), NOW - 300.0 + number
            self.tokens.observe(arm, number % 3, float(rng.integers(20, 400)), now)
            self.ttft.observe(arm, 0, float(rng.uniform(0.1, 2.0)), now)
            self.token_s.observe(arm, 0, float(rng.uniform(0.005, 0.05)), now)
            self.errors.observe(arm, bool(rng.random() < 0.1), now)
        self.decider = Decider(
            self.posteriors, self.tokens, self.ttft, self.token_s, self.errors, self.providers
        )
        count = self.rows.shape[0]
        self.fixed, self.output = rng.uniform(1e-5, 1e-3, count), rng.uniform(1e-7, 1e-5, count)
        self.value, self.second, self.uniform = 0.05, 0.0002, float(rng.random())

    def decide(
        self,
        *,
        max_exploration: float = 1.0,
        uniform: float | None = None,
        quality_only: float = 0.0,
        whole: bool = True,
        money_price: float = 0.0,
        directed: float = 0.0,
    ) -> tuple[int, FloatArray]:
        table = np.empty((TABLE_ROWS, self.rows.shape[0]))
        inputs = DecisionInputs(
            x=self.x,
            kind=1,
            candidates=self.rows,
            fixed_usd=self.fixed,
            output_usd=self.output,
            max_tokens=200.0,
            now=NOW,
            uniform=self.uniform if uniform is None else uniform,
            value_usd=self.value,
            second_usd=self.second,
            whole_answer=whole,
            money_price=money_price,
            broad=_BROAD,
            narrow=_NARROW,
            sampled_narrow=_SAMPLED_NARROW,
            directed=directed,
            quality_only=quality_only,
            floor_total=0.003,
            max_exploration=max_exploration,
        )
        chosen = self.decider.decide(inputs, table)
        return chosen, table

    def check(
        self, table: FloatArray, quality_only: float, whole: bool, money_price: float, directed: float
    ) -> None:
        tokens = np.minimum(self.tokens.predict(1, self.providers)[self.rows], 200.0)
        error = self.errors.predict(NOW, self.providers)[self.rows]
        cost = self.fixed + self.output * tokens
        seconds = self.ttft.predict(0, self.providers)[self.rows]
        if whole:
            seconds = seconds + tokens * self.token_s.predict(0, self.providers)[self.rows]
        mean = (self.theta @ self.x)[self.rows]
        variance = np.einsum("i,aij,j->a", self.x, self.covariance, self.x)[self.rows]
        shared = self.broad[self.rows]
        worth = self.value * (1.0 - error)
        paid = cost * (1.0 + money_price) + self.second * seconds
        shares = np.zeros(mean.shape)
        for narrow, goal, part in ((_NARROW, 1.0, directed), (_SAMPLED_NARROW, 0.0, 1.0 - directed)):
            if part:
                sd = np.sqrt(np.maximum(variance - shared, 0.0) * narrow**2 + _BROAD**2 * shared + 1e-12)
                cut = np.array([bounded(m, s) for m, s in zip(mean, sd, strict=True)])
                shares += part * probabilities(worth * cut[:, 0] - paid, worth * cut[:, 1] + 1e-12, goal)
        if quality_only:
            plain = np.array([bounded(m, s) for m, s in zip(mean, np.sqrt(variance), strict=True)])
            best = probabilities(plain[:, 0].copy(), plain[:, 1].copy(), directed)
            shares = (1.0 - quality_only) * shares + quality_only * best
        count = self.rows.shape[0]
        least = 0.003 / count if count > 1 else 0.0
        wanted = shares * (1.0 - count * least) + least
        competing = table[PROBABILITY] > least * (1.0 + 1e-6)
        if count > SIZE:
            assert np.count_nonzero(competing) <= SIZE * (2 if quality_only else 1)
            assert table[PROBABILITY].min() == pytest.approx(least)
            # All are uncertain here, so many are about as good; who was left out would rarely have been drawn.
            assert directed or shares[~competing].sum() < 0.3
        else:
            assert table[PROBABILITY] == pytest.approx(wanted, abs=1e-3)
            assert table[VARIANCE] == pytest.approx(variance, rel=1e-9)
        assert table[VARIANCE][competing] == pytest.approx(variance[competing], rel=1e-9)
        assert table[PROBABILITY].sum() == pytest.approx(1.0)
        for row, values in (
            (MEAN, mean),
            (TOKENS, tokens),
            (COST, cost),
            (SECONDS, seconds),
            (ERROR, error),
        ):
            assert table[row] == pytest.approx(values, rel=1e-9)


@pytest.mark.parametrize("arms", [1, 2, 5, 40, 200])
@pytest.mark.parametrize(
    ("quality_only", "whole", "money_price", "directed"),
    [
        (0.0, True, 0.0, 0.0),
        (0.3, True, 0.0, 0.0),
        (0.0, False, 2.0, 0.0),
        (0.0, True, 0.0, 0.9),
        (0.3, True, 0.0, 1.0),
    ],
)
def test_a_decision_is_what_its_parts_come_to_one_by_one(
    arms: int, quality_only: float, whole: bool, money_price: float, directed: float
) -> None:
    for seed in range(5):
        case = Case(seed, arms)
        _, table = case.decide(
            quality_only=quality_only, whole=whole, money_price=money_price, directed=directed
        )
        case.check(table, quality_only, whole, money_price, directed)


def test_a_decision_changes_nothing_and_more_candidates_follow_on_fewer() -> None:
    case, fewer = Case(4, 30), Case(4, 30)
    fewer.rows, fewer.fixed, fewer.output = fewer.rows[:3], fewer.fixed[:3], fewer.output[:3]
    fewer.decider = case.decider
    first = fewer.decide()[1]
    assert case.decide()[1].tolist() == case.decide()[1].tolist()
    assert fewer.decide()[1].tolist() == first.tolist()


def test_of_many_candidates_those_compete_that_could_be_best_and_as_if_they_were_alone() -> None:
    for seed in range(5):
        case = Case(seed, 400)
        _, table = case.decide()
        least = 0.003 / table.shape[1]
        competing = np.flatnonzero(table[PROBABILITY] > least * (1.0 + 1e-6))
        alone = copy(case)
        alone.rows = case.rows[competing].copy()
        alone.fixed, alone.output = case.fixed[competing].copy(), case.output[competing].copy()
        _, few = alone.decide()
        shares = (table[PROBABILITY][competing] - least) / (1.0 - table.shape[1] * least)
        floor = min(0.001, 0.003 / competing.size)
        assert shares == pytest.approx((few[PROBABILITY] - floor) / (1.0 - competing.size * floor), abs=2e-3)


def test_among_equals_the_first_compete_and_one_that_is_unsure_gets_in() -> None:
    case = Case(0, 100)
    for arm in range(100):
        case.posteriors.set_arm(arm, case.theta[0], case.covariance[0], case.broad[0])
    for part in (case.tokens, case.ttft, case.token_s):
        part.restore("", {key: array[:1].repeat(100, axis=0) for key, array in part.snapshot("").items()})
    case.errors.restore("", {key: array[:1].repeat(100) for key, array in case.errors.snapshot("").items()})
    case.fixed[:], case.output[:] = 1e-4, 1e-6
    _, table = case.decide()
    competing = np.flatnonzero(table[PROBABILITY] > 1e-3)
    assert competing.tolist() == list(range(SIZE))
    uncertain = int(case.rows[90])
    case.posteriors.set_arm(uncertain, case.theta[0], 9.0 * case.covariance[0], 9.0 * case.broad[0])
    _, table = case.decide()
    assert table[PROBABILITY, 90] > 2.0 / SIZE
    assert table[PROBABILITY, SIZE - 1] < 1e-3
    assert table[PROBABILITY, SIZE - 2] > 1e-3


@pytest.mark.parametrize("directed", [0.0, 0.9])
def test_numbers_that_are_none_end_a_decision_all_the_same(directed: float) -> None:
    case = Case(0, 100)
    case.fixed[::3] = np.nan
    chosen, table = case.decide(directed=directed)
    assert 0 <= chosen < table.shape[1]


@pytest.mark.parametrize("broken", ["x", "rows", "fixed", "output"])
def test_shapes_that_do_not_fit_are_refused(broken: str) -> None:
    case = Case(0, 8)
    setattr(case, broken, getattr(case, broken)[:-1].copy())
    with pytest.raises(IndexError, match="don't fit"):
        case.decide()


@pytest.mark.parametrize("arm", [-1, 8])
def test_an_arm_there_is_not_is_refused(arm: int) -> None:
    case = Case(0, 8)
    case.rows[2] = arm
    with pytest.raises(IndexError, match=f"no arm {arm}"):
        case.decide()


def test_the_draw_follows_the_vector() -> None:
    case = Case(3, 6)
    vector = case.decide()[1][PROBABILITY]
    edges = np.cumsum(vector) / vector.sum()
    for position, edge in enumerate(edges[:-1]):
        assert case.decide(uniform=edge - 1e-9)[0] == position
        assert case.decide(uniform=edge + 1e-9)[0] == position + 1
    assert case.decide(uniform=0.0)[0] == 0
    assert case.decide(uniform=1.0 - 1e-12)[0] == 3


def test_every_candidate_keeps_the_floor() -> None:
    case = Case(1, 200)
    vector = case.decide()[1][PROBABILITY]
    assert vector.min() == pytest.approx(0.003 / 198)


@pytest.mark.parametrize("most", [0.02, 0.5])
def test_a_cap_on_exploration_keeps_the_others_proportions(most: float) -> None:
    case = Case(0, 8)
    free, held = case.decide()[1][PROBABILITY], case.decide(max_exploration=most)[1][PROBABILITY]
    best = int(free.argmax())
    others = np.arange(free.shape[0]) != best
    assert free[others].sum() > 0.02
    assert held[others].sum() == pytest.approx(min(most, free[others].sum()))
    assert held[others] / held[others].sum() == pytest.approx(free[others] / free[others].sum())


def test_arms_side_by_side_and_in_another_order_are_judged_alike() -> None:
    case = Case(0, 100)
    turned = copy(case)
    case.rows = np.arange(case.rows.shape[0], dtype=np.intp)
    turned.rows = case.rows[::-1].copy()
    turned.fixed, turned.output = case.fixed[::-1].copy(), case.output[::-1].copy()
    _, straight = case.decide()
    _, back = turned.decide()
    assert np.array_equal(straight[MEAN], back[MEAN, ::-1])
    assert straight[PROBABILITY] == pytest.approx(back[PROBABILITY, ::-1], abs=1e-7)
