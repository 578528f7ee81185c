"""Cohere's chat, version 2."""

from __future__ import annotations

from typing import Any

import orjson

from tests.clients.upstreams import plots

Json = dict[str, Any]

_USAGE = {
    "billed_units": {"input_tokens": plots.INPUT, "output_tokens": plots.OUTPUT},
    "tokens": {"input_tokens": 90, "output_tokens": 9},
    "cached_tokens": plots.CACHED,
}


def whole(plot: str) -> Json:
    message: Json = {"role": "assistant"}
    content: list[Json] = []
    if plot == "think":
        content.append({"type": "thinking", "thinking": "".join(plots.THOUGHT)})
    if plots.pieces(plot):
        content.append({"type": "text", "text": "".join(plots.pieces(plot))})
    if content:
        message["content"] = content
    if plot == "tool":
        function = {"name": plots.TOOL, "arguments": "".join(plots.ARGUMENTS)}
        message["tool_calls"] = [{"id": plots.CALL_ID, "type": "function", "function": function}]
    return {"id": f"co-{plot}", "message": message, "finish_reason": _finish(plot), "usage": _USAGE}


def stream(plot: str) -> list[bytes]:
    empty: Json = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    events = [_event({"id": f"co-{plot}", "type": "message-start", "delta": {"message": empty}})]
    index = 0
    if plot == "think":
        events += _block(index, "thinking", plots.THOUGHT)
        index += 1
    if plots.pieces(plot):
        events += _block(index, "text", plots.pieces(plot))
    if plot == "broken":
        delta: Json = {"finish_reason": "ERROR", "error": "The model is overloaded."}
        return [*events[:-1], _event({"type": "message-end", "delta": delta})]
    if plot == "tool":
        start = {
            "id": plots.CALL_ID,
            "type": "function",
            "function": {"name": plots.TOOL, "arguments": ""},
        }
        events.append(
            _event({"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": start}}})
        )
        for piece in plots.ARGUMENTS:
            delta = {"message": {"tool_calls": {"function": {"arguments": piece}}}}
            events.append(_event({"type": "tool-call-delta", "index": 0, "delta": delta}))
        events.append(_event({"type": "tool-call-end", "index": 0}))
    delta = {"finish_reason": _finish(plot), "usage": _USAGE}
    return [*events, _event({"type": "message-end", "delta": delta}), b"data: [DONE]\n\n"]


def limited() -> Json:
    return {"id": "1", "message": "You are past the per minute request limit, please wait and try again."}


def _finish(plot: str) -> str:
    return "TOOL_CALL" if plot == "tool" else "COMPLETE"


def _block(index: int, kind: str, pieces: tuple[str, ...]) -> list[bytes]:
    def event(name: str, content: Json) -> bytes:
        return _event({"type": name, "index": index, "delta": {"message": {"content": content}}})

    return [
        event("content-start", {"type": kind, kind: ""}),
        *(event("content-delta", {kind: piece}) for piece in pieces),
        _event({"type": "content-end", "index": index}),
    ]


def _event(value: Json) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (value["type"].encode(), orjson.dumps(value))
