"""Baselines and intervals of the demo's report."""

from __future__ import annotations

import pytest

from proxy.market.catalogue import Catalogue
from proxy.market.demo.report import BEST_FIXED, DEAREST, LEARNT, PHASE_BEST, RANDOM, Replay, Score
from proxy.market.demo.story import VALUE_USD, default_story
from tests.proxy.market.samples import answers_of

REQUESTS = 1000
STORY = default_story(REQUESTS)
DEEPSEEK, GPT, FLASH = "douglas/deepseek-v2", "alder/gpt-4o", "birch/gemini-1.5-flash"


def scored(catalogue: Catalogue, arms: list[str]) -> tuple[dict[str, Score], dict[str, str]]:
    replay = Replay(catalogue, STORY, answers_of(catalogue, STORY, arms), VALUE_USD)
    scores, chosen = replay.scores(0, seed=1)
    return {score.policy: score for score in scores}, chosen


def test_a_policy_that_is_the_best_fixed_arm_is_level_with_it(catalogue: Catalogue) -> None:
    _, chosen = scored(catalogue, [GPT] * REQUESTS)
    assert chosen[DEAREST] == GPT
    scores, again = scored(catalogue, [chosen[BEST_FIXED]] * REQUESTS)
    assert again == chosen
    assert scores[BEST_FIXED].behind == pytest.approx(0.0, abs=1e-12)
    assert scores[BEST_FIXED].behind_interval == pytest.approx((0.0, 0.0), abs=1e-12)
    assert scores[LEARNT].utility == pytest.approx(scores[BEST_FIXED].utility)


def test_utility_is_value_times_quality_less_cost(catalogue: Catalogue) -> None:
    scores, _ = scored(catalogue, [GPT] * REQUESTS)
    for score in scores.values():
        assert score.utility == pytest.approx(1000 * VALUE_USD * score.quality - score.usd_per_1000)
        assert score.utility_interval[0] < score.utility < score.utility_interval[1]


def test_a_fixed_arm_earns_nothing_while_it_is_down(catalogue: Catalogue) -> None:
    down, up = STORY.event("down").at, STORY.event("up").at
    answers = answers_of(catalogue, STORY, [DEEPSEEK] * REQUESTS)
    scores, _ = Replay(catalogue, STORY, answers[down:up], VALUE_USD).scores(0, seed=1)
    replayed = Replay(catalogue, STORY, answers, VALUE_USD)
    position = replayed.arms.index(DEEPSEEK)
    assert not replayed._right[down:up, position].any()
    assert not replayed._cost[down:up, position].any()
    assert replayed._right[up:, position].any()
    assert {score.policy for score in scores} == {LEARNT, BEST_FIXED, DEAREST, RANDOM, PHASE_BEST}


def test_the_newcomer_is_no_fixed_arm_but_the_best_of_its_phase(catalogue: Catalogue) -> None:
    last = STORY.events[-1].at
    answers = answers_of(catalogue, STORY, [DEEPSEEK] * last + [FLASH] * (REQUESTS - last))
    listed, chosen = Replay(catalogue, STORY, answers[last:], VALUE_USD).scores(0, seed=1)
    scores = {score.policy: score for score in listed}
    assert chosen[BEST_FIXED] != FLASH
    assert scores[PHASE_BEST].behind == pytest.approx(0.0, abs=1e-12)
    assert scores[BEST_FIXED].behind > 0


def test_random_is_between_the_dearest_and_the_best_of_each_phase(catalogue: Catalogue) -> None:
    scores, _ = scored(catalogue, [DEEPSEEK] * REQUESTS)
    assert scores[DEAREST].utility < scores[RANDOM].utility < scores[PHASE_BEST].utility


def test_the_same_seed_gives_the_same_intervals(catalogue: Catalogue) -> None:
    arms = [DEEPSEEK] * REQUESTS
    assert scored(catalogue, arms) == scored(catalogue, arms)
