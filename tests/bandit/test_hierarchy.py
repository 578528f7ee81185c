"""How far arms differ, as their observations say."""

import numpy as np
import pytest

from bandit.hierarchy import Beliefs, Hyper, fit
from bandit.priors import ArmPrior
from bandit.quality import QualityModel, QualitySettings
from bandit.sums import Sums

NOISE = 0.04


def shown(rng, arms=12, queries=400):
    """Returns the sums of arms that differ in one kind of work and not in the other."""
    known = []
    for _ in range(arms):
        sums, theta = Sums(3), np.array([0.5, 0.3 * rng.normal(), 0.0])
        for _ in range(queries):
            kind = rng.integers(3)
            x = np.array([1.0, kind == 1, kind == 2], dtype=float)
            sums.add_one(x, float(x @ theta + np.sqrt(NOISE) * rng.normal()), 1.0)
        known.append(sums)
    return known


def fitted(known, *, apart):
    beliefs = Beliefs(
        common_mean=np.array([0.5, 0.0, 0.0]),
        common_sd=np.array([0.3, 0.15, 0.15]),
        spread=np.array([0.01, 0.01, 0.01]),
        group=np.array([0, 1, 1]),
        spread_strength=1.0,
        noise=NOISE,
        noise_strength=20.0,
    )
    hyper = Hyper(beliefs.common_mean, beliefs.spread, NOISE, np.zeros((3, 3)))
    count = len(known)
    for _ in range(30):
        hyper = fit(known, 1.0, np.zeros(count), np.ones(count), np.ones(count), hyper, beliefs, apart=apart)
    return hyper


def test_coefficients_of_a_group_share_how_far_arms_differ():
    hyper = fitted(shown(np.random.default_rng(1)), apart=False)
    assert hyper.spread[1] == hyper.spread[2] > 0.01
    assert hyper.noise == pytest.approx(NOISE, rel=0.1)


def test_apart_each_of_them_has_its_own_drawn_towards_the_groups():
    known = shown(np.random.default_rng(1))
    together, apart = fitted(known, apart=False), fitted(known, apart=True)
    assert apart.spread[2] < together.spread[2] < apart.spread[1]
    assert apart.spread[2] > 0.1 * together.spread[2]


@pytest.mark.parametrize("labelled", [False, True])
def test_kinds_of_work_are_told_apart_while_labels_are_believed(labelled):
    model = QualityModel(np.array([0, 1, 1]), QualitySettings())
    rng = np.random.default_rng(2)
    for arm in range(6):
        model.add_arm(f"arm {arm}", ArmPrior())
    skill = rng.normal(size=6)
    for number in range(300):
        x = np.array([1.0, number % 3 == 1, number % 3 == 2], dtype=float)
        values = np.clip(0.5 + 0.3 * skill * x[1] + 0.05 * rng.normal(size=6), 0.0, 1.0)
        if labelled:
            model.observe_labels(x, np.arange(6), values, at=1.7e9)
        else:
            for arm, value in enumerate(values):
                model.observe(arm, x, float(value), at=1.7e9, weight=1.0, labelled=False)
    model.settle()
    assert bool(model._hyper.spread[1] > 1.5 * model._hyper.spread[2]) is labelled
