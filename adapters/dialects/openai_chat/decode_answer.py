"""OpenAI chat answers → events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from adapters import lenient_json
from adapters.billing.counts import merged
from adapters.billing.service_tiers import tier_of
from adapters.canonical import (
    Annotations,
    Event,
    Finish,
    FinishReason,
    Json,
    LogProbs,
    MediaDelta,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)
from adapters.dialects.openai_chat.decode_request import signature_of
from adapters.dialects.openai_shared.choices import finish_of, refuse_error, whole_answer
from adapters.dialects.openai_shared.parts import thoughts_of
from adapters.dialects.openai_shared.usage import decode_usage, usage_elsewhere
from adapters.dialects.shared.data_urls import split_data_url
from adapters.dialects.shared.lenient import moment, word
from adapters.dialects.shared.no_answer import event_object, no_answer, unanswered
from adapters.errors import ProviderError, Truncated
from adapters.halves import Halves
from adapters.sse import SseEvent, SseSplitter


@dataclass(slots=True)
class _Call:
    index: int
    id: str
    name: str = ""
    started: bool = False
    waiting: str = ""
    signature: str | None = None


@dataclass(slots=True)
class _Choice:
    calls: list[_Call] = field(default_factory=list)
    by_slot: dict[int, _Call] = field(default_factory=dict)
    finished: bool = False
    thought: str = ""  # said since the last seal


class ChunkReader:
    """Turns chunk or answer objects into events; remembers which tool calls have begun."""

    def __init__(self, *, whole: bool = False) -> None:
        self._whole = whole
        self._choices: dict[int, _Choice] = {}
        self._started = False
        self._usage: Usage | None = None
        self._tier: str | None = None
        self.finished = False
        self.answered = False
        self.odd: Json | None = None

    def read(self, obj: Json) -> list[Event]:
        """Raises ProviderError for an error in place of, or beside, content."""
        refuse_error(obj)
        events: list[Event] = []
        choices = obj.get("choices")
        if not isinstance(choices, list):
            choices = []
            self.odd = self.odd or obj
        if not self._started and (obj.get("id") or choices):
            self._started = True
            events.append(Start(word(obj.get("id")), word(obj.get("model")), moment(obj.get("created"))))
        usage = obj.get("usage")
        if not isinstance(usage, dict):
            usage = usage_elsewhere(obj)
        if isinstance(usage, dict):
            self._usage = merged(self._usage, decode_usage(usage))
        if isinstance(obj.get("service_tier"), str):
            self._tier = obj["service_tier"]
        before = len(events)
        for choice in choices:
            if isinstance(choice, dict):
                self._choice(choice, events)
        self.answered = self.answered or len(events) > before
        return events

    def end(self) -> list[Event]:
        """Returns what comes last: the usage, if there was one, and the end of choices that never reported it."""
        events: list[Event] = []
        for number, state in self._choices.items():
            if not state.finished:
                state.finished = True
                for call in state.calls:
                    _begin(call, number, events, force=True)
                events.append(Finish("tool_calls" if state.calls else "stop", choice=number))
        if self._usage is not None:
            self._usage.tier = self._usage.tier or tier_of(self._tier)
            events.append(UsageReport(self._usage))
            self._usage = None
        return events

    def _choice(self, raw: Json, events: list[Event]) -> None:
        ended = finish_of(raw)
        number = raw.get("index")
        number = number if isinstance(number, int) else 0
        state = self._choices.setdefault(number, _Choice())
        delta = raw.get("delta")
        message = raw.get("message")
        # Perplexity sends both, whole or not; in a stream its `message` is all there was so far.
        if isinstance(delta, dict) and not (self._whole and isinstance(message, dict)):
            self._delta(delta, number, state, events, whole_calls=False)
        elif isinstance(message, dict):
            self._delta(message, number, state, events, whole_calls=True)
        logprobs = raw.get("logprobs")
        if isinstance(logprobs, dict):
            entries = tuple(e for e in logprobs.get("content") or () if isinstance(e, dict))
            if entries:
                events.append(LogProbs(entries, number))
        if ended is not None and not state.finished:
            state.finished = self.finished = True
            for call in state.calls:
                _begin(call, number, events, force=True)
            # Ollama and some others say "stop" after a tool call.
            reason = "tool_calls" if ended == "stop" and state.calls else cast("FinishReason", ended)
            stop = raw.get("stop_reason")
            events.append(
                Finish(reason, raw["finish_reason"], stop if isinstance(stop, str) else None, number)
            )

    def _delta(
        self, delta: Json, number: int, state: _Choice, events: list[Event], *, whole_calls: bool
    ) -> None:
        for thought in thoughts_of(delta):
            text = thought.text
            if thought.signature is not None and text == state.thought:
                text = ""  # what it seals was said before
            state.thought = "" if thought.signature is not None else state.thought + text
            events.append(ReasoningDelta(text, thought.signature, thought.redacted, thought.id, number))
        content = delta.get("content")
        if isinstance(content, str):
            if content:
                events.append(TextDelta(content, number))
        elif isinstance(content, list):
            for part in content:
                _content_part(part, number, events)
        if isinstance(delta.get("refusal"), str) and delta["refusal"]:
            events.append(RefusalDelta(delta["refusal"], number))
        notes = delta.get("annotations")
        if isinstance(notes, list) and notes:
            events.append(Annotations(tuple(note for note in notes if isinstance(note, dict)), number))
        _media(delta, number, events)
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            for call in calls:
                if isinstance(call, dict):
                    self._call(call, number, state, events, whole_call=whole_calls)
        elif isinstance(delta.get("function_call"), dict):
            call = {"index": 0, "function": delta["function_call"]}
            self._call(call, number, state, events, whole_call=False)

    def _call(self, raw: Json, number: int, state: _Choice, events: list[Event], *, whole_call: bool) -> None:
        function = raw.get("function")
        function = function if isinstance(function, dict) else {}
        if not function and isinstance(raw.get("custom"), dict):
            function = {"name": raw["custom"].get("name"), "arguments": raw["custom"].get("input")}
        call_id = raw.get("id") or ""
        name = function.get("name") or ""
        slot = raw.get("index")
        call: _Call | None
        if whole_call:
            call = None
        elif isinstance(slot, int):
            call = state.by_slot.get(slot)
            # Some servers number every parallel call 0 and tell them apart by id only.
            if call is not None and call_id and call.id and call_id != call.id and name:
                call = None
        elif call_id or not state.calls:
            call = next((started for started in state.calls if call_id and started.id == call_id), None)
        else:
            call = state.calls[-1]
        if call is None:
            for earlier in state.calls:
                _begin(earlier, number, events, force=True)
            call = _Call(len(state.calls), call_id)
            state.calls.append(call)
        if isinstance(slot, int):
            state.by_slot[slot] = call
        call.id = call.id or call_id
        if not call.started:
            call.name += name
        call.signature = call.signature or signature_of(raw)
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = orjson.dumps(arguments).decode()
        if call.started:
            if arguments:
                events.append(ToolCallDelta(call.index, arguments, number))
            return
        call.waiting += arguments or ""
        _begin(call, number, events, force=False)


def _begin(call: _Call, number: int, events: list[Event], *, force: bool) -> None:
    """A call can only be announced with its name, which a few servers send after the id."""
    if call.started or not (call.name or force):
        return
    call.started = True
    events.append(ToolCallStart(call.index, call.id, call.name, call.signature, number))
    if call.waiting:
        events.append(ToolCallDelta(call.index, call.waiting, number))


def _content_part(part: Any, number: int, events: list[Event]) -> None:
    """Mistral's thinking models answer with a list of typed parts."""
    match part:
        case {"type": "text", "text": str(text)}:
            if text:
                events.append(TextDelta(text, number))
        case {"type": "thinking", "thinking": list(pieces)}:
            text = "".join(piece.get("text") or "" for piece in pieces if isinstance(piece, dict))
            if text:
                events.append(ReasoningDelta(text, choice=number))
        case {"type": "refusal", "refusal": str(text)}:
            events.append(RefusalDelta(text, number))
        case {"type": "reference"}:
            events.append(Annotations((part,), number))


