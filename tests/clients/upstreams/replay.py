"""A server that answers in every dialect: the path says which, the model's name which plot."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from tests.clients.upstreams import (
    anthropic_messages,
    bedrock,
    cohere,
    gemini,
    openai_chat,
    openai_responses,
    others,
)
from tests.proxy.provider import Exchange

WIRES: dict[str, Any] = {
    "openai_chat": openai_chat,
    "anthropic_messages": anthropic_messages,
    "openai_responses": openai_responses,
    "gemini": gemini,
    "bedrock": bedrock,
    "cohere": cohere,
}
"""Modules with `whole(plot)`, `stream(plot)` and `limited()`."""

PROVIDERS = {
    "openai_chat": "deepseek",
    "anthropic_messages": "anthropic",
    "openai_responses": "openai",
    "gemini": "google",
    "bedrock": "bedrock",
    "cohere": "cohere",
}

_PATHS = (
    (re.compile(r"/chat/completions$"), "openai_chat"),
    (re.compile(r"/v1/messages$"), "anthropic_messages"),
    (re.compile(r"/responses$"), "openai_responses"),
    (re.compile(r"/models/(\w+):(?:streamG|g)enerateContent"), "gemini"),
    (re.compile(r"(\w+)/converse"), "bedrock"),
    (re.compile(r"/v2/chat$"), "cohere"),
)


class Replay:
    """`seen` are the requests, in order; every stream is sent in pieces that cut through its events."""

    def __init__(self, cut: int = 61) -> None:
        self.seen: list[Exchange] = []
        self._cut = cut
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> Replay:
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=2**24)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def arm(self, dialect: str, plot: str, **more: Any) -> dict[str, Any]:
        """Returns the configuration of an arm; prices are those that `COST` counts with."""
        return {
            "name": f"{dialect}/{plot}",
            "provider": PROVIDERS[dialect],
            "dialect": dialect,
            # Bedrock's other families have no words for thinking.
            "model": f"anthropic.claude-sonnet-4-5.{plot}" if dialect == "bedrock" else plot,
            "base_url": self.url,
            "api_key": "sk-upstream",
            "input_usd_per_mtok": 1.0,
            "cached_input_usd_per_mtok": 0.1,
            "output_usd_per_mtok": 2.0,
            **more,
        }

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1]) if length else 0)
                exchange = Exchange(head, body if body.startswith(b"{") else b"", writer, reader)
                exchange.raw = body
                self.seen.append(exchange)
                await self._answer(exchange)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, exchange: Exchange) -> None:
        path, _, query = exchange.head.split(b" ", 2)[1].decode().partition("?")
        if path in others.ANSWERS:
            await others.ANSWERS[path](exchange)
            return
        dialect, found = next((name, match) for p, name in _PATHS if (match := p.search(path)))
        plot = found[1] if found.groups() else exchange.json["model"]
        wire = WIRES[dialect]
        if plot == "loop":  # a call first; text as soon as its result has come
            plot = "text" if b"rain over" in exchange.raw else "tool"
        if plot == "limit":
            extra = "Retry-After: 7\r\nx-amzn-errortype: ThrottlingException\r\n"
            await exchange.answer(wire.limited(), 429, extra)
            return
        streams = bool(exchange.json.get("stream")) or "alt=sse" in query or path.endswith("-stream")
        if not streams:
            await exchange.answer(wire.whole(plot))
            return
        await exchange.begin_stream()
        data = b"".join(wire.stream(plot))
        for start in range(0, len(data), self._cut):
            await exchange.send(data[start : start + self._cut])
        exchange.writer.write(b"0\r\n\r\n")
        await exchange.writer.drain()

    async def close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
