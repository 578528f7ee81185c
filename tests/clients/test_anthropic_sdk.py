"""Anthropic's client: the streaming helper with thinking and tools, conversations, counting, errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest

from tests.clients.drivers import TOOL_SCHEMA
from tests.clients.upstreams import plots
from tests.clients.upstreams.replay import Replay
from tests.proxy.provider import Exchange, Provider
from tests.proxy.running import Launch

MESSAGES: Any = [{"role": "user", "content": "Hi"}]
TOOLS: Any = [{"name": plots.TOOL, "description": "Weather.", "input_schema": TOOL_SCHEMA}]
TEXT = "".join(plots.TEXT)

upstreams = pytest.mark.parametrize("upstream", ["anthropic_messages", "openai_chat", "openai_responses"])


@pytest.fixture
async def client(replay: Replay, launch: Launch) -> AsyncIterator[anthropic.AsyncAnthropic]:
    arms = [
        replay.arm(dialect, plot)
        for dialect in ("anthropic_messages", "openai_chat", "openai_responses")
        for plot in ("text", "tool", "think")
    ]
    gateway = await launch(*arms)
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key="k", max_retries=0) as made:
        yield made


@upstreams
async def test_the_helper_streams_thinking_then_text(client: anthropic.AsyncAnthropic, upstream: str) -> None:
    async with client.messages.stream(
        model=f"{upstream}/think",
        max_tokens=4096,
        messages=MESSAGES,
        thinking={"type": "enabled", "budget_tokens": 1024},
    ) as stream:
        events = [event async for event in stream]
        message = await stream.get_final_message()
    assert "".join(e.thinking for e in events if e.type == "thinking") == "".join(plots.THOUGHT)
    assert "".join(e.text for e in events if e.type == "text") == TEXT
    assert [block.type for block in message.content] == ["thinking", "text"]
    if upstream == "anthropic_messages":
        assert message.content[0].signature == plots.SIGNATURE
    blocks = [event.type for event in events if event.type.startswith("content_block_st")]
    assert blocks == ["content_block_start", "content_block_stop"] * 2


@upstreams
async def test_the_helper_sees_tool_input_grow(client: anthropic.AsyncAnthropic, upstream: str) -> None:
    async with client.messages.stream(
        model=f"{upstream}/tool", max_tokens=100, messages=MESSAGES, tools=TOOLS
    ) as stream:
        events = [event async for event in stream]
        message = await stream.get_final_message()
    assert "".join(e.partial_json for e in events if e.type == "input_json") == "".join(plots.ARGUMENTS)
    [block] = message.content
    assert (block.type, block.id, block.name) == ("tool_use", plots.CALL_ID, plots.TOOL)
    assert block.input == {"city": "Oslo", "days": 2}
    assert message.stop_reason == "tool_use"


@upstreams
async def test_a_thought_and_a_tool_result_go_back(
    client: anthropic.AsyncAnthropic, replay: Replay, upstream: str
) -> None:
    thought = await client.messages.create(
        model=f"{upstream}/think",
        max_tokens=4096,
        messages=MESSAGES,
        thinking={"type": "enabled", "budget_tokens": 1024},
    )
    called = await client.messages.create(
        model=f"{upstream}/tool", max_tokens=4096, messages=MESSAGES, tools=TOOLS
    )
    result = {"type": "tool_result", "tool_use_id": plots.CALL_ID, "content": "rain over Oslo"}
    turns: Any = [
        *MESSAGES,
        {"role": "assistant", "content": [*thought.content, *called.content]},
        {"role": "user", "content": [result]},
    ]
    answer = await client.messages.create(
        model=f"{upstream}/text", max_tokens=4096, messages=turns, tools=TOOLS
    )
    assert answer.content[0].text == TEXT
    sent = replay.seen[-1].raw.decode()
    assert "rain over Oslo" in sent
    assert sent.count(plots.CALL_ID) == 2
    if upstream != "openai_chat":  # whose thoughts are not signed
        assert plots.SIGNATURE in sent


async def test_the_sync_client_streams(client: anthropic.AsyncAnthropic) -> None:
    def talk() -> str:
        with (
            anthropic.Anthropic(base_url=client.base_url, api_key="k", max_retries=0) as sync,
            sync.messages.stream(model="openai_chat/text", max_tokens=100, messages=MESSAGES) as stream,
        ):
            return "".join(stream.text_stream)

    assert await asyncio.to_thread(talk) == TEXT


async def test_tokens_are_counted(client: anthropic.AsyncAnthropic) -> None:
    short = await client.messages.count_tokens(model="openai_chat/text", messages=MESSAGES)
    long = await client.messages.count_tokens(
        model="openai_chat/text", messages=[{"role": "user", "content": "word " * 1000}], system="Be brief."
    )
    assert 0 < short.input_tokens < 20
    assert 800 < long.input_tokens < 2000


async def test_what_the_client_sent_arrives_at_an_anthropic_upstream_as_it_was(
    client: anthropic.AsyncAnthropic, replay: Replay
) -> None:
    system: Any = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    await client.messages.create(
        model="anthropic_messages/text",
        max_tokens=7,
        messages=MESSAGES,
        system=system,
        extra_headers={"anthropic-beta": "context-1m-2025-08-07"},
    )
    assert replay.seen[-1].json == {
        "model": "text",
        "max_tokens": 7,
        "messages": MESSAGES,
        "system": system,
    }
    head = replay.seen[-1].head.lower()
    assert b"anthropic-beta: context-1m-2025-08-07" in head
    assert b"anthropic-version: 2023-06-01" in head
    assert b"x-api-key: sk-upstream" in head


@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (401, "authentication_error", anthropic.AuthenticationError),
        (403, "permission_error", anthropic.PermissionDeniedError),
        (404, "not_found_error", anthropic.NotFoundError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (529, "overloaded_error", anthropic.InternalServerError),
    ],
)
async def test_an_upstreams_error_is_the_clients_exception(
    provider: Provider, launch: Launch, status: int, kind: str, raised: type[anthropic.APIStatusError]
) -> None:
    async def fail(exchange: Exchange) -> None:
        await exchange.answer({"type": "error", "error": {"type": kind, "message": "No."}}, status)

    provider.scripts["bad"] = fail
    base = provider.url.removesuffix("/v1")
    gateway = await launch(provider.arm("bad", dialect="anthropic_messages", base_url=base))
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key="k", max_retries=0) as client:
        with pytest.raises(raised) as caught:
            await client.messages.create(model="auto", max_tokens=7, messages=MESSAGES)
    assert caught.value.body["error"]["type"] == kind


async def test_the_gateways_own_refusals_have_anthropics_shape(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="does not exist here"):
        await client.messages.create(model="nothing-like-it", max_tokens=7, messages=MESSAGES)
    with pytest.raises(anthropic.BadRequestError, match="temperature"):
        await client.messages.create(
            model="auto", max_tokens=7, messages=MESSAGES, extra_body={"temperature": "hot"}
        )
