"""How long traffic took to follow the market."""

from __future__ import annotations

from proxy.market.catalogue import Catalogue
from proxy.market.demo.milestones import milestones
from proxy.market.demo.story import default_story
from tests.proxy.market.samples import answers_of

STORY = default_story(1000)
PRO, FLASH = "birch/gemini-1.5-pro", "birch/gemini-1.5-flash"
LLAMA, DEEPSEEK = "cedar/llama-3.1-70b", "douglas/deepseek-v2"


def test_immediate_moves_are_seen_at_the_end_of_the_first_window(catalogue: Catalogue) -> None:
    arms = [PRO] * 250 + [LLAMA] * 200 + [DEEPSEEK] * 300 + [FLASH] * 250
    price, collapse, newcomer = milestones(STORY, answers_of(catalogue, STORY, arms))
    assert (price.requests, collapse.requests, newcomer.requests) == (20, 50, 50)
    assert price.met
    assert collapse.met
    assert newcomer.met
    assert (price.share_before, collapse.share_before, newcomer.share_before) == (1.0, 1.0, 0.0)


def test_late_moves_are_counted_from_the_change(catalogue: Catalogue) -> None:
    arms = [PRO] * 320 + [LLAMA] * 380 + [DEEPSEEK] * 300
    price, collapse, newcomer = milestones(STORY, answers_of(catalogue, STORY, arms))
    # The price window of 20 holds fewer than 10 of the arm after 70 + 11 requests.
    assert price.requests == 81
    assert not price.met
    # The collapse window of 50 holds at most 2 of the arm after 250 + 48 requests.
    assert collapse.requests == 298
    assert collapse.met
    assert newcomer.requests is None
    assert not newcomer.met
