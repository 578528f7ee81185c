"""The command on a journal whose truth is known."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bandit import DIMENSION
from proxy.commands.evaluate import evaluate
from state.records import Decision, Feedback
from state.sqlite.store import SqliteStore

MEANS = {"good": 0.9, "poor": 0.4}


def journal(path: Path, rows: int = 400, *, before_topics: int = 0) -> str:
    """Writes a journal whose first `before_topics` rows have contexts that lack the last four topics."""
    rng = np.random.default_rng(0)
    decisions, feedback = [], []
    for number in range(rows):
        arm = str(rng.choice(["good", "poor"], p=[0.8, 0.2]))
        x = np.zeros(DIMENSION - (4 if number < before_topics else 0), dtype=np.float32)
        x[0] = 1.0
        decisions.append(
            Decision(
                id=f"gen-{number}",
                at=1000.0 + number,
                finished_at=1001.0 + number,
                route="auto",
                task="auto",
                arm=arm,
                arms=("good", "poor"),
                probabilities=np.array([0.8, 0.2], dtype=np.float32),
                propensity=0.8 if arm == "good" else 0.2,
                context=x,
                objective={"value_usd": 0.05, "second_usd": 0.0},
                price_version="1",
                output_tokens=100,
                cost_usd=0.01 if arm == "good" else 0.001,
            )
        )
        value = float(rng.random() < MEANS[arm])
        feedback.append(Feedback(id=f"gen-{number}", metric="quality", value=value, at=1002.0 + number))

    async def fill() -> None:
        store = await SqliteStore.open(path)
        for start in range(0, rows, 10):
            await store.append(decisions[start : start + 10], feedback[start : start + 10])
        await store.close()

    asyncio.run(fill())
    return str(path)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> str:
    return journal(tmp_path_factory.mktemp("journal") / "meritorder.db")


def run(*args: str) -> dict[str, object]:
    result = CliRunner().invoke(evaluate, [*args, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


@pytest.mark.parametrize("arm", list(MEANS))
def test_a_fixed_arms_quality_lies_in_the_interval(db: str, arm: str) -> None:
    found = run("--db", db, "--fixed", arm)
    assert found["dr"]["low"] <= MEANS[arm] <= found["dr"]["high"]
    assert found["dr"]["value"] == pytest.approx(MEANS[arm], abs=0.1)


def test_cost_of_the_uniform_policy_is_the_mean_of_both_arms(db: str) -> None:
    found = run("--db", db, "--policy", "uniform", "--metric", "cost")
    assert found["dr"]["low"] <= 0.0055 <= found["dr"]["high"]
    assert found["dr"]["value"] == pytest.approx(0.0055, abs=0.0005)


def test_an_objective_that_pays_for_quality_chooses_the_better_arm(db: str) -> None:
    objective = json.dumps({"value_usd": 10.0, "second_usd": 0.0})
    found = run("--db", db, "--objective", objective)
    assert found["dr"]["value"] > 0.8


def test_an_arm_never_drawn_is_refused_with_the_reason(db: str) -> None:
    result = CliRunner().invoke(evaluate, ["--db", db, "--fixed", "stranger"])
    assert result.exit_code == 1
    assert "never drawn" in result.output


def test_two_questions_at_once_are_a_usage_error(db: str) -> None:
    result = CliRunner().invoke(evaluate, ["--db", db, "--fixed", "good", "--policy", "uniform"])
    assert result.exit_code == 2


def test_planning_for_the_rows_there_are_narrows_the_interval(db: str) -> None:
    usual, planned = (run("--db", db, "--fixed", "poor", *more)["dr"] for more in ((), ("--planned", "400")))
    assert planned["value"] == usual["value"]
    assert planned["high"] - planned["low"] < 0.8 * (usual["high"] - usual["low"])


def test_rows_written_before_topics_were_added_are_learnt_from(
    db: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    older = journal(tmp_path / "older.db", before_topics=200)
    objective = json.dumps({"value_usd": 10.0, "second_usd": 0.0})
    found, same = (run("--db", path, "--objective", objective)["dr"] for path in (older, db))
    assert found == same
    assert "can't be learnt" not in caplog.text
