"""Events → OpenAI chat answers, streamed and whole."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from adapters.canonical import (
    Annotations,
    Event,
    Finish,
    Json,
    LogProbs,
    MediaDelta,
    ReasoningDelta,
    RefusalDelta,
    Request,
    Start,
    TextDelta,
    Tool,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
    merge,
)
from adapters.dialect import CostOf
from adapters.dialects.openai_shared.errors import error_object
from adapters.dialects.openai_shared.parts import detail_of
from adapters.dialects.openai_shared.usage import encode_usage
from adapters.dialects.shared.data_urls import data_url
from adapters.dialects.shared.free_text import FreeText, text_of
from adapters.errors import ProviderError

_TEXT_END = b'},"logprobs":null,"finish_reason":null}]}\n\n'


class ChatStreamEncoder:
    """See `StreamEncoder`."""

    def __init__(self, request: Request, cost_of: CostOf) -> None:
        self._request = request
        self._cost_of = cost_of
        self._greeted: set[int] = set()
        self._thoughts: dict[int, str] = {}
        self._texts: dict[tuple[int, int], FreeText] = {}
        self._custom = custom_tools(request)
        self._begin(Start(model=request.model))

    def feed(self, events: Sequence[Event]) -> bytes:
        out: list[bytes] = []
        for i, event in enumerate(events):
            if isinstance(event, TextDelta):
                following = events[i + 1] if i + 1 < len(events) else None
                if event.choice == 0 and 0 in self._greeted and not isinstance(following, LogProbs):
                    out.append(self._text_head + orjson.dumps(event.text) + _TEXT_END)
                    continue
            self._event(event, events[i + 1] if i + 1 < len(events) else None, out)
        return b"".join(out)

    def close(self) -> bytes:
        return b"data: [DONE]\n\n"

    def error(self, error: ProviderError) -> bytes:
        choices = [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]
        return self._chunk({"error": error_object(error), "choices": choices})

    def _begin(self, start: Start) -> None:
        self._base: Json = {
            "id": start.id or "",
            "object": "chat.completion.chunk",
            "created": start.created or 0,
            "model": start.model or self._request.model,
        }
        head = orjson.dumps(self._base)[:-1]
        self._text_head = b"data: " + head + b',"choices":[{"index":0,"delta":{"content":'

    def _event(self, event: Event, following: Event | None, out: list[bytes]) -> None:
        if isinstance(event, Start):
            self._begin(event)
            self._greet(0, out)
            return
        if isinstance(event, UsageReport):
            if self._request.include_usage:
                usage = encode_usage(event.usage, self._cost_of(event.usage))
                body: Json = {"choices": [], "usage": usage}
                if event.usage.tier is not None:
                    body["service_tier"] = event.usage.tier
                out.append(self._chunk(body))
            return
        choice = getattr(event, "choice", None)
        if choice is None:
            return
        self._greet(choice, out)
        logprobs = following if isinstance(following, LogProbs) and following.choice == choice else None
        if isinstance(event, LogProbs):
            if not self._joined:
                out.append(self._delta({}, choice, event))
            self._joined = False
            return
        self._joined = isinstance(event, TextDelta) and logprobs is not None
        if self._custom and isinstance(event, ToolCallStart | ToolCallDelta):
            delta = self._called(event)
            if delta:
                out.append(self._delta(delta, choice, None))
        elif isinstance(event, Finish):
            out.append(self._delta({}, choice, None, event.reason))
        elif isinstance(event, ReasoningDelta):
            out.append(self._delta(self._thought(event), choice, None))
        else:
            out.append(self._delta(_delta(event), choice, logprobs if self._joined else None))

    _joined = False

    def _thought(self, event: ReasoningDelta) -> Json:
        """A seal fits only the whole text that it was made for, so the text is sent again with it, as one detail."""
        delta: Json = {"reasoning_content": event.text} if event.text else {}
        if event.redacted is not None:
            delta["reasoning_details"] = [detail_of("", None, event.redacted, event.id)]
            return delta
        thinking = self._thoughts.pop(event.choice, "") + event.text
        if event.signature is not None:
            delta["reasoning_details"] = [detail_of(thinking, event.signature, None, event.id)]
            return delta
        self._thoughts[event.choice] = thinking
        if event.id is not None:
            # The text stands in the plain field already; twice would be read as two thoughts.
            delta["reasoning_details"] = [detail_of(event.text, None, None, event.id)]
        return delta

    def _called(self, event: ToolCallStart | ToolCallDelta) -> Json:
        """A call of a tool that takes free text is sent as that text."""
        place = (event.choice, event.index)
        if isinstance(event, ToolCallStart):
            if event.name not in self._custom:
                return _delta(event)
            self._texts[place] = FreeText()
            custom = {"name": event.name, "input": ""}
            return {
                "tool_calls": [{"index": event.index, "id": event.id, "type": "custom", "custom": custom}]
            }
        text = self._texts.get(place)
        if text is None:
            return _delta(event)
        piece = text.feed(event.arguments)
        return {"tool_calls": [{"index": event.index, "custom": {"input": piece}}]} if piece else {}

    def _greet(self, choice: int, out: list[bytes]) -> None:
        if choice not in self._greeted:
            self._greeted.add(choice)
            out.append(self._delta({"role": "assistant", "content": ""}, choice, None))

    def _delta(self, delta: Json, choice: int, logprobs: LogProbs | None, reason: str | None = None) -> bytes:
        entries = None if logprobs is None else {"content": list(logprobs.entries), "refusal": None}
        return self._chunk(
            {"choices": [{"index": choice, "delta": delta, "logprobs": entries, "finish_reason": reason}]}
        )

    def _chunk(self, body: Json) -> bytes:
        return b"data: " + orjson.dumps(self._base | body) + b"\n\n"


def _delta(event: Event) -> Json:
    match event:
        case TextDelta():
            return {"content": event.text}
        case RefusalDelta():
            return {"refusal": event.text}
        case ToolCallStart():
            return {"tool_calls": [{"index": event.index, **_call(event, "")}]}
        case ToolCallDelta():
            return {"tool_calls": [{"index": event.index, "function": {"arguments": event.arguments}}]}
        case MediaDelta():
            return _media(event)
        case Annotations():
            return {"annotations": list(event.entries)}
    return {}


def _call(start: ToolCallStart, arguments: str) -> Json:
    raw: Json = {
        "id": start.id,
        "type": "function",
        "function": {"name": start.name, "arguments": arguments},
    }
    if start.signature is not None:
        raw["extra_content"] = {"google": {"thought_signature": start.signature}}
    return raw


def custom_tools(request: Request) -> frozenset[str]:
    """Returns the names of the tools that take free text."""
    return frozenset(tool.name for tool in request.tools if isinstance(tool, Tool) and tool.raw is not None)


def _custom_call(start: ToolCallStart, arguments: str) -> Json:
    return {"id": start.id, "type": "custom", "custom": {"name": start.name, "input": text_of(arguments)}}


def _media(event: MediaDelta) -> Json:
    if event.kind == "image":
        remote = event.media_type is None and event.data.startswith(("http://", "https://"))
        url = event.data if remote else data_url(event.media_type, event.data, "image/png")
        return {"images": [{"type": "image_url", "image_url": {"url": url}}]}
    audio: Json = {"id": event.id, "data": event.data, "transcript": event.transcript}
    return {"audio": {name: value for name, value in audio.items() if value}}


def encode_answer(events: Sequence[Event], request: Request, cost_of: CostOf) -> bytes:
    """Encodes a whole answer; the cost stands in `usage.cost`."""
    body: Json = {
        "id": "",
        "object": "chat.completion",
        "created": 0,
        "model": request.model,
        "choices": [],
    }
    custom = custom_tools(request)
    choices: dict[int, _Whole] = {}
    for event in merge(events):
        if isinstance(event, Start):
            body["id"] = event.id or ""
            body["created"] = event.created or 0
            body["model"] = event.model or request.model
        elif isinstance(event, UsageReport):
            body["usage"] = encode_usage(event.usage, cost_of(event.usage))
            if event.usage.tier is not None:
                body["service_tier"] = event.usage.tier
        else:
            number = getattr(event, "choice", None)
            if number is not None:
                if number not in choices:
                    choices[number] = _Whole(custom)
                choices[number].add(event)
    body["choices"] = [choices[number].encode(number) for number in sorted(choices)]
    return orjson.dumps(body)


class _Whole:
    """One choice of a whole answer."""

    def __init__(self, custom: frozenset[str]) -> None:
        self._custom = custom
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._thoughts: list[ReasoningDelta] = []
        self._notes: list[Json] = []
        self._images: list[Json] = []
        self._audio: Json = {}
        self._calls: dict[int, tuple[ToolCallStart, list[str]]] = {}
        self._logprobs: list[Json] = []
        self._reason = "stop"

    def add(self, event: Event) -> None:
        match event:
            case TextDelta():
                self._text.append(event.text)
            case ReasoningDelta():
                self._thoughts.append(event)
            case RefusalDelta():
                self._refusal.append(event.text)
            case ToolCallStart():
                self._calls[event.index] = (event, [])
            case ToolCallDelta():
                self._calls[event.index][1].append(event.arguments)
            case Annotations():
                self._notes += event.entries
            case LogProbs():
                self._logprobs += event.entries
            case MediaDelta(kind="image"):
                self._images += _media(event)["images"]
            case MediaDelta():
                for name, value in _media(event)["audio"].items():
                    joined = name != "id" and name in self._audio
                    self._audio[name] = self._audio[name] + value if joined else value
            case Finish():
                self._reason = event.reason
            case _:
                pass

    def encode(self, number: int) -> Json:
        message: Json = {
            "role": "assistant",
            "content": "".join(self._text) if self._text or not self._calls else None,
            "refusal": "".join(self._refusal) or None,
        }
        if self._refusal and not self._text:
            message["content"] = None
        if self._thoughts:
            message["reasoning_content"] = "".join(thought.text for thought in self._thoughts)
            if any(t.signature or t.redacted or t.id for t in self._thoughts) or len(self._thoughts) > 1:
                message["reasoning_details"] = [
                    detail_of(t.text, t.signature, t.redacted, t.id) for t in self._thoughts
                ]
        if self._notes:
            message["annotations"] = self._notes
        if self._images:
            message["images"] = self._images
        if self._audio:
            message["audio"] = {"data": "", "transcript": "", "expires_at": 0} | self._audio
        if self._calls:
            message["tool_calls"] = [
                _custom_call(start, "".join(pieces))
                if start.name in self._custom
                else _call(start, "".join(pieces))
                for start, pieces in self._calls.values()
            ]
        logprobs = {"content": self._logprobs, "refusal": None} if self._logprobs else None
        return {"index": number, "message": message, "logprobs": logprobs, "finish_reason": self._reason}
