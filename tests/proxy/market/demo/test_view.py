"""The demo on the terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from proxy.market.catalogue import Catalogue
from proxy.market.demo.story import VALUE_USD, default_story
from proxy.market.demo.tally import WINDOW, Tally
from proxy.market.demo.view import LiveView, PlainView
from tests.proxy.market.samples import answers_of

STORY = default_story(1000)
PRO, LLAMA = "birch/gemini-1.5-pro", "cedar/llama-3.1-70b"

ROWS = [
    {
        "arm": arm,
        "quality": {"mean": 0.7, "low": 0.6, "high": 0.8},
        "price": {"input_usd_per_mtok": 1.25, "output_usd_per_mtok": 5.0},
        "cost": {"mean_usd": cost},
        "ttft_s": {"p50": ttft, "p95": ttft},
    }
    for arm, cost, ttft in ((PRO, 0.0005, 0.021), (LLAMA, None, None))
]


def test_the_live_view_shows_shares_prices_and_events(catalogue: Catalogue) -> None:
    out = io.StringIO()
    console = Console(file=out, width=100, height=40, force_terminal=True, color_system=None)
    with LiveView(console, 200, VALUE_USD) as view:
        view.statistics(ROWS)
        for answer in answers_of(catalogue, STORY, [LLAMA] * 60 + [PRO] * 75 + [LLAMA] * 25):
            view.answered(answer)
        view.happened(STORY.events[0])
    shown = out.getvalue()
    for piece in (" 75%", " 25%", "0.70 ±0.10", "1.25, 5", "0.500", "21 ms", "rises 5x", "160/200"):
        assert piece in shown


def test_plain_lines_come_every_twentieth_and_at_events(catalogue: Catalogue) -> None:
    out = io.StringIO()
    with PlainView(Console(file=out, width=80), 100, VALUE_USD) as view:
        for answer in answers_of(catalogue, STORY, [PRO] * 100):
            view.answered(answer)
        view.happened(STORY.events[0])
    lines = out.getvalue().splitlines()
    assert len(lines) == 21
    assert f"{PRO} 100%" in lines[0]
    assert lines[-1] == f"--- request 250: {STORY.events[0].title}"


def test_the_tally_forgets_what_is_older_than_its_window(catalogue: Catalogue) -> None:
    tally = Tally(VALUE_USD)
    assert tally.shares() == {}
    assert tally.seconds == 0.0
    right, wrong = (
        replace(answers_of(catalogue, STORY, [PRO])[0], right=r, cost_usd=0.001) for r in (True, False)
    )
    for answer in [right] * WINDOW + [wrong] * (WINDOW // 4):
        tally.add(answer)
    assert tally.quality == 0.75
    assert tally.usd_per_1000 == pytest.approx(1.0)
    assert tally.utility_per_1000 == pytest.approx(1000 * VALUE_USD * 0.75 - 1.0)
    assert tally.requests[PRO] == WINDOW + WINDOW // 4
