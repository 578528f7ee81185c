"""Two gateways on one database: each finds what the other one answered, learnt, added and was told."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faults.test_store import CHAT, Client, gateway
from tests.proxy.learning.test_durability import assert_same, learnt, unique
from tests.proxy.process import GatewayProcess
from tests.proxy.provider import Exchange, Provider, chunk
from tests.proxy.running import Launch, Running


@pytest.fixture
def arm(provider: Provider) -> dict[str, Any]:
    provider.scripts["a"] = unique("a")
    return provider.arm("a")


@pytest.fixture
async def pair(launch: Launch, tmp_path: Path, arm: dict[str, Any]) -> tuple[Running, Running]:
    server = {"database": str(tmp_path / "a.db")}
    return await launch(arm, server=server), await launch(arm, server=server)


@pytest.mark.parametrize("named", ["the gateway's id", "the upstream's id", "the session"])
async def test_feedback_finds_what_the_other_one_answered_a_moment_ago(
    pair: tuple[Running, Running], named: str
) -> None:
    first, second = pair
    for n in range(10):
        here, there = (first, second) if n % 2 else (second, first)
        status, answer, headers = await here.chat(session_id=f"s{n}")
        assert status == 200
        name = {
            "the gateway's id": {"id": headers["X-Generation-Id"]},
            "the upstream's id": {"id": answer["id"]},
            "the session": {"session_id": f"s{n}"},
        }[named]
        status, given, _ = await there.post("/v1/feedback", {**name, "value": 1.0})
        assert (status, given.get("status")) == (200, "new"), given


async def test_a_generation_is_known_to_both_at_once(pair: tuple[Running, Running]) -> None:
    first, second = pair
    for _ in range(5):
        _, _, headers = await first.chat()
        status, found = await second.get(f"/v1/generation?id={headers['X-Generation-Id']}")
        assert (status, found["data"]["status"]) == (200, "ok")


@pytest.mark.parametrize("path", ["/v1/feedback", "/v1/generation"])
async def test_an_id_that_nobody_gave_is_still_unknown(pair: tuple[Running, Running], path: str) -> None:
    _, second = pair
    if path == "/v1/feedback":
        status, body, _ = await second.post(path, {"id": "gen-none", "value": 1.0})
    else:
        status, body = await second.get(f"{path}?id=gen-none")
    assert (status, body["error"]["code"]) == (404, "generation_not_found")


async def test_feedback_for_an_answer_under_way_elsewhere_asks_to_try_again(
    launch: Launch, tmp_path: Path, provider: Provider
) -> None:
    go = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("Hel"))
        await go.wait()
        await exchange.event(chunk("lo.", finish="stop"))
        await exchange.end_stream()

    provider.scripts["slow"] = slow
    server = {"database": str(tmp_path / "a.db")}
    first, second = [await launch(provider.arm("slow"), server=server) for _ in range(2)]
    url = first.url + "/v1/chat/completions"
    async with first.session.post(url, json={**CHAT, "stream": True}) as answer:
        await answer.content.readuntil(b"Hel")
        verdict = {"id": answer.headers["X-Generation-Id"], "value": 1.0}
        status, body, headers = await second.post("/v1/feedback", verdict)
        assert (status, body["error"]["code"], headers["Retry-After"]) == (503, "answer_under_way", "1")
        go.set()
        assert (await answer.read()).rstrip().endswith(b"[DONE]")
        assert (await second.post("/v1/feedback", verdict))[1]["status"] == "new"


async def test_a_gateway_that_was_killed_is_not_waited_for_and_one_that_hangs_asks_to_try_again(
    tmp_path: Path, arm: dict[str, Any], launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.learning.peers._PATIENCE_S", 0.2)
    other = await launch(arm, server={"database": str(tmp_path / "journal.db")})
    async with gateway(tmp_path, [arm]) as (running, client):
        await client.chat()
        running.signal(signal.SIGSTOP)
        status, body, headers = await other.post("/v1/feedback", {"id": "gen-none", "value": 1.0})
        assert (status, body["error"]["code"], headers["Retry-After"]) == (503, "store_unavailable", "1")
        await running.kill()
    status, body, _ = await other.post("/v1/feedback", {"id": "gen-none", "value": 1.0})
    assert (status, body["error"]["code"]) == (404, "generation_not_found")
    assert len(await other.gateway.store.values("gateway/")) == 1


async def test_prices_and_arms_of_one_are_the_other_ones_too_from_when_they_are_acknowledged(
    pair: tuple[Running, Running], provider: Provider
) -> None:
    first, second = pair
    provider.scripts["b"] = unique("b")
    added = {key: value for key, value in provider.arm("b").items() if key != "api_key"}
    status, body, _ = await first.post("/v1/arms", added)
    assert status == 201, body
    assert (await second.chat(model="p/b"))[0] == 200, "known at once"
    price = {"input_usd_per_mtok": 50.0, "output_usd_per_mtok": 60.0}
    async with second.session.put(f"{second.url}/v1/prices/p%2Fb", json=price) as answer:
        assert answer.status == 200
    rows = {row["arm"]: row for row in (await first.get("/v1/arms"))[1]["data"]}
    assert rows["p/b"]["price"]["output_usd_per_mtok"] == 60.0
    async with first.session.delete(f"{first.url}/v1/arms/p%2Fb") as answer:
        assert answer.status == 200
    assert (await second.chat(model="p/b"))[0] == 404, "gone at once"


async def test_they_learn_the_same(pair: tuple[Running, Running]) -> None:
    for n in range(20):
        here, there = pair if n % 2 else pair[::-1]
        _, answer, _ = await here.chat()
        assert (await there.post("/v1/feedback", {"id": answer["id"], "value": n % 3 / 2}))[0] == 200
    for one in pair:
        await one.gateway.journal.flush()
        await one.get("/v1/arms")
    assert_same(*(learnt(one.gateway.learner) for one in pair))


async def test_a_gateway_that_ends_leaves_no_row_and_takes_nothing_with_it(
    launch: Launch, tmp_path: Path, arm: dict[str, Any]
) -> None:
    server = {"database": str(tmp_path / "a.db")}
    old = await launch(arm, server=server)
    new = await launch(arm, server=server)
    _, _, headers = await old.chat()
    await old.close()
    verdict = {"id": headers["X-Generation-Id"], "value": 1.0}
    assert (await new.post("/v1/feedback", verdict))[1]["status"] == "new"
    assert len(await new.gateway.store.values("gateway/")) == 1


async def test_a_rolling_restart_under_traffic_loses_nothing(tmp_path: Path, arm: dict[str, Any]) -> None:
    """The new gateway starts on the file, the old one ends, the new one is killed, all of it under traffic."""
    acknowledged: set[str] = set()

    async def traffic(url: str) -> None:
        try:
            async with aiohttp.ClientSession(url) as session:
                client = Client(session)
                while True:
                    name = await client.chat()
                    if (await client.judge(name))[0] == 200:
                        acknowledged.add(name)
        except (aiohttp.ClientError, AssertionError):
            pass

    async def more(count: int) -> None:
        wanted = len(acknowledged) + count
        async with asyncio.timeout(60):
            while len(acknowledged) < wanted:
                await asyncio.sleep(0.01)

    old = await GatewayProcess.start(tmp_path, [arm])
    clients = [asyncio.create_task(traffic(old.url)) for _ in range(3)]
    await more(30)
    new = await GatewayProcess.start(tmp_path, [arm])
    clients += [asyncio.create_task(traffic(new.url)) for _ in range(3)]
    await more(30)
    old.process.terminate()
    assert await old.ended() == 0
    await more(30)
    await new.kill()
    await asyncio.gather(*clients)
    async with gateway(tmp_path, [arm]) as (running, client):
        for name in acknowledged:
            async with client.session.get("/v1/generation", params={"id": name}) as answer:
                assert answer.status == 200
                assert (await answer.json())["data"]["feedback"]
