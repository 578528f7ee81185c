"""What users of OpenAI's client do besides plain requests: the sync client, parsing, helpers, conversations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.clients.drivers import SCHEMA, TOOL_SCHEMA
from tests.clients.upstreams import plots
from tests.clients.upstreams.replay import Replay
from tests.proxy.running import Launch

MESSAGES: Any = [{"role": "user", "content": "Hi"}]
TEXT = "".join(plots.TEXT)
TOOLS: Any = [
    {"type": "function", "function": {"name": plots.TOOL, "parameters": TOOL_SCHEMA, "strict": True}}
]

upstreams = pytest.mark.parametrize("upstream", ["openai_chat", "openai_responses", "anthropic_messages"])


class Place(BaseModel):
    city: str


@pytest.fixture
async def client(replay: Replay, launch: Launch) -> AsyncIterator[openai.AsyncOpenAI]:
    arms = [
        replay.arm(dialect, plot)
        for dialect in ("openai_chat", "openai_responses", "anthropic_messages")
        for plot in ("text", "json", "tool", "think", "broken")
    ]
    gateway = await launch(*arms)
    async with openai.AsyncOpenAI(base_url=gateway.url + "/v1", api_key="k", max_retries=0) as made:
        yield made


@upstreams
async def test_chat_parse_gives_an_object(client: openai.AsyncOpenAI, upstream: str) -> None:
    answer = await client.chat.completions.parse(
        model=f"{upstream}/json", messages=MESSAGES, response_format=Place
    )
    assert answer.choices[0].message.parsed == Place(city="Oslo")


@upstreams
async def test_responses_parse_gives_an_object(client: openai.AsyncOpenAI, upstream: str) -> None:
    answer = await client.responses.parse(model=f"{upstream}/json", input="Hi", text_format=Place)
    assert answer.output_parsed == Place(city="Oslo")


@upstreams
async def test_the_chat_stream_helper_sees_tool_arguments_grow(
    client: openai.AsyncOpenAI, upstream: str
) -> None:
    async with client.chat.completions.stream(
        model=f"{upstream}/tool", messages=MESSAGES, tools=TOOLS
    ) as stream:
        events = [event async for event in stream]
        final = await stream.get_final_completion()
    grown = [e.arguments_delta for e in events if e.type == "tool_calls.function.arguments.delta"]
    assert "".join(grown) == "".join(plots.ARGUMENTS)
    [call] = final.choices[0].message.tool_calls or []
    assert call.function.parsed_arguments == {"city": "Oslo", "days": 2}
    assert call.id == plots.CALL_ID


@upstreams
async def test_a_responses_stream_has_its_events_in_order(client: openai.AsyncOpenAI, upstream: str) -> None:
    raw = await client.responses.create(model=f"{upstream}/think", input="Hi", stream=True)
    events = [event async for event in raw]
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(e.delta for e in events if e.type == "response.reasoning_summary_text.delta") == "".join(
        plots.THOUGHT
    )
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == TEXT


@upstreams
async def test_a_responses_stream_that_breaks_raises(client: openai.AsyncOpenAI, upstream: str) -> None:
    raw = await client.responses.create(model=f"{upstream}/broken", input="Hi", stream=True)
    events: list[Any] = []

    async def listen() -> None:
        async for event in raw:
            events.append(event)  # noqa: PERF401  what came before the error counts

    with pytest.raises(openai.APIError, match="verloaded"):
        await listen()
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == TEXT


@upstreams
async def test_the_sync_client_streams_and_asks(client: openai.AsyncOpenAI, upstream: str) -> None:
    def talk() -> tuple[str, str, str]:
        with openai.OpenAI(base_url=client.base_url, api_key="k", max_retries=0) as sync:
            whole = sync.chat.completions.create(model=f"{upstream}/text", messages=MESSAGES)
            chunks = sync.chat.completions.create(model=f"{upstream}/text", messages=MESSAGES, stream=True)
            streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            response = sync.responses.create(model=f"{upstream}/text", input="Hi")
        return whole.choices[0].message.content or "", streamed, response.output_text

    assert await asyncio.to_thread(talk) == (TEXT, TEXT, TEXT)


@upstreams
async def test_a_tool_result_goes_back_in_chat(
    client: openai.AsyncOpenAI, replay: Replay, upstream: str
) -> None:
    first = await client.chat.completions.create(model=f"{upstream}/tool", messages=MESSAGES, tools=TOOLS)
    message = first.choices[0].message
    result = {"role": "tool", "tool_call_id": plots.CALL_ID, "content": "rain over Oslo"}
    await client.chat.completions.create(
        model=f"{upstream}/text",
        messages=[*MESSAGES, message.model_dump(exclude_none=True), result],
        tools=TOOLS,
    )
    sent = replay.seen[-1].raw.decode()
    assert "rain over Oslo" in sent
    assert sent.count(plots.CALL_ID) == 2


@upstreams
async def test_a_thought_and_a_tool_result_go_back_in_responses(
    client: openai.AsyncOpenAI, replay: Replay, upstream: str
) -> None:
    tools: Any = [{"type": "function", "name": plots.TOOL, "parameters": TOOL_SCHEMA, "strict": True}]
    include: Any = ["reasoning.encrypted_content"]
    thought = await client.responses.create(model=f"{upstream}/think", input="Hi", include=include)
    called = await client.responses.create(model=f"{upstream}/tool", input="Hi", tools=tools)
    history: Any = [{"role": "user", "content": "Hi"}]
    for response in (thought, called):
        history += [item.model_dump(exclude_none=True) for item in response.output]
    history.append({"type": "function_call_output", "call_id": plots.CALL_ID, "output": "rain over Oslo"})
    answer = await client.responses.create(model=f"{upstream}/text", input=history, tools=tools)
    assert answer.output_text == TEXT
    sent = replay.seen[-1].raw.decode()
    assert "rain over Oslo" in sent
    assert sent.count(plots.CALL_ID) == 2
    if upstream != "openai_chat":  # whose thoughts are not signed
        assert plots.SIGNATURE in sent


async def test_what_an_upstream_cannot_express_is_refused_and_said(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="anthropic_messages/text"):
        await client.chat.completions.create(
            model="anthropic_messages/text", messages=MESSAGES, logit_bias={"50256": -100}
        )


async def test_a_schema_by_hand_reaches_a_responses_upstream_in_its_words(
    client: openai.AsyncOpenAI, replay: Replay
) -> None:
    await client.chat.completions.create(
        model="openai_responses/json",
        messages=MESSAGES,
        response_format={"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}},
    )
    sent = replay.seen[-1].json["text"]["format"]
    assert (sent["type"], sent["name"], sent["schema"]) == ("json_schema", "place", SCHEMA)
