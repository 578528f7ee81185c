"""Watches OpenAI chat answers that pass through unparsed.

Ordinary events don't come here but where several are in one read (`Ordinary`): they cost a comparison, or a few
searches for words. JSON is parsed for the others. A quote inside a JSON string is always escaped, so `"usage"` with
its quotes can only be a key.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from adapters import lenient
from adapters.canonical import Usage
from adapters.dialect import CostOf, Ordinary
from adapters.dialects.loose import word
from adapters.dialects.openai_errors import error_of
from adapters.dialects.openai_usage import decode_usage
from adapters.errors import ErrorKind, ProviderError, Truncated
from adapters.sse import MAX_EVENT_BYTES

FINISH = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
    "error": "error",
    "insufficient_system_resource": "error",
}
"""finish_reason of OpenAI and its relatives → the canonical word."""

_BOUNDARY = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
_USAGE_OBJECT = re.compile(rb'"usage"\s*:\s*\{\s*')
_CHOICES = re.compile(rb'"choices":( ?)\[')
_DELTA = re.compile(rb'"delta": ?\{')
_RUNNING = re.compile(rb'"finish_reason": ?null')
_PADDING = re.compile(rb'"(?:obfuscation|p)": ?"(?=[0-9A-Za-z]*("))')
_ENDS = (b"\n\n", b"\r\n\r\n")
_END_MARK = b"data: [DONE]\n\n"
_CR = 13

# Fewer bytes are read event by event as fast as the next that isn't ordinary is looked for: the end of a stream.
_WORTH_SKIPPING = 1024

# A whole answer that doesn't stream: 128 MiB holds the largest generated media.
MAX_BODY_BYTES = 128 * 1024 * 1024


class _ChatTap:
    __slots__ = ("_cost_of", "_ended", "content", "done", "finish", "id", "model", "usage")

    def __init__(self, cost_of: CostOf) -> None:
        self._ended: set[int] = set()
        self.id: str | None = None
        self.model: str | None = None
        self.usage: Usage | None = None
        self.finish: str | None = None
        self.content = False
        self.done = False
        self._cost_of = cost_of

    @property
    def ordinary(self) -> Ordinary | None:
        return None

    @property
    def held(self) -> bool:
        return False

    @property
    def ended(self) -> int:
        return len(self._ended)

    def _name(self, obj: dict[str, Any]) -> None:
        if self.id is None:
            self.id = word(obj.get("id"))
        if self.model is None:
            self.model = word(obj.get("model"))

    def _bill(self, raw: bytes, usage: dict[str, Any]) -> bytes:
        """Notes the usage and returns `raw` with `cost` spliced into its usage object."""
        self.usage = decode_usage(usage)
        if "cost" in usage:
            return raw
        cost = self._cost_of(self.usage)
        if cost is None:
            return raw
        at = _usage_position(raw, usage)
        if at is None:
            return raw
        comma = b"," if usage else b""
        return b"".join((raw[:at], b'"cost":', orjson.dumps(cost), comma, raw[at:]))


class ChatStreamTap(_ChatTap):
    __slots__ = (
        "_end",
        "_failure",
        "_fast",
        "_finish_word",
        "_form",
        "_head",
        "_held",
        "_keep_usage",
        "_known",
        "_tail",
        "_usage_word",
    )

    def __init__(self, *, keep_usage: bool, cost_of: CostOf) -> None:
        super().__init__(cost_of)
        self._keep_usage = keep_usage
        self._held = bytearray()
        self._fast = False
        self._known = False
        self._head = self._tail = b"\0"
        self._end = 2
        self._finish_word = self._usage_word = b""
        self._failure: ProviderError | None = None
        self._form: Ordinary | None = None

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
                return data
            if data.endswith(_ENDS) and self._ordinary(data):
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
            payload = _payload(tail)
            if payload is not None and not _is_cut(payload):
                self._event(tail, out)
        if not self.done and self.finish is None:
            raise Truncated("The stream ended without a finish reason.")
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
            end = _last_boundary(held, start)
            if end is None:
                if len(held) > MAX_EVENT_BYTES:
                    raise ProviderError(ErrorKind.UPSTREAM, "An event of the stream is too large.")
                self._fast = False
                return b""
            whole = bytes(held[:end])
            del held[:end]
        else:
            end = _last_boundary(data, 0)
            if end is None:
                held += data
                self._fast = False
                return b""
            whole = data if end == len(data) else data[:end]
            held += data[end:]
        if self.content and self._known and self._ordinary(whole):
            # A flood's reads end anywhere: what is whole passes as it is, the rest waits for the next read.
            self._fast = not held
            return whole
        out: list[bytes] = []
        changed = False
        at = 0
        while at < len(whole):
            end = self._ordinary_until(whole, at) if len(whole) - at > _WORTH_SKIPPING else at
            if end > at:
                out.append(whole[at:end])
                at = end
                continue
            end = _event_end(whole, at)
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
        """Says that no event in `data` is an end, a usage or an error."""
        # Of bytes `in` raises and clears an error before it searches.
        return (
            data.find(self._finish_word) < 0
            and data.find(self._usage_word) < 0
            and data.find(b"error") < 0
            and data.find(b"[DONE]") < 0
        )

    def _ordinary_until(self, data: bytes, at: int) -> int:
        """Returns the end of the ordinary events that begin at `at`; `at` itself where the first isn't, or may not be."""
        if not (self.content and self._known) or _CR in data:
            return at
        words = (self._finish_word, self._usage_word, b"error", b"[DONE]")
        found = [position for word in words if (position := data.find(word, at)) >= 0]
        if not found:
            return len(data)
        before = data.rfind(b"\n\n", at, min(found))
        return at if before < 0 else before + 2

    def _event(self, raw: bytes, out: list[bytes]) -> bool:
        """Appends what is to be sent on for one event; returns whether that differs from `raw`."""
        out.append(raw)
        payload = _payload(raw)
        if payload is None:
            return False
        if payload.startswith(b"[DONE]"):
            self.done = True
            return False
        try:
            obj = lenient.loads(payload)
        except orjson.JSONDecodeError:
            return False
        if not isinstance(obj, dict):
            return False
        if obj.get("error") or _event_name(raw) == b"error":
            out.pop()
            raise error_of(obj, None)
        self._name(obj)
        choices = obj.get("choices")
        if not self.content:
            self._learn(raw, choices)
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict):
                    self._choice(choice)
        usage = obj.get("usage")
        if not isinstance(usage, dict):
            groq = obj.get("x_groq")
            if isinstance(groq, dict) and isinstance(groq.get("usage"), dict) and self.usage is None:
                self.usage = decode_usage(groq["usage"])
            return False
        spliced = self._bill(raw, usage)
        if not choices and not self._keep_usage:
            out[-1] = b""
            return True
        out[-1] = spliced
        return spliced is not raw

    def _learn(self, raw: bytes, choices: object) -> None:
        """Notes how this server writes its events, from the last one before the fast path begins."""
        spacing = _CHOICES.match(raw, raw.find(b'"choices"'))
        self._known = spacing is not None
        if spacing is None:
            return
        self._finish_word = b'"finish_reason":' + spacing[1] + b'"'
        self._usage_word = b'"usage":' + spacing[1] + b"{"
        delta = _DELTA.match(raw, raw.find(b'"delta"'))
        running = _RUNNING.match(raw, raw.find(b'"finish_reason"'))
        if isinstance(choices, list) and len(choices) == 1 and raw.startswith(b"data:") and delta and running:
            self._head = raw[: delta.end()]
            self._tail = raw[running.start() :]
            self._end = len(raw) - len(raw.rstrip(b"\r\n")) - raw.endswith(b"\r\n")
            padding = _PADDING.search(raw, running.end())
            lead, tail = b"", self._tail
            if padding is not None:
                lead, tail = raw[running.start() : padding.end()], raw[padding.start(1) :]
            self._form = Ordinary(self._head, tail, self._end, lead)
        else:
            self._head = self._tail = b"\0"
            self._form = None

    def _choice(self, choice: dict[str, Any]) -> None:
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self.finish = FINISH.get(reason.lower(), "stop")
            number = choice.get("index")
            self._ended.add(number if isinstance(number, int) else 0)
        if self.content:
            return
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            self.content = bool(choice.get("text"))
            return
        self.content = any(
            value and name not in ("role", "name", "refusal") for name, value in delta.items()
        ) or (bool(delta.get("refusal")))


