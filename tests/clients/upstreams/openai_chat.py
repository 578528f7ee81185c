"""OpenAI's chat completions, with `reasoning_content` as DeepSeek and vLLM send it."""

from __future__ import annotations

from typing import Any

import orjson

from tests.clients.upstreams import plots

Json = dict[str, Any]

_USAGE = {
    "prompt_tokens": plots.INPUT,
    "completion_tokens": plots.OUTPUT,
    "total_tokens": plots.INPUT + plots.OUTPUT,
    "prompt_tokens_details": {"cached_tokens": plots.CACHED, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}


def whole(plot: str) -> Json:
    message: Json = {"role": "assistant", "content": "".join(plots.pieces(plot)) or None, "refusal": None}
    if plot == "think":
        message["reasoning_content"] = "".join(plots.THOUGHT)
    if plot == "tool":
        function = {"name": plots.TOOL, "arguments": "".join(plots.ARGUMENTS)}
        message["tool_calls"] = [{"id": plots.CALL_ID, "type": "function", "function": function}]
    return {
        "id": f"chatcmpl-{plot}",
        "object": "chat.completion",
        "created": 1,
        "model": f"{plot}-2025",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(plot)}],
        "usage": _USAGE,
    }


def stream(plot: str) -> list[bytes]:
    deltas: list[Json] = [{"role": "assistant", "content": None if plot == "tool" else "", "refusal": None}]
    if plot == "think":
        deltas += [{"reasoning_content": piece} for piece in plots.THOUGHT]
    deltas += [{"content": piece} for piece in plots.pieces(plot)]
    if plot == "tool":
        function: Json = {"name": plots.TOOL, "arguments": ""}
        call: Json = {"index": 0, "id": plots.CALL_ID, "type": "function", "function": function}
        deltas.append({"tool_calls": [call]})
        deltas += [
            {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in plots.ARGUMENTS
        ]
    chunks = [_chunk(plot, delta, None) for delta in deltas]
    if plot == "broken":
        return [*chunks, _event({"error": {"message": "The engine is overloaded.", "code": 503}})]
    last: Json = {**_base(plot), "choices": [], "usage": _USAGE}
    return [*chunks, _chunk(plot, {}, _finish(plot)), _event(last), b"data: [DONE]\n\n"]


def limited() -> Json:
    return {
        "error": {
            "message": "Rate limit reached for requests",
            "type": "requests",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }


def _finish(plot: str) -> str:
    return "tool_calls" if plot == "tool" else "stop"


def _base(plot: str) -> Json:
    return {
        "id": f"chatcmpl-{plot}",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": f"{plot}-2025",
        "system_fingerprint": "fp_1",
    }


def _chunk(plot: str, delta: Json, finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _event({**_base(plot), "choices": [choice], "usage": None})


def _event(value: Json) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"
