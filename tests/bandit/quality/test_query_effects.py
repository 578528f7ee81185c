"""What labels of one query share is taken off as if each query had been looked at again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit.quality.query_effects import QueryEffects
from bandit.quality.sums import Sums

D = 3
NO_KIN = [[], [], [], []]


def drawn(queries, rng, *, shared, arms=(0, 1, 3), noise=0.5):
    """Returns contexts (q, D), coefficients (D, 4) and the arms' labels (q, m)."""
    x = np.column_stack([np.ones(queries), rng.normal(size=(queries, D - 1))])
    theta = rng.normal(size=(D, 4))
    hard = rng.normal(size=(queries, 1)) * np.sqrt(shared)
    own = rng.normal(size=(queries, len(arms))) * np.sqrt(1.0 - shared)
    return x, theta, x @ theta[:, list(arms)] + noise * (hard + own)


def filled(x, values, weights, *, kin=NO_KIN, arms=(0, 1, 3)):
    effects, labels = QueryEffects(D), [Sums(D) for _ in range(4)]
    for row, labelled, weight in zip(x, values, weights, strict=True):
        effects.add(row, np.array(arms), labelled, weight, 4)
        for arm, value in zip(arms, labelled, strict=True):
            for other, share in ((arm, 1.0), *kin[arm]):
                labels[other].add_one(row, value, share * weight)
    return effects, labels


def looked_at(x, values, weights, theta, shared, kin, arms=(0, 1, 3)):
    """The same, query by query."""
    count = len(arms)
    shrinkage = count * shared / (1.0 + (count - 1) * shared)
    expected = [Sums(D) for _ in range(4)]
    for row, labelled, weight in zip(x, values, weights, strict=True):
        part = shrinkage * (labelled.mean() - row @ theta[:, list(arms)].mean(axis=1))
        for arm, value in zip(arms, labelled, strict=True):
            for other, share in ((arm, 1.0), *kin[arm]):
                expected[other].add_one(row, value - part, share * weight / (1.0 - shared))
    return expected


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 30), st.booleans())
def test_paired_labels_are_those_of_queries_without_their_part(seed, queries, siblings):
    rng = np.random.default_rng(seed)
    x, theta, values = drawn(queries, rng, shared=0.4)
    weights = rng.uniform(0.5, 2.0, queries)
    kin = [[(1, 0.05), (2, 0.5)], [], [], []] if siblings else NO_KIN
    effects, labels = filled(x, values, weights, kin=kin)
    guess = theta + 0.1 * rng.normal(size=theta.shape)
    means, middle = effects._means, guess[:, effects.arms].mean(axis=1)
    missed = means.square - 2.0 * means.response @ middle + middle @ means.outer @ middle
    shared = effects._shared(missed, guess[:, effects.arms])
    expected = looked_at(x, values, weights, guess, shared, kin)
    for arm, paired in enumerate(effects.removed(labels, kin, guess)):
        if arm == 2 and not siblings:
            assert paired is None
            continue
        assert paired.outer == pytest.approx(expected[arm].outer)
        assert paired.response == pytest.approx(expected[arm].response)
        assert paired.square == pytest.approx(expected[arm].square)
        assert paired.weight == labels[arm].weight


@pytest.mark.parametrize("shared", [0.0, 0.3, 0.7])
def test_how_much_labels_share_is_estimated_from_them(shared):
    rng = np.random.default_rng(1)
    x, theta, values = drawn(2000, rng, shared=shared)
    effects, _ = filled(x, values, np.ones(2000))
    middle = theta[:, effects.arms].mean(axis=1)
    means = effects._means
    missed = means.square - 2.0 * means.response @ middle + middle @ means.outer @ middle
    assert effects._shared(missed, theta[:, effects.arms]) == pytest.approx(shared, abs=0.05)


def test_a_query_labelled_for_other_arms_stays_a_label_like_any_other():
    rng = np.random.default_rng(2)
    x, theta, values = drawn(40, rng, shared=0.5)
    effects, labels = filled(x, values, np.ones(40))
    before = effects.removed(labels, NO_KIN, theta)
    effects.add(x[0], np.array([0, 1]), np.array([1.0, 0.0]), 1.0, 4)
    labels[0].add_one(x[0], 1.0, 1.0)
    after = effects.removed(labels, NO_KIN, theta)
    assert after[0].outer == pytest.approx(before[0].outer + np.outer(x[0], x[0]))
    assert after[3].response == pytest.approx(before[3].response)


def test_one_arm_alone_has_nobody_to_be_paired_with():
    effects, labels = QueryEffects(D), [Sums(D)]
    effects.add(np.ones(D), np.array([0]), np.array([1.0]), 1.0, 1)
    assert effects.removed(labels, [[]], np.zeros((D, 1))) == [None]


def test_siblings_that_came_later_were_told_nothing():
    rng = np.random.default_rng(3)
    x, theta, values = drawn(10, rng, shared=0.5)
    effects, labels = filled(x, values, np.ones(10))
    later = [*labels, Sums(D)]
    kin = [[(4, 0.5)], [], [], [], [(0, 0.5)]]
    assert effects.removed(later, kin, np.column_stack([theta, theta[:, 0]]))[4] is None


def test_weights_decay_together():
    rng = np.random.default_rng(4)
    x, theta, values = drawn(30, rng, shared=0.5)
    effects, labels = filled(x, values, np.ones(30))
    halved, fewer = filled(x, values, np.full(30, 0.5))
    effects.scale(0.5)
    for sums in labels:
        sums.scale(0.5)
    for one, other in zip(
        effects.removed(labels, NO_KIN, theta), halved.removed(fewer, NO_KIN, theta), strict=True
    ):
        assert (one is None) == (other is None)
        if one is not None:
            assert one.packed() == pytest.approx(other.packed())


def test_a_snapshot_holds_all_of_it_and_what_does_not_fit_is_refused():
    rng = np.random.default_rng(5)
    x, theta, values = drawn(30, rng, shared=0.5)
    effects, labels = filled(x, values, np.ones(30))
    arrays = effects.snapshot(4)
    restored = QueryEffects(D)
    restored.restore(arrays)
    assert restored.arms.tolist() == [0, 1, 3]
    for one, other in zip(
        effects.removed(labels, NO_KIN, theta), restored.removed(labels, NO_KIN, theta), strict=True
    ):
        assert (one is None and other is None) or np.array_equal(one.packed(), other.packed())
    empty = QueryEffects(D)
    empty.restore(QueryEffects(D).snapshot(4))
    assert empty.arms.size == 0
    with pytest.raises(ValueError, match="form"):
        QueryEffects(D).restore({**arrays, "quality.panel_sums": np.zeros((3, D))})
    with pytest.raises(KeyError):
        QueryEffects(D).restore({})


def test_the_order_in_which_arms_are_labelled_is_kept():
    effects = QueryEffects(D)
    for _ in range(3):
        effects.add(np.ones(D), np.array([2, 0]), np.array([1.0, 0.0]), 1.0, 4)
    restored = QueryEffects(D)
    restored.restore(effects.snapshot(4))
    assert restored.arms.tolist() == [2, 0]
    assert (
        restored.snapshot(4)["quality.panel_sums"].tolist()
        == effects.snapshot(4)["quality.panel_sums"].tolist()
    )
