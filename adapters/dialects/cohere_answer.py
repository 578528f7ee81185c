"""Cohere chat answers → events."""

from __future__ import annotations

from typing import Any

import orjson

from adapters.canonical import (
    Annotations,
    Event,
    Finish,
    FinishReason,
    Json,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)
from adapters.dialects.loose import first, word
from adapters.dialects.openai_chat_answer import whole
from adapters.dialects.openai_chat_tap import parse_answer
from adapters.dialects.openai_errors import error_of
from adapters.dialects.openai_usage import details
from adapters.errors import ErrorKind, ProviderError, Truncated
from adapters.halves import Halves
from adapters.sse import SseEvent, SseSplitter

FINISH: dict[Any, FinishReason] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
    "ERROR": "error",
    "TIMEOUT": "error",
}


def read_usage(raw: Json) -> Usage:
    """Decodes `usage`: what is billed, which leaves out the tokens of Cohere's own prompt around ours."""
    billed, all_tokens = details(raw, "billed_units"), details(raw, "tokens")
    return Usage(
        input=first(billed.get("input_tokens"), all_tokens.get("input_tokens")),
        output=first(billed.get("output_tokens"), all_tokens.get("output_tokens")),
        cached=first(raw.get("cached_tokens")),
    )


def _finish(raw: Json) -> list[Event]:
    reason = raw.get("finish_reason")
    if raw.get("error") or reason in ("ERROR", "TIMEOUT"):
        raise error_of({"error": raw.get("error") or f"The model ended with {reason}."}, None)
    events: list[Event] = [Finish(FINISH.get(reason, "stop"), reason if isinstance(reason, str) else None)]
    usage = raw.get("usage")
    if isinstance(usage, dict):
        events.append(UsageReport(read_usage(usage)))
    return events


def decode_answer(body: bytes) -> list[Event]:
    """Raises ProviderError or Truncated."""
    raw = parse_answer(body)
    if "finish_reason" not in raw:
        error = error_of(raw, None)
        error.status = 200
        raise error
    message = details(raw, "message")
    events: list[Event] = [Start(word(raw.get("id")))]
    if message.get("tool_plan"):
        events.append(ReasoningDelta(message["tool_plan"]))
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        events += _content(part)
    if message.get("citations"):
        events.append(Annotations(tuple(message["citations"])))
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = details(call, "function")
        events.append(ToolCallStart(index, call.get("id") or "", function.get("name") or ""))
        if function.get("arguments"):
            events.append(ToolCallDelta(index, function["arguments"]))
    return events + _finish(raw)


def _content(part: Any) -> list[Event]:
    match part:
        case {"thinking": str(text)} if text:
            return [ReasoningDelta(text)]
        case {"text": str(text)} if text:
            return [TextDelta(text)]
    return []


class CohereStreamDecoder:
    """See `StreamDecoder`. An error that follows good events in one read is raised by the next call."""

    def __init__(self) -> None:
        self._splitter = SseSplitter()
        self._failure: ProviderError | None = None
        self._calls: dict[int, int] = {}
        self.halves = Halves()
        self.done = False

    def feed(self, data: bytes) -> list[Event]:
        if self._failure is not None:
            raise self._failure
        return self._read(self._splitter.feed(data))

    def close(self) -> list[Event]:
        if self._failure is not None:
            raise self._failure
        events = self._read(whole(self._splitter.close()))
        if self._failure is not None:
            raise self._failure
        if not self.done:
            raise Truncated("The stream ended without its last message.")
        return events

    def _read(self, raw: list[SseEvent]) -> list[Event]:
        events: list[Event] = []
        for _, payload in raw:
            if self.done or payload.startswith(b"[DONE]"):
                break
            try:
                events += self._event(payload)
            except ProviderError as error:
                if not events:
                    raise
                self._failure = error
                break
        return events

    def _event(self, payload: bytes) -> list[Event]:
        try:
            raw = self.halves.loads(payload)
        except orjson.JSONDecodeError:
            raise ProviderError(ErrorKind.UPSTREAM, "An event of the stream is not JSON.") from None
        if not isinstance(raw, dict):
            raise ProviderError(ErrorKind.UPSTREAM, "An event of the stream is not an object.")
        delta = details(raw, "delta")
        message = details(delta, "message")
        match raw.get("type"):
            case "message-start":
                return [Start(word(raw.get("id")))]
            case "content-start" | "content-delta":
                return _content(message.get("content"))
            case "tool-plan-delta":
                return [ReasoningDelta(message.get("tool_plan") or "")]
            case "citation-start":
                return [Annotations((message["citations"],))] if message.get("citations") else []
            case "tool-call-start" | "tool-call-delta":
                return self._call(raw.get("index") or 0, details(message, "tool_calls"))
            case "message-end":
                events = _finish(delta)
                self.done = True
                return events
            case None if "error" in raw or "message" in raw:
                raise error_of(raw, None)
        return []

    def _call(self, slot: int, call: Json) -> list[Event]:
        function = details(call, "function")
        events: list[Event] = []
        if slot not in self._calls:
            index = self._calls[slot] = len(self._calls)
            events.append(ToolCallStart(index, call.get("id") or "", function.get("name") or ""))
        if function.get("arguments"):
            events.append(ToolCallDelta(self._calls[slot], function["arguments"]))
        return events
