"""The whole demo: a market and a gateway as processes, traffic over HTTP."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxy.market.demo.command import demo
from proxy.market.demo.report import LEARNT, RANDOM


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
    assert figures["feedback"] > 100  # about half are graded, less those not yet due at the end
    scores = {score["policy"]: score for score in figures["whole"]}
    assert scores[LEARNT]["utility"] > scores[RANDOM]["utility"]
    assert len(figures["milestones"]) == 3


def test_too_few_requests_for_the_story_are_refused() -> None:
    result = CliRunner().invoke(demo, ["--requests=10"])
    assert result.exit_code == 2
    assert "400" in result.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_leaves_no_gateway_behind(number: signal.Signals) -> None:
    command = [sys.executable, "-u", "-m", "proxy", "demo", "--speed=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo_run:
        assert demo_run.stdout is not None
        found = re.search(r"127\.0\.0\.1:(\d+)", demo_run.stdout.readline())
        assert found is not None
        demo_run.send_signal(number)
        _, errors = demo_run.communicate(timeout=30)
    assert demo_run.returncode == 1
    assert errors.strip() == "Aborted!"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(found[1])), timeout=5)
