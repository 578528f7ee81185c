"""What the gateway itself says no to, and how a refusal looks in the client's dialect.

Errors of a provider are `adapters.errors.ProviderError`; this is the other half, where no provider was asked.
"""

from __future__ import annotations

from typing import Literal

import orjson

from adapters import lenient_json
from adapters.client_words import anthropic_overflow

Form = Literal["openai", "anthropic", "gemini"]
"""Whose clients read the error."""

_LONGEST = 1000
"""Characters of a message: it may quote what the client sent, and that may be a whole book."""


class Refusal(Exception):  # noqa: N818  not every refusal is an error of ours
    """The gateway's own answer. `status` is HTTP's, `kind` OpenAI's error type, `param` the field at fault, `shed` what
    the gateway has too much of to take the request.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        shed: str | None = None,
    ) -> None:
        if len(message) > _LONGEST:
            message = f"{message[: _LONGEST * 3 // 4]} … {message[-_LONGEST // 4 :]}"
        super().__init__(message)
        self.status = status
        self.message = lenient_json.text(message)  # what it quotes of a header may be no UTF-8
        self.kind = kind
        self.param = param
        self.code = code
        self.retry_after_s = retry_after_s
        self.shed = shed

    def body(self, form: Form = "openai") -> bytes:
        """Returns the error body in a vendor's form."""
        if form == "anthropic":
            message = anthropic_overflow(self.message) if self.code == _OVERFLOW else self.message
            return orjson.dumps(
                {"type": "error", "error": {"type": self._anthropic_type(), "message": message}}
            )
        if form == "gemini":
            usual = "INVALID_ARGUMENT" if self.status < 500 else "INTERNAL"
            status = _GOOGLE.get(self.status, usual)
            return orjson.dumps({"error": {"code": self.status, "message": self.message, "status": status}})
        return orjson.dumps(
            {
                "error": {
                    "message": self.message,
                    "type": self.kind,
                    "param": self.param,
                    "code": self.code or self.status,
                }
            }
        )

    def _anthropic_type(self) -> str:
        usual = "invalid_request_error" if self.status < 500 else "api_error"
        return _ANTHROPIC.get(self.status, usual)


_OVERFLOW = "context_length_exceeded"
_ANTHROPIC = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}

_GOOGLE = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def invalid(message: str, param: str | None = None, *, status: int = 400) -> Refusal:
    """The request is at fault; `param` is the path of the field."""
    return Refusal(status, message, param=param)


def not_found(message: str, *, code: str, param: str | None = None) -> Refusal:
    """There is no such thing."""
    return Refusal(404, message, param=param, code=code)


def unprocessable(message: str, param: str) -> Refusal:
    """The field `param` has a value out of its range."""
    return Refusal(422, message, param=param)
