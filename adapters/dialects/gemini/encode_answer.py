"""Gemini: canonical events → what a client reads, streamed or whole."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from adapters.canonical import (
    Event,
    Finish,
    Json,
    MediaDelta,
    Opaque,
    ReasoningDelta,
    RefusalDelta,
    Request,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)
from adapters.client_words import google_message
from adapters.dialect import CostOf
from adapters.dialects.gemini.decode_answer import finish_reason
from adapters.dialects.gemini.encode_request import NAME
from adapters.dialects.shared import signatures
from adapters.dialects.shared.strict import parsed_arguments
from adapters.errors import ErrorKind, Inexpressible, ProviderError

_FINISH = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "error": "OTHER",
}
_STATUS = {
    ErrorKind.RATE_LIMIT: "RESOURCE_EXHAUSTED",
    ErrorKind.QUOTA: "RESOURCE_EXHAUSTED",
    ErrorKind.OVERLOADED: "UNAVAILABLE",
    ErrorKind.GATEWAY: "UNAVAILABLE",
    ErrorKind.TIMEOUT: "DEADLINE_EXCEEDED",
    ErrorKind.DEADLINE: "DEADLINE_EXCEEDED",
    ErrorKind.UPSTREAM: "INTERNAL",
    ErrorKind.AUTHENTICATION: "UNAUTHENTICATED",
    ErrorKind.PERMISSION: "PERMISSION_DENIED",
    ErrorKind.NOT_FOUND: "NOT_FOUND",
}


def error_object(error: ProviderError) -> Json:
    status = _STATUS.get(error.kind, "INVALID_ARGUMENT")
    message = google_message(error.kind, error.message)
    return {"error": {"code": error.kind.status, "message": message, "status": status}}


class GeminiStreamEncoder:
    """Calls are whole here, so the pieces of one are kept until something else follows it."""

    def __init__(self, request: Request, cost_of: CostOf) -> None:
        self._request = request
        self._cost_of = cost_of
        self._start = Start()
        self._calls: dict[tuple[int, int], tuple[ToolCallStart, list[str]]] = {}
        self._finishes: list[Finish] = []
        self._usage: Usage | None = None

    def feed(self, events: Sequence[Event]) -> bytes:
        parts: dict[int, list[Json]] = {}
        for event in events:
            self._event(event, parts)
        return b"".join(
            self._sse(self._chunk({"index": n, "content": _content(p)})) for n, p in parts.items()
        )

    def close(self) -> bytes:
        parts: dict[int, list[Json]] = {}
        self._flush(parts)
        ends = {finish.choice: finish for finish in self._finishes} or {0: Finish("stop")}
        out: list[bytes] = []
        for number, finish in ends.items():
            content = _content(parts.get(number, []))
            candidate: Json = {"index": number, "content": content, "finishReason": _native(finish)}
            chunk = self._chunk(candidate)
            if number == list(ends)[-1] and self._usage is not None:
                chunk["usageMetadata"] = _usage(self._usage, self._cost_of)
            out.append(self._sse(chunk))
        return b"".join(out)

    def error(self, error: ProviderError) -> bytes:
        return self._sse(error_object(error))

    def _event(self, event: Event, parts: dict[int, list[Json]]) -> None:
        match event:
            case Start():
                self._start = event
            case ToolCallStart():
                self._calls[event.choice, event.index] = (event, [])
            case ToolCallDelta():
                self._calls[event.choice, event.index][1].append(event.arguments)
            case Finish():
                self._finishes.append(event)
            case UsageReport():
                self._usage = event.usage
            case TextDelta() | RefusalDelta() | ReasoningDelta() | MediaDelta():
                self._flush(parts)
                parts.setdefault(event.choice, []).extend(_parts(event))
            case Opaque() if event.dialect == NAME:
                self._flush(parts)
                parts.setdefault(0, []).append(event.raw)
            case _:
                pass

    def _flush(self, parts: dict[int, list[Json]]) -> None:
        for (choice, _), (start, pieces) in self._calls.items():
            try:
                arguments = parsed_arguments("".join(pieces))
            except Inexpressible:
                arguments = {"_invalid_json": "".join(pieces)}
            raw: Json = {"functionCall": {"id": start.id, "name": start.name, "args": arguments}}
            if start.signature:
                raw["thoughtSignature"] = signatures.on_wire(signatures.GEMINI, start.signature)
            parts.setdefault(choice, []).append(raw)
        self._calls.clear()

    def _chunk(self, candidate: Json) -> Json:
        chunk: Json = {"candidates": [candidate], "modelVersion": self._start.model or self._request.model}
        if self._start.id is not None:
            chunk["responseId"] = self._start.id
        return chunk

    def _sse(self, raw: Json) -> bytes:
        return b"data: %b\r\n\r\n" % orjson.dumps(raw)


def encode_answer(events: Sequence[Event], request: Request, cost_of: CostOf) -> bytes:
    encoder = GeminiStreamEncoder(request, cost_of)
    chunks = (encoder.feed(events) + encoder.close()).split(b"\r\n\r\n")
    answer: Json = {}
    candidates: dict[int, Json] = {}
    for chunk in chunks[:-1]:
        raw = orjson.loads(chunk[6:])
        for candidate in raw.pop("candidates"):
            content = candidate.pop("content", {"parts": []})
            merged = candidates.setdefault(candidate["index"], {"content": _content([])})
            merged["content"]["parts"] += content["parts"]
            merged.update(candidate)
        answer.update(raw)
    return orjson.dumps({"candidates": list(candidates.values()), **answer})


def _content(parts: list[Json]) -> Json:
    return {"role": "model", "parts": parts}


def _parts(event: TextDelta | RefusalDelta | ReasoningDelta | MediaDelta) -> list[Json]:
    if isinstance(event, MediaDelta):
        default = "audio/wav" if event.kind == "audio" else "image/png"
        return [{"inlineData": {"mimeType": event.media_type or default, "data": event.data}}]
    if not isinstance(event, ReasoningDelta):
        return [{"text": event.text}] if event.text else []
    raw: Json = {"text": event.text}
    if event.text:
        raw["thought"] = True
    if seal := event.signature or event.redacted:
        raw["thoughtSignature"] = signatures.on_wire(signatures.GEMINI, seal)
    return [raw]


def _native(finish: Finish) -> str:
    native = finish.native or ""
    same = native.isupper() and finish_reason(native, calls=finish.reason == "tool_calls") == finish.reason
    return native if same else _FINISH[finish.reason]


def _usage(usage: Usage, cost_of: CostOf) -> Json:
    cost = cost_of(usage)  # which completes the counts
    if cost is None:
        cost = usage.cost_usd
    spoken = (usage.output or 0) - (usage.reasoning or 0)
    raw: Json = {"promptTokenCount": usage.input or 0, "candidatesTokenCount": max(0, spoken)}
    if usage.cached is not None:
        raw["cachedContentTokenCount"] = usage.cached
    if usage.reasoning is not None:
        raw["thoughtsTokenCount"] = usage.reasoning
    raw["totalTokenCount"] = (usage.input or 0) + (usage.output or 0)
    if cost is not None:
        raw["cost"] = cost
    return raw
