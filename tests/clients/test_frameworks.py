"""Frameworks on top of the clients: LangChain, which drops body fields it doesn't know, and pydantic-ai."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import httpx
import openai
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

from tests.clients.upstreams import plots
from tests.clients.upstreams.replay import Replay
from tests.proxy.running import Launch, Running

TEXT = "".join(plots.TEXT)

upstreams = pytest.mark.parametrize("upstream", ["openai_chat", "anthropic_messages", "openai_responses"])


class Place(BaseModel):
    """Where something is."""

    city: str


def get_weather(city: str, days: int) -> str:
    """Get the weather of a city."""
    return f"rain over {city} for {days} days"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """Connections that the test closes; the frameworks leave their own to the interpreter's end."""
    async with httpx.AsyncClient() as client:
        yield client


def langchain(gateway: Running, http: httpx.AsyncClient, model: str, **more: Any) -> ChatOpenAI:
    return ChatOpenAI(
        model=model,
        base_url=gateway.url + "/v1",
        api_key=SecretStr("k"),
        max_retries=0,
        http_async_client=http,
        **more,
    )


@upstreams
async def test_langchain_asks_and_streams(
    replay: Replay, launch: Launch, http: httpx.AsyncClient, upstream: str
) -> None:
    gateway = await launch(replay.arm(upstream, "text"))
    chat = langchain(gateway, http, f"{upstream}/text")
    answer = await chat.ainvoke("Hi")
    assert answer.content == TEXT
    assert answer.usage_metadata["input_tokens"] == plots.INPUT
    chunks = [chunk async for chunk in chat.astream("Hi", stream_usage=True)]
    assert "".join(str(chunk.content) for chunk in chunks) == TEXT
    assert sum((c.usage_metadata or {}).get("output_tokens", 0) for c in chunks) == plots.OUTPUT


@upstreams
async def test_langchain_calls_tools_and_sends_their_results(
    replay: Replay, launch: Launch, http: httpx.AsyncClient, upstream: str
) -> None:
    gateway = await launch(replay.arm(upstream, "tool"), replay.arm(upstream, "text"))
    first = await langchain(gateway, http, f"{upstream}/tool").bind_tools([get_weather]).ainvoke("Hi")
    assert isinstance(first, AIMessage)
    [call] = first.tool_calls
    assert (call["name"], call["args"]) == (plots.TOOL, {"city": "Oslo", "days": 2})
    result = ToolMessage(get_weather(**call["args"]), tool_call_id=call["id"])
    answer = await langchain(gateway, http, f"{upstream}/text").ainvoke([HumanMessage("Hi"), first, result])
    assert answer.content == TEXT
    assert b"rain over Oslo for 2 days" in replay.seen[-1].raw


@upstreams
async def test_langchain_gives_structured_output(
    replay: Replay, launch: Launch, http: httpx.AsyncClient, upstream: str
) -> None:
    gateway = await launch(replay.arm(upstream, "json"))
    chat = langchain(gateway, http, f"{upstream}/json").with_structured_output(Place, method="json_schema")
    assert await chat.ainvoke("Hi") == Place(city="Oslo")


async def test_langchain_reaches_the_gateways_extras_through_headers(
    replay: Replay, launch: Launch, http: httpx.AsyncClient
) -> None:
    gateway = await launch(replay.arm("openai_chat", "text"))
    headers = {
        "X-Meritorder-Task": "greeting",
        "X-Meritorder-Objective": '{"preset": "cheap"}',
        "X-Session-Id": "conversation-1",
    }
    await langchain(gateway, http, "auto", default_headers=headers).ainvoke("Hi")
    [decision] = await gateway.decisions()
    assert (decision.task, decision.session) == ("greeting", "conversation-1")


async def test_langchain_speaks_responses(replay: Replay, launch: Launch, http: httpx.AsyncClient) -> None:
    gateway = await launch(replay.arm("anthropic_messages", "text"))
    chat = langchain(gateway, http, "anthropic_messages/text", use_responses_api=True)
    answer = await chat.ainvoke("Hi")
    assert answer.text == TEXT
    assert "".join([chunk.text async for chunk in chat.astream("Hi")]) == TEXT


@asynccontextmanager
async def pydantic_model(gateway: Running, kind: str, name: str) -> AsyncIterator[Any]:
    async with (
        openai.AsyncOpenAI(base_url=gateway.url + "/v1", api_key="k", max_retries=0) as ours,
        anthropic.AsyncAnthropic(base_url=gateway.url, api_key="k", max_retries=0) as theirs,
    ):
        provider = OpenAIProvider(openai_client=ours)
        match kind:
            case "chat":
                yield OpenAIChatModel(name, provider=provider)
            case "responses":
                yield OpenAIResponsesModel(name, provider=provider)
            case _:
                yield AnthropicModel(name, provider=AnthropicProvider(anthropic_client=theirs))


models = pytest.mark.parametrize("kind", ["chat", "responses", "anthropic"])


@upstreams
@models
async def test_pydantic_ai_asks_and_streams(replay: Replay, launch: Launch, upstream: str, kind: str) -> None:
    gateway = await launch(replay.arm(upstream, "text"))
    async with pydantic_model(gateway, kind, f"{upstream}/text") as model:
        agent = Agent(model, instructions="Be brief.")
        assert (await agent.run("Hi")).output == TEXT
        async with agent.run_stream("Hi") as stream:
            assert await stream.get_output() == TEXT
            assert stream.usage.output_tokens == plots.OUTPUT


@upstreams
@models
async def test_pydantic_ai_runs_a_tool_loop(replay: Replay, launch: Launch, upstream: str, kind: str) -> None:
    gateway = await launch(replay.arm(upstream, "loop"))
    async with pydantic_model(gateway, kind, f"{upstream}/loop") as model:
        answer = await Agent(model, tools=[get_weather]).run("Hi")
    assert answer.output == TEXT
    assert len(replay.seen) == 2
    assert b"rain over Oslo for 2 days" in replay.seen[-1].raw


async def test_langchain_embeds(replay: Replay, launch: Launch, http: httpx.AsyncClient) -> None:
    gateway = await launch(replay.arm("openai_chat", "embed"))
    embeddings = OpenAIEmbeddings(
        model="openai_chat/embed",
        base_url=gateway.url + "/v1",
        api_key=SecretStr("k"),
        check_embedding_ctx_length=False,
        http_async_client=http,
        max_retries=0,
    )
    assert await embeddings.aembed_documents(["a", "b"]) == [[0.5, -0.25], [0.5, -0.25]]
