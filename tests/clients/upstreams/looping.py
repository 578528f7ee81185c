"""Providers whose model calls a tool three times and then says so, in every dialect: what coding agents talk to.

How far the work is stands in the conversation alone, so a turn may come from any provider. `broken` collects what a real
provider would have refused.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from adapters.dialects.shared.free_text import FIELD
from tests.proxy.provider import Exchange

Json = dict[str, Any]
Call = tuple[str, Any]
"""A tool's name, and its arguments; a text where the tool takes free text."""

STEPS = 3
DONE = "All of it is written down."
THOUGHT = "One step after the other."

_PATHS = (
    (re.compile(r"/chat/completions$"), "openai_chat"),
    (re.compile(r"/v1/messages$"), "anthropic_messages"),
    (re.compile(r"/responses$"), "openai_responses"),
    (re.compile(r":streamGenerateContent$"), "gemini"),
)


class Looping:
    """One server for all dialects. `call` says what the tools are and which step it is, and gets the next call. `once`:
    a provider that has answered a turn of the loop is out of quota from then on.
    """

    def __init__(self, call: Callable[[list[str], int], tuple[str, Json]], *, once: bool = False) -> None:
        self.turns: list[tuple[str, int]] = []
        self.broken: list[str] = []
        self.bodies: list[tuple[str, Json]] = []
        self._call = call
        self._once = once
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> Looping:
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=2**24)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1]) if length else 0)
                await self._answer(Exchange(head, body, writer, reader))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, exchange: Exchange) -> None:
        path = exchange.head.split(b" ", 2)[1].decode().partition("?")[0]
        dialect = next(name for pattern, name in _PATHS if pattern.search(path))
        body = exchange.json
        self.bodies.append((dialect, body))
        tools, asked, told = _READ[dialect](body)
        if sorted(asked) != sorted(told):
            self.broken.append(f"{dialect}: calls {asked}, results {told}")
        step = len(told)
        if not tools:  # a title, a summary
            await _stream(exchange, _WRITE[dialect]('{"title": "Tides"}', None, 0))
            return
        if self._once and any(name == dialect for name, _ in self.turns):
            await exchange.answer({"error": {"message": "Out of quota.", "type": "rate_limit_error"}}, 429)
            return
        self.turns.append((dialect, step))
        if step >= STEPS:
            await _stream(exchange, _WRITE[dialect](DONE, None, step))
        else:
            name, arguments = self._call(tools, step)
            custom = any(tool.get("type") == "custom" and tool.get("name") == name for tool in body["tools"])
            call = (name, arguments[FIELD] if custom else arguments)
            await _stream(exchange, _WRITE[dialect](None, call, step))


async def _stream(exchange: Exchange, events: Iterable[bytes]) -> None:
    await exchange.begin_stream()
    for event in events:
        await exchange.send(event)
    exchange.writer.write(b"0\r\n\r\n")
    await exchange.writer.drain()


def _data(value: Json) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _event(value: Json) -> bytes:
    return b"event: " + value["type"].encode() + b"\n" + _data(value)


# --- what a request says: names of tools, calls, results ------------------------------------------------------

_Reading = tuple[list[str], list[str], list[str]]


def _read_chat(body: Json) -> _Reading:
    calls = [call for message in body["messages"] for call in message.get("tool_calls") or ()]
    results = [message for message in body["messages"] if message["role"] == "tool"]
    names = [tool["function"]["name"] for tool in body.get("tools") or ()]
    return names, [call["id"] for call in calls], [result["tool_call_id"] for result in results]


