"""Prices that nobody knows, that are set at run time, that end, and that contradict an edited file."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest

from proxy.config import ConfigError
from tests.proxy.provider import Exchange, Provider, polite
from tests.proxy.running import Launch, Running

UNKNOWN = {"input_usd_per_mtok": None, "output_usd_per_mtok": None}


def nova(provider: Provider, **more: Any) -> dict[str, Any]:
    """Returns an arm whose price nobody knows."""
    provider.scripts["nova"] = polite
    return {k: v for k, v in provider.arm("nova", **UNKNOWN, **more).items() if v is not None}


async def put(gateway: Running, arm: str, **price: Any) -> tuple[int, dict[str, Any]]:
    url = f"{gateway.url}/v1/prices/{arm.replace('/', '%2F')}"
    async with gateway.session.put(url, json=price) as answer:
        return answer.status, await answer.json()


async def delete(gateway: Running, arm: str) -> tuple[int, dict[str, Any]]:
    async with gateway.session.delete(f"{gateway.url}/v1/prices/{arm.replace('/', '%2F')}") as answer:
        return answer.status, await answer.json()


async def candidates(gateway: Running, **body: Any) -> dict[str, float]:
    asked = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], **body}
    status, told, _ = await gateway.post("/v1/explain", asked)
    assert status == 200, told
    return {row["arm"]: row["probability"] for row in told["candidates"]}


async def test_an_arm_without_a_price_is_drawn_only_where_it_is_named(
    launch: Launch, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await launch(provider.arm("a"), nova(provider))
    assert any("price of arm p/nova is not known" in record.getMessage() for record in caplog.records)
    assert set(await candidates(gateway)) == {"p/a"}
    assert set(await candidates(gateway, model="p/nova")) == {"p/nova"}
    assert set(await candidates(gateway, models=["p/a", "p/nova"])) == {"p/a", "p/nova"}
    _, answer, _ = await gateway.chat(model="p/nova")
    assert "cost" not in answer.get("usage", {})
    [decision] = await gateway.decisions()
    assert decision.cost_usd is None
    rows = {row["id"]: row for row in (await gateway.get("/v1/models"))[1]["data"]}
    assert rows["p/nova"]["pricing"] == {"prompt": None, "completion": None}


async def test_where_no_price_is_known_all_are_drawn(launch: Launch, provider: Provider) -> None:
    gateway = await launch(nova(provider), nova(provider, name="p/other"))
    assert set(await candidates(gateway)) == {"p/nova", "p/other"}


async def test_a_route_may_allow_them_and_counts_them_as_the_dearest(
    launch: Launch, provider: Provider
) -> None:
    dear = provider.arm("a", name="p/dear", input_usd_per_mtok=50.0, output_usd_per_mtok=90.0)
    gateway = await launch(
        provider.arm("a"), dear, nova(provider), routes={"open": {"arms": ["*"], "unpriced": True}}
    )
    assert set(await candidates(gateway, model="open")) == {"p/a", "p/dear", "p/nova"}
    arm = gateway.gateway.arms.by_name["p/nova"]
    assert (arm.quoted.input, arm.quoted.output) == pytest.approx((50e-6, 90e-6))


async def test_a_limit_in_dollars_refuses_them(launch: Launch, provider: Provider) -> None:
    gateway = await launch(provider.arm("a"), nova(provider))
    limit = {"max_usd_per_request": 0.01}
    assert set(await candidates(gateway, models=["p/a", "p/nova"], objective=limit)) == {"p/a"}
    status, error, _ = await gateway.chat(model="p/nova", objective=limit)
    assert (status, error["error"]["param"]) == (400, "objective.max_usd_per_request")
    assert "p/nova" in error["error"]["message"]


async def test_an_operator_can_refuse_to_start_with_them(launch: Launch, provider: Provider) -> None:
    with pytest.raises(ConfigError, match="price of arm p/nova is not known"):
        await launch(provider.arm("a"), nova(provider), price_missing="refuse")
    gateway = await launch(provider.arm("a"), price_missing="refuse")
    added = {k: v for k, v in nova(provider).items() if k != "api_key"}
    status, error, _ = await gateway.post("/v1/arms", added)
    assert (status, error["error"]["param"]) == (422, "input_usd_per_mtok")


async def test_a_price_is_set_field_by_field_and_taken_back(launch: Launch, provider: Provider) -> None:
    gateway = await launch(provider.arm("a", input_usd_per_mtok=1.0, output_usd_per_mtok=2.0))
    status, told = await put(gateway, "p/a", output_usd_per_mtok=8.0)
    assert (status, told["source"], told["until"]) == (200, "PUT /v1/prices", None)
    price = gateway.gateway.arms.by_name["p/a"].price
    assert (price.input, price.output) == pytest.approx((1e-6, 8e-6))
    status, told = await delete(gateway, "p/a")
    assert (status, told["source"]) == (200, "configuration")
    assert gateway.gateway.arms.by_name["p/a"].price.output == pytest.approx(2e-6)
    assert (await delete(gateway, "p/a"))[0] == 404
    assert (await delete(gateway, "p/nobody"))[0] == 404


@pytest.mark.parametrize(
    ("price", "param"),
    [
        ({}, "input_usd_per_mtok"),
        ({"input_usd_per_mtok": 1.0}, "output_usd_per_mtok"),
        ({"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 1.0, "until": "2020-01-01"}, "until"),
        ({"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 1.0, "until": "soon"}, "until"),
        ({"input_usd_per_mtok": -1.0, "output_usd_per_mtok": 1.0}, "input_usd_per_mtok"),
    ],
)
async def test_a_price_that_cannot_be_is_refused_with_its_field(
    launch: Launch, provider: Provider, price: dict[str, Any], param: str
) -> None:
    gateway = await launch(nova(provider))
    status, error = await put(gateway, "p/nova", **price)
    assert (status, error["error"]["param"]) == (422, param)
    assert not gateway.gateway.arms.by_name["p/nova"].priced


async def test_a_price_ends_when_it_said(
    launch: Launch, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await launch(provider.arm("a", input_usd_per_mtok=1.0, output_usd_per_mtok=2.0))
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 3 * 86_400))
    status, told = await put(gateway, "p/a", input_usd_per_mtok=5.0, until=day)
    assert status == 200
    assert told["until"] - time.time() > 3 * 86_400 - 1
    registry, arm = gateway.gateway.registry, gateway.gateway.arms.by_name["p/a"]
    assert arm.price.input == pytest.approx(5e-6)
    monkeypatch.setattr(time, "time", lambda: told["until"] + 1.0)
    registry.today()
    assert arm.price.input == pytest.approx(1e-6)
    assert arm.price_source == "configuration"


@pytest.mark.parametrize("edited", [False, True])
async def test_a_price_of_the_api_that_contradicts_an_edited_file_is_said_at_the_start(
    launch: Launch, tmp_path: Path, provider: Provider, caplog: pytest.LogCaptureFixture, edited: bool
) -> None:
    server = {"database": str(tmp_path / "a.db")}
    first = await launch(provider.arm("a", input_usd_per_mtok=1.0), server=server)
    assert (await put(first, "p/a", input_usd_per_mtok=10.0))[0] == 200
    await first.close()
    caplog.clear()
    again = await launch(provider.arm("a", input_usd_per_mtok=3.0 if edited else 1.0), server=server)
    said = [
        r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING and "p/a" in r.getMessage()
    ]
    assert again.gateway.arms.by_name["p/a"].price.input == pytest.approx(10e-6)
    assert bool(said) is edited, said
    if edited:
        assert "DELETE /v1/prices/p%2Fa" in said[0]


async def test_an_arm_of_a_tier_asks_for_it_and_costs_it(launch: Launch, provider: Provider) -> None:
    provider.scripts["gpt-5"] = polite
    flex = {"provider": "openai", **UNKNOWN, "service_tier": "flex"}
    gateway = await launch(
        {k: v for k, v in provider.arm("gpt-5", name="flex", **flex).items() if v is not None}
    )
    arm = gateway.gateway.arms.by_name["flex"]
    assert (arm.price.input, arm.price.output) == pytest.approx((0.625e-6, 5e-6))
    await gateway.chat(model="flex")
    assert provider.seen[-1].json["service_tier"] == "flex"


async def test_the_prices_of_a_provider_hold_for_its_arms(launch: Launch, provider: Provider) -> None:
    own = {
        k: v
        for k, v in provider.arm("gpt-5", name="o", provider="openai", **UNKNOWN).items()
        if v is not None
    }
    gateway = await launch(own, provider.arm("a"), prices={"openai": {"price_factor": 0.9}})
    assert gateway.gateway.arms.by_name["o"].price.input == pytest.approx(0.9 * 1.25e-6)
    assert gateway.gateway.arms.by_name["o"].price_source == "configuration of the provider"


async def test_a_deployment_is_priced_by_the_model_that_it_is(launch: Launch, provider: Provider) -> None:
    def arm(name: str, row: str, catalogue: str) -> dict[str, Any]:
        more = {"provider": row, "catalogue_model": catalogue, **UNKNOWN}
        return {k: v for k, v in provider.arm("deployed", name=name, **more).items() if v is not None}

    gateway = await launch(arm("a", "azure", "gpt-4o"), arm("b", "custom", "openai/gpt-5"))
    by_name = gateway.gateway.arms.by_name
    assert by_name["a"].price.input == pytest.approx(2.5e-6)
    assert by_name["b"].price.input == pytest.approx(1.25e-6)


async def test_sorted_by_price_the_cheapest_is_asked_and_others_where_it_fails(
    launch: Launch, provider: Provider
) -> None:
    async def failing(exchange: Exchange) -> None:
        await exchange.answer({"error": {"message": "no"}}, 503)

    provider.scripts |= {"a": polite, "b": polite}
    cheap = provider.arm("a", quality=0.1, input_usd_per_mtok=0.1, output_usd_per_mtok=0.1)
    gateway = await launch(cheap, provider.arm("b", quality=0.9))
    assert set(await candidates(gateway, provider={"sort": "price"})) == {"p/a"}
    provider.scripts["a"] = failing
    status, _, headers = await gateway.chat(provider={"sort": "price"})
    assert (status, headers["X-Meritorder-Arm"]) == (200, "p/b")
    status, error, _ = await gateway.chat(provider={"sort": "throughput"})
    assert (status, error["error"]["param"]) == (400, "provider.sort")


async def test_what_a_removed_arm_spent_stays_in_the_totals(launch: Launch, provider: Provider) -> None:
    provider.scripts |= {"a": polite, "b": polite}
    gateway = await launch(provider.arm("a"))
    added = {k: v for k, v in provider.arm("b", input_usd_per_mtok=100.0).items() if k != "api_key"}
    assert (await gateway.post("/v1/arms", added))[0] == 201
    for arm in ("p/a", "p/b"):
        await gateway.chat(model=arm)
    async with gateway.session.delete(f"{gateway.url}/v1/arms/p%2Fb") as answer:
        assert answer.status == 200
    _, listing = await gateway.get("/v1/arms")
    rows = {row["arm"]: row for row in listing["data"]}
    assert rows["p/b"]["removed"] is True
    assert rows["p/b"]["cost"]["total_usd"] == pytest.approx(10 * 100e-6 + 5 * 2e-6)
    assert sum(row["requests"] for row in rows.values()) == listing["requests"] == 2


@pytest.mark.parametrize(
    ("row", "tier", "fields", "header"),
    [
        ("openai", "priority", {"service_tier": "priority"}, b""),
        ("anthropic", "priority", {"service_tier": "auto"}, b""),
        ("google", "flex", {"serviceTier": "flex"}, b""),
        ("bedrock", "flex", {"serviceTier": {"type": "flex"}}, b""),
        ("vertex", "flex", {}, b"x-vertex-ai-llm-shared-request-type: flex"),
        ("openai", "batch", {}, b""),
    ],
)
async def test_each_vendor_is_asked_for_a_tier_in_its_own_words(
    launch: Launch, provider: Provider, row: str, tier: str, fields: dict[str, Any], header: bytes
) -> None:
    gateway = await launch(provider.arm("m", name="t", provider=row, service_tier=tier, dialect=None))
    arm = gateway.gateway.arms.by_name["t"]
    assert dict(arm.parameters) == fields
    assert header in arm.head(stream=False).lower()


async def test_a_tier_that_a_provider_does_not_have_is_refused_with_its_field(
    launch: Launch, provider: Provider
) -> None:
    with pytest.raises(ConfigError, match="cohere has no way to ask for flex"):
        await launch(provider.arm("m", provider="cohere", service_tier="flex", dialect=None))
