"""Anthropic's Messages."""

from __future__ import annotations

from typing import Any

import orjson

from tests.clients.upstreams import plots

Json = dict[str, Any]

_USAGE = {
    "input_tokens": plots.INPUT - plots.CACHED,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": plots.CACHED,
    "output_tokens": plots.OUTPUT,
}


def whole(plot: str) -> Json:
    content: list[Json] = []
    if plot == "think":
        content.append({"type": "thinking", "thinking": "".join(plots.THOUGHT), "signature": plots.SIGNATURE})
    if plots.pieces(plot):
        content.append({"type": "text", "text": "".join(plots.pieces(plot))})
    if plot == "tool":
        arguments = orjson.loads("".join(plots.ARGUMENTS))
        content.append({"type": "tool_use", "id": plots.CALL_ID, "name": plots.TOOL, "input": arguments})
    return {**_message(plot), "content": content, "stop_reason": _stop(plot), "usage": _USAGE}


def stream(plot: str) -> list[bytes]:
    start = {**_message(plot), "content": [], "stop_reason": None, "usage": {**_USAGE, "output_tokens": 1}}
    events = [_event({"type": "message_start", "message": start}), _event({"type": "ping"})]
    index = 0
    if plot == "think":
        deltas: list[Json] = [{"type": "thinking_delta", "thinking": piece} for piece in plots.THOUGHT]
        deltas.append({"type": "signature_delta", "signature": plots.SIGNATURE})
        events += _block(index, {"type": "thinking", "thinking": "", "signature": ""}, deltas)
        index += 1
    if plots.pieces(plot):
        deltas = [{"type": "text_delta", "text": piece} for piece in plots.pieces(plot)]
        events += _block(index, {"type": "text", "text": ""}, deltas)
        index += 1
    if plot == "broken":
        error = {"type": "overloaded_error", "message": "Overloaded"}
        return [*events[:-1], _event({"type": "error", "error": error})]
    if plot == "tool":
        block = {"type": "tool_use", "id": plots.CALL_ID, "name": plots.TOOL, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *plots.ARGUMENTS)]
        events += _block(index, block, deltas)
    delta = {"stop_reason": _stop(plot), "stop_sequence": None}
    events.append(_event({"type": "message_delta", "delta": delta, "usage": _USAGE}))
    return [*events, _event({"type": "message_stop"})]


def limited() -> Json:
    return {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "This request would exceed your rate limit."},
    }


def _message(plot: str) -> Json:
    return {
        "id": f"msg_{plot}",
        "type": "message",
        "role": "assistant",
        "model": f"{plot}-2025",
        "stop_sequence": None,
    }


def _stop(plot: str) -> str:
    return "tool_use" if plot == "tool" else "end_turn"


def _block(index: int, block: Json, deltas: list[Json]) -> list[bytes]:
    return [
        _event({"type": "content_block_start", "index": index, "content_block": block}),
        *(_event({"type": "content_block_delta", "index": index, "delta": delta}) for delta in deltas),
        _event({"type": "content_block_stop", "index": index}),
    ]


def _event(value: Json) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (value["type"].encode(), orjson.dumps(value))
