"""The bill, from a vendor's bytes to what the client reads and the record keeps."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.proxy.provider import Exchange, Provider, Script, chunk, completion
from tests.proxy.running import Launch, Running

FOX = "The quick brown fox jumps over the lazy dog. " * 20  # 900 bytes, 200 tokens
PRICE = {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 2.0}


def answering(body: dict[str, Any]) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(body)

    return script


def with_usage(**usage: Any) -> dict[str, Any]:
    return {**completion(), "usage": {"prompt_tokens": 1000, "completion_tokens": 100, **usage}}


async def last(gateway: Running) -> Any:
    return (await gateway.decisions())[-1]


async def test_a_bill_with_a_key_of_ones_own_is_told_whole_and_kept_beside_ours(
    launch: Launch, provider: Provider
) -> None:
    own = {"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}}
    provider.scripts["a"] = answering(with_usage(**own))
    gateway = await launch(provider.arm("a", **PRICE))
    _, answer, headers = await gateway.chat()
    assert answer["usage"]["cost"] == pytest.approx(0.021)
    assert (await last(gateway)).cost_usd == pytest.approx(0.021)
    _, told = await gateway.get(f"/v1/generation?id={headers['X-Generation-Id']}")
    assert told["data"]["bill"] == {"reported_usd": 0.001, "listed_usd": pytest.approx(0.0012)}


@pytest.mark.parametrize("figure", [0, -1, 1e9, "much", {"total_cost": None}])
async def test_what_is_no_bill_is_neither_booked_nor_told(
    launch: Launch, provider: Provider, figure: object
) -> None:
    provider.scripts["a"] = answering(with_usage(cost=figure))
    gateway = await launch(provider.arm("a", **PRICE))
    _, answer, _ = await gateway.chat()
    assert answer["usage"]["cost"] == pytest.approx(0.0012)
    assert (await last(gateway)).cost_usd == pytest.approx(0.0012)


async def test_of_an_arm_without_a_price_a_zero_is_not_passed_on_and_a_bill_is(
    launch: Launch, provider: Provider
) -> None:
    unknown = {"input_usd_per_mtok": None, "output_usd_per_mtok": None}
    arm = {name: value for name, value in provider.arm("a", **unknown).items() if value is not None}
    gateway = await launch(arm)
    provider.scripts["a"] = answering(with_usage(cost=0))
    assert (await gateway.chat())[1]["usage"]["cost"] is None
    assert (await last(gateway)).cost_usd is None
    provider.scripts["a"] = answering(with_usage(cost=0.5))
    assert (await gateway.chat())[1]["usage"]["cost"] == 0.5
    assert (await last(gateway)).cost_usd == 0.5


@pytest.mark.parametrize("endpoint", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
async def test_clients_of_another_api_read_the_estimate_of_what_nobody_counted(
    launch: Launch, provider: Provider, endpoint: str
) -> None:
    body = {k: v for k, v in completion(FOX).items() if k != "usage"}
    provider.scripts["a"] = answering(body)
    gateway = await launch(provider.arm("a", **PRICE))
    said = {"input": FOX} if endpoint == "/v1/responses" else {"messages": [{"role": "user", "content": FOX}]}
    status, answer, _ = await gateway.post(endpoint, {"model": "auto", "max_tokens": 500, **said})
    assert status == 200
    decision = await last(gateway)
    assert decision.usage_estimated
    assert 170 <= decision.input_tokens <= 240
    assert 170 <= decision.output_tokens <= 240
    assert decision.cost_usd == pytest.approx(decision.input_tokens * 1e-6 + decision.output_tokens * 2e-6)
    if endpoint != "/v1/chat/completions":  # those pass through as they came
        assert answer["usage"]["output_tokens"] == decision.output_tokens


async def test_a_stream_that_the_client_left_is_estimated_by_its_text_and_not_by_its_chunks(
    launch: Launch, provider: Provider
) -> None:
    sent = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk(role="assistant", content=""))
        for _ in range(3):
            await exchange.event(chunk(FOX))
        sent.set()
        await exchange.left()

    provider.scripts["a"] = script
    gateway = await launch(provider.arm("a", **PRICE))
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": FOX}]}
    async with aiohttp.ClientSession() as session:
        answer = await session.post(gateway.url + "/v1/chat/completions", json=body)
        await sent.wait()
        read = b""
        while read.count(b"lazy") < 60:
            read += await answer.content.readany()
        answer.close()
    async with asyncio.timeout(5):
        while not (rows := await gateway.decisions()):
            await asyncio.sleep(0)
    assert rows[0].status == "cancelled"
    assert rows[0].usage_estimated
    assert 500 <= rows[0].output_tokens <= 700


async def test_prices_follow_the_day(
    launch: Launch, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DeepSeek's list has other prices at some hours, and the gateway runs on."""
    unknown = {"input_usd_per_mtok": None, "output_usd_per_mtok": None}
    arm = provider.arm("deepseek-v4-pro", name="d", provider="deepseek", **unknown)
    gateway = await launch({name: value for name, value in arm.items() if value is not None})
    seen = set()
    for hour in (0, 2):
        monkeypatch.setattr("time.time", lambda hour=hour: 1_796_083_200.0 + hour * 3600)  # a midnight of UTC
        gateway.gateway.registry.today()
        seen.add(gateway.gateway.arms.by_name["d"].price.input)
    assert len(seen) == 2
