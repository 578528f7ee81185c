"""Characters whose two halves come in two deltas of a stream, as escapes of a surrogate pair do.

While a stream is decoded, a half stands in its strings as a private-use character of the last 2,048, so that none of
them holds what UTF-8 has no bytes for. `joined` then makes characters of halves that belong together, and U+FFFD of
the others; in a stream that has halves, private-use characters of that range are taken for such.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import orjson

from adapters.canonical import (
    Event,
    Finish,
    MediaDelta,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from adapters.errors import ProviderError
from adapters.lenient_json import utf8, with_whole_escapes

_FIRST = 0x10F800
_LOWER = _FIRST + 0x400
_MARKS = re.compile("([\U0010f800-\U0010fbff])([\U0010fc00-\U0010ffff])|[\U0010f800-\U0010ffff]")

_Delta = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta
_CONTENT = (TextDelta, ReasoningDelta, RefusalDelta, ToolCallDelta, ToolCallStart, MediaDelta, Finish)


class Halves:
    """Parses the events of one stream. While `seen` is false, its text needs nothing of what is here."""

    __slots__ = ("_held", "seen")

    def __init__(self) -> None:
        self.seen = False
        self._held: list[tuple[_Delta, str]] = []

    def loads(self, data: bytes) -> Any:
        """Parses JSON as `lenient.loads` does, but for halves. Raises orjson.JSONDecodeError."""
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            marked = with_whole_escapes(utf8(data), _mark)
            if marked == data:
                raise
        parsed = orjson.loads(marked)
        self.seen = True
        return parsed

    def joined(self, events: Sequence[Event]) -> list[Event]:
        """Returns events whose text is whole; an upper half at a delta's end waits for that block's next one."""
        out: list[Event] = []
        for event in events:
            if isinstance(event, _CONTENT):
                self._release(event, out)
            if isinstance(event, TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta):
                self._delta(event, out)
            else:
                out.append(_with_whole_text(event))
        return out

    def rest(self) -> list[Event]:
        """Returns what still waits for its other half, which will not come."""
        out: list[Event] = [_lost(delta) for delta, _ in self._held]
        self._held.clear()
        return out

    def tell(self, error: ProviderError) -> None:
        """Makes the message of an error of the stream whole."""
        if self.seen:
            error.message = _whole(error.message)
            error.code = None if error.code is None else _whole(error.code)

    def _release(self, event: Event, out: list[Event]) -> None:
        """Replaces halves that wait in blocks which `event` ends by U+FFFD."""
        if self._held:
            ended = [
                held
                for held in self._held
                if held[0].choice == getattr(event, "choice", 0) and not _same_block(held[0], event)
            ]
            for held in ended:
                self._held.remove(held)
                out.append(_lost(held[0]))

    def _delta(self, event: _Delta, out: list[Event]) -> None:
        text = _text(event)
        for held in self._held:
            if _same_block(held[0], event) and text:
                self._held.remove(held)
                text = held[1] + text
                break
        if text and _FIRST <= ord(text[-1]) < _LOWER and not _closes(event):
            self._held.append((event, text[-1]))
            text = text[:-1]
            if not text:
                return
        out.append(_with_whole_text(_said(event, text)))


def _mark(surrogate: int) -> bytes:
    """Returns the private-use character of a surrogate, escaped."""
    offset = surrogate - 0xD800
    return b"\\u%04x\\u%04x" % (0xDBFE + (offset >> 10), 0xDC00 + (offset & 0x3FF))


def _whole(text: str) -> str:
    return _MARKS.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    if match[1] is None:
        return "\ufffd"
    return chr(0x10000 + ((ord(match[1]) - _FIRST) << 10) + (ord(match[2]) - _LOWER))


def _with_whole_text(event: Event) -> Event:
    changed = {}
    for field in fields(event):
        value = getattr(event, field.name)
        whole = _plain(value)
        if whole != value:
            changed[field.name] = whole
    return replace(event, **changed) if changed else event


def _plain(value: Any) -> Any:
    """Returns a value of JSON whose strings are whole."""
    if isinstance(value, str):
        return _whole(value)
    if isinstance(value, dict):
        return {_whole(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value


def _text(delta: _Delta) -> str:
    return delta.arguments if isinstance(delta, ToolCallDelta) else delta.text


def _said(delta: _Delta, text: str) -> _Delta:
    if isinstance(delta, ToolCallDelta):
        return replace(delta, arguments=text)
    if isinstance(delta, ReasoningDelta):
        return replace(delta, text=text)
    return replace(delta, text=text)


def _same_block(delta: _Delta, event: Event) -> bool:
    if type(delta) is not type(event) or delta.choice != getattr(event, "choice", 0):
        return False
    return not isinstance(delta, ToolCallDelta) or delta.index == getattr(event, "index", 0)


def _closes(delta: _Delta) -> bool:
    return isinstance(delta, ReasoningDelta) and bool(delta.signature or delta.redacted)


def _lost(delta: _Delta) -> _Delta:
    return _said(delta, "\ufffd")
