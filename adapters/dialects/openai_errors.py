"""Failures as OpenAI and its relatives write them, and as OpenRouter writes them towards clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from adapters import lenient
from adapters.canonical import Json
from adapters.errors import ErrorKind, ProviderError, classify, redact, retry_after_s

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


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Decodes an error answer of whatever shape; never raises."""
    try:
        raw = lenient.loads(body)
    except orjson.JSONDecodeError:
        raw = body.decode("utf-8", "replace").strip()
    error = error_of(raw, status)
    error.retry_after_s = retry_after_s(headers)
    return error


def error_of(raw: Any, status: int | None) -> ProviderError:
    """Decodes `{"error": {…}}`, `{"error": "…"}`, `{"object": "error", …}`, `{"message": …}`, `{"detail": …}`
    or plain text. `status` is None within a stream, where a number in `code` takes its place.
    """
    if isinstance(raw, list) and len(raw) == 1:
        raw = raw[0]
    outer: Json = raw if isinstance(raw, dict) else {}
    inner = outer.get("error", outer or raw)
    error: Json = inner if isinstance(inner, dict) else {}
    message = _message(inner, outer)
    codes = [error.get("code"), error.get("type"), error.get("status"), outer.get("code"), outer.get("type")]
    detail = error.get("innererror")
    if isinstance(detail, dict):
        codes.insert(0, detail.get("code"))
    metadata = error.get("metadata")
    if isinstance(metadata, dict):
        codes.append(metadata.get("error_type"))
    number = next((code for code in codes if isinstance(code, int) and 400 <= code < 600), None)
    if number is None:
        number = next(
            (int(c) for c in codes if isinstance(c, str) and c.isdigit() and 400 <= int(c) < 600), None
        )
    kind = classify(status if status is not None and status >= 400 else number, message, *codes)
    code = next((str(code) for code in codes if isinstance(code, str | int) and code), None)
    return ProviderError(kind, redact(message), status, redact(code) if code else None)


def _message(inner: Any, outer: Json) -> str:
    if isinstance(inner, str):
        return inner or "The provider gave no reason."
    for source in (inner, outer):
        if isinstance(source, dict):
            for name in ("message", "detail", "msg", "error_message"):
                said = source.get(name)
                if isinstance(said, str) and said:
                    return said
                if said:
                    return orjson.dumps(said).decode()
    return "The provider gave no reason."


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
        "param": None,
        "code": error.kind.status,
        "metadata": metadata,
    }
