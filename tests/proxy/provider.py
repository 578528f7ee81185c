"""A provider on a loopback port whose every answer a test scripts, byte by byte if it likes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson


class Exchange:
    """One request as the provider got it, and the ways to answer it."""

    def __init__(
        self, head: bytes, body: bytes, writer: asyncio.StreamWriter, reader: asyncio.StreamReader
    ) -> None:
        self.head = head
        self.raw = body
        self.json: dict[str, Any] = orjson.loads(body) if body else {}
        self.writer = writer
        self.reader = reader

    async def answer(self, body: object, status: int = 200, headers: str = "") -> None:
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        self.writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        await self.writer.drain()

    async def begin_stream(self) -> None:
        self.writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        await self.writer.drain()

    async def send(self, data: bytes) -> None:
        self.writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await self.writer.drain()

    async def event(self, value: object) -> None:
        await self.send(b"data: " + orjson.dumps(value) + b"\n\n")

    async def end_stream(self) -> None:
        await self.send(b"data: [DONE]\n\n")
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    def cut(self) -> None:
        """Resets the connection."""
        self.writer.transport.abort()

    async def left(self) -> None:
        """Returns when the gateway has closed the connection."""
        try:
            while await self.reader.read(4096):
                pass
        except ConnectionError:
            pass


Script = Callable[[Exchange], Awaitable[None]]


def completion(
    text: str = "Hello.", *, id: str = "chatcmpl-1", model: str = "m-2025", **message: Any
) -> dict[str, Any]:
    return {
        "id": id,
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def chunk(
    text: str | None = None, *, id: str = "chatcmpl-1", finish: str | None = None, **delta: Any
) -> dict[str, Any]:
    if text is not None:
        delta["content"] = text
    return {
        "id": id,
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m-2025",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def usage_chunk(id: str = "chatcmpl-1") -> dict[str, Any]:
    return {
        "id": id,
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m-2025",
        "choices": [],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


async def polite(exchange: Exchange) -> None:
    """Answers as OpenAI does, streaming or not."""
    if not exchange.json.get("stream"):
        await exchange.answer(completion())
        return
    await exchange.begin_stream()
    await exchange.event(chunk(role="assistant", content=""))
    await exchange.event(chunk("Hel"))
    await exchange.event(chunk("lo."))
    await exchange.event(chunk(finish="stop"))
    if (exchange.json.get("stream_options") or {}).get("include_usage"):
        await exchange.event(usage_chunk())
    await exchange.end_stream()


class Provider:
    """Calls the script of the requested model for every request."""

    def __init__(self, **scripts: Script) -> None:
        self.scripts = scripts
        self.seen: list[Exchange] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> Provider:
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=2**24)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    def arm(self, model: str, **more: Any) -> dict[str, Any]:
        return {
            "name": f"p/{model}",
            "provider": "p",
            "model": model,
            "base_url": self.url,
            "input_usd_per_mtok": 1.0,
            "output_usd_per_mtok": 2.0,
            "api_key": "sk-upstream-secret",
            **more,
        }

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.lower().split(b"\r\n")
                        if line.startswith(b"content-length")
                    ),
                    0,
                )
                exchange = Exchange(head, await reader.readexactly(length), writer, reader)
                self.seen.append(exchange)
                await self.scripts[exchange.json.get("model", "")](exchange)  # some name it in the path
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
