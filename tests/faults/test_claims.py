"""An arm that praises itself when it is added takes nobody's traffic on its word: claims are weak, verdicts are not."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.proxy.provider import Provider, polite
from tests.proxy.running import Launch, Running

CLAIMS: dict[str, dict[str, Any]] = {
    "quality": {"quality": 1.0},
    "quality and no price": {"quality": 1.0, "input_usd_per_mtok": None, "output_usd_per_mtok": None},
    "quality for nothing": {"quality": 1.0, "input_usd_per_mtok": 0, "output_usd_per_mtok": 0},
    "for nothing": {"input_usd_per_mtok": 0, "output_usd_per_mtok": 0},
    "dear, so good": {"quality": 1.0, "input_usd_per_mtok": 1e6, "output_usd_per_mtok": 1e6},
    "another's model": {"quality": 1.0, "model": "good", "input_usd_per_mtok": 0, "output_usd_per_mtok": 0},
}


def claiming(provider: Provider, **claims: Any) -> dict[str, Any]:
    provider.scripts["mine"] = polite
    arm = {**provider.arm("mine"), **claims}
    return {name: value for name, value in arm.items() if name != "api_key" and value is not None}


async def judged(gateway: Running, count: int, value: float = 1.0) -> None:
    for _ in range(count):
        _, _, headers = await gateway.chat()
        verdict = {"id": headers["X-Generation-Id"], "value": value}
        assert (await gateway.post("/v1/feedback", verdict))[0] == 200


async def share(gateway: Running, name: str = "p/mine") -> float:
    """Returns the probability that an ordinary request goes to an arm."""
    body = {"model": "auto", "messages": [{"role": "user", "content": "Which planet is the largest?"}]}
    _, told, _ = await gateway.post("/v1/explain", body)
    # One whose price nobody knows is no candidate.
    return float(next((row["probability"] for row in told["candidates"] if row["arm"] == name), 0.0))


@pytest.mark.parametrize(("verdicts", "most"), [(0, 0.6), (40, 0.25), (400, 0.3)])
@pytest.mark.parametrize("claim", CLAIMS)
async def test_what_an_arm_says_of_itself_takes_no_traffic(
    launch: Launch, provider: Provider, claim: str, verdicts: int, most: float
) -> None:
    gateway = await launch(provider.arm("good"))
    gateway.gateway.random = random.Random(1).random
    await judged(gateway, verdicts)
    [before] = (await gateway.get("/v1/arms"))[1]["data"]
    assert (await gateway.post("/v1/arms", claiming(provider, **CLAIMS[claim])))[0] == 201
    assert await share(gateway) <= most
    good, mine = (await gateway.get("/v1/arms"))[1]["data"]
    assert mine["quality"]["mean"] <= good["quality"]["mean"] + 0.05
    assert good["quality"]["mean"] == pytest.approx(before["quality"]["mean"], abs=0.01)


async def test_what_it_shows_counts_as_any_others(launch: Launch, provider: Provider) -> None:
    gateway = await launch(provider.arm("good"))
    gateway.gateway.random = random.Random(1).random
    await judged(gateway, 40, 0.3)
    assert (await gateway.post("/v1/arms", claiming(provider, quality=1.0)))[0] == 201
    for _ in range(30):
        _, _, headers = await gateway.chat(model="p/mine")
        await gateway.post("/v1/feedback", {"id": headers["X-Generation-Id"], "value": 1.0})
    assert await share(gateway) > 0.9


async def test_who_admits_to_be_worse_is_believed_a_little(launch: Launch, provider: Provider) -> None:
    gateway = await launch(provider.arm("good"))
    assert (await gateway.post("/v1/arms", claiming(provider, quality=0.3)))[0] == 201
    [row] = [row for row in (await gateway.get("/v1/arms"))[1]["data"] if row["arm"] == "p/mine"]
    assert row["quality"]["mean"] == pytest.approx(0.3)
    assert row["quality"]["high"] - row["quality"]["low"] > 0.5


async def test_a_claimed_price_counts_in_decisions_as_no_less_than_the_others_but_is_what_is_booked(
    launch: Launch, provider: Provider
) -> None:
    gateway = await launch(provider.arm("good"), provider.arm("good", name="p/dear", output_usd_per_mtok=9.0))
    free = {"input_usd_per_mtok": 0.0, "output_usd_per_mtok": 0.0}
    await gateway.post("/v1/arms", claiming(provider, **free))
    arm = gateway.gateway.arms.by_name["p/mine"]
    assert (arm.price.input, arm.price.output) == (0.0, 0.0)
    assert (arm.quoted.input * 1e6, arm.quoted.output * 1e6) == pytest.approx((1.0, 2.0))
    await gateway.chat(model="p/mine")
    [decision] = await gateway.decisions()
    assert decision.cost_usd == 0.0
    # An operator who sets it means it.
    async with gateway.session.put(gateway.url + "/v1/prices/p%2Fmine", json=free) as answer:
        assert answer.status == 200
    assert arm.quoted.output == 0.0


async def test_where_the_catalogue_knows_the_price_that_is_the_least(
    launch: Launch, provider: Provider
) -> None:
    gateway = await launch(provider.arm("good"), environment={"MISTRAL_API_KEY": "mistral-key"})
    known = {"name": "m", "provider": "mistral", "model": "mistral-large-2512"}
    await gateway.post("/v1/arms", known)
    listed = gateway.gateway.arms.by_name["m"]
    assert not listed.claimed
    await gateway.post(
        "/v1/arms", {**known, "name": "n", "input_usd_per_mtok": 0.0, "output_usd_per_mtok": 500.0}
    )
    claimed = gateway.gateway.arms.by_name["n"]
    assert claimed.quoted.input == listed.price.input > 0.0
    assert claimed.quoted.output == pytest.approx(500e-6)
