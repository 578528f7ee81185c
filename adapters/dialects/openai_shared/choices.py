"""Whole answers of OpenAI's chat and completions: what their choices must have to be answers."""

from __future__ import annotations

from typing import Any

from adapters.billing.counts import size_of
from adapters.canonical import Json
from adapters.dialects.shared.no_answer import (
    ENDS_WITHOUT_MESSAGE,
    ended_in_error,
    is_error,
    no_answer,
    whole_object,
)

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

_NO_CONTENT = ("role", "name")


def whole_answer(body: bytes) -> Json:
    """Parses a non-streamed answer. Raises ProviderError for what is none (see `no_answer`), Truncated for the
    beginning of one.
    """
    raw = whole_object(body)
    choices = raw.get("choices")
    if raw.get("error") or raw.get("object") == "error" or not isinstance(choices, list):
        raise no_answer(raw)
    answered = False
    for choice in choices:
        if isinstance(choice, dict):
            ended = finish_of(choice)
            answered = answered or _is_answered(choice, ended)
    if not answered:
        raise no_answer(raw)
    return raw


def refuse_error(raw: Json) -> None:
    """Raises ProviderError for an event that is an error, beside choices or in place of them."""
    if (
        raw.get("error")
        or raw.get("object") == "error"
        or (not isinstance(raw.get("choices"), list) and is_error(raw))
    ):
        raise no_answer(raw)


def finish_of(choice: Json) -> str | None:
    """Returns the canonical reason why a choice ended, None before its end. Raises ProviderError for an error in it,
    and for an end that is one.
    """
    if choice.get("error"):
        raise no_answer(choice)
    native = choice.get("finish_reason")
    if not isinstance(native, str) or not native:
        return None
    reason = FINISH.get(native.lower(), "stop")
    if reason == "error":
        raise ended_in_error(native, choice)
    return reason


def has_content(message: Json) -> bool:
    """Returns whether a message or a delta holds any content: text, reasoning, a refusal, a tool call, media."""
    return any(value and name not in _NO_CONTENT for name, value in message.items())


def _is_answered(choice: Json, ended: str | None) -> bool:
    for message in (choice.get("message"), choice.get("delta")):
        if isinstance(message, dict):
            return ended is not None or has_content(message)
    text = choice.get("text")
    if isinstance(text, str):
        return ended is not None or bool(text)
    return ended in ENDS_WITHOUT_MESSAGE


def said_in(choices: object) -> int:
    """Returns the bytes of content in `choices`, of an answer or of an event."""
    size = 0
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            size += _bytes_of(choice.get("text"))
            for message in (choice.get("delta"), choice.get("message")):
                if isinstance(message, dict):
                    size += sum(
                        _bytes_of(value) for name, value in message.items() if name not in _NO_CONTENT
                    )
                    break
    return size


def _bytes_of(value: Any) -> int:
    """Returns the bytes of all texts in `value`; those of media are no text."""
    if isinstance(value, str):
        return size_of(value)
    if isinstance(value, list):
        return sum(map(_bytes_of, value))
    if isinstance(value, dict):
        return sum(
            _bytes_of(inner) for name, inner in value.items() if name not in ("data", "url", "id", "type")
        )
    return 0
