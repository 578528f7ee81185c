"""Anthropic Messages: canonical events → what a client reads, streamed or whole."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from adapters.canonical import (
    Annotations,
    Event,
    Finish,
    Json,
    LogProbs,
    MediaDelta,
    Opaque,
    ReasoningDelta,
    RefusalDelta,
    Request,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)
from adapters.dialect import CostOf
from adapters.dialects.anthropic.decode_request import NAME
from adapters.dialects.anthropic.errors import error_object
from adapters.dialects.anthropic.usage import FINISH, STOP_REASON, encode_usage
from adapters.dialects.shared import signatures, strict
from adapters.errors import Inexpressible, ProviderError

_TEXT = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
    b'"delta":{"type":"text_delta","text":%b}}\n\n'
)
_THINKING = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
    b'"delta":{"type":"thinking_delta","thinking":%b}}\n\n'
)
_INPUT = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
    b'"delta":{"type":"input_json_delta","partial_json":%b}}\n\n'
)
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'


def _sse(raw: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (raw["type"].encode(), orjson.dumps(raw))


class _Ending:
    """What closes an answer: reason, refusal, counts."""

    __slots__ = ("_cost_of", "_finish", "_refusal", "_report")

    def __init__(self, cost_of: CostOf) -> None:
        self._cost_of = cost_of
        self._finish: Finish | None = None
        self._refusal: list[str] = []
        self._report: UsageReport | None = None

    def note(self, event: Finish | RefusalDelta | UsageReport) -> None:
        if isinstance(event, Finish):
            self._finish = event
        elif isinstance(event, RefusalDelta):
            self._refusal.append(event.text)
        else:
            self._report = event

    def stopped(self) -> Json:
        finish = self._finish or Finish("stop")
        reason = finish.native if FINISH.get(finish.native or "") == finish.reason else None
        if reason is None:
            reason = "stop_sequence" if finish.stop_sequence is not None else STOP_REASON[finish.reason]
        raw: Json = {"stop_reason": reason, "stop_sequence": finish.stop_sequence}
        if self._refusal:
            # A refusal has no words in the content here.
            raw["stop_reason"] = "refusal"
            raw["stop_details"] = {
                "type": "refusal",
                "category": None,
                "explanation": "".join(self._refusal),
            }
        return raw

    def usage(self) -> Json:
        if self._report is None:
            return encode_usage(None, None)
        usage = self._report.usage
        cost = self._cost_of(usage)  # which completes the counts
        if cost is None:
            cost = usage.cost_usd
        return encode_usage(usage, cost)


def _head(start: Start, request: Request) -> Json:
    return {
        "id": start.id or f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": start.model or request.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _citations(event: Annotations) -> Iterable[Json]:
    for entry in event.entries:
        if entry.get("type") == "citation":
            yield entry["citation"]
        elif isinstance(url_citation := entry.get("url_citation"), dict):
            rest = {
                key: value for key, value in url_citation.items() if key not in {"start_index", "end_index"}
            }
            # The client's models require both; a search of another vendor has none to give.
            yield {"type": "web_search_result_location", "cited_text": "", "encrypted_index": "", **rest}


def _shown(event: MediaDelta) -> str:
    """The dialect has no generated media: an image becomes a Markdown image, audio its transcript."""
    if event.kind == "image" and event.data:
        return f"![image](data:{event.media_type or 'image/png'};base64,{event.data})"
    return event.transcript


class AnthropicStreamEncoder:
    __slots__ = (
        "_call",
        "_calls",
        "_ending",
        "_index",
        "_open",
        "_request",
        "_started",
        "_waiting",
        "_written",
    )

    def __init__(self, request: Request, cost_of: CostOf) -> None:
        self._request = request
        self._ending = _Ending(cost_of)
        self._index = -1
        self._open = ""
        self._calls: dict[int, int] = {}
        self._started = False
        self._call = -1
        self._written: list[str] = []  # of the open call's arguments
        self._waiting: dict[int, tuple[ToolCallStart, list[str]]] = {}

    def feed(self, events: Sequence[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            self._event(event, out)
        return b"".join(out)

    def close(self) -> bytes:
        out: list[bytes] = []
        self._start(Start(), out)
        self._wait_no_more(out)
        self._stop(out)
        out.append(
            _sse({"type": "message_delta", "delta": self._ending.stopped(), "usage": self._ending.usage()})
        )
        out.append(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
        return b"".join(out)

    def error(self, error: ProviderError) -> bytes:
        return _sse(error_object(error))

    def _event(self, event: Event, out: list[bytes]) -> None:
        if not self._started:
            self._start(event if isinstance(event, Start) else Start(), out)
        match event:
            case TextDelta():
                self._text(event.text, out)
            case ToolCallDelta():
                self._arguments(event, out)
            case ToolCallStart():
                if self._open == "tool" and not self._is_whole():
                    self._waiting[event.index] = event, []
                else:
                    self._begin_call(event, out)
            case ReasoningDelta():
                self._reasoning(event, out)
            case Annotations():
                if self._open != "text":
                    self._begin("text", {"type": "text", "text": ""}, out)
                for citation in _citations(event):
                    self._block_delta({"type": "citations_delta", "citation": citation}, out)
            case MediaDelta():
                self._text(_shown(event), out)
            case Opaque():
                self._opaque(event, out)
            case Finish() | RefusalDelta() | UsageReport():
                self._ending.note(event)
            case Start() | LogProbs():
                pass

    def _begin_call(self, event: ToolCallStart, out: list[bytes]) -> None:
        self._seal(event.signature, out)
        block = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
        self._begin("tool", block, out)
        self._calls[event.index] = self._index
        self._call = event.index
        self._written = []

    def _arguments(self, event: ToolCallDelta, out: list[bytes]) -> None:
        """Blocks come one after the other here, while others write their calls in turns: those wait for the open one."""
        waiting = self._waiting.get(event.index)
        if waiting is not None:
            waiting[1].append(event.arguments)
            return
        out.append(_INPUT % (self._calls.get(event.index, self._index), orjson.dumps(event.arguments)))
        self._written.append(event.arguments)
        while self._waiting and self._open == "tool" and self._is_whole():
            self._begin_waiting(out)

    def _is_whole(self) -> bool:
        try:
            orjson.loads("".join(self._written))
        except orjson.JSONDecodeError:
            return False
        return True

    def _begin_waiting(self, out: list[bytes]) -> None:
        index = next(iter(self._waiting))
        event, written = self._waiting.pop(index)
        self._begin_call(event, out)
        out += [_INPUT % (self._index, orjson.dumps(arguments)) for arguments in written]
        self._written = written

    def _wait_no_more(self, out: list[bytes]) -> None:
        while self._waiting:
            self._begin_waiting(out)

    def _start(self, start: Start, out: list[bytes]) -> None:
        if self._started:
            return
        self._started = True
        usage = {"input_tokens": 0, "output_tokens": 0}
        out.append(
            _sse({"type": "message_start", "message": {**_head(start, self._request), "usage": usage}})
        )

    def _begin(self, kind: str, block: Json, out: list[bytes]) -> None:
        if self._waiting and kind == "text":
            self._wait_no_more(out)
        self._stop(out)
        self._index += 1
        self._open = kind
        out.append(_sse({"type": "content_block_start", "index": self._index, "content_block": block}))

    def _stop(self, out: list[bytes]) -> None:
        if self._open:
            self._open = ""
            out.append(_STOP % self._index)

    def _block_delta(self, delta: Json, out: list[bytes]) -> None:
        out.append(_sse({"type": "content_block_delta", "index": self._index, "delta": delta}))

    def _text(self, text: str, out: list[bytes]) -> None:
        if not text:
            return
        if self._open != "text":
            self._begin("text", {"type": "text", "text": ""}, out)
        out.append(_TEXT % (self._index, orjson.dumps(text)))

    def _reasoning(self, event: ReasoningDelta, out: list[bytes]) -> None:
        if event.text or event.signature:
            if self._open != "thinking":
                self._begin("thinking", {"type": "thinking", "thinking": "", "signature": ""}, out)
            if event.text:
                out.append(_THINKING % (self._index, orjson.dumps(event.text)))
            if event.signature:
                seal = signatures.on_wire(signatures.ANTHROPIC, event.signature)
                self._block_delta({"type": "signature_delta", "signature": seal}, out)
                self._stop(out)
        if event.redacted:
            data = signatures.on_wire(signatures.ANTHROPIC, event.redacted)
            self._begin("redacted", {"type": "redacted_thinking", "data": data}, out)
            self._stop(out)

    def _seal(self, signature: str | None, out: list[bytes]) -> None:
        """The seal of a call has no place in it here; clients send redacted thoughts back as they came."""
        if signature:
            self._begin("redacted", sealed(signature), out)

    def _opaque(self, event: Opaque, out: list[bytes]) -> None:
        if event.dialect != NAME:
            return
        if not isinstance(event.raw.get("input"), dict):
            self._begin("opaque", event.raw, out)
        else:
            self._begin("opaque", {**event.raw, "input": {}}, out)
            out.append(_INPUT % (self._index, orjson.dumps(orjson.dumps(event.raw["input"]).decode())))
        self._stop(out)


def sealed(signature: str) -> Json:
    """Returns the block that carries the seal of the call behind it."""
    return {"type": "redacted_thinking", "data": signatures.on_wire(signatures.ANTHROPIC, signature)}


def encode_answer(events: Sequence[Event], request: Request, cost_of: CostOf) -> bytes:
    ending = _Ending(cost_of)
    head = Start()
    blocks: list[Json] = []
    calls: dict[int, list[str]] = {}
    for event in events:
        match event:
            case Start():
                head = event
            case Finish() | RefusalDelta() | UsageReport():
                ending.note(event)
            case ToolCallStart():
                if event.signature:
                    blocks.append(sealed(event.signature))
                blocks.append({"type": "tool_use", "id": event.id, "name": event.name, "input": event.index})
                calls[event.index] = []
            case ToolCallDelta():
                calls.setdefault(event.index, []).append(event.arguments)
            case _:
                _content(event, blocks)
    for block in blocks:
        if block["type"] == "tool_use" and isinstance(block["input"], int):
            block["input"] = _arguments("".join(calls[block["input"]]))
        elif block["type"] == "thinking":
            block.setdefault("signature", "")
    message = _head(head, request)
    message.update(content=blocks, **ending.stopped(), usage=ending.usage())
    return orjson.dumps(message)


def _arguments(arguments: str) -> Any:
    """A model may write broken JSON, and this dialect has no place for it but inside JSON."""
    try:
        return strict.parsed_arguments(arguments)
    except Inexpressible:
        return {"_invalid_json": arguments}


def _content(event: Event, blocks: list[Json]) -> None:
    last: Json = blocks[-1] if blocks else {"type": ""}
    match event:
        case TextDelta() | MediaDelta():
            text = event.text if isinstance(event, TextDelta) else _shown(event)
            if not text:
                return
            if last["type"] != "text":
                last = {"type": "text", "text": ""}
                blocks.append(last)
            last["text"] += text
        case ReasoningDelta():
            if event.text or event.signature:
                if last["type"] != "thinking" or "signature" in last:
                    last = {"type": "thinking", "thinking": ""}
                    blocks.append(last)
                last["thinking"] += event.text
                if event.signature:
                    last["signature"] = signatures.on_wire(signatures.ANTHROPIC, event.signature)
            if event.redacted:
                data = signatures.on_wire(signatures.ANTHROPIC, event.redacted)
                blocks.append({"type": "redacted_thinking", "data": data})
        case Annotations():
            if last["type"] != "text":
                last = {"type": "text", "text": ""}
                blocks.append(last)
            last.setdefault("citations", []).extend(_citations(event))
        case Opaque() if event.dialect == NAME:
            blocks.append(event.raw)
        case _:
            pass
