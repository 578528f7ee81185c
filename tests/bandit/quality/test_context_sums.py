"""The mean context of traffic."""

from __future__ import annotations

import numpy as np

from bandit.context.features import DIMENSION, FIRST_TOPIC, kind_of
from bandit.quality.context_sums import ContextSums


def context(column: int) -> np.ndarray:
    x = np.zeros(DIMENSION)
    x[0] = x[column] = 1.0
    return x


def test_the_mean_is_over_all_arms_and_of_one_kind_where_one_is_named() -> None:
    sums = ContextSums()
    task, topic = context(1), context(FIRST_TOPIC)
    for _ in range(2):
        sums.add_arm()
    for arm, x in ((0, task), (1, task), (1, topic), (1, topic)):
        sums.record(arm, x)
    assert sums.mean(None).tolist() == ((task + topic) / 2.0).tolist()
    assert sums.mean(kind_of(topic)).tolist() == topic.tolist()


def test_without_answers_only_the_intercept_and_the_kind_are_there() -> None:
    sums = ContextSums()
    sums.add_arm()
    assert sums.mean(None).nonzero()[0].tolist() == [0]
    assert sums.mean(3).nonzero()[0].tolist() == [0, 4]