def _media(delta: Json, number: int, events: list[Event]) -> None:
    audio = delta.get("audio")
    if isinstance(audio, dict):
        data, transcript, audio_id = audio.get("data") or "", audio.get("transcript") or "", audio.get("id")
        if data or transcript or audio_id:
            events.append(MediaDelta("audio", data, None, transcript, audio_id, number))
    images = delta.get("images")
    for image in images if isinstance(images, list) else ():
        match image:
            case {"image_url": {"url": str(url)}}:
                inline = split_data_url(url)
                data, media_type = (url, None) if inline is None else (inline[1] or url, inline[0] or None)
                events.append(MediaDelta("image", data, media_type, choice=number))


class ChatStreamDecoder:
    """See `StreamDecoder`. An error that follows good events in one read is raised by the next call."""

    def __init__(self) -> None:
        self._splitter = SseSplitter()
        self._reader = ChunkReader()
        self._failure: ProviderError | None = None
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
            if not self._reader.finished:
                if self._reader.answered and not self._splitter.stray:
                    raise Truncated("The stream ended without a finish reason.")
                raise self._unanswered()
            events += self._reader.end()
        return events

    def _read(self, raw: list[SseEvent]) -> list[Event]:
        events: list[Event] = []
        for name, payload in raw:
            if self.done:
                break
            try:
                if payload.startswith(b"[DONE]"):
                    if not self._reader.answered:
                        raise self._unanswered()
                    self.done = True
                    events += self._reader.end()
                    break
                events += self._reader.read(_chunk(name, payload, self.halves))
            except ProviderError as error:
                if not events:
                    raise
                self._failure = error
                break
        return events

    def _unanswered(self) -> ProviderError:
        return unanswered(None if self._reader.answered else self._reader.odd, self._splitter.stray)


def whole(left: list[SseEvent]) -> list[SseEvent]:
    """Returns what a closed splitter had left, without an event that was cut off in the middle."""
    kept = []
    for name, payload in left:
        if not payload.startswith(b"[DONE]"):
            try:
                lenient_json.loads(payload)
            except orjson.JSONDecodeError:
                continue
        kept.append((name, payload))
    return kept


def _chunk(name: str, payload: bytes, halves: Halves) -> Json:
    if not payload.strip():
        return {}
    obj = event_object(payload, halves.loads)
    if name == "error":
        raise no_answer(obj)
    return obj


def decode_answer(body: bytes) -> list[Event]:
    """Raises ProviderError or Truncated."""
    reader = ChunkReader(whole=True)
    events = reader.read(whole_answer(body))
    return events + reader.end()
