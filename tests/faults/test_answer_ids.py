"""Feedback by the id in an answer's body reaches that answer, where upstreams repeat their ids or send none."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.proxy.provider import Exchange, Provider, chunk, completion
from tests.proxy.running import Launch, Running

MESSAGES = [{"role": "user", "content": "Hi"}]
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/v1/chat/completions", {"messages": MESSAGES}),
    "anthropic": ("/v1/messages", {"messages": MESSAGES, "max_tokens": 9}),
    "responses": ("/v1/responses", {"input": "Hi"}),
}


async def ask(gateway: Running, client: str, *, stream: bool) -> tuple[str, str]:
    """Returns the gateway's id of an answer and the one in its body."""
    path, body = CALLS[client]
    async with gateway.session.post(
        gateway.url + path, json={"model": "p/a", "stream": stream, **body}
    ) as answer:
        text = await answer.text()
        assert answer.status == 200, text
        found = re.search(r'"id": ?"([^"]+)"', text)
        assert found, text
        return answer.headers["X-Generation-Id"], found[1]


async def verdicts(gateway: Running, generation: str) -> list[float]:
    _, told = await gateway.get(f"/v1/generation?id={generation}")
    return [row["value"] for row in told["data"]["feedback"]]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("client", CALLS)
async def test_three_answers_with_one_id_keep_their_own_verdicts(
    launch: Launch, provider: Provider, client: str, stream: bool
) -> None:
    gateway = await launch(provider.arm("good", name="p/a"))
    answers = [await ask(gateway, client, stream=stream) for _ in range(3)]
    assert len({seen for _, seen in answers}) == 3
    for (_, seen), value in zip(answers, (1.0, 0.0, 1.0), strict=True):
        status, _, _ = await gateway.post("/v1/feedback", {"id": seen, "value": value})
        assert status == 200
    assert [await verdicts(gateway, own) for own, _ in answers] == [[1.0], [0.0], [1.0]]


@pytest.mark.parametrize("id", ["chatcmpl-1", ""])
async def test_every_event_of_a_stream_has_the_same_id(launch: Launch, provider: Provider, id: str) -> None:
    async def flood(exchange: Exchange) -> None:
        await exchange.begin_stream()
        for _ in range(50):
            await exchange.event(chunk("word ", id=id))
        await exchange.event(chunk(finish="stop", id=id))
        await exchange.end_stream()

    provider.scripts["a"] = flood
    gateway = await launch(provider.arm("a"))
    await gateway.stream(model="p/a")
    _, streamed = await gateway.stream(model="p/a")
    ids = set(re.findall(rb'"id": ?"([^"]*)"', streamed))
    assert len(ids) == 1
    assert ids.pop().startswith(b"gen-")
    assert streamed.count(b'"id"') == 51


@pytest.mark.parametrize("missing", [None, "", "absent"])
async def test_an_answer_without_an_id_gets_one(
    launch: Launch, provider: Provider, missing: str | None
) -> None:
    async def script(exchange: Exchange) -> None:
        body = {**completion(), "id": missing}
        if missing == "absent":
            del body["id"]
        await exchange.answer(body)

    provider.scripts["a"] = script
    gateway = await launch(provider.arm("a"))
    own, seen = await ask(gateway, "openai", stream=False)
    assert seen == own
