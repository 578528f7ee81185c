"""Every client dialect in front of every upstream dialect, with the vendors' own clients."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.clients.drivers import DRIVERS, IMAGE, Answer
from tests.clients.upstreams import plots
from tests.clients.upstreams.replay import WIRES, Replay
from tests.proxy.running import Launch, Running

COST = ((plots.INPUT - plots.CACHED) * 1.0 + plots.CACHED * 0.1 + plots.OUTPUT * 2.0) * 1e-6


clients = pytest.mark.parametrize("client", DRIVERS)
upstreams = pytest.mark.parametrize("upstream", WIRES)
modes = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


async def ask(gateway: Running, client: str, upstream: str, plot: str, stream: bool, **more: Any) -> Answer:
    return await DRIVERS[client].ask(gateway.url, f"{upstream}/{plot}", stream=stream, **more)


@clients
@upstreams
@modes
async def test_text_arrives_with_its_usage_and_cost(
    replay: Replay, launch: Launch, client: str, upstream: str, stream: bool
) -> None:
    gateway = await launch(replay.arm(upstream, "text"))
    answer = await ask(gateway, client, upstream, "text", stream)
    assert answer.text == "".join(plots.TEXT)
    assert (answer.calls, answer.finish) == ([], "stop")
    assert (answer.input, answer.cached, answer.output) == (plots.INPUT, plots.CACHED, plots.OUTPUT)
    assert answer.cost == pytest.approx(COST)
    [decision] = await gateway.decisions()
    assert (decision.status, decision.arm) == ("ok", f"{upstream}/text")
    assert decision.cost_usd == pytest.approx(COST)


@clients
@upstreams
@modes
async def test_tool_calls_arrive_with_their_arguments(
    replay: Replay, launch: Launch, client: str, upstream: str, stream: bool
) -> None:
    gateway = await launch(replay.arm(upstream, "tool"))
    answer = await ask(gateway, client, upstream, "tool", stream, tools=True)
    assert answer.calls == [(plots.TOOL, {"city": "Oslo", "days": 2})]
    assert (answer.text, answer.finish) == ("", "tool_calls")
    assert plots.TOOL in replay.seen[0].raw.decode()


@clients
@upstreams
@modes
async def test_images_reach_the_provider(
    replay: Replay, launch: Launch, client: str, upstream: str, stream: bool
) -> None:
    gateway = await launch(replay.arm(upstream, "text"))
    answer = await ask(gateway, client, upstream, "text", stream, image=True)
    assert answer.text == "".join(plots.TEXT)
    assert IMAGE.encode() in replay.seen[0].raw


@clients
@upstreams
@modes
async def test_thinking_arrives_as_thinking(
    replay: Replay, launch: Launch, client: str, upstream: str, stream: bool
) -> None:
    gateway = await launch(replay.arm(upstream, "think"))
    answer = await ask(gateway, client, upstream, "think", stream, think=True)
    assert answer.text == "".join(plots.TEXT)
    assert answer.thinking == "".join(plots.THOUGHT)


@clients
@upstreams
@modes
async def test_a_json_schema_reaches_the_provider(
    replay: Replay, launch: Launch, client: str, upstream: str, stream: bool
) -> None:
    gateway = await launch(replay.arm(upstream, "json"))
    answer = await ask(gateway, client, upstream, "json", stream, schema=True)
    assert orjson.loads(answer.text) == {"city": "Oslo"}
    sent = replay.seen[0].raw.decode()
    assert "city" in sent
    assert "required" in sent


@clients
@upstreams
@modes
async def test_a_rate_limit_is_the_clients_own_exception(
    replay: Replay, launch: Launch, client: str, upstream: str, stream: bool
) -> None:
    gateway = await launch(replay.arm(upstream, "limit"))
    with pytest.raises(DRIVERS[client].limited) as caught:
        await ask(gateway, client, upstream, "limit", stream)
    assert caught.value.response.headers["retry-after"] == "7"


@clients
@upstreams
async def test_an_error_in_the_stream_is_the_clients_own_exception(
    replay: Replay, launch: Launch, client: str, upstream: str
) -> None:
    gateway = await launch(replay.arm(upstream, "broken"))
    with pytest.raises(DRIVERS[client].broken):
        await ask(gateway, client, upstream, "broken", True)
    [decision] = await gateway.decisions()
    assert decision.status != "ok"


@clients
@upstreams
@modes
async def test_feedback_finds_the_answer_by_the_id_that_the_client_saw(
    replay: Replay, launch: Launch, client: str, upstream: str, stream: bool
) -> None:
    gateway = await launch(replay.arm(upstream, "text"))
    answer = await ask(gateway, client, upstream, "text", stream)
    for name in filter(None, (answer.id, answer.generation)):
        status, body, _ = await gateway.post("/v1/feedback", {"id": name, "metric": "quality", "value": 1.0})
        assert status == 200, body
