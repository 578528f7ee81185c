"""Anthropic Messages: its errors ↔ the one tree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from adapters import lenient_json
from adapters.canonical import Json
from adapters.client_words import anthropic_message
from adapters.dialects.openai_shared import errors as openai_errors
from adapters.errors import ErrorKind, ProviderError, redact, retry_after_s
from adapters.failure_words import classify

_WORDS = {
    ErrorKind.INVALID_REQUEST: "invalid_request_error",
    ErrorKind.CONTEXT_LENGTH: "invalid_request_error",
    ErrorKind.CONTENT_FILTER: "invalid_request_error",
    ErrorKind.AUTHENTICATION: "authentication_error",
    ErrorKind.QUOTA: "billing_error",
    ErrorKind.PERMISSION: "permission_error",
    ErrorKind.NOT_FOUND: "not_found_error",
    ErrorKind.TOO_LARGE: "request_too_large",
    ErrorKind.RATE_LIMIT: "rate_limit_error",
    ErrorKind.TIMEOUT: "timeout_error",
    ErrorKind.DEADLINE: "timeout_error",
    ErrorKind.OVERLOADED: "overloaded_error",
    ErrorKind.GATEWAY: "overloaded_error",
    ErrorKind.UPSTREAM: "api_error",
}
# Spent monthly limits come as invalid_request_error; only the words tell.
_SPENT = re.compile(r"reached your specified (?:workspace )?API usage limits", re.IGNORECASE)


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    try:
        raw = lenient_json.loads(body)
    except orjson.JSONDecodeError:
        raw = None
    error = error_of(raw, status)
    error.retry_after_s = retry_after_s(headers)
    return error


def error_of(raw: Any, status: int | None = None) -> ProviderError:
    """Decodes an error object, `{"type": "error", "error": {"type", "message"}}`, of a body or a stream, or what
    another vendor's server sends in its place.
    """
    inner = raw.get("error") if isinstance(raw, dict) else None
    word = message = None
    if isinstance(inner, dict):
        word, message = inner.get("type"), inner.get("message")
    if not isinstance(message, str) or not message or not isinstance(word, str):
        error = openai_errors.error_of(raw, status)
        if error.message == openai_errors.NO_REASON:
            error.message = (
                f"The provider answered {status}." if status else "The provider broke off the stream."
            )
        return error
    failure_status = None if status is None or status < 400 else status
    kind = ErrorKind.QUOTA if _SPENT.search(message) else classify(failure_status, message, word)
    return ProviderError(kind, redact(message), status, redact(word))


def error_object(error: ProviderError) -> Json:
    message = anthropic_message(error.kind, error.message)
    return {"type": "error", "error": {"type": _WORDS[error.kind], "message": message}}
