"""Answers that are otherwise than expected: a redirect, which no call of a model follows, another success, or a whole
answer in place of a stream and the reverse.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from adapters.errors import ErrorKind, ProviderError, redact

_EVENTS = (b"data:", b"event:", b"id:", b"retry:", b":")


def is_of_other_form(begun: bytes, *, streamed: bool) -> bool:
    """Returns whether an answer begins as a JSON object in place of a stream, or as events in place of one."""
    return begun.startswith(b"{" if streamed else _EVENTS)


def no_error(status: int, location: str | None) -> ProviderError:
    """Returns the failure that a status below 400 is; `location` is shown without what may be secret in it."""
    try:
        named = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        named = str(status)
    where = _shown(location) if location else None
    if 300 <= status < 400:
        to = f" to {where}" if where else ""
        message = (
            f"The provider answered {named}, a redirect{to}. It is not followed: mend the arm's base_url."
        )
    else:
        at = f" and the location {where}" if where else ""
        message = f"The provider answered {named}{at}, where only a 200 holds an answer."
    return ProviderError(ErrorKind.UPSTREAM, message, status, "redirect" if status >= 300 else None)


def _shown(location: str) -> str:
    """Scheme, host and path: a query or a user name may hold a credential."""
    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that can't be read"
    scheme = f"{parts.scheme}://" if parts.scheme else "//" if host else ""
    return redact(f"{scheme}{host}{port}{parts.path}"[:500])
