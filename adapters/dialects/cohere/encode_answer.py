"""Events → Cohere chat answers, streamed and whole."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from adapters.canonical import (
    Annotations,
    Event,
    Finish,
    Json,
    ReasoningDelta,
    RefusalDelta,
    Request,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
    merge,
)
from adapters.dialect import CostOf
from adapters.dialects.openai_shared.errors import error_object
from adapters.errors import ProviderError

_FINISH = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "content_filter": "ERROR_TOXIC",
    "error": "ERROR",
}


def _usage(usage: Usage, cost_of: CostOf) -> Json:
    cost = cost_of(usage)  # which completes the counts
    counts = {"input_tokens": usage.input or 0, "output_tokens": usage.output or 0}
    raw: Json = {"billed_units": counts, "tokens": counts}
    if usage.cached is not None:
        raw["cached_tokens"] = usage.cached
    if cost is not None:
        raw["cost"] = cost
    return raw


class CohereStreamEncoder:
    """See `StreamEncoder`. The last event tells finish and usage at once, so it waits for the end."""

    def __init__(self, request: Request, cost_of: CostOf) -> None:
        del request
        self._cost_of = cost_of
        self._block: str | None = None
        self._blocks = 0
        self._call: int | None = None
        self._end: Json | None = None

    def feed(self, events: Sequence[Event]) -> bytes:
        return b"".join(self._event(event) for event in events)

    def close(self) -> bytes:
        out = self._leave()
        if self._end is not None:
            out += _sse({"type": "message-end", "delta": self._end})
        return out

    def error(self, error: ProviderError) -> bytes:
        return _sse(
            {
                "type": "message-end",
                "delta": {"finish_reason": "ERROR", "error": error_object(error)["message"]},
            }
        )

    def _event(self, event: Event) -> bytes:
        match event:
            case Start():
                message: Json = {
                    "role": "assistant",
                    "content": [],
                    "tool_plan": "",
                    "tool_calls": [],
                    "citations": [],
                }
                return _sse({"id": event.id or "", "type": "message-start", "delta": {"message": message}})
            case TextDelta(choice=0) | RefusalDelta(choice=0):
                return self._content("text", event.text)
            case ReasoningDelta(choice=0) if event.text:
                return self._content("thinking", event.text)
            case Annotations(choice=0):
                return b"".join(
                    _sse({"type": "citation-start", "index": i, "delta": {"message": {"citations": entry}}})
                    for i, entry in enumerate(event.entries)
                )
            case ToolCallStart(choice=0):
                out = self._leave()
                self._call = event.index
                function = {"name": event.name, "arguments": ""}
                call = {"id": event.id, "type": "function", "function": function}
                return out + self._of_call("tool-call-start", event.index, call)
            case ToolCallDelta(choice=0):
                return self._of_call(
                    "tool-call-delta", event.index, {"function": {"arguments": event.arguments}}
                )
            case Finish(choice=0):
                self._end = {"finish_reason": _FINISH[event.reason]} | (self._end or {})
            case UsageReport():
                self._end = (self._end or {}) | {"usage": _usage(event.usage, self._cost_of)}
            case _:
                pass
        return b""

    def _content(self, kind: str, text: str) -> bytes:
        out = b""
        if self._block != kind:
            out = self._leave()
            self._block = kind
            content = {"type": kind, kind: ""}
            out += _sse(
                {"type": "content-start", "index": self._blocks, "delta": {"message": {"content": content}}}
            )
        delta = {"message": {"content": {kind: text}}}
        return out + _sse({"type": "content-delta", "index": self._blocks, "delta": delta})

    def _of_call(self, kind: str, index: int, call: Json) -> bytes:
        return _sse({"type": kind, "index": index, "delta": {"message": {"tool_calls": call}}})

    def _leave(self) -> bytes:
        """Closes the open block."""
        if self._block is not None:
            self._block = None
            self._blocks += 1
            return _sse({"type": "content-end", "index": self._blocks - 1})
        if self._call is not None:
            index, self._call = self._call, None
            return _sse({"type": "tool-call-end", "index": index})
        return b""


def _sse(raw: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(raw["type"]).encode(), orjson.dumps(raw))


def encode_answer(events: Sequence[Event], request: Request, cost_of: CostOf) -> bytes:
    """Encodes a whole answer; only the first choice has a place in it."""
    del request
    body: Json = {"id": "", "message": {"role": "assistant"}, "finish_reason": "COMPLETE"}
    content: list[Json] = []
    calls: dict[int, Json] = {}
    for event in merge(events):
        match event:
            case Start():
                body["id"] = event.id or ""
            case TextDelta(choice=0) | RefusalDelta(choice=0):
                content.append({"type": "text", "text": event.text})
            case ReasoningDelta(choice=0) if event.text:
                content.append({"type": "thinking", "thinking": event.text})
            case Annotations(choice=0):
                body["message"]["citations"] = list(event.entries)
            case ToolCallStart(choice=0):
                function = {"name": event.name, "arguments": ""}
                calls[event.index] = {"id": event.id, "type": "function", "function": function}
            case ToolCallDelta(choice=0):
                calls[event.index]["function"]["arguments"] += event.arguments
            case Finish(choice=0):
                body["finish_reason"] = _FINISH[event.reason]
            case UsageReport():
                body["usage"] = _usage(event.usage, cost_of)
            case _:
                pass
    if content:
        body["message"]["content"] = content
    if calls:
        body["message"]["tool_calls"] = list(calls.values())
    return orjson.dumps(body)