class ChatBodyTap(_ChatTap):
    """Holds a whole answer, which has to be known whole before its status is believed."""

    __slots__ = ("_pieces", "_size")

    def __init__(self, *, cost_of: CostOf) -> None:
        super().__init__(cost_of)
        self._pieces: list[bytes] = []
        self._size = 0

    @property
    def held(self) -> bool:
        return True

    def feed(self, data: bytes) -> bytes:
        self._pieces.append(data)
        self._size += len(data)
        if self._size > MAX_BODY_BYTES:
            raise ProviderError(ErrorKind.UPSTREAM, "The answer is too large.")
        return b""

    def close(self) -> bytes:
        body = lenient.utf8(b"".join(self._pieces))
        self._pieces.clear()
        obj = parse_answer(body)
        self._name(obj)
        for choice in obj.get("choices") or ():
            reason = choice.get("finish_reason") if isinstance(choice, dict) else None
            if isinstance(reason, str) and reason:
                self.finish = FINISH.get(reason.lower(), "stop")
        self.content = self.done = True
        usage = obj.get("usage")
        return self._bill(body, usage) if isinstance(usage, dict) else body


def parse_answer(body: bytes) -> dict[str, Any]:
    """Parses a non-streamed answer. Raises ProviderError for an error body under status 200 and for
    anything but a JSON object, Truncated for the beginning of one.
    """
    try:
        obj = lenient.loads(body)
    except orjson.JSONDecodeError:
        if not body.strip() or body.lstrip().startswith(b"{"):
            raise Truncated("The answer's JSON is not whole.") from None
        raise ProviderError(ErrorKind.UPSTREAM, "The answer is not JSON.", 200) from None
    if not isinstance(obj, dict):
        raise ProviderError(ErrorKind.UPSTREAM, "The answer is not a JSON object.", 200)
    if obj.get("error") or obj.get("object") == "error":
        error = error_of(obj, None)
        error.status = 200
        raise error
    return obj


