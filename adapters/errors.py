"""The one tree of what can go wrong with a model call, and what each kind lets the gateway do.

Every provider's statuses and bodies are decoded into `ProviderError`; every client dialect encodes it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ErrorKind(Enum):
    """value: (name, HTTP status towards the client, may another arm be tried, does the arm cool down)."""

    RATE_LIMIT = ("rate_limit", 429, True, True)
    OVERLOADED = ("overloaded", 503, True, True)
    TIMEOUT = ("timeout", 504, True, True)
    UPSTREAM = ("upstream", 502, True, True)
    AUTHENTICATION = ("authentication", 401, True, True)
    PERMISSION = ("permission", 403, True, True)
    QUOTA = ("quota", 402, True, True)
    NOT_FOUND = ("not_found", 404, True, True)
    CONTEXT_LENGTH = ("context_length", 400, True, False)
    CONTENT_FILTER = ("content_filter", 400, True, False)
    INVALID_REQUEST = ("invalid_request", 400, False, False)
    TOO_LARGE = ("too_large", 413, True, False)

    def __init__(self, label: str, status: int, another_arm: bool, cools: bool) -> None:
        self.label = label
        self.status = status
        self.another_arm = another_arm
        self.cools = cools


class Truncated(Exception):  # noqa: N818  what happened, not whose fault
    """A decoder was closed before the answer was whole."""


class InvalidRequest(Exception):  # noqa: N818  the client's fault, named as HTTP names it
    """The client's request can't be understood; `field` is its path, such as "messages[2].content"."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class Inexpressible(Exception):  # noqa: N818
    """A dialect has no words for `feature` of a request; the arm is not eligible for it."""

    def __init__(self, feature: str) -> None:
        super().__init__(feature)
        self.feature = feature


@dataclass(slots=True)
class ProviderError(Exception):
    """A failed call. `status` is the upstream's (None before there was one), `retry_after_s` in seconds,
    `code` the provider's own word. The message never holds a credential.
    """

    kind: ErrorKind
    message: str
    status: int | None = None
    code: str | None = None
    retry_after_s: float | None = None

    def __str__(self) -> str:
        return f"{self.kind.label}: {self.message}"
