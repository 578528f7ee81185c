"""A machine's clock that is wrong, for a moment, from a start to an end, or at one of two gateways, spoils no belief."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest

from proxy.clock import Clock
from proxy.learning.learner import Learner
from tests.proxy.provider import Exchange, Provider, completion
from tests.proxy.running import Launch, Running

DAY = 86400.0
AWAY = [90 * DAY, 3650 * DAY, -5 * DAY, -7300 * DAY]


class Wall:
    """The machine's clock, and how far it is off."""

    def __init__(self) -> None:
        self.off = 0.0

    def __call__(self) -> float:
        return time.time() + self.off


@pytest.fixture
def arms(provider: Provider) -> list[dict[str, Any]]:
    count = 0

    async def script(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        await exchange.answer(completion(id=f"c-{count}"))

    for model in ("a", "b"):
        provider.scripts[model] = script
    return [provider.arm("a"), provider.arm("b")]


async def judge(gateway: Running, value: float, count: int) -> None:
    for _ in range(count):
        status, answer, _ = await gateway.chat(model="p/a")
        assert status == 200
        status, told, _ = await gateway.post("/v1/feedback", {"id": answer["id"], "value": value})
        assert (status, told["status"]) == (200, "new")


async def row(gateway: Running) -> dict[str, Any]:
    listing = (await gateway.get("/v1/arms"))[1]
    found: dict[str, Any] = next(row for row in listing["data"] if row["arm"] == "p/a")
    quality = found["quality"]
    assert 0.0 <= quality["low"] <= quality["mean"] <= quality["high"] <= 1.0
    return found


@pytest.mark.parametrize("away", AWAY)
async def test_a_clock_that_is_set_for_a_moment(
    launch: Launch, arms: list[dict[str, Any]], away: float
) -> None:
    gateway = await launch(*arms)
    wall = Wall()
    clock = gateway.gateway.clock = Clock(wall)
    await judge(gateway, 1.0, 5)
    wall.off = away
    clock.follow()
    await judge(gateway, 1.0, 1)
    wall.off = 0.0
    clock.follow()
    await judge(gateway, 0.0, 40)
    found = await row(gateway)
    assert found["feedback"] == 46
    assert found["quality"]["effective_samples"] == pytest.approx(46.0, rel=0.01)
    assert found["quality"]["mean"] < 0.4
    assert found["share"]["1m"] == 1.0
    stamps = [decision.finished_at for decision in await gateway.decisions()]
    assert max(stamps) - min(stamps) < 60.0
    assert (await gateway.get("/v1/arms"))[1]["at"] == pytest.approx(time.time(), abs=60.0)


@pytest.mark.parametrize("away", AWAY)
async def test_a_gateway_that_was_started_by_a_wrong_clock(
    launch: Launch, arms: list[dict[str, Any]], tmp_path: Path, away: float
) -> None:
    server = {"database": str(tmp_path / "a.db")}
    first = await launch(*arms, server=server)
    await judge(first, 1.0, 5)
    await first.close()
    wrong = await launch(*arms, server=server)
    wall = Wall()
    wall.off = away
    wrong.gateway.clock = Clock(wall)
    await judge(wrong, 0.0, 20)
    found = await row(wrong)
    assert found["quality"]["effective_samples"] == pytest.approx(25.0, rel=0.01)
    assert found["quality"]["mean"] < 0.5
    assert found["share"]["1m"] == 1.0
    await wrong.close()
    again = await launch(*arms, server=server)
    await judge(again, 0.0, 20)
    found = await row(again)
    assert found["quality"]["effective_samples"] == pytest.approx(45.0, rel=0.01)
    assert found["quality"]["mean"] < 0.3
    # A restart without a snapshot believes the same.
    direct = Learner(again.gateway.registry.prior_of)
    direct.add_arms(again.gateway.registry.configured)
    await direct.catch_up(again.gateway.store)
    estimate = direct.bandit.quality_estimate(0, direct.time.now(time.time()))
    assert estimate.mean == pytest.approx(found["quality"]["mean"], rel=1e-6)
    assert estimate.effective_samples == pytest.approx(45.0, rel=0.01)


async def test_two_gateways_of_which_one_is_years_ahead(
    launch: Launch, arms: list[dict[str, Any]], tmp_path: Path
) -> None:
    server = {"database": str(tmp_path / "a.db")}
    right, ahead = await launch(*arms, server=server), await launch(*arms, server=server)
    wall = Wall()
    wall.off = 3650 * DAY
    ahead.gateway.clock = Clock(wall)
    for _ in range(5):
        await judge(right, 1.0, 1)
        await judge(ahead, 0.0, 3)
    for gateway in (right, ahead):
        found = await row(gateway)
        assert found["quality"]["effective_samples"] == pytest.approx(20.0, rel=0.01)
        assert found["quality"]["mean"] < 0.5
        assert found["share"]["1m"] == 1.0


async def test_a_duration_is_not_that_of_a_clock_that_was_set_meanwhile(
    provider: Provider, launch: Launch
) -> None:
    wall = Wall()

    async def setting(exchange: Exchange) -> None:
        wall.off = 365 * DAY
        gateway.gateway.clock.follow()
        await exchange.answer(completion())

    provider.scripts["a"] = setting
    gateway = await launch(provider.arm("a"))
    gateway.gateway.clock = Clock(wall)
    assert (await gateway.chat())[0] == 200
    [decision] = await gateway.decisions()
    assert 0.0 <= decision.finished_at - decision.at < 60.0
    assert not math.isnan(decision.at)
