"""Failures as OpenAI and its relatives write them, and as OpenRouter writes them towards clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from adapters import lenient_json
from adapters.canonical import Json
from adapters.client_words import OPENAI_CODES
from adapters.errors import MAX_RETRY_AFTER_S, ErrorKind, ProviderError, redact, retry_after_s
from adapters.failure_words import classify

# What OpenAI's own clients expect to read in `type`.
_TYPE = {
    ErrorKind.RATE_LIMIT: "rate_limit_error",
    ErrorKind.OVERLOADED: "overloaded_error",
    ErrorKind.GATEWAY: "overloaded_error",
    ErrorKind.TIMEOUT: "timeout_error",
    ErrorKind.DEADLINE: "timeout_error",
    ErrorKind.UPSTREAM: "server_error",
    ErrorKind.AUTHENTICATION: "authentication_error",
    ErrorKind.PERMISSION: "permission_error",
    ErrorKind.QUOTA: "insufficient_quota",
    ErrorKind.NOT_FOUND: "not_found_error",
}

NO_REASON = "The provider gave no reason."
_STATUS = ("status", "status_code", "statusCode", "error_code")
_MESSAGE = (
    "message",
    "Message",
    "detail",
    "msg",
    "error_message",
    "error_msg",
    "status_msg",
    "faultstring",
    "title",
    "reason",
)
"""Where a reason stands, the plainest words first."""


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Decodes an error answer of whatever shape; never raises."""
    try:
        raw = lenient_json.loads(body)
    except orjson.JSONDecodeError:
        raw = body.decode("utf-8", "replace").strip()
    error = error_of(raw, status)
    wait = retry_after_s(headers)
    if wait is not None:
        error.retry_after_s = wait
    return error


def error_of(raw: Any, status: int | None) -> ProviderError:
    """Decodes `{"error": {…}}`, `{"error": "…"}`, `{"errors": […]}`, `{"object": "error", …}`, `{"message": …}`,
    `{"detail": …}`, the same in other vendors' words, or plain text. `status` is None within a stream or under 200,
    where a number in `code` or `status` takes its place.
    """
    if isinstance(raw, list) and raw:
        raw = raw[0]
    outer: Json = raw if isinstance(raw, dict) else {}
    inner = _inner(outer) or raw
    error: Json = inner if isinstance(inner, dict) else {}
    message = _message(inner, outer)
    codes = [
        source.get(name)
        for source, names in ((error, ("code", "type", *_STATUS)), (outer, ("code", "type", *_STATUS)))
        for name in names
    ]
    detail = error.get("innererror")
    if isinstance(detail, dict):
        codes.insert(0, detail.get("code"))
    details = error.get("details")
    if isinstance(details, list):  # Google's tell the reason there
        codes += [entry.get("reason") for entry in details if isinstance(entry, dict)]
    metadata = error.get("metadata")
    if isinstance(metadata, dict):
        codes.append(metadata.get("error_type"))
    number = next((code for code in codes if type(code) is int and 400 <= code < 600), None)
    if number is None:
        number = next(
            (int(c) for c in codes if isinstance(c, str) and c.isdigit() and 400 <= int(c) < 600), None
        )
    kind = classify(status if status is not None and status >= 400 else number, message, *codes)
    code = next((str(code) for code in codes if isinstance(code, str | int) and code), None)
    param = error.get("param")
    return ProviderError(
        kind,
        redact(message),
        status,
        redact(code) if code else None,
        _wait(error, outer, metadata),
        redact(param) if isinstance(param, str) and param else None,
    )


def _inner(outer: Json) -> Any:
    """Returns the part of an error body that describes the error: the value of its own field, else all of it."""
    for name in ("error", "errors", "base_resp", "fault"):
        inner = outer.get(name)
        if inner:
            return inner[0] if isinstance(inner, list) else inner
    return outer


def _wait(*places: object) -> float | None:
    """Returns the seconds to wait where the body states them."""
    for place in places:
        if isinstance(place, dict):
            for name in ("retry_after", "retry_after_s", "retry_after_seconds"):
                seconds = place.get(name)
                if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds >= 0:
                    return min(float(seconds), MAX_RETRY_AFTER_S)
    return None


def _message(inner: Any, outer: Json) -> str:
    if isinstance(inner, str):
        return inner or NO_REASON
    for source in (inner, outer):
        if isinstance(source, dict):
            for name in _MESSAGE:
                words = source.get(name)
                if isinstance(words, str) and words:
                    return words
                if words:
                    return orjson.dumps(words).decode()
    return NO_REASON


def encode_error(error: ProviderError) -> bytes:
    """Returns the body of an error answer."""
    return orjson.dumps({"error": error_object(error)})


def error_object(error: ProviderError) -> Json:
    """Returns OpenRouter's error object with the `type` and `param` that OpenAI's clients read."""
    metadata: Json = {"error_type": error.kind.label}
    if error.code is not None:
        metadata["provider_code"] = error.code
    if error.retry_after_s is not None:
        metadata["retry_after_s"] = error.retry_after_s
    return {
        "message": error.message,
        "type": _TYPE.get(error.kind, "invalid_request_error"),
        "param": error.param or ("messages" if error.kind is ErrorKind.CONTEXT_LENGTH else None),
        "code": OPENAI_CODES.get(error.kind, error.kind.status),
        "metadata": metadata,
    }
