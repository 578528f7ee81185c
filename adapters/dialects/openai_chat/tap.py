"""Watches OpenAI chat answers that pass through unparsed.

Ordinary events don't come here but where several are in one read (`Ordinary`): they cost a comparison, or a few
searches for words. JSON is parsed for the others. A quote inside a JSON string is always escaped, so `"usage"` with
its quotes can only be a key.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from adapters.billing.counts import merged
from adapters.canonical import Json
from adapters.dialect import CostOf, Ordinary
from adapters.dialects.openai_chat.mended import finish_chunk, mended_calls
from adapters.dialects.openai_shared.body_tap import ChatWatch
from adapters.dialects.openai_shared.choices import finish_of, has_content, refuse_error, said_in
from adapters.dialects.openai_shared.usage import decode_usage, usage_elsewhere
from adapters.dialects.shared.no_answer import event_object, is_cut, is_stray, no_answer, unanswered
from adapters.errors import ErrorKind, ProviderError, Truncated
from adapters.sse import MAX_EVENT_BYTES, MAX_STRAY_BYTES, data_of, event_end, last_event_end

_USAGE = b'"usage"'
_FINISH = b'"finish_reason"'
_CHOICES = re.compile(rb'"choices":( ?)\[')
_DELTA = re.compile(rb'"delta": ?\{')
_KEY = re.compile(
    rb'(?:"\w+": ?(?:null|""|"assistant"), ?)*(?:"(?:content|reasoning_content|reasoning|refusal)": ?"'
    rb'|"tool_calls": ?\[\{[^{}\[\]]*"function": ?\{(?:"name": ?"[^"\\]*", ?)?"arguments": ?")'
)
_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+')
_RUNNING = re.compile(rb'"finish_reason": ?null')
_PADDING = re.compile(rb'"(?:obfuscation|p)": ?"(?=[0-9A-Za-z]*("))')
_ENDS = (b"\n\n", b"\r\n\r\n")
_END_MARK = b"data: [DONE]\n\n"
_CR = 13
_NEVER = b"\0"
"""No JSON holds it."""

# Fewer bytes are read event by event as fast as the next that isn't ordinary is looked for: the end of a stream.
_WORTH_SKIPPING = 1024


class ChatStreamTap(ChatWatch):
    __slots__ = (
        "_base",
        "_call_word",
        "_called",
        "_careless",
        "_closing",
        "_end",
        "_failure",
        "_fast",
        "_finish_null",
        "_finish_word",
        "_form",
        "_head",
        "_held",
        "_joint",
        "_keep_usage",
        "_known",
        "_lead",
        "_odd",
        "_places",
        "_said",
        "_stray",
        "_tail",
        "_usage_null",
        "_usage_word",
    )

    def __init__(self, *, keep_usage: bool, cost_of: CostOf) -> None:
        super().__init__(cost_of)
        self._keep_usage = keep_usage
        self._held = bytearray()
        self._fast = False
        self._known = False
        self._base = self._head = self._tail = self._closing = self._joint = b"\0"
        self._lead = b""
        self._end = 2
        self._finish_word = self._usage_word = self._finish_null = self._usage_null = b""
        self._failure: ProviderError | None = None
        self._form: Ordinary | None = None
        self._odd: object = None
        self._stray = b""
        self._said: Json = {}
        self._call_word = _NEVER
        self._called = self._careless = False
        self._places: dict[object, int] = {}

    @property
    def ordinary(self) -> Ordinary | None:
        return self._form if self._fast else None

    def feed(self, data: bytes) -> bytes:
        """See `Tap.feed`. Only an event that isn't complete yet is held back. An error that follows good
        events in one read is raised by the next call, so that those aren't lost.
        """
        if self._fast:
            # A read is mostly one event that differs from the first only in its delta: searching for one
            # byte and comparing both ends is three times as fast as searching for words.
            if (
                data.startswith(self._head)
                and data.endswith(self._tail)
                and data.find(b"\n") == len(data) - self._end
            ):
                self.said += len(data) - self.frame
                return data
            if data.endswith(_ENDS) and self._ordinary(data) and self._passes(data, 0, len(data)):
                return data
        return b"" if self.done else self._feed(data)

    def close(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        out: list[bytes] = []
        if self._held and not self.done:
            # Many servers omit the last blank line.
            tail = bytes(self._held)
            self._held.clear()
            payload = data_of(tail)
            if payload is None:
                self._stray += tail[:MAX_STRAY_BYTES] if is_stray(tail) else b""
            elif not is_cut(payload):
                self._event(tail, out)
        if not self.done and self.finish is None:
            if self.content and not self._stray:
                raise Truncated("The stream ended without a finish reason.")
            raise unanswered(None if self.content else self._odd, self._stray)
        if not self.done:
            out.append(_END_MARK if not out or out[-1].endswith(_ENDS) else b"\n\n" + _END_MARK)
        return b"".join(out)

    def _feed(self, data: bytes) -> bytes:
        if self._failure is not None:
            raise self._failure
        held = self._held
        if held:
            start = max(len(held) - 3, 0)
            held += data
            end = last_event_end(held, start)
            if not end:
                if len(held) > MAX_EVENT_BYTES:
                    raise ProviderError(ErrorKind.UPSTREAM, "An event of the stream is too large.")
                self._fast = False
                return b""
            whole = bytes(held[:end])
            del held[:end]
        else:
            end = last_event_end(data, 0)
            if not end:
                held += data
                self._fast = False
                return b""
            whole = data if end == len(data) else data[:end]
            held += data[end:]
        if self.content and self._known and self._ordinary(whole) and self._passes(whole, 0, len(whole)):
            # A flood's reads end anywhere: what is whole passes as it is, the rest waits for the next read.
            self._fast = not held
            return whole
        out: list[bytes] = []
        changed = False
        at = 0
        skipping = True
        while at < len(whole):
            end = self._ordinary_until(whole, at) if skipping and len(whole) - at > _WORTH_SKIPPING else at
            skipping = end == at or self._passes(whole, at, end)
            if end > at and skipping:
                out.append(whole[at:end])
                at = end
                continue
            end = event_end(whole, at)
            try:
                changed |= self._event(whole[at:end], out)
            except ProviderError as error:
                if not any(out):
                    raise
                self._failure = error
                changed = True
                break
            at = end
            if self.done:
                held.clear()
                changed = changed or at < len(whole)
                break
        self._fast = self.content and self._known and not held and self._failure is None and not self.done
        return b"".join(out) if changed else whole

    def _ordinary(self, data: bytes) -> bool:
        """Returns whether no event in `data` is an end, a usage or an error."""
        # Of bytes `in` raises and clears an error before it searches.
        return (
            data.find(self._finish_word) < 0
            and data.find(self._usage_word) < 0
            and data.find(b"error") < 0
            and data.find(b"[DONE]") < 0
            and data.find(self._call_word) < 0
            and self._evenly(data, 0)
        )

    def _evenly(self, data: bytes, at: int) -> bool:
        """Returns whether the events from `at` on are spaced like those before. Spaces elsewhere would hide the words
        that `_ordinary` searches for.
        """
        return data.count(_USAGE, at) == data.count(self._usage_null, at) + data.count(
            self._usage_word, at
        ) and data.count(_FINISH, at) == data.count(self._finish_null, at) + data.count(self._finish_word, at)

    def _ordinary_until(self, data: bytes, at: int) -> int:
        """Returns the end of the ordinary events that begin at `at`; `at` itself where the first isn't, or may not be."""
        if not (self.content and self._known) or _CR in data or not self._evenly(data, at):
            return at
        words = (self._finish_word, self._usage_word, self._call_word, b"error", b"[DONE]")
        positions = [position for word in words if (position := data.find(word, at)) >= 0]
        if not positions:
            return len(data)
        before = data.rfind(b"\n\n", at, min(positions))
        return at if before < 0 else before + 2

    def _passes(self, data: bytes, at: int, end: int) -> bool:
        """Returns whether each of the whole events in `data[at:end]`, which hold no end, usage or error, looks like one of this
        API, and counts their content.
        """
        # Mostly all begin alike: two quick searches then do for three slow ones.
        events = data.count(self._joint, at, end) + 1
        if not (
            data.startswith(self._base, at)
            and data.endswith(b"}\n\n", at, end)
            and data.count(b"\n", at, end) == 2 * events
        ):
            blank, last = (b"\r\n\r\n", b"}\r\n\r\n") if _CR in data else (b"\n\n", b"}\n\n")
            events = data.count(blank, at, end)
            if data.count(last, at, end) != events or data.count(b'"choices"', at, end) < events:
                return False
        if not data.startswith(self._head, at):
            self._relearn(data, at)
        self.said += end - at - events * self.frame
        return True

    def _event(self, raw: bytes, out: list[bytes]) -> bool:
        """Appends what is to be sent on for one event; returns whether that differs from `raw`."""
        payload = data_of(raw)
        if not payload:
            if payload is None and is_stray(raw):
                self._stray += raw[: MAX_STRAY_BYTES - len(self._stray)]
                if not self.content:
                    return True
            out.append(raw)
            return False
        if payload.startswith(b"[DONE]"):
            if not self.content and self.finish is None:
                raise unanswered(self._odd, self._stray)
            self.done = True
            if self.finish is None:
                # The end mark says that the answer is whole; clients take one without a reason for cut off.
                self.finish = "tool_calls" if self._called else "stop"
                out += (finish_chunk(self._said, called=self._called), raw)
                return True
            out.append(raw)
            return False
        obj = event_object(payload)
        refuse_error(obj)
        if _event_name(raw) == b"error":
            raise no_answer(obj)
        self.name(obj)
        choices = obj.get("choices")
        before = self.content
        mended = False
        if not self._called or self._careless:
            mended = self._calls(obj, choices)
            if mended:
                raw = b"data: " + orjson.dumps(obj) + b"\n\n"
        if not before:
            self._learn(raw, choices)
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict):
                    self._choice(choice)
            size = said_in(choices)
            self.said += size
            if self.content and not before and self._head in (self._base, b"\0"):
                self.frame = len(raw) - size
        elif self._odd is None:
            self._odd = obj
        out.append(raw)
        usage = obj.get("usage")
        if not isinstance(usage, dict):
            elsewhere = usage_elsewhere(obj)
            if elsewhere is not None:
                counted = decode_usage(elsewhere, self.tier)
                self.usage = counted if self.usage is None else merged(self.usage, counted)
            return mended
        spliced = self.bill(raw, usage, decode_usage(usage))
        if not choices and not self._keep_usage:
            out[-1] = b""
            return True
        out[-1] = spliced
        return mended or spliced is not raw

    def _calls(self, obj: Json, choices: object) -> bool:
        """Mends what a careless server says of calls; who writes the first one well is trusted with the others."""
        if not self._said and choices:
            self._said = {name: obj[name] for name in ("id", "object", "created", "model") if name in obj}
        mended = mended_calls(choices, self._places)
        if mended is None:
            return False
        self._called = True
        self._careless = self._careless or mended
        if not self._careless:
            self._call_word = _NEVER
        return mended

    def _learn(self, raw: bytes, choices: object) -> None:
        """Notes how this server writes its events, from the last one before the fast path begins."""
        spacing = _CHOICES.match(raw, raw.find(b'"choices"'))
        self._known = spacing is not None
        if spacing is None:
            return
        self._finish_word = b'"finish_reason":' + spacing[1] + b'"'
        self._usage_word = b'"usage":' + spacing[1] + b"{"
        if not self._called or self._careless:
            self._call_word = b'"tool_calls":' + spacing[1] + b"["
        self._finish_null = b'"finish_reason":' + spacing[1] + b"null"
        self._usage_null = b'"usage":' + spacing[1] + b"null"
        delta = _DELTA.match(raw, raw.find(b'"delta"'))
        running = _RUNNING.match(raw, raw.find(b'"finish_reason"'))
        plain = (
            isinstance(choices, list)
            and len(choices) == 1
            and raw.startswith(b"data:")
            and not self._careless
        )
        if plain and delta and running:
            self._base = raw[: delta.end()]
            self._joint = b"}\n\n" + self._base
            self._end = len(raw) - len(raw.rstrip(b"\r\n")) - raw.endswith(b"\r\n")
            self._tail = self._closing = raw[running.start() :]
            self._lead = b""
            padding = _PADDING.search(raw, running.end())
            if padding is not None:
                self._lead, self._closing = raw[running.start() : padding.end()], raw[padding.start(1) :]
            self._head = self._base
            self._form = Ordinary(self._head, self._closing, self._end, self._lead)
            self._model(raw)
        else:
            self._base = self._head = self._tail = self._joint = b"\0"
            self._form = None

    def _model(self, raw: bytes) -> None:
        """Notes how events with the same kind of content as `raw` look; nothing, where it isn't one of the usual."""
        key = _KEY.match(raw, len(self._base))
        content = None if key is None else _STRING.match(raw, key.end())
        if content is not None:
            self._head = raw[: content.start()]
            self.frame = len(raw) - len(content[0])
            self._form = Ordinary(self._head, self._closing, self._end, self._lead)

    def _relearn(self, data: bytes, at: int) -> None:
        """Notes how the event at `at` looks, if it holds another kind of content: reasoning, text, a call's arguments."""
        if data.startswith(self._base, at):
            raw = data[at : event_end(data, at)]
            if raw.endswith(self._closing):
                self._model(raw)

    def _choice(self, choice: dict[str, Any]) -> None:
        ended = finish_of(choice)
        if ended is not None:
            self.finish = ended
            number = choice.get("index")
            self._ended.add(number if isinstance(number, int) else 0)
        if not self.content:
            delta = choice.get("delta")
            self.content = has_content(delta) if isinstance(delta, dict) else bool(choice.get("text"))


def _event_name(raw: bytes) -> bytes | None:
    if raw.find(b"\n") >= len(raw) - 4:
        return None  # of one line, which is its data
    match = re.search(rb"(?:^|[\r\n])event: ?([^\r\n]*)", raw)
    return match[1] if match else None