def _is_cut(payload: bytes) -> bool:
    """Says whether the data of the last event is only its beginning."""
    if payload.startswith(b"[DONE]"):
        return False
    try:
        lenient.loads(payload)
    except orjson.JSONDecodeError:
        return True
    return False


def _event_end(data: bytes, at: int) -> int:
    """Returns the position after the blank line that ends the event which begins at `at`."""
    if _CR not in data:
        end = data.find(b"\n\n", at)
        return len(data) if end < 0 else end + 2
    match = _BOUNDARY.search(data, at)
    return len(data) if match is None else match.end()


def _last_boundary(data: bytes | bytearray, start: int) -> int | None:
    """Returns the position after the last blank line that begins at or after `start`."""
    end = data.rfind(b"\n\n", start) + 1
    if _CR in data:
        crlf = data.rfind(b"\n\r\n", start)
        end = max(end, crlf + 2 if crlf >= 0 else 0, data.rfind(b"\r\r", start) + 1)
    return end + 1 if end else None


def _payload(raw: bytes) -> bytes | None:
    """Returns the data of one raw event, None for a comment."""
    if raw.startswith(b"data: ") and raw.find(b"\n", 6) >= len(raw) - 4:
        return raw[6:].rstrip()
    lines = [
        line[5:].removeprefix(b" ")
        for line in raw.replace(b"\r\n", b"\n")
        .replace(b"\r", b"\n")
        .removeprefix(b"\xef\xbb\xbf")
        .split(b"\n")
        if line.startswith(b"data:")
    ]
    return b"\n".join(lines).strip() if lines else None


def _event_name(raw: bytes) -> bytes | None:
    if raw.find(b"\n") >= len(raw) - 4:
        return None  # of one line, which is its data
    found = re.search(rb"(?:^|[\r\n])event: ?([^\r\n]*)", raw)
    return found[1] if found else None


def _usage_position(raw: bytes, usage: dict[str, Any]) -> int | None:
    """Returns where the first member of the answer's own usage object begins."""
    only = raw.rfind(b'"usage"')
    if raw.find(b'"usage"', 0, only) < 0:
        plain = _USAGE_OBJECT.match(raw, only)
        return plain.end() if plain else None
    found = [match.end() for match in _USAGE_OBJECT.finditer(raw)]
    if len(found) <= 1:
        return found[0] if found else None
    # Vendors nest further objects of that name: ours is the last that reads the same.
    text = raw.decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    for match in reversed(list(re.finditer(r'"usage"\s*:\s*(?=\{)', text))):
        try:
            value, _ = decoder.raw_decode(text, match.end())
        except json.JSONDecodeError:
            continue
        if value == usage:
            start = len(text[: match.end()].encode())
            inner = re.compile(rb"\{\s*").match(raw, start)
            return inner.end() if inner else None
    return None
