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
    INVALID_REQUEST = ("invalid_request", 400, False, False)
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
    `code` the provider's own word. The message never holds a credential.
    """

    kind: ErrorKind
    message: str
    status: int | None = None
    code: str | None = None
    retry_after_s: float | None = None

    def __str__(self) -> str:
        return f"{self.kind.label}: {self.message}"


# --- from a provider's words to the tree --------------------------------------------------------------

_BY_STATUS = {
    400: ErrorKind.INVALID_REQUEST,
    401: ErrorKind.AUTHENTICATION,
    402: ErrorKind.QUOTA,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.NOT_FOUND,
    405: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    409: ErrorKind.UPSTREAM,
    410: ErrorKind.NOT_FOUND,
    413: ErrorKind.TOO_LARGE,
    421: ErrorKind.UPSTREAM,
    422: ErrorKind.INVALID_REQUEST,
    424: ErrorKind.UPSTREAM,
    425: ErrorKind.OVERLOADED,
    429: ErrorKind.RATE_LIMIT,
    451: ErrorKind.CONTENT_FILTER,
    499: ErrorKind.TIMEOUT,
    500: ErrorKind.UPSTREAM,
    502: ErrorKind.UPSTREAM,
    503: ErrorKind.OVERLOADED,
    504: ErrorKind.TIMEOUT,
    524: ErrorKind.TIMEOUT,
    529: ErrorKind.OVERLOADED,
}

# Words of `code`, `type`, `status` or `__type` fields, compared without case, "_", "-", " " or a suffix
# "error" / "exception". They are more exact than the status: OpenAI answers 429 to an empty purse.
_BY_CODE = {
    "insufficientquota": ErrorKind.QUOTA,
    "billinghardlimitreached": ErrorKind.QUOTA,
    "billingnotactive": ErrorKind.QUOTA,
    "billing": ErrorKind.QUOTA,
    "insufficientbalance": ErrorKind.QUOTA,
    "arrearage": ErrorKind.QUOTA,
    "servicequotaexceeded": ErrorKind.QUOTA,
    "paymentrequired": ErrorKind.QUOTA,
    "contextlengthexceeded": ErrorKind.CONTEXT_LENGTH,
    "stringabovemaxlength": ErrorKind.CONTEXT_LENGTH,
    "modelcontextwindowexceeded": ErrorKind.CONTEXT_LENGTH,
    "contentfilter": ErrorKind.CONTENT_FILTER,
    "contentpolicyviolation": ErrorKind.CONTENT_FILTER,
    "responsibleaipolicyviolation": ErrorKind.CONTENT_FILTER,
    "datainspectionfailed": ErrorKind.CONTENT_FILTER,
    "moderationblocked": ErrorKind.CONTENT_FILTER,
    "ratelimit": ErrorKind.RATE_LIMIT,
    "ratelimited": ErrorKind.RATE_LIMIT,
    "ratelimitexceeded": ErrorKind.RATE_LIMIT,
    "resourceexhausted": ErrorKind.RATE_LIMIT,
    "throttling": ErrorKind.RATE_LIMIT,
    "toomanyrequests": ErrorKind.RATE_LIMIT,
    "overloaded": ErrorKind.OVERLOADED,
    "engineoverloaded": ErrorKind.OVERLOADED,
    "serviceunavailable": ErrorKind.OVERLOADED,
    "unavailable": ErrorKind.OVERLOADED,
    "modelnotready": ErrorKind.OVERLOADED,
    "slowdown": ErrorKind.OVERLOADED,
    "timeout": ErrorKind.TIMEOUT,
    "modeltimeout": ErrorKind.TIMEOUT,
    "deadlineexceeded": ErrorKind.TIMEOUT,
    "invalidapikey": ErrorKind.AUTHENTICATION,
    "authentication": ErrorKind.AUTHENTICATION,
    "unauthenticated": ErrorKind.AUTHENTICATION,
    "unauthorized": ErrorKind.AUTHENTICATION,
    "unrecognizedclient": ErrorKind.AUTHENTICATION,
    "expiredtoken": ErrorKind.AUTHENTICATION,
    "invalidsignature": ErrorKind.AUTHENTICATION,
    "permission": ErrorKind.PERMISSION,
    "permissiondenied": ErrorKind.PERMISSION,
    "accessdenied": ErrorKind.PERMISSION,
    "unsupportedcountryregionterritory": ErrorKind.PERMISSION,
    "modelnotfound": ErrorKind.NOT_FOUND,
    "notfound": ErrorKind.NOT_FOUND,
    "resourcenotfound": ErrorKind.NOT_FOUND,
    "deploymentnotfound": ErrorKind.NOT_FOUND,
    "requesttoolarge": ErrorKind.TOO_LARGE,
    "servererror": ErrorKind.UPSTREAM,
    "server": ErrorKind.UPSTREAM,
    "internal": ErrorKind.UPSTREAM,
    "internalserver": ErrorKind.UPSTREAM,
    "api": ErrorKind.UPSTREAM,
    "modelstream": ErrorKind.UPSTREAM,
    "invalidrequest": ErrorKind.INVALID_REQUEST,
    "invalidargument": ErrorKind.INVALID_REQUEST,
    "validation": ErrorKind.INVALID_REQUEST,
    "failedprecondition": ErrorKind.INVALID_REQUEST,
}

# What providers without a code for it write when the prompt doesn't fit, and when a filter refused.
_CONTEXT_LENGTH = re.compile(
    r"context[ _-]?(?:length|window|size)|maximum (?:context|prompt|input) length|prompt is too long"
    r"|(?:input|prompt)[^.]{0,40}(?:is too long|too many tokens)|too many (?:input )?tokens"
    r"|exceeds? (?:the |this model's )?(?:maximum|max)[^.]{0,40}tokens|reduce the length of the"
    r"|token count[^.]{0,60}exceeds|(?:input|prompt) tokens? (?:limit )?exceed",
    re.IGNORECASE,
)
_CONTENT_FILTER = re.compile(
    r"content (?:management|moderation|filter|policy)|content[_-]filter|safety system|data_inspection_failed"
    r"|inappropriate content|flagged (?:by|for) ",
    re.IGNORECASE,
)
_NO_MONEY = re.compile(
    r"insufficient (?:balance|credits?|funds|quota)|credit balance is too low|exceeded your current quota"
    r"|billing details|payment required|out of credits",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(
    r"(?:invalid|incorrect|missing)[^.]{0,20} api[ _-]?key|api key not valid", re.IGNORECASE
)


def classify(status: int | None, message: str, *codes: object) -> ErrorKind:
    """Returns the kind of a failure: the provider's own `codes` first (those that are strings), then its
    words where the status is too coarse, then the status (None: in a stream, where there is none).
    """
    kinds = [_BY_CODE.get(_code_word(code)) for code in codes if isinstance(code, str)]
    exact = next((kind for kind in kinds if kind not in (None, ErrorKind.INVALID_REQUEST)), None)
    if exact is not None and exact is not ErrorKind.RATE_LIMIT:
        return exact
    # Only failures that are about the request or the account are told apart by their words.
    if status in (None, 400, 403, 413, 422, 429):
        for pattern, kind in (
            (_NO_MONEY, ErrorKind.QUOTA),
            (_CONTEXT_LENGTH, ErrorKind.CONTEXT_LENGTH),
            (_CONTENT_FILTER, ErrorKind.CONTENT_FILTER),
            (_BAD_KEY, ErrorKind.AUTHENTICATION),
        ):
            if status == 429 and kind is not ErrorKind.QUOTA:
                continue
            if pattern.search(message):
                return kind
    if exact is not None:
        return exact
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status is not None and 400 <= status < 500:
        return ErrorKind.INVALID_REQUEST
    if ErrorKind.INVALID_REQUEST in kinds:
        return ErrorKind.INVALID_REQUEST
    return ErrorKind.UPSTREAM


def _code_word(code: str) -> str:
    word = code.rsplit("#", 1)[-1].split(":", 1)[0].lower()
    for sign in "_- .":
        word = word.replace(sign, "")
    for ending in ("exception", "error"):
        if word != ending:
            word = word.removesuffix(ending)
    return word


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
