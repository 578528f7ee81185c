"""The whole demo: a market and a gateway as processes, traffic over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from proxy.market.demo import demo
from proxy.market.report import LEARNT, RANDOM


def test_a_short_run_learns_and_reports(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    arguments = ["--seed=1", "--requests=600", "--speed=150", f"--json={path}"]
    result = CliRunner().invoke(demo, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    for title in ("rises 5x", "collapses to a tenth", "goes down", "is back", "a new arm"):
        assert title in result.output
    figures = json.loads(path.read_text())
    assert figures["requests"] == 600
    assert figures["errors"] <= 8  # at most what was in flight when an arm went down
    assert figures["feedback_refused"] == 0
    assert figures["feedback"] > 300
    scores = {score["policy"]: score for score in figures["whole"]}
    assert scores[LEARNT]["utility"] > scores[RANDOM]["utility"]
    assert len(figures["milestones"]) == 3


def test_too_few_requests_for_the_story_are_refused() -> None:
    result = CliRunner().invoke(demo, ["--requests=10"])
    assert result.exit_code == 2
    assert "400" in result.output
