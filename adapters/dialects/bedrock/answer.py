"""Bedrock Converse: answers ↔ canonical events. Streams are frames of JSON; the counts come last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from adapters import lenient_json
from adapters.billing.service_tiers import tier_of
from adapters.canonical import (
    Event,
    Finish,
    FinishReason,
    Json,
    MediaDelta,
    Opaque,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)
from adapters.dialect import CostOf
from adapters.dialects.bedrock.frames import FrameReader, frame
from adapters.dialects.bedrock.request import NAME
from adapters.dialects.shared import signatures
from adapters.dialects.shared.lenient import count, word
from adapters.dialects.shared.no_answer import (
    ENDS_WITHOUT_MESSAGE,
    ended_in_error,
    no_answer,
    unanswered,
    whole_object,
)
from adapters.dialects.shared.strict import object_text, parsed_arguments
from adapters.errors import (
    ErrorKind,
    Inexpressible,
    ProviderError,
    Truncated,
    redact,
    retry_after_s,
)
from adapters.failure_words import classify
from adapters.halves import Halves
from adapters.sse import MAX_STRAY_BYTES

FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}
_NATIVE = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "content_filter": "content_filtered",
    "error": "malformed_model_output",
}
_EXCEPTION = {
    ErrorKind.RATE_LIMIT: "throttlingException",
    ErrorKind.OVERLOADED: "serviceUnavailableException",
    ErrorKind.GATEWAY: "serviceUnavailableException",
    ErrorKind.UPSTREAM: "modelStreamErrorException",
    ErrorKind.TIMEOUT: "modelTimeoutException",
    ErrorKind.DEADLINE: "modelTimeoutException",
}


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    try:
        raw = lenient_json.loads(body)
    except orjson.JSONDecodeError:
        raw = {}
    error = _failure(headers.get("x-amzn-errortype", ""), raw, status)
    error.retry_after_s = retry_after_s(headers)
    return error


def _failure(word: str, raw: Any, status: int | None) -> ProviderError:
    fields_of: Json = raw if isinstance(raw, dict) else {}
    message = fields_of.get("message") or fields_of.get("Message") or "The provider gave no reason."
    code = word or str(fields_of.get("__type") or "")
    return ProviderError(
        classify(status, str(message), code), redact(str(message)), status, redact(code) or None
    )


def decode_usage(raw: Json) -> Usage:
    """`inputTokens` leaves out what was read from or written to the cache."""
    fresh, read, written = (
        count(raw.get(f"{name}Tokens")) for name in ("input", "cacheReadInput", "cacheWriteInput")
    )
    whole = None if fresh is None else fresh + (read or 0) + (written or 0)
    usage = Usage(whole, count(raw.get("outputTokens")), read, written)
    lives = raw.get("cacheDetails")
    for entry in lives if isinstance(lives, list) else ():
        if isinstance(entry, dict) and entry.get("ttl") == "1h":
            usage.cache_write_1h = (usage.cache_write_1h or 0) + (count(entry.get("inputTokens")) or 0)
    return usage


def _counted(raw: Json) -> Usage:
    """Returns the counts of an answer, or of the last event of one, with the tier that it names."""
    usage = decode_usage(raw["usage"])
    tier = raw.get("serviceTier")
    usage.tier = tier_of(tier.get("type") if isinstance(tier, dict) else tier)
    return usage


def encode_usage(usage: Usage, cost_of: CostOf) -> Json:
    cost = cost_of(usage)  # which completes the counts
    if cost is None:
        cost = usage.cost_usd
    fresh = max(0, (usage.input or 0) - (usage.cached or 0) - (usage.cache_write or 0))
    total = (usage.input or 0) + (usage.output or 0)
    raw: Json = {"inputTokens": fresh, "outputTokens": usage.output or 0, "totalTokens": total}
    if usage.cached is not None:
        raw["cacheReadInputTokens"] = usage.cached
    if usage.cache_write is not None:
        raw["cacheWriteInputTokens"] = usage.cache_write
    return raw if cost is None else {**raw, "cost": cost}


class BedrockStreamDecoder:
    """An error that follows good events in one read is raised by the next call."""

    def __init__(self) -> None:
        self._frames = FrameReader()
        self._failure: ProviderError | None = None
        self._calls: dict[int, int] = {}
        self._empty: set[int] = set()
        self._finished = False
        self.halves = Halves()
        self.done = False
        self._spoke = False
        self._framed = False
        self._stray = b""

    def feed(self, data: bytes) -> list[Event]:
        if self._failure is not None:
            raise self._failure
        out: list[Event] = []
        if not self._framed:
            self._stray += data[: MAX_STRAY_BYTES - len(self._stray)]
        try:
            for kind, name, payload in self._frames.feed(data):
                self._framed = True
                raw = self.halves.loads(payload)
                if kind != "event":
                    raise _failure(name, raw, None)
                self._event(name, raw, out)
                if self.done:
                    break
        except ProviderError as error:
            self._failure = error if self._framed or not _is_text(self._stray) else None
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            self._failure = ProviderError(
                ErrorKind.UPSTREAM, f"An event of the stream is broken: {error}.", 200
            )
        if self._failure is not None and not out:
            raise self._failure
        return out

    def close(self) -> list[Event]:
        if self._failure is not None:
            raise self._failure
        if not self._finished:
            if self._spoke:
                raise Truncated("The stream ended without a stop reason.")
            raise unanswered(None, self._stray if not self._framed and _is_text(self._stray) else b"")
        return []

    def _event(self, name: str, raw: Json, out: list[Event]) -> None:
        match name:
            case "contentBlockDelta":
                self._spoke = True
                self._delta(raw, out)
            case "contentBlockStart":
                self._spoke = True
                if call := (raw.get("start") or {}).get("toolUse"):
                    number = self._calls[raw["contentBlockIndex"]] = len(self._calls)
                    self._empty.add(number)
                    out.append(ToolCallStart(number, call["toolUseId"], call["name"]))
            case "contentBlockStop":
                number = self._calls.get(raw["contentBlockIndex"], -1)
                if number in self._empty:
                    out.append(ToolCallDelta(number, "{}"))
            case "messageStart":
                out.append(Start())
            case "messageStop":
                if not self._spoke and not raw.get("stopReason"):
                    raise no_answer(raw)
                self._finished = True
                out.append(_finish(raw))
            case "metadata":
                self.done = self._finished
                if isinstance(raw.get("usage"), dict):
                    out.append(UsageReport(_counted(raw)))
            case _:
                pass

    def _delta(self, raw: Json, out: list[Event]) -> None:
        delta = raw["delta"]
        if text := delta.get("text"):
            out.append(TextDelta(text))
        elif "toolUse" in delta:
            number = self._calls[raw["contentBlockIndex"]]
            if piece := delta["toolUse"]["input"]:
                self._empty.discard(number)
                out.append(ToolCallDelta(number, piece))
        elif "reasoningContent" in delta:
            out.append(_thought(delta["reasoningContent"]))


def _thought(raw: Json) -> ReasoningDelta:
    inner = raw.get("reasoningText") or raw
    return ReasoningDelta(
        inner.get("text") or "",
        signatures.tagged(signatures.ANTHROPIC, inner.get("signature")),
        signatures.tagged(signatures.ANTHROPIC, raw.get("redactedContent")),
    )


def _finish(raw: Json) -> Finish:
    reason = raw.get("stopReason") or "end_turn"
    if FINISH.get(reason) == "error":
        raise ended_in_error(reason, raw)
    stop = (raw.get("additionalModelResponseFields") or {}).get("stop_sequence")
    return Finish(FINISH.get(reason, "stop"), reason, stop if isinstance(stop, str) else None)


def decode_answer(body: bytes) -> list[Event]:
    raw = whole_object(body)
    out: list[Event] = [Start()]
    calls = 0
    for block in _content(raw):
        if "text" in block:
            out.append(TextDelta(block["text"]))
        elif "toolUse" in block:
            call = block["toolUse"]
            out.append(ToolCallStart(calls, call["toolUseId"], call["name"]))
            out.append(ToolCallDelta(calls, object_text(call.get("input"))))
            calls += 1
        elif "reasoningContent" in block:
            out.append(_thought(block["reasoningContent"]))
        else:
            out.append(Opaque(NAME, block))
    out.append(_finish(raw))
    if isinstance(raw.get("usage"), dict):
        out.append(UsageReport(_counted(raw)))
    return out


def _content(raw: Json) -> list[Json]:
    """Returns the blocks of a whole answer. Raises ProviderError for what is none: see `no_answer`."""
    output = raw.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    ended = FINISH.get(word(raw.get("stopReason")) or "")
    if raw.get("error") or not isinstance(content, list):
        if raw.get("error") or ended not in ENDS_WITHOUT_MESSAGE:
            raise no_answer(raw)
        return []
    if not content and ended is None:
        raise no_answer(raw)
    return content


def _is_text(data: bytes) -> bool:
    """Returns whether `data` is no frame: a frame begins with its length, which is less than 16 MiB."""
    return not data.startswith(b"\0")


class BedrockStreamEncoder:
    def __init__(self, cost_of: CostOf) -> None:
        self._cost_of = cost_of
        self._index = -1
        self._open = ""
        self._started = False
        self._finish = Finish("stop")
        self._usage: Usage | None = None

    def feed(self, events: Sequence[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            self._event(event, out)
        return b"".join(out)

    def close(self) -> bytes:
        out: list[bytes] = []
        self._start(out)
        self._stop(out)
        self._emit("messageStop", _stopped(self._finish), out)
        usage = encode_usage(self._usage or Usage(), self._cost_of)
        self._emit("metadata", {"usage": usage, "metrics": {"latencyMs": 0}}, out)
        return b"".join(out)

    def error(self, error: ProviderError) -> bytes:
        name = _EXCEPTION.get(error.kind, "validationException")
        return frame(name, orjson.dumps({"message": error.message}), kind="exception")

    def _event(self, event: Event, out: list[bytes]) -> None:
        self._start(out)
        match event:
            case TextDelta() | RefusalDelta():
                if event.text:
                    self._delta("text", {"text": event.text}, out)
            case MediaDelta() if event.transcript:
                self._delta("text", {"text": event.transcript}, out)
            case ToolCallStart():
                self._stop(out)
                self._index += 1
                self._open = "tool"
                start = {"toolUse": {"toolUseId": event.id, "name": event.name}}
                self._emit("contentBlockStart", {"start": start, "contentBlockIndex": self._index}, out)
            case ToolCallDelta():
                self._delta("tool", {"toolUse": {"input": event.arguments}}, out)
            case ReasoningDelta():
                for thought in _thoughts(event):
                    self._delta("thought", {"reasoningContent": thought}, out)
                if event.signature or event.redacted:
                    self._stop(out)
            case Finish():
                self._finish = event
            case UsageReport():
                self._usage = event.usage
            case _:
                pass

    def _start(self, out: list[bytes]) -> None:
        if not self._started:
            self._started = True
            self._emit("messageStart", {"role": "assistant"}, out)

    def _delta(self, kind: str, delta: Json, out: list[bytes]) -> None:
        if self._open != kind:
            self._stop(out)
            self._index += 1
            self._open = kind
        self._emit("contentBlockDelta", {"contentBlockIndex": self._index, "delta": delta}, out)

    def _stop(self, out: list[bytes]) -> None:
        if self._open:
            self._open = ""
            self._emit("contentBlockStop", {"contentBlockIndex": self._index}, out)

    def _emit(self, name: str, raw: Json, out: list[bytes]) -> None:
        out.append(frame(name, orjson.dumps(raw)))


def _thoughts(event: ReasoningDelta) -> list[Json]:
    deltas: list[Json] = []
    if event.text:
        deltas.append({"text": event.text})
    if event.signature:
        deltas.append({"signature": signatures.on_wire(signatures.ANTHROPIC, event.signature)})
    if event.redacted:
        deltas.append({"redactedContent": signatures.on_wire(signatures.ANTHROPIC, event.redacted)})
    return deltas


def _stopped(finish: Finish) -> Json:
    native = finish.native or ""
    raw: Json = {"stopReason": native if FINISH.get(native) == finish.reason else _NATIVE[finish.reason]}
    if finish.stop_sequence is not None:
        raw["additionalModelResponseFields"] = {"stop_sequence": finish.stop_sequence}
    return raw


def encode_answer(events: Sequence[Event], cost_of: CostOf) -> bytes:
    content: list[Json] = []
    pieces: dict[int, list[str]] = {}
    answer: Json = {"metrics": {"latencyMs": 0}, "stopReason": "end_turn"}
    for event in events:
        match event:
            case TextDelta() | RefusalDelta():
                if content and "text" in content[-1]:
                    content[-1]["text"] += event.text
                else:
                    content.append({"text": event.text})
            case ToolCallStart():
                pieces[event.index] = []
                content.append({"toolUse": {"toolUseId": event.id, "name": event.name, "input": event.index}})
            case ToolCallDelta():
                pieces[event.index].append(event.arguments)
            case ReasoningDelta():
                _add_thought(event, content)
            case Opaque() if event.dialect == NAME:
                content.append(event.raw)
            case Finish():
                answer.update(_stopped(event))
            case UsageReport():
                answer["usage"] = encode_usage(event.usage, cost_of)
            case _:
                pass
    for block in content:
        if "toolUse" in block:
            arguments = "".join(pieces[block["toolUse"]["input"]])
            try:
                block["toolUse"]["input"] = parsed_arguments(arguments)
            except Inexpressible:
                block["toolUse"]["input"] = {"_invalid_json": arguments}
    return orjson.dumps({"output": {"message": {"role": "assistant", "content": content}}, **answer})


def _add_thought(event: ReasoningDelta, content: list[Json]) -> None:
    if event.redacted:
        data = signatures.on_wire(signatures.ANTHROPIC, event.redacted)
        content.append({"reasoningContent": {"redactedContent": data}})
        return
    last = (content[-1].get("reasoningContent") or {}).get("reasoningText") if content else None
    if last is None or "signature" in last:
        last = {"text": ""}
        content.append({"reasoningContent": {"reasoningText": last}})
    last["text"] += event.text
    if event.signature:
        last["signature"] = signatures.on_wire(signatures.ANTHROPIC, event.signature)
