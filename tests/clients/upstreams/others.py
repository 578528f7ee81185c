"""OpenAI's APIs that are no chats: completions, embeddings, transcriptions, speech."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.clients.upstreams import plots
from tests.proxy.provider import Exchange

Json = dict[str, Any]

VECTOR = [0.5, -0.25]
SOUND = bytes(range(256)) * 40
RATE = {"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}}


async def completions(exchange: Exchange) -> None:
    def chunk(text: str, finish: str | None) -> Json:
        choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
        return {
            "id": "cmpl-1",
            "object": "text_completion",
            "created": 1,
            "model": "base-2025",
            "choices": [choice],
        }

    usage = {"prompt_tokens": plots.INPUT, "completion_tokens": plots.OUTPUT, "total_tokens": 26}
    if not exchange.json.get("stream"):
        await exchange.answer({**chunk("".join(plots.TEXT), "stop"), "usage": usage})
        return
    await exchange.begin_stream()
    for piece in plots.TEXT:
        await exchange.event(chunk(piece, None))
    await exchange.event(chunk("", "stop"))
    if (exchange.json.get("stream_options") or {}).get("include_usage"):
        await exchange.event({**chunk("", None), "choices": [], "usage": usage})
    await exchange.end_stream()


async def embeddings(exchange: Exchange) -> None:
    if exchange.json["model"] == "limit":
        await exchange.answer(RATE, 429)
        return
    inputs = exchange.json["input"]
    data = [
        {"object": "embedding", "index": i, "embedding": VECTOR}
        for i in range(len(inputs) if isinstance(inputs, list) else 1)
    ]
    usage = {"prompt_tokens": plots.INPUT, "total_tokens": plots.INPUT}
    await exchange.answer({"object": "list", "data": data, "model": exchange.json["model"], "usage": usage})


async def transcriptions(exchange: Exchange) -> None:
    if b"srt" in exchange.raw:
        exchange.writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n1\r\n"
        )
        await exchange.writer.drain()
        return
    if b"by-the-minute" in exchange.raw:
        answer: Json = {"text": "Bonjour", "usage": {"type": "duration", "seconds": 90}}
        if b"verbose_json" in exchange.raw:
            answer = {"text": "Bonjour", "duration": 30.5}
        await exchange.answer({"text": "Bonjour"} if b"silent" in exchange.raw else answer)
        return
    usage = {"type": "tokens", "input_tokens": plots.INPUT, "output_tokens": plots.OUTPUT, "total_tokens": 26}
    if b'name="stream"' not in exchange.raw:
        await exchange.answer({"text": "Bonjour", "usage": usage})
        return
    await exchange.begin_stream()
    await exchange.event({"type": "transcript.text.delta", "delta": "Bonjour"})
    await exchange.event({"type": "transcript.text.done", "text": "Bonjour", "usage": usage})
    await exchange.end_stream()


async def speech(exchange: Exchange) -> None:
    if exchange.json["model"] == "limit-tts":
        await exchange.answer(RATE, 429)
        return
    length = len(SOUND)
    exchange.writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: %d\r\n\r\n" % length
    )
    for start in range(0, length, 1000):
        if start and exchange.json["model"] == "broken-tts":
            await exchange.writer.drain()
            exchange.cut()
            return
        exchange.writer.write(SOUND[start : start + 1000])
        await exchange.writer.drain()


ANSWERS: dict[str, Callable[[Exchange], Awaitable[None]]] = {
    "/completions": completions,
    "/embeddings": embeddings,
    "/audio/transcriptions": transcriptions,
    "/audio/speech": speech,
}
