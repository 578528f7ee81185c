"""Watches answers of OpenAI's audio APIs: sound, a transcript in JSON or as plain text, events of either.

Sound and plain text pass as they come. JSON and pages are held back, and events until the first with content:
an error under status 200 comes there.
"""

from __future__ import annotations

import orjson

from adapters import lenient_json
from adapters.answer_facts import AnswerFacts
from adapters.canonical import Json, Usage
from adapters.dialects.openai_shared.usage import decode_usage
from adapters.dialects.shared.no_answer import is_error, no_answer, unanswered, whole_object
from adapters.errors import ErrorKind, ProviderError
from adapters.sse import MAX_STRAY_BYTES, SseSplitter

MAX_HELD_BYTES = 32 * 1024 * 1024
_LONGEST_S = 1e6
_SUSPECT = (b"", b"{", b"<")
_TEXTS = ("text", "segments", "words")
_SOUNDS = ("audio", "data", "audioContent")


class SoundTap(AnswerFacts):
    """See `Tap`. `speech`: sound was asked for, else a transcript."""

    def __init__(self, *, speech: bool) -> None:
        super().__init__()
        self._speech = speech
        self._kind = b""
        self._held: list[bytes] = []
        self._size = 0
        self._splitter = SseSplitter()
        self._odd: Json | None = None

    @property
    def ended(self) -> int:
        """Always 0: before the message ends, sound that is cut off looks like sound that is whole."""
        return 0

    def expect(self, content_type: bytes) -> None:
        """Records the content type of the answer's head."""
        self._kind = content_type.lower()

    def feed(self, data: bytes) -> bytes:
        """Raises ProviderError for an error among events."""
        if b"event-stream" in self._kind:
            return self._events(data)
        if self.content:
            return data
        self._held.append(data)
        self._size += len(data)
        if self._size > MAX_HELD_BYTES:
            raise ProviderError(ErrorKind.UPSTREAM, "The answer is too large.")
        if b"json" in self._kind or b"html" in self._kind:
            return b""
        head = b"".join(self._held)
        # Of whatever type it is called, an error is short and looks like one.
        if (
            not self._kind.startswith(b"audio/")
            and head.lstrip()[:1] in _SUSPECT
            and len(head) < MAX_STRAY_BYTES
        ):
            return b""
        self.content = True
        return self._released()

    def close(self) -> bytes:
        """Raises ProviderError for what is no answer."""
        if b"event-stream" in self._kind:
            out = self._events(b"", last=True)
            if not self.content:
                raise unanswered(self._odd, self._splitter.stray)
        else:
            out = self._released()
            if not self.content:
                self._whole(out)
        self.content = self.done = True
        self.finish = "stop"
        return out

    def _released(self) -> bytes:
        out = b"".join(self._held)
        self._held.clear()
        return out

    def _whole(self, body: bytes) -> None:
        """Raises ProviderError for a body that is no answer, in JSON or another form."""
        if b"json" not in self._kind:
            silent = self._speech and not body.strip()
            if (
                silent
                or b"html" in self._kind
                or body.lstrip()[:9].lower().startswith((b"<!doctype", b"<html"))
            ):
                raise unanswered(None, body)
            try:
                parsed = lenient_json.loads(body)
            except orjson.JSONDecodeError:
                return
            if self._speech or (isinstance(parsed, dict) and is_error(parsed)):
                raise no_answer(parsed)
            return
        raw = whole_object(body)
        members = _SOUNDS if self._speech else _TEXTS
        if raw.get("error") or not any(isinstance(raw.get(name), str | list) for name in members):
            raise no_answer(raw)
        self._count(raw)

    def _events(self, data: bytes, *, last: bool = False) -> bytes:
        for name, payload in self._splitter.close() if last else self._splitter.feed(data):
            self._event(name, payload)
        if self.content:
            return self._released() + data
        self._size += len(data)
        if self._size > MAX_HELD_BYTES:
            raise ProviderError(ErrorKind.UPSTREAM, "The stream says nothing.")
        self._held.append(data)
        return b""

    def _event(self, name: str, payload: bytes) -> None:
        if payload.startswith(b"[DONE]") or not payload.strip():
            return
        try:
            raw = lenient_json.loads(payload)
        except orjson.JSONDecodeError:
            raise ProviderError(ErrorKind.UPSTREAM, "An event of the stream is not JSON.", 200) from None
        if not isinstance(raw, dict) or raw.get("error") or name == "error":
            raise no_answer(raw)
        if not isinstance(raw.get("type"), str) or raw["type"] == "error":
            if is_error(raw):
                raise no_answer(raw)
            self._odd = self._odd or raw
            return
        self.content = True
        self._count(raw)

    def _count(self, raw: Json) -> None:
        """Notes the usage: tokens, or how long the sound is."""
        usage = raw.get("usage")
        if isinstance(usage, dict) and "input_tokens" in usage:
            counted = decode_usage(usage)
            self.usage = counted if counted.input else None
            return
        if isinstance(usage, dict):  # OpenAI, and Mistral
            seconds = usage.get("seconds", usage.get("prompt_audio_seconds"))
        else:
            seconds = raw.get("duration")
        if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds < _LONGEST_S:
            self.usage = Usage(seconds=float(seconds))
