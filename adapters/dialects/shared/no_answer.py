"""What comes under status 200 in place of an answer, whatever the dialect.

An answer of an API is, in the place where this API has it,

- content: text, reasoning, a refusal, a tool call, media; or
- without content, the message and a regular end of it. Vendors answer so when there is nothing to say: Anthropic ends a
  turn after a tool's result without a word, and a limit of tokens may be spent on hidden reasoning. Where a filter or the
  limit ended it, the message itself may be missing, as in Azure's and Gemini's.

Everything else is the failure of the arm that sent it: another vendor's error, an end that is an error, `null`, a web
page, a stream that ends before it said anything. What it says of the cause is read, whichever form it has, so that a
limit is a limit and a wrong key a wrong key.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from adapters import lenient_json
from adapters.canonical import Json
from adapters.dialects.openai_shared.errors import NO_REASON, error_of
from adapters.errors import ErrorKind, ProviderError, Truncated, redact
from adapters.sse import is_field

ENDS_WITHOUT_MESSAGE = frozenset({"length", "content_filter"})
"""Canonical finish reasons of an answer that may lack even its message."""

_SHOWN = 200
_TITLE = re.compile(rb"<(?:title|h1)[^>]*>([^<]{1,200})", re.IGNORECASE)
_DATA = re.compile(rb"^data: ?([^\r\n]+)", re.MULTILINE)
_OVERLOADED_ENDS = frozenset({"insufficient_system_resource"})  # DeepSeek's
_WORDS = ("message", "Message", "detail", "msg", "error_message", "error_msg", "fault")


def is_error(raw: Json) -> bool:
    """Returns whether an object that is no answer of its API is an error in any vendor's form."""
    return (
        bool(raw.get("error") or raw.get("errors"))
        or raw.get("object") == "error"
        or raw.get("type") == "error"
        or raw.get("success") is False
        or any(raw.get(name) for name in _WORDS)
    )


def no_answer(raw: object) -> ProviderError:
    """Returns the failure that `raw`, parsed JSON, tells or is."""
    error = error_of(raw, None)
    error.status = 200
    if error.message == NO_REASON:
        error.message = "The provider answered 200 without an answer."
    return error


def ended_in_error(native: object, raw: Json) -> ProviderError:
    """Returns the failure of an answer whose end, `native` in the provider's word, is an error; `raw` may tell more."""
    if raw.get("error"):
        return no_answer(raw)
    kind = ErrorKind.OVERLOADED if native in _OVERLOADED_ENDS else ErrorKind.UPSTREAM
    return ProviderError(kind, redact(f"The model ended with {native!r}."), 200)


def whole_object(body: bytes) -> Json:
    """Parses a body. Raises Truncated for the beginning of a JSON object and for nothing at all, ProviderError for
    anything else that is no object.
    """
    try:
        raw = lenient_json.loads(body)
    except orjson.JSONDecodeError:
        text = body.strip()
        if not text or text.startswith(b"{"):
            raise Truncated("The answer's JSON is not whole.") from None
        raise _no_json(text) from None
    if not isinstance(raw, dict):
        raise no_answer(raw)
    return raw


def event_object(payload: bytes, loads: Callable[[bytes], Any] = lenient_json.loads) -> Json:
    """Parses the data of one event. Raises ProviderError for what is no JSON object."""
    try:
        raw = loads(payload)
    except orjson.JSONDecodeError:
        raise ProviderError(ErrorKind.UPSTREAM, "An event of the stream is not JSON.", 200) from None
    if not isinstance(raw, dict):
        raise no_answer(raw)
    return raw


def is_cut(payload: bytes | None) -> bool:
    """Returns whether the data of a last event is JSON that breaks off."""
    if not payload or payload.startswith(b"[DONE]"):
        return False
    try:
        lenient_json.loads(payload)
    except orjson.JSONDecodeError:
        return True
    return False


def is_stray(raw: bytes) -> bool:
    """Returns whether what has no data is no comment either, nor another field of an event or the beginning of one."""
    return not is_field(raw.strip())


def unanswered(odd: object, stray: bytes) -> ProviderError:
    """Returns the failure of a stream that ended before it said anything: `odd` is an event of it that is none of its
    API, `stray` what stood there in place of events.
    """
    if odd is not None:
        return no_answer(odd)
    text = stray.strip()
    if not text:
        return ProviderError(ErrorKind.UPSTREAM, "The stream ended without an answer.", 200)
    try:
        return no_answer(lenient_json.loads(text))
    except orjson.JSONDecodeError:
        return _no_json(text)


def _no_json(text: bytes) -> ProviderError:
    if text.startswith((b"data:", b"event:", b":")):
        return _stream(text)
    if text.startswith(b"<"):
        title = _TITLE.search(text)
        shown = b"" if title is None else title[1].strip()
        message = "The provider answered with a web page"
    else:
        shown = text[:_SHOWN]
        message = "The answer is not JSON"
    words = shown.decode("utf-8", "replace")
    return ProviderError(
        ErrorKind.UPSTREAM, redact(f"{message}: {' '.join(words.split())}" if words else f"{message}."), 200
    )


def _stream(text: bytes) -> ProviderError:
    """Returns the error that a stream tells which came for a whole answer."""
    for match in _DATA.finditer(text):
        try:
            raw: Any = lenient_json.loads(match[1])
        except orjson.JSONDecodeError:
            continue
        if isinstance(raw, dict) and is_error(raw):
            return no_answer(raw)
    return ProviderError(ErrorKind.UPSTREAM, "The provider sent a stream where none was asked for.", 200)
