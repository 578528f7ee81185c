"""The demo's script."""

from __future__ import annotations

from proxy.market.catalogue import Catalogue
from proxy.market.conditions import Conditions
from proxy.market.demo.story import default_story

PRO, FLASH = "birch/gemini-1.5-pro", "birch/gemini-1.5-flash"
LLAMA, DEEPSEEK = "cedar/llama-3.1-70b", "douglas/deepseek-v2"


def test_nothing_has_changed_at_the_start() -> None:
    story = default_story(1000)
    assert story.conditions_at(0) == dict.fromkeys(story.arms, Conditions())


def test_each_change_holds_from_its_request_on() -> None:
    story = default_story(1000)
    assert story.conditions_at(249)[PRO].price_factor == 1.0
    assert story.conditions_at(250)[PRO].price_factor == 5.0
    assert story.conditions_at(449)[LLAMA].kept_quality == 1.0
    assert story.conditions_at(450)[LLAMA].kept_quality == 0.1
    assert [story.conditions_at(at)[DEEPSEEK].up for at in (649, 650, 719, 720)] == [True, False, False, True]
    assert FLASH not in story.conditions_at(749)
    last = story.conditions_at(999)
    assert last[FLASH] == Conditions()
    assert last[PRO].price_factor == 5.0


def test_it_plays_with_recorded_arms_only(catalogue: Catalogue) -> None:
    story = default_story(3000)
    assert {*story.arms, *story.withheld} == set(catalogue.positions)
    assert {event.arm for event in story.events} <= set(catalogue.positions)
    assert story.phases == sorted(story.phases)
