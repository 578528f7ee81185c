"""OpenAI's own Python client, unmodified, with only its base_url changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import openai
import orjson
import pytest

from tests.proxy.provider import Exchange, Provider, chunk, completion
from tests.proxy.running import Launch

MESSAGES = [{"role": "user", "content": "Hi"}]


@pytest.fixture
async def client() -> AsyncIterator[Callable[..., openai.AsyncOpenAI]]:
    async with AsyncExitStack() as stack:
        made = []

        def make(url: str, key: str = "unused") -> openai.AsyncOpenAI:
            made.append(openai.AsyncOpenAI(base_url=url + "/v1", api_key=key, max_retries=0))
            return made[-1]

        yield make
        for one in made:
            await stack.enter_async_context(one)


Client = Callable[..., openai.AsyncOpenAI]


async def test_a_completion_has_the_real_model_and_its_cost(
    provider: Provider, launch: Launch, client: Client
) -> None:
    gateway = await launch(provider.arm("good"))
    answer = await client(gateway.url).chat.completions.create(model="auto", messages=MESSAGES)
    assert answer.choices[0].message.content == "Hello."
    assert answer.model == "m-2025"
    assert answer.usage.cost == pytest.approx(10 * 1e-6 + 5 * 2e-6)


async def test_a_stream_without_usage_asked_for_has_no_usage_chunk(
    provider: Provider, launch: Launch, client: Client
) -> None:
    gateway = await launch(provider.arm("good"))
    stream = await client(gateway.url).chat.completions.create(model="auto", messages=MESSAGES, stream=True)
    chunks = [item async for item in stream]
    assert "".join(item.choices[0].delta.content or "" for item in chunks) == "Hello."
    assert all(item.usage is None for item in chunks)
    assert provider.seen[0].json["stream_options"] == {"include_usage": True}
    [decision] = await gateway.decisions()
    assert (decision.input_tokens, decision.output_tokens, decision.usage_estimated) == (10, 5, False)


async def test_a_stream_with_usage_asked_for_ends_with_usage_and_cost(
    provider: Provider, launch: Launch, client: Client
) -> None:
    gateway = await launch(provider.arm("good"))
    stream = await client(gateway.url).chat.completions.create(
        model="auto", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    last = [item async for item in stream][-1]
    assert last.choices == []
    assert last.usage.total_tokens == 15
    assert last.usage.cost == pytest.approx(2e-5)


async def test_tools_travel_untouched_both_ways(provider: Provider, launch: Launch, client: Client) -> None:
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
    }

    async def tool(exchange: Exchange) -> None:
        await exchange.answer(completion(None, tool_calls=[call]))

    provider.scripts["tool"] = tool
    gateway = await launch(provider.arm("tool"))
    tools = [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "parameters": {
                    "type": "object",
                    "properties": {"model": {"type": "string"}, "n": {"minimum": 1e-9}},
                },
            },
        }
    ]
    answer = await client(gateway.url).chat.completions.create(model="auto", messages=MESSAGES, tools=tools)
    assert answer.choices[0].message.tool_calls[0].function.arguments == '{"city":"Oslo"}'
    assert provider.seen[0].json["tools"] == tools
    assert provider.seen[0].json["model"] == "tool"


async def test_streamed_tool_calls_travel_untouched(
    provider: Provider, launch: Launch, client: Client
) -> None:
    async def tool(exchange: Exchange) -> None:
        await exchange.begin_stream()
        start = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
        await exchange.event(chunk(role="assistant", tool_calls=[start]))
        for piece in ('{"a"', ":1}"):
            await exchange.event(chunk(tool_calls=[{"index": 0, "function": {"arguments": piece}}]))
        await exchange.event(chunk(finish="tool_calls"))
        await exchange.end_stream()

    provider.scripts["tool"] = tool
    gateway = await launch(provider.arm("tool"))
    stream = await client(gateway.url).chat.completions.create(model="auto", messages=MESSAGES, stream=True)
    calls = [c for item in [i async for i in stream] for c in item.choices[0].delta.tool_calls or []]
    assert "".join(c.function.arguments or "" for c in calls) == '{"a":1}'


async def test_images_and_schemas_travel_untouched(
    provider: Provider, launch: Launch, client: Client
) -> None:
    gateway = await launch(provider.arm("good"))
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    schema = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
    await client(gateway.url).chat.completions.create(
        model="auto", messages=[{"role": "user", "content": content}], response_format=schema
    )
    assert provider.seen[0].json["messages"][0]["content"] == content
    assert provider.seen[0].json["response_format"] == schema


async def test_raw_response_headers_name_the_generation_and_the_arm(
    provider: Provider, launch: Launch, client: Client
) -> None:
    gateway = await launch(provider.arm("good"))
    raw = await client(gateway.url).chat.completions.with_raw_response.create(model="auto", messages=MESSAGES)
    assert raw.headers["X-Generation-Id"].startswith("gen-")
    assert raw.headers["X-Meritorder-Arm"] == "p/good"
    assert float(raw.headers["X-Meritorder-Propensity"]) == 1.0
    assert raw.parse().choices[0].message.content == "Hello."


@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [
        (
            400,
            {
                "error": {
                    "message": "bad temperature",
                    "type": "invalid_request_error",
                    "param": "temperature",
                }
            },
            openai.BadRequestError,
        ),
        (
            401,
            {"error": {"message": "bad key sk-upstream-secret", "type": "authentication_error"}},
            openai.AuthenticationError,
        ),
        (403, {"error": {"message": "no"}}, openai.PermissionDeniedError),
        (404, {"error": {"message": "no model", "code": "model_not_found"}}, openai.NotFoundError),
        (429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, openai.RateLimitError),
        (500, {"error": {"message": "boom"}}, openai.InternalServerError),
    ],
)
async def test_upstream_errors_become_the_clients_exceptions(
    provider: Provider, launch: Launch, client: Client, status: int, body: dict, raised: type[Exception]
) -> None:
    async def fail(exchange: Exchange) -> None:
        await exchange.answer(body, status)

    provider.scripts["bad"] = fail
    gateway = await launch(provider.arm("bad"))
    with pytest.raises(raised) as caught:
        await client(gateway.url).chat.completions.create(model="auto", messages=MESSAGES)
    assert "sk-upstream-secret" not in str(caught.value)


async def test_an_error_in_the_stream_is_an_exception_of_the_client(
    provider: Provider, launch: Launch, client: Client
) -> None:
    async def fail(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("Hel"))
        await exchange.send(
            b"data: " + orjson.dumps({"error": {"message": "overloaded", "code": 503}}) + b"\n\n"
        )
        await exchange.end_stream()

    provider.scripts["bad"] = fail
    gateway = await launch(provider.arm("bad"))
    stream = await client(gateway.url).chat.completions.create(model="auto", messages=MESSAGES, stream=True)
    with pytest.raises(openai.APIError):
        async for _ in stream:
            pass


async def test_a_missing_or_wrong_key_is_an_authentication_error(
    provider: Provider, launch: Launch, client: Client
) -> None:
    gateway = await launch(provider.arm("good"), server={"api_keys": ["right-key"]})
    with pytest.raises(openai.AuthenticationError):
        await client(gateway.url, "wrong-key").chat.completions.create(model="auto", messages=MESSAGES)
    answer = await client(gateway.url, "right-key").chat.completions.create(model="auto", messages=MESSAGES)
    assert answer.choices[0].message.content == "Hello."


async def test_models_lists_routes_and_arms(provider: Provider, launch: Launch, client: Client) -> None:
    gateway = await launch(provider.arm("good"), routes={"support": {"arms": ["p/*"]}})
    models = [model.id async for model in client(gateway.url).models.list()]
    assert models == ["auto", "support", "p/good"]