def _read_anthropic(body: Json) -> _Reading:
    blocks = [
        block
        for message in body["messages"]
        if not isinstance(message["content"], str)
        for block in message["content"]
    ]
    return (
        [tool["name"] for tool in body.get("tools") or ()],
        [block["id"] for block in blocks if block["type"] == "tool_use"],
        [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"],
    )


def _read_gemini(body: Json) -> _Reading:
    parts = [part for content in body["contents"] for part in content["parts"]]
    declared = [tool for entry in body.get("tools") or () for tool in entry.get("functionDeclarations") or ()]
    return (
        [tool["name"] for tool in declared],
        [part["functionCall"]["name"] for part in parts if "functionCall" in part],
        [part["functionResponse"]["name"] for part in parts if "functionResponse" in part],
    )


def _read_responses(body: Json) -> _Reading:
    items = body["input"] if isinstance(body["input"], list) else []
    kinds = [(str(item.get("type")), item) for item in items]
    return (
        [tool["name"] for tool in body.get("tools") or () if "name" in tool],
        [item["call_id"] for kind, item in kinds if kind.endswith("_call") and "call_id" in item],
        [item["call_id"] for kind, item in kinds if kind.endswith("_call_output")],
    )


_READ = {
    "openai_chat": _read_chat,
    "anthropic_messages": _read_anthropic,
    "gemini": _read_gemini,
    "openai_responses": _read_responses,
}


# --- what it is answered ---------------------------------------------------------------------------------------


def _halves(text: str) -> list[str]:
    half = len(text) // 2
    return [text[:half], text[half:]]


def _write_chat(text: str | None, call: Call | None, step: int) -> Iterable[bytes]:
    def chunk(delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _data(
            {
                "id": f"chatcmpl-{step}",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "m",
                "choices": [choice],
            }
        )

    yield chunk({"role": "assistant", "content": ""})
    for piece in _halves(text) if text else ():
        yield chunk({"content": piece})
    if call is not None:
        function = {"name": call[0], "arguments": ""}
        yield chunk(
            {"tool_calls": [{"index": 0, "id": f"call_{step}", "type": "function", "function": function}]}
        )
        for piece in _halves(orjson.dumps(call[1]).decode()):
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    yield chunk({}, "tool_calls" if call else "stop")
    yield _data(
        {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [],
            "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
        }
    )
    yield b"data: [DONE]\n\n"


def _write_anthropic(text: str | None, call: Call | None, step: int) -> Iterable[bytes]:
    usage = {"input_tokens": 9, "output_tokens": 1}
    head = {
        "id": f"msg_{step}",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    yield _event({"type": "message_start", "message": head})
    blocks: list[tuple[Json, list[Json]]] = [
        (
            {"type": "thinking", "thinking": "", "signature": ""},
            [
                {"type": "thinking_delta", "thinking": THOUGHT},
                {"type": "signature_delta", "signature": f"seal{step}"},
            ],
        )
    ]
    if text:
        blocks.append(
            ({"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in _halves(text)])
        )
    if call is not None:
        start = {"type": "tool_use", "id": f"toolu_{step}", "name": call[0], "input": {}}
        blocks.append(
            (
                start,
                [
                    {"type": "input_json_delta", "partial_json": piece}
                    for piece in _halves(orjson.dumps(call[1]).decode())
                ],
            )
        )
    for index, (block, deltas) in enumerate(blocks):
        yield _event({"type": "content_block_start", "index": index, "content_block": block})
        for delta in deltas:
            yield _event({"type": "content_block_delta", "index": index, "delta": delta})
        yield _event({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 5}})
    yield _event({"type": "message_stop"})


def _write_gemini(text: str | None, call: Call | None, step: int) -> Iterable[bytes]:
    parts: list[Json] = [{"text": THOUGHT, "thought": True}]
    if text:
        parts.append({"text": text})
    if call is not None:
        parts.append({"functionCall": {"name": call[0], "args": call[1]}, "thoughtSignature": "c2VhbA=="})
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 5, "totalTokenCount": 14}
    base = {"responseId": f"r{step}", "modelVersion": "m"}
    yield _data({**base, "candidates": [{"index": 0, "content": {"role": "model", "parts": parts}}]})
    yield _data(
        {
            **base,
            "candidates": [
                {"index": 0, "content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP"}
            ],
            "usageMetadata": usage,
        }
    )


def _write_responses(text: str | None, call: Call | None, step: int) -> Iterable[bytes]:
    response: Json = {
        "id": f"resp_{step}",
        "object": "response",
        "created_at": 1,
        "status": "in_progress",
        "model": "m",
        "output": [],
    }
    yield _event({"type": "response.created", "response": response})
    items: list[Json] = [
        {
            "type": "reasoning",
            "id": f"rs_{step}",
            "summary": [{"type": "summary_text", "text": THOUGHT}],
            "encrypted_content": f"seal{step}",
        }
    ]
    if text:
        part = {"type": "output_text", "text": text, "annotations": []}
        items.append(
            {
                "type": "message",
                "id": f"msg_{step}",
                "status": "completed",
                "role": "assistant",
                "content": [part],
            }
        )
    if call is not None:
        item = {
            "type": "function_call",
            "id": f"fc_{step}",
            "call_id": f"call_r{step}",
            "name": call[0],
            "status": "completed",
        }
        if isinstance(call[1], str):
            item |= {"type": "custom_tool_call", "id": f"ctc_{step}", "input": call[1]}
        else:
            item["arguments"] = orjson.dumps(call[1]).decode()
        items.append(item)
    for index, item in enumerate(items):
        yield _event({"type": "response.output_item.added", "output_index": index, "item": item})
        if item["type"] == "function_call":
            yield _event(
                {
                    "type": "response.function_call_arguments.delta",
                    "item_id": item["id"],
                    "output_index": index,
                    "delta": item["arguments"],
                }
            )
        yield _event({"type": "response.output_item.done", "output_index": index, "item": item})
    usage = {"input_tokens": 9, "output_tokens": 5, "total_tokens": 14}
    yield _event(
        {
            "type": "response.completed",
            "response": {**response, "status": "completed", "output": items, "usage": usage},
        }
    )


_WRITE = {
    "openai_chat": _write_chat,
    "anthropic_messages": _write_anthropic,
    "gemini": _write_gemini,
    "openai_responses": _write_responses,
}
