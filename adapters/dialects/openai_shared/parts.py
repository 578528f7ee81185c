"""Pieces that requests and answers of OpenAI chat share: audio formats, thoughts."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson

from adapters.canonical import Json, Reasoning

_AUDIO = {"mp3": "audio/mpeg", "wav": "audio/wav"}
_FORMAT = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
}


_LONGEST_NAME = 64
"""OpenAI: "string too long. Expected a string with maximum length 64" (user, prompt_cache_key)."""


def short_enough(name: str | None) -> str | None:
    """Returns `name`, or its digest where it is longer than OpenAI accepts."""
    if name is None or len(name) <= _LONGEST_NAME:
        return name
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def audio_type(form: str) -> str:
    return _AUDIO.get(form, f"audio/{form}")


def audio_format(media_type: str | None) -> str:
    return _FORMAT.get(media_type or "audio/wav", (media_type or "audio/wav").rpartition("/")[2])


def thoughts_of(message: Json) -> list[Reasoning]:
    """Decodes the thinking of a message or a delta.

    OpenRouter sends it twice, as plain text and as `reasoning_details`; a server that only adds a signature
    there leaves the text to the plain field.
    """
    plain = next(
        (message[name] for name in ("reasoning_content", "reasoning") if isinstance(message.get(name), str)),
        "",
    )
    details = message.get("reasoning_details")
    if not isinstance(details, list):
        return [Reasoning(plain)] if plain else []
    thoughts = [thought for detail in details if (thought := _thought(detail)) is not None]
    if plain and not any(thought.text for thought in thoughts):
        thoughts.insert(0, Reasoning(plain))
    return thoughts


def _thought(detail: Any) -> Reasoning | None:
    if isinstance(detail, dict) and not _PLAIN.issuperset(detail):
        whole = _whole_thought(detail)
        if whole is not None:
            return whole
    match detail:
        case {"type": "reasoning.encrypted", "data": str(data)}:
            return Reasoning(redacted=data, id=_string(detail, "id"))
        case {"type": "reasoning.text"}:
            thought = Reasoning(
                _string(detail, "text") or "", _string(detail, "signature") or None, id=_string(detail, "id")
            )
        case {"type": "reasoning.summary", "summary": str(summary)}:
            thought = Reasoning(summary, id=_string(detail, "id"))
        case _:
            return None
    return thought if thought.text or thought.signature or thought.id else None


# What a thought has fields for. OpenRouter adds others to a sealed one, and wants all of it back as it was.
_PLAIN = frozenset(("type", "text", "signature", "data", "id", "summary"))


def _whole_thought(detail: Json) -> Reasoning | None:
    """Returns a sealed thought with its whole entry as the seal; None for one without a seal."""
    rest = {name: value for name, value in detail.items() if name != "text"}
    number = _string(detail, "id")
    if _string(detail, "signature"):
        return Reasoning(_string(detail, "text") or "", orjson.dumps(rest).decode(), id=number)
    return Reasoning(redacted=orjson.dumps(rest).decode(), id=number) if _string(detail, "data") else None


def _string(detail: Json, name: str) -> str | None:
    given = detail.get(name)
    return given if isinstance(given, str) else None


def detail_of(text: str, signature: str | None, redacted: str | None, id: str | None) -> Json:
    """Encodes one thinking block as an entry of `reasoning_details`."""
    detail: Json
    whole = _detail_in(redacted or signature or "")
    if whole is not None:
        return whole if redacted is not None else {**whole, "text": text}
    if redacted is not None:
        detail = {"type": "reasoning.encrypted", "data": redacted}
    else:
        detail = {"type": "reasoning.text", "text": text}
        if signature is not None:
            detail["signature"] = signature
    if id is not None:
        detail["id"] = id
    return detail


def _detail_in(seal: str) -> Json | None:
    """Returns the entry that `_whole_thought` kept as a seal; None for a seal as its vendor made it, which may begin
    with a brace too.
    """
    if not seal.startswith("{"):
        return None
    try:
        detail = orjson.loads(seal)
    except orjson.JSONDecodeError:
        return None
    return detail if isinstance(detail, dict) and "type" in detail else None
