"""Cohere chat answers → events."""

from __future__ import annotations

from typing import Any

from adapters.billing.counts import size_of
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
from adapters.dialects.openai_chat.decode_answer import whole
from adapters.dialects.openai_shared.usage import details
from adapters.dialects.shared.lenient import first, word
from adapters.dialects.shared.no_answer import (
    ENDS_WITHOUT_MESSAGE,
    ended_in_error,
    event_object,
    is_error,
    no_answer,
    unanswered,
    whole_object,
)
from adapters.errors import ProviderError, Truncated
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


def end_of(raw: Json) -> FinishReason | None:
    """Returns why an answer ended, None before its end. Raises ProviderError for an end that is an error."""
    native = raw.get("finish_reason")
    if raw.get("error"):
        raise no_answer(raw)
    if not isinstance(native, str) or not native:
        return None
    reason = FINISH.get(native, "stop")
    if reason == "error":
        raise ended_in_error(native, raw)
    return reason


def check(raw: Json) -> None:
    """Raises ProviderError for a body that is no answer: see `no_answer`."""
    ended, message = end_of(raw), raw.get("message")
    if not isinstance(message, dict):
        if ended not in ENDS_WITHOUT_MESSAGE:
            raise no_answer(raw)
    elif ended is None and not any(message.get(name) for name in ("content", "tool_calls", "tool_plan")):
        raise no_answer(raw)


def _finish(raw: Json) -> list[Event]:
    native = raw.get("finish_reason")
    events: list[Event] = [Finish(end_of(raw) or "stop", native if isinstance(native, str) else None)]
    usage = raw.get("usage")
    if isinstance(usage, dict):
        events.append(UsageReport(read_usage(usage)))
    return events


def said_by(message: Json) -> int:
    """Returns the bytes of content in a message, or in the delta of one."""
    size = size_of(plan) if isinstance(plan := message.get("tool_plan"), str) else 0
    content, calls = message.get("content"), message.get("tool_calls")
    for part in content if isinstance(content, list) else (content,):
        if isinstance(part, dict):
            size += sum(
                size_of(text) for name in ("text", "thinking") if isinstance(text := part.get(name), str)
            )
    for call in calls if isinstance(calls, list) else (calls,):
        if isinstance(call, dict):
            arguments = details(call, "function").get("arguments")
            size += size_of(arguments) if isinstance(arguments, str) else 0
    return size


def decode_answer(body: bytes) -> list[Event]:
    """Raises ProviderError or Truncated."""
    raw = whole_object(body)
    check(raw)
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
        self._spoke = False
        self._odd: Json | None = None

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
            if self._spoke and not self._splitter.stray:
                raise Truncated("The stream ended without its last message.")
            raise unanswered(None if self._spoke else self._odd, self._splitter.stray)
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
        raw = event_object(payload, self.halves.loads)
        if raw.get("error"):
            raise no_answer(raw)
        delta = details(raw, "delta")
        message = details(delta, "message")
        match raw.get("type"):
            case "message-start":
                return [Start(word(raw.get("id")))]
            case "content-start" | "content-delta":
                self._spoke = True
                return _content(message.get("content"))
            case "tool-plan-delta":
                self._spoke = True
                return [ReasoningDelta(message.get("tool_plan") or "")]
            case "citation-start":
                return [Annotations((message["citations"],))] if message.get("citations") else []
            case "tool-call-start" | "tool-call-delta":
                self._spoke = True
                return self._call(raw.get("index") or 0, details(message, "tool_calls"))
            case "message-end":
                if end_of(delta) is None and not self._spoke:
                    raise no_answer(raw)
                events = _finish(delta)
                self.done = True
                return events
            case None if is_error(raw):
                raise no_answer(raw)
            case None:
                self._odd = self._odd or raw
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
