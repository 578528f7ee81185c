"""The vendors' clients behind one face: ask, and read the answer as the client understood it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import anthropic
import openai
import orjson

IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
WHAT = "Get the weather of a city."

Json = dict[str, Any]


@dataclass(slots=True)
class Answer:
    """What the client made of an answer. Tokens by OpenAI's convention."""

    id: str
    text: str
    calls: list[tuple[str, Json]]
    finish: str
    input: int
    cached: int
    output: int
    cost: float | None
    generation: str
    thinking: str = ""
    raw: Any = field(default=None, repr=False)


def _cached(details: Any) -> int:
    """Not every provider tells details."""
    return (details.cached_tokens or 0) if details is not None else 0


class Driver(Protocol):
    """One SDK and API."""

    limited: type[Exception]
    broken: tuple[type[Exception], ...]

    async def ask(
        self,
        url: str,
        model: str,
        *,
        stream: bool,
        tools: bool = False,
        image: bool = False,
        schema: bool = False,
        think: bool = False,
    ) -> Answer: ...


class OpenAIChat:
    limited = openai.RateLimitError
    broken = (openai.APIError,)

    async def ask(
        self,
        url: str,
        model: str,
        *,
        stream: bool,
        tools: bool = False,
        image: bool = False,
        schema: bool = False,
        think: bool = False,
    ) -> Answer:
        content: Any = "Hi"
        if image:
            source = {"url": f"data:image/png;base64,{IMAGE}"}
            content = [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": source}]
        more: Json = {}
        if tools:
            function = {"name": "get_weather", "description": WHAT, "parameters": TOOL_SCHEMA}
            more["tools"] = [{"type": "function", "function": function}]
        if schema:
            named = {"name": "place", "schema": SCHEMA, "strict": True}
            more["response_format"] = {"type": "json_schema", "json_schema": named}
        if think:
            more["reasoning_effort"] = "low"
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]
        async with openai.AsyncOpenAI(base_url=url + "/v1", api_key="k", max_retries=0) as client:
            if not stream:
                raw = await client.chat.completions.with_raw_response.create(
                    model=model, messages=messages, **more
                )
                return self._whole(raw.parse(), raw.headers["x-generation-id"])
            raw = await client.chat.completions.with_raw_response.create(
                model=model, messages=messages, stream=True, stream_options={"include_usage": True}, **more
            )
            return await self._stream(raw.parse(), raw.headers["x-generation-id"])

    def _whole(self, answer: Any, generation: str) -> Answer:
        choice, usage = answer.choices[0], answer.usage
        calls = [
            (call.function.name, orjson.loads(call.function.arguments))
            for call in choice.message.tool_calls or ()
        ]
        return Answer(
            answer.id,
            choice.message.content or "",
            calls,
            choice.finish_reason,
            usage.prompt_tokens,
            _cached(usage.prompt_tokens_details),
            usage.completion_tokens,
            usage.cost,
            generation,
            getattr(choice.message, "reasoning_content", None) or "",
            answer,
        )

    async def _stream(self, stream: Any, generation: str) -> Answer:
        answer = Answer("", "", [], "", 0, 0, 0, None, generation)
        names: list[str] = []
        arguments: list[str] = []
        async for chunk in stream:
            answer.id = answer.id or chunk.id
            for choice in chunk.choices:
                answer.text += choice.delta.content or ""
                answer.thinking += getattr(choice.delta, "reasoning_content", None) or ""
                answer.finish = choice.finish_reason or answer.finish
                for call in choice.delta.tool_calls or ():
                    if call.id:
                        names.append(call.function.name)
                        arguments.append("")
                    arguments[call.index] += call.function.arguments or ""
            if chunk.usage is not None:
                usage = chunk.usage
                answer.input, answer.output = usage.prompt_tokens, usage.completion_tokens
                answer.cached, answer.cost = _cached(usage.prompt_tokens_details), usage.cost
        answer.calls = [(name, orjson.loads(text)) for name, text in zip(names, arguments, strict=True)]
        return answer


