"""OpenAI Responses: canonical events → what a client reads, streamed or whole."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

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
    Tool,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)
from adapters.client_words import OPENAI_CODES
from adapters.dialect import CostOf
from adapters.dialects.openai_shared.errors import error_object
from adapters.dialects.responses import encode_request
from adapters.dialects.responses.decode_request import NAME
from adapters.dialects.responses.tools import Called
from adapters.dialects.shared import signatures
from adapters.dialects.shared.lenient import word
from adapters.errors import Inexpressible, ProviderError

_DELTA = (
    b'event: %b\ndata: {"type":"%b","sequence_number":%d,"item_id":%b,"output_index":%d,'
    b'"%b":0,"delta":%b%b}\n\n'
)
_TEXT = b"response.output_text.delta"
_REFUSAL = b"response.refusal.delta"
_SUMMARY = b"response.reasoning_summary_text.delta"
_ARGUMENTS = (
    b'event: response.function_call_arguments.delta\ndata: {"type":"response.function_call_arguments.delta",'
    b'"sequence_number":%d,"item_id":%b,"output_index":%d,"delta":%b}\n\n'
)

_INPUT = (
    b'event: response.custom_tool_call_input.delta\ndata: {"type":"response.custom_tool_call_input.delta",'
    b'"sequence_number":%d,"item_id":%b,"output_index":%d,"delta":%b}\n\n'
)


class ResponsesStreamEncoder:
    """Writes the events that the vendor's stream helper builds its snapshot from; the last holds it whole."""

    def __init__(self, request: Request, cost_of: CostOf) -> None:
        self._request = request
        self._cost_of = cost_of
        self._sequence = 0
        self._head: Json | None = None
        self._output: list[Json] = []
        self._open: Json | None = None  # the message or reasoning item that grows
        self._part: Json | None = None  # its content part
        self._pieces: list[str] = []
        self._calls: dict[int, tuple[int, Called]] = {}
        # Tools that are no functions to the client.
        self._tools = {t.name: t for t in request.tools if isinstance(t, Tool) and t.raw is not None}
        self._unfinished: list[int] = []
        self._finish: Finish | None = None
        self._report: UsageReport | None = None

    def feed(self, events: Sequence[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            self._event(event, out)
        return b"".join(out)

    def close(self) -> bytes:
        out: list[bytes] = []
        self._start(Start(), out)
        if not self._output:
            self._open_part("output_text", out)  # an answer without a word is a message still
        self._close_items(out)
        response = self._ended()
        self._emit(f"response.{response['status']}", {"response": response}, out)
        return b"".join(out)

    def error(self, error: ProviderError) -> bytes:
        out: list[bytes] = []
        fields = error_object(error)
        # The vendor's Python client raises on `error`, others read the flat fields or wait for `failed`.
        flat = {
            "code": OPENAI_CODES.get(error.kind, fields["type"]),
            "message": error.message,
            "param": None,
            "error": fields,
        }
        self._emit("error", flat, out)
        if self._head is not None:
            code = OPENAI_CODES.get(error.kind, "server_error")
            failure = {"code": code, "message": error.message}
            response = {**self._head, "status": "failed", "error": failure, "output": self._output}
            self._emit("response.failed", {"response": response}, out)
        return b"".join(out)

    def whole(self) -> Json:
        """Returns the response object, after `close`."""
        return self._ended()

    # -- events ---------------------------------------------------------------------------------------

    def _event(self, event: Event, out: list[bytes]) -> None:
        if self._head is None:
            self._start(event if isinstance(event, Start) else Start(), out)
        match event:
            case TextDelta():
                self._say("output_text", _TEXT, event.text, out)
            case ToolCallDelta():
                index, called = self._calls[event.index]
                piece = called.feed(event.arguments)
                item_id = orjson.dumps(called.item["id"])
                if called.plain:
                    out.append(_ARGUMENTS % (self._next(), item_id, index, orjson.dumps(piece)))
                elif piece:
                    out.append(_INPUT % (self._next(), item_id, index, orjson.dumps(piece)))
            case ToolCallStart():
                self._close_open(out)
                self._seal(event.signature, out)
                called = Called(self._tools.get(event.name), event.id, event.name, self._number())
                self._calls[event.index] = (self._add(called.item, out), called)
                self._unfinished.append(event.index)
            case ReasoningDelta():
                self._think(event, out)
            case RefusalDelta():
                self._say("refusal", _REFUSAL, event.text, out)
            case LogProbs():
                self._say("output_text", _TEXT, "", out, orjson.dumps(event.entries))
                if self._part is not None:
                    self._part["logprobs"].extend(event.entries)
            case Annotations():
                self._annotate(event, out)
            case MediaDelta():
                self._media(event, out)
            case Opaque() if event.dialect == NAME:
                self._close_items(out)
                index = self._add(event.raw, out)
                self._emit("response.output_item.done", {"output_index": index, "item": event.raw}, out)
            case Finish():
                self._finish = event
            case UsageReport():
                self._report = event
            case _:
                pass

    def _start(self, start: Start, out: list[bytes]) -> None:
        if self._head is not None:
            return
        self._head = _head(start, self._request)
        for name in ("response.created", "response.in_progress"):
            self._emit(name, {"response": self._head}, out)

    def _say(self, kind: str, name: bytes, text: str, out: list[bytes], logprobs: bytes = b"[]") -> None:
        if not text and logprobs == b"[]":
            return
        if self._part is None or self._part["type"] != kind:
            self._open_part(kind, out)
        assert self._open is not None
        self._pieces.append(text)
        item = orjson.dumps(self._open["id"])
        more = b',"logprobs":' + logprobs if kind == "output_text" else b""
        where = (self._next(), item, len(self._output) - 1, b"content_index")
        out.append(_DELTA % (name, name, *where, orjson.dumps(text), more))

    def _open_part(self, kind: str, out: list[bytes]) -> None:
        self._close_items(out)
        message = {"type": "message", "id": self._id("msg"), "status": "in_progress", "role": "assistant"}
        self._open = {**message, "content": []}
        index = self._add(self._open, out)
        if kind == "refusal":
            self._part = {"type": "refusal", "refusal": ""}
        else:
            self._part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        self._emit("response.content_part.added", self._at(index, self._open, part=self._part), out)

    def _think(self, event: ReasoningDelta, out: list[bytes]) -> None:
        thought_id = word(event.id)
        if (
            self._open is None
            or self._open["type"] != "reasoning"
            or thought_id not in (None, self._open["id"])
        ):
            self._close_items(out)
            self._open = {"type": "reasoning", "id": thought_id or self._id("rs"), "summary": []}
            self._add(self._open, out)
        index = len(self._output) - 1
        if event.text:
            if self._part is None:
                self._part = {"type": "summary_text", "text": ""}
                where = self._at(index, self._open, key="summary_index", part=self._part)
                self._emit("response.reasoning_summary_part.added", where, out)
            self._pieces.append(event.text)
            where_raw = (self._next(), orjson.dumps(self._open["id"]), index, b"summary_index")
            out.append(_DELTA % (_SUMMARY, _SUMMARY, *where_raw, orjson.dumps(event.text), b""))
        seal = event.signature or event.redacted
        if seal:
            self._open["encrypted_content"] = signatures.on_wire(signatures.OPENAI, seal)
            self._close_items(out)

    def _seal(self, signature: str | None, out: list[bytes]) -> None:
        """The seal of a call has no place in it here; clients send sealed thoughts back as they came."""
        if signature:
            item: Json = {"type": "reasoning", "id": self._id("rs"), "summary": []}
            item["encrypted_content"] = signatures.on_wire(signatures.OPENAI, signature)
            index = self._add(item, out)
            self._emit("response.output_item.done", {"output_index": index, "item": item}, out)

    def _annotate(self, event: Annotations, out: list[bytes]) -> None:
        flats = [flat for entry in event.entries for flat in encode_request.flat_annotation(entry)]
        if not flats:
            return
        if self._part is None or self._part["type"] != "output_text":
            self._open_part("output_text", out)
        assert self._part is not None
        assert self._open is not None
        for flat in flats:
            number = len(self._part["annotations"])
            self._part["annotations"].append(flat)
            where = self._at(len(self._output) - 1, self._open, annotation_index=number, annotation=flat)
            self._emit("response.output_text.annotation.added", where, out)

    def _media(self, event: MediaDelta, out: list[bytes]) -> None:
        if event.kind == "image" and event.data:
            self._close_items(out)
            item: Json = {"type": "image_generation_call", "id": self._id("ig"), "status": "completed"}
            item["result"] = event.data
            index = self._add(item, out)
            self._emit("response.output_item.done", {"output_index": index, "item": item}, out)
        else:
            self._say("output_text", _TEXT, event.transcript, out)

    # -- items ----------------------------------------------------------------------------------------

    def _add(self, item: Json, out: list[bytes]) -> int:
        self._output.append(item)
        index = len(self._output) - 1
        self._emit("response.output_item.added", {"output_index": index, "item": item}, out)
        return index

    def _close_items(self, out: list[bytes]) -> None:
        self._close_open(out)
        for number in self._unfinished:
            index, called = self._calls[number]
            item = called.item
            ended = called.close()
            if ended is not None:
                name, fields = ended
                self._emit(name, {"item_id": item["id"], "output_index": index, **fields}, out)
            self._emit("response.output_item.done", {"output_index": index, "item": item}, out)
        self._unfinished.clear()

    def _close_open(self, out: list[bytes]) -> None:
        item, part = self._open, self._part
        if item is None:
            return
        index = self._output.index(item)
        text = "".join(self._pieces)
        if part is not None:
            key = "refusal" if part["type"] == "refusal" else "text"
            part[key] = text
            if item["type"] == "reasoning":
                item["summary"].append(part)
                done, ended = "response.reasoning_summary_text.done", "response.reasoning_summary_part.done"
                where = self._at(index, item, key="summary_index")
            else:
                item["content"].append(part)
                done = "response.refusal.done" if key == "refusal" else "response.output_text.done"
                ended = "response.content_part.done"
                where = self._at(index, item)
            more = {"logprobs": part["logprobs"]} if "logprobs" in part else {}
            self._emit(done, {**where, key: text, **more}, out)
            self._emit(ended, {**where, "part": part}, out)
        if "status" in item:
            item["status"] = "completed"
        self._emit("response.output_item.done", {"output_index": index, "item": item}, out)
        self._open = self._part = None
        self._pieces = []

    def _at(self, index: int, item: Json, key: str = "content_index", **more: object) -> Json:
        return {"item_id": item["id"], "output_index": index, key: 0, **more}

    def _id(self, prefix: str) -> str:
        return f"{prefix}{self._number()}"

    def _number(self) -> str:
        assert self._head is not None
        return f"{signatures.MINTED}{self._head['id'].removeprefix('resp_')}_{len(self._output)}"

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence - 1

    def _emit(self, name: str, more: Json, out: list[bytes]) -> None:
        raw = {"type": name, "sequence_number": self._next(), **more}
        out.append(b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(raw)))

    def _ended(self) -> Json:
        assert self._head is not None
        finish = self._finish or Finish("stop")
        response = {**self._head, "status": "completed", "output": self._output}
        if finish.reason in {"length", "content_filter"}:
            response["status"] = "incomplete"
            reason = "max_output_tokens" if finish.reason == "length" else "content_filter"
            response["incomplete_details"] = {"reason": reason}
        if self._report is not None:
            usage = self._report.usage
            cost = self._cost_of(usage)  # which completes the counts
            if cost is None:
                cost = usage.cost_usd
            response["usage"] = _usage(usage, cost)
            if usage.tier is not None:
                response["service_tier"] = usage.tier
        return response


def encode_answer(events: Sequence[Event], request: Request, cost_of: CostOf) -> bytes:
    encoder = ResponsesStreamEncoder(request, cost_of)
    encoder.feed(events)
    encoder.close()
    return orjson.dumps(encoder.whole())


def _head(start: Start, request: Request) -> Json:
    try:
        tools = encode_request.encode_tools(request)
    except Inexpressible:
        tools = []
    thinking = request.thinking
    wanted = request.output_format
    return {
        "id": start.id or f"resp_{secrets.token_hex(12)}",
        "object": "response",
        "created_at": start.created or 0,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": request.max_tokens,
        "model": start.model or request.model,
        "output": [],
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": None,
        "reasoning": {"effort": thinking.effort if thinking else None, "summary": None},
        "store": False,
        "temperature": request.temperature,
        "text": {
            "format": encode_request.encode_format(wanted) if wanted else {"type": "text"},
            **({"verbosity": request.verbosity} if request.verbosity else {}),
        },
        "tool_choice": encode_request.encode_tool_choice(request) or "auto",
        "tools": tools,
        "top_p": request.top_p,
        "truncation": "disabled",
        "usage": None,
        "user": request.user,
        "metadata": request.metadata or {},
    }


def _usage(usage: Usage, cost: float | None) -> Json:
    """Returns the `usage` object; the client's models require every count but those of audio."""
    given, made = usage.input or 0, usage.output or 0
    raw: Json = {
        "input_tokens": given,
        "input_tokens_details": {
            "cached_tokens": usage.cached or 0,
            "cache_write_tokens": usage.cache_write or 0,
        },
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": given + made,
    }
    if usage.input_audio is not None:
        raw["input_tokens_details"]["audio_tokens"] = usage.input_audio
    if usage.output_audio is not None:
        raw["output_tokens_details"]["audio_tokens"] = usage.output_audio
    if usage.estimated:
        raw["estimated"] = True
    if cost is not None:
        raw["cost"] = cost
    return raw
