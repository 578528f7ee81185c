"""The harness on tables small enough to reckon by hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from benchmarks.routing.bars import print_bars
from benchmarks.routing.cli import main
from benchmarks.routing.metrics import gap, hull, interval, mix_cost, mix_quality
from benchmarks.routing.policies.production import Production
from benchmarks.routing.policies.simple import BestSingle, Oracle
from benchmarks.routing.replay import replay
from benchmarks.routing.runs import Record
from benchmarks.routing.scenarios import SCENARIOS, shifted
from benchmarks.routing.table import Table, load_table, table_from
from benchmarks.routing.world import build


def rows(count: int, *, priced: bool = True) -> list[dict[str, object]]:
    rng = np.random.default_rng(0)
    return [
        {
            "id": str(number),
            "task": "maths" if number % 2 else "prose",
            "prompt": f"question {number}",
            "arms": {
                "a": {"quality": float(rng.random() < 0.8), "cost_usd": 0.01, "input_tokens": None,
                      "output_tokens": None},
                "b": {"quality": float(rng.random() < 0.5), "cost_usd": 0.001 if priced else None,
                      "input_tokens": 10, "output_tokens": 100},
            },
        }
        for number in range(count)
    ]  # fmt: skip


PRICES = {
    "a": {"input_usd_per_mtok": None, "output_usd_per_mtok": None},
    "b": {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 2.0},
}


def table(count: int = 300) -> Table:
    return table_from("small", PRICES, rows(count))


def test_missing_tokens_and_prices_are_filled_so_that_the_quote_gives_the_cost() -> None:
    small = table()
    quoted = small.input_tokens * small.input_usd + small.output_tokens * small.output_usd
    assert quoted[:, 0] == pytest.approx(np.full(300, 0.01), rel=1e-3)
    assert np.isfinite(quoted).all()


def test_a_missing_cost_is_tokens_times_price() -> None:
    small = table_from("small", PRICES, rows(20, priced=False))
    assert small.cost[:, 1] == pytest.approx(np.full(20, 10e-6 + 200e-6))


def test_a_query_without_an_arms_quality_is_skipped_and_counted() -> None:
    some = rows(20)
    some[3]["arms"]["a"]["quality"] = None
    assert table_from("small", PRICES, some).skipped == 1


def test_best_single_has_gap_zero_and_the_oracle_a_hundred() -> None:
    world = build(table(), 0.1, np.random.default_rng(1))
    for policy, expected in ((BestSingle, 0.0), (Oracle, 100.0)):
        trace = replay(world, policy(world, np.random.default_rng(2)), np.random.default_rng(3))
        assert gap(trace.reward, world.rewards()) == pytest.approx(expected, abs=1e-9)


def test_feedback_comes_only_for_the_drawn_arm_after_its_delay_and_in_its_share() -> None:
    world = SCENARIOS["feedback-10"].world(table(), 0.1, 0, None)
    world.delay = 5
    told: list[tuple[int, float]] = []

    class Listener(BestSingle):
        def feedback(self, number: int, quality: float, now: float, share: float = 1.0) -> None:
            told.append((number, now))

    replay(world, Listener(world, np.random.default_rng(0)), np.random.default_rng(0))
    assert 10 <= len(told) <= 60
    assert {round(now - 1.7e9) - number for number, now in told} == {6}


def test_an_episode_is_judged_once_after_its_last_turn_and_credited_to_all_of_them() -> None:
    world = SCENARIOS["episodes"].world(table(), 0.1, 0, None)
    told: dict[int, list[tuple[int, float, float, float]]] = {}

    class Listener(BestSingle):
        def feedback(self, number: int, quality: float, now: float, share: float = 1.0) -> None:
            told.setdefault(int(world.session[number]), []).append((number, quality, now, share))

    trace = replay(world, Listener(world, np.random.default_rng(0)), np.random.default_rng(0))
    assert sum(map(len, told.values())) == 300
    for turns in told.values():
        numbers = [number for number, *_ in turns]
        assert {quality for _, quality, _, _ in turns} == {trace.quality[numbers].mean()}
        assert {now for _, _, now, _ in turns} == {1.7e9 + max(numbers)}
        assert sum(share for *_, share in turns) == pytest.approx(1.0)


def test_a_collapse_hits_the_best_arm_from_half_time_only() -> None:
    small = table()
    world = SCENARIOS["collapse"].world(small, 0.1, 0, None)
    before = small.quality[world.rows]
    assert np.array_equal(world.quality[:150], before[:150])
    assert world.quality[150:, 0] == pytest.approx(0.3 * before[150:, 0])
    assert np.array_equal(world.quality[:, 1], before[:, 1])


def test_a_dearer_arm_is_dearer_in_the_quote_too() -> None:
    world = SCENARIOS["price-x5-best-quality"].world(table(), 0.1, 0, None)
    assert world.cost[150:, 0] == pytest.approx(5 * world.cost[0, 0])
    assert world.output_usd[200, 0] == pytest.approx(5 * world.output_usd[0, 0])


def test_the_newcomer_cannot_be_drawn_before_it_arrives() -> None:
    world = SCENARIOS["new-best-arm"].world(table(), 0.1, 0, None)
    assert world.open_at(149).tolist() == [False, True]
    assert world.open_at(150).all()


def test_a_shuffled_prior_tells_no_arm_its_own_labels() -> None:
    for seed in range(20):
        told = shifted(5, np.random.default_rng(seed))
        assert sorted(told) == list(range(5))
        assert not (told == np.arange(5)).any()


def test_the_static_mix_interpolates_between_corners_of_the_hull() -> None:
    cost, quality = np.array([1.0, 3.0, 2.0, 2.5]), np.array([0.2, 0.8, 0.3, 0.1])
    assert hull(cost, quality) == [(1.0, 0.2), (3.0, 0.8)]
    assert mix_cost(cost, quality, 0.5) == pytest.approx(2.0)
    assert mix_quality(cost, quality, 2.0) == pytest.approx(0.5)


def test_the_interval_is_students() -> None:
    mean, low, high = interval([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert high - mean == pytest.approx(4.303 / np.sqrt(3), rel=1e-3)
    assert mean - low == pytest.approx(high - mean)


def test_the_command_replays_an_unseen_table_and_writes_records(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "arms.json").write_text(json.dumps(PRICES))
    with gzip.open(folder / "outcomes.jsonl.gz", "wt") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows(60))
    assert load_table(folder).arms == ("a", "b")
    out = tmp_path / "records.json"
    args = ["--data", str(tmp_path), "--seeds", "2", "--json", str(out), "--scenario", "stationary"]
    args += ["--lambda", "0.1", "--policy", "meritorder", "--policy", "linucb"]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, result.output
    records = json.loads(out.read_text())
    assert {"dataset", "scenario", "policy", "lambda", "metric", "value", "low", "high", "seeds"} == set(
        records[0]
    )
    assert {record["policy"] for record in records} == {"meritorder", "linucb"}
    assert all(record["low"] <= record["value"] <= record["high"] for record in records)


@pytest.mark.parametrize(
    "name", [n for n, s in SCENARIOS.items() if n not in ("latency", "price-history", "evaluation")]
)
def test_every_scenario_runs_with_the_production_policy(name: str) -> None:
    scenario = SCENARIOS[name]
    world = scenario.world(table(), scenario.lambdas[0], 0, 60)
    trace = replay(world, Production(world), np.random.default_rng(0))
    assert trace.probability.sum(axis=1) == pytest.approx(np.ones(60), abs=1e-5)
    assert np.isfinite(trace.reward).all()


def test_pictures_are_drawn(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "arms.json").write_text(json.dumps(PRICES))
    with gzip.open(folder / "outcomes.jsonl.gz", "wt") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows(300))
    plots = pytest.importorskip(
        "benchmarks.routing.plots", reason="needs the bench group", exc_type=ImportError
    )
    plots.draw([folder], tmp_path / "plots", None, ["meritorder", "linucb"])
    drawn = {path.name for path in (tmp_path / "plots").iterdir()}
    assert {"small-cumulative.png", "small-cost-quality.png", "small-collapse.png"} <= drawn


def record(metric: str, value: float) -> Record:
    return Record("mmlu_pro", "min-quality-99", "meritorder", 0.1, metric, value, value, value, 1)


@pytest.mark.parametrize(("quality", "reached"), [(0.99, "yes"), (0.95, "no")])
def test_a_cheap_run_below_its_quality_target_does_not_reach_the_bar(quality: float, reached: str) -> None:
    console = Console(record=True, width=200)
    records = [record("target_cost", 0.1), record("target_quality", quality), record("static_mix_cost", 0.6)]
    print_bars(console, records)
    line = next(line for line in console.export_text().splitlines() if "cost at 99" in line)
    assert reached in line
    assert "0.100 | 0.600" in line