class AnthropicMessages:
    limited = anthropic.RateLimitError
    broken = (anthropic.APIStatusError,)

    async def ask(
        self,
        url: str,
        model: str,
        *,
        stream: bool,
        tools: bool = False,
        image: bool = False,
        schema: bool = False,
        think: bool = False,
    ) -> Answer:
        content: Any = "Hi"
        if image:
            source = {"type": "base64", "media_type": "image/png", "data": IMAGE}
            content = [{"type": "image", "source": source}, {"type": "text", "text": "Hi"}]
        more: Json = {}
        if tools:
            more["tools"] = [{"name": "get_weather", "description": WHAT, "input_schema": TOOL_SCHEMA}]
        if schema:
            more["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        if think:
            more["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        body: Json = {
            "model": model,
            "max_tokens": 2048,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": content}],
            **more,
        }
        async with anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0) as client:
            if not stream:
                raw = await client.messages.with_raw_response.create(**body)
                return self._read(await raw.parse(), raw.headers["x-generation-id"])
            async with client.messages.stream(**body) as manager:
                streamed, cost = "", None
                async for event in manager:
                    if event.type == "text":
                        streamed += event.text
                    elif event.type == "message_delta":
                        cost = event.usage.model_extra.get("cost")
                answer = self._read(
                    await manager.get_final_message(), manager.response.headers["x-generation-id"]
                )
                assert answer.text == streamed
                answer.cost = cost  # the helper adds up only the counts that it knows
                return answer

    def _read(self, message: Any, generation: str) -> Answer:
        usage = message.usage
        aside = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
        return Answer(
            message.id,
            "".join(block.text for block in message.content if block.type == "text"),
            [(block.name, block.input) for block in message.content if block.type == "tool_use"],
            {"end_turn": "stop", "tool_use": "tool_calls"}.get(message.stop_reason, message.stop_reason),
            usage.input_tokens + aside,
            usage.cache_read_input_tokens or 0,
            usage.output_tokens,
            getattr(usage, "cost", None),
            generation,
            "".join(block.thinking for block in message.content if block.type == "thinking"),
            message,
        )


class OpenAIResponses:
    limited = openai.RateLimitError
    broken = (openai.APIError, RuntimeError)

    async def ask(
        self,
        url: str,
        model: str,
        *,
        stream: bool,
        tools: bool = False,
        image: bool = False,
        schema: bool = False,
        think: bool = False,
    ) -> Answer:
        content: Any = "Hi"
        if image:
            content = [
                {"type": "input_text", "text": "Hi"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{IMAGE}", "detail": "auto"},
            ]
        more: Json = {}
        if tools:
            more["tools"] = [
                {
                    "type": "function",
                    "name": "get_weather",
                    "description": WHAT,
                    "parameters": TOOL_SCHEMA,
                    "strict": True,
                }
            ]
        if schema:
            form = {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True}
            more["text"] = {"format": form}
        if think:
            more["reasoning"] = {"effort": "low", "summary": "auto"}
        body: Json = {
            "model": model,
            "instructions": "Be brief.",
            "input": [{"role": "user", "content": content}],
            **more,
        }
        async with openai.AsyncOpenAI(base_url=url + "/v1", api_key="k", max_retries=0) as client:
            if not stream:
                raw = await client.responses.with_raw_response.create(**body)
                return self._read(raw.parse(), raw.headers["x-generation-id"])
            async with client.responses.stream(**body) as manager:
                streamed = ""
                async for event in manager:
                    if event.type == "response.output_text.delta":
                        streamed += event.delta
                response = await manager.get_final_response()
                answer = self._read(response, "")
                assert answer.text == streamed
                return answer

    def _read(self, response: Any, generation: str) -> Answer:
        calls = [
            (item.name, orjson.loads(item.arguments))
            for item in response.output
            if item.type == "function_call"
        ]
        thoughts = [
            part.text for item in response.output if item.type == "reasoning" for part in item.summary
        ]
        assert response.status == "completed"
        return Answer(
            response.id,
            response.output_text,
            calls,
            "tool_calls" if calls else "stop",
            response.usage.input_tokens if response.usage else 0,
            _cached(response.usage.input_tokens_details if response.usage else None),
            response.usage.output_tokens if response.usage else 0,
            getattr(response.usage, "cost", None),
            generation,
            "".join(thoughts),
            response,
        )


DRIVERS: dict[str, Driver] = {
    "openai_chat": OpenAIChat(),
    "anthropic_messages": AnthropicMessages(),
    "openai_responses": OpenAIResponses(),
}
