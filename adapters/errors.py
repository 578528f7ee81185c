"""The one tree of what can go wrong with a model call, and what each kind lets the gateway do.

Every provider's statuses and bodies are decoded into `ProviderError`; every client dialect encodes it back.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
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
    INVALID_REQUEST = ("invalid_request", 400, True, False)
    TOO_LARGE = ("too_large", 413, True, False)
    # No fault of an arm: the gateway lacks something itself, or its operator's time limit ended a call.
    GATEWAY = ("gateway", 503, False, False)
    DEADLINE = ("deadline", 504, False, False)

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
    `code` the provider's own word, `param` the field that it names. The message never holds a credential.
    """

    kind: ErrorKind
    message: str
    status: int | None = None
    code: str | None = None
    retry_after_s: float | None = None
    param: str | None = None

    def __str__(self) -> str:
        return f"{self.kind.label}: {self.message}"


# --- how long to wait -----------------------------------------------------------------------------------

_RESET_HEADERS = (
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-reset",
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-tokens-reset",
    "ratelimit-reset",
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

# Longer waits are not believed: a cooldown probes again by itself.
MAX_RETRY_AFTER_S = 3600.0


def retry_after_s(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Returns the seconds (0..3600) until a retry makes sense, None where the answer doesn't say.

    `headers` have lower-case names. Dates are measured against `now` (epoch seconds), by default against
    the answer's own `date`, so that a clock that runs wrong doesn't matter.
    """
    if now is None:
        now = _date(headers.get("date", ""))
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    value = headers.get("retry-after")
    if value is not None:
        wait = _wait(value, now)
        if wait is not None:
            return wait
    waits = [
        wait
        for name in _RESET_HEADERS
        if name in headers and _exhausted(name, headers) and (wait := _wait(headers[name], now)) is not None
    ]
    return max(waits, default=None)


def _exhausted(reset_header: str, headers: Mapping[str, str]) -> bool:
    """A reset time only says when to come back if nothing remains of its allowance."""
    remaining = _number(headers.get(reset_header.replace("reset", "remaining"), "0"))
    return remaining is None or remaining <= 0


def _wait(value: str, now: float | None) -> float | None:
    value = value.strip()
    number = _number(value)
    if number is not None:
        # Some send the epoch of the reset, in seconds or milliseconds, where others send a number of seconds.
        if number > 1e12:
            number /= 1000
        if number > 1e9:
            return None if now is None else _bounded(number - now)
        return _bounded(number)
    pieces = _DURATION.findall(value)
    if pieces and "".join(number + unit for number, unit in pieces) == value:
        return _bounded(sum(float(number) * _UNIT_S[unit] for number, unit in pieces))
    date = _date(value)
    return None if date is None or now is None else _bounded(date - now)


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _date(value: str) -> float | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            date = parse(value)
        except (ValueError, TypeError, IndexError):
            continue
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    return None


_CREDENTIAL = re.compile(
    r"""
      (?i:bearer|basic)\s+[\w.~+/=*-]{6,}                                   # authorization values
    | \b(?:sk|pk|rk|xai|gsk|fw|tgp|hf|r8|pplx|nvapi|key|ya29|ghp|glpat)[-_.][\w*.-]{8,}
    | \b(?:AIza|AKIA|ASIA)[\w*-]{8,}
    | \beyJ[\w-]{8,}(?:\.[\w-]*){0,2}                                        # JSON web tokens
    | (?<=://)[^/\s:@]+:[^/\s@]+(?=@)                                        # user and password of a URL
    | (?:(?<=[?&]key=)|(?<=[?&]token=)|(?<=[?&]api_key=))[^&\s"']+           # credentials in a query
    | \b(?=[\w+/=-]*[a-z])(?=[\w+/=-]*[A-Z])(?=[\w+/=-]*\d)[\w+/=-]{40,}     # long, mixed: a secret by its looks
    """,
    re.VERBOSE,
)
_NAMED_SECRET = re.compile(
    r"((?:api[ _-]?key|(?:access|security)[ _-]?token|secret|password|authorization)[\"']?(?:\s+provided)?\s*[:=]\s*[\"']?)"
    r"([^\s\"',;]{6,})",
    re.IGNORECASE,
)

# An error page can be megabytes of HTML; a message is for a person.
MAX_MESSAGE_CHARS = 2000


def redact(text: str) -> str:
    """Returns `text`, cut to 2,000 characters, with whatever looks like a credential replaced by "***"."""
    text = text if len(text) <= MAX_MESSAGE_CHARS else text[:MAX_MESSAGE_CHARS] + "…"
    return _NAMED_SECRET.sub(r"\1***", _CREDENTIAL.sub("***", text))
