"""Who may come in: loopback only while no key is configured, else whoever holds one; and what for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address

from proxy.governance.principal import LOCAL, Principal, Scope
from proxy.ingress.errors import Refusal
from proxy.ingress.request import Incoming

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

_OWN_PAGES = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site for what our own pages, the address bar, and no page at all ask for."""


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Returns whether binding to or coming from `host` stays on this machine."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


@lru_cache(maxsize=256)
def _host_name(header: str) -> str:
    """Returns the name in a Host header, without its port."""
    host = header.lower()
    return host[: host.rfind("]") + 1] if host.startswith("[") else host.partition(":")[0]


class Admission:
    """Checks every request but /healthz, by its head alone. Of keys only digests are held."""

    def __init__(
        self,
        keys: Sequence[tuple[str, Principal]],
        allowed_hosts: Sequence[str] = (),
        allowed_origins: Sequence[str] = (),
    ) -> None:
        # Keyed anew in every process, so that nobody can tell from outside which digests lie close to each other.
        self._salt = os.urandom(32)
        self._principals = {self._digest(key): principal for key, principal in keys}
        self._hosts = _LOCAL_NAMES | {host.lower() for host in allowed_hosts}
        self._origins = {origin.lower().rstrip("/") for origin in allowed_origins}
        self._authorities = {host.lower() for host in allowed_hosts}

    @property
    def open(self) -> bool:
        """True while no key is configured."""
        return not self._principals

    def admit(self, request: Incoming, scopes: Sequence[Scope]) -> Principal:
        """Returns who asks, if one of `scopes` is theirs. Raises Refusal."""
        if not self._principals:
            self._admit_local(request, control="admin" in scopes and len(scopes) == 1)
            return LOCAL
        headers = request.headers
        presented = headers.get("Authorization", "")
        token = presented[7:].strip() if presented[:7].lower() == "bearer " else headers.get("x-api-key", "")
        token = token or headers.get("x-goog-api-key", "")
        if not token:
            raise Refusal(
                401,
                "No API key: send it as `Authorization: Bearer KEY`, `x-api-key: KEY` or `x-goog-api-key: KEY`.",
                kind="authentication_error",
                code="missing_api_key",
            )
        principal = self._principals.get(self._digest(token))
        if principal is None:
            raise Refusal(
                401, "This API key is not known here.", kind="authentication_error", code="invalid_api_key"
            )
        if principal.scopes.isdisjoint(scopes):
            raise Refusal(
                403,
                f"This API key may not do that: it needs the scope {' or '.join(map(repr, scopes))}, which the "
                "operator gives it in server.api_keys.",
                kind="permission_error",
                code="scope_missing",
            )
        return principal

    def _digest(self, key: str) -> bytes:
        return hashlib.blake2b(
            key.encode("utf-8", "surrogateescape"), digest_size=32, key=self._salt
        ).digest()

    def _admit_local(self, request: Incoming, *, control: bool) -> None:
        peer = request.remote
        if peer and not is_loopback(peer):
            raise Refusal(
                403,
                "Without an API key only this machine is served: set MERITORDER_API_KEY to serve others.",
                kind="permission_error",
                code="loopback_only",
            )
        # A web page that a browser on this machine shows could reach us through a name that resolves to
        # loopback; its Host header gives it away.
        headers = request.headers
        host = headers.get("Host", "localhost")
        name = _host_name(host)
        if name not in self._hosts:
            raise Refusal(
                403,
                f"Host {name!r} is not served without an API key: set one, or add it to server.allowed_hosts.",
                kind="permission_error",
                code="host_not_allowed",
            )
        origin = headers.get("Origin")
        if origin is not None:
            if not self._is_own(origin.lower(), host.lower()):
                raise _page_refused()
        elif (
            request.method not in ("GET", "HEAD") and headers.get("Sec-Fetch-Site", "none") not in _OWN_PAGES
        ):
            raise _page_refused()
        # A page may post text and forms anywhere without being asked; JSON makes its browser ask first.
        if control and request.method != "DELETE" and not _is_json(headers.get("Content-Type", "")):
            raise Refusal(
                415,
                "Send `Content-Type: application/json`: without an API key nothing else may change the gateway.",
                param="Content-Type",
                code="unsupported_media_type",
            )

    def _is_own(self, origin: str, host: str) -> bool:
        """Tells whether a page of `origin` is ours, or one that the operator lets call us."""
        scheme, _, authority = origin.partition("://")
        own = scheme in ("http", "https") and (authority == host or authority in self._authorities)
        return own or origin in self._origins


def _page_refused() -> Refusal:
    return Refusal(
        403,
        "Requests from web pages of another site or port are not served without an API key: set one, or add the "
        "page's origin to server.allowed_origins.",
        kind="permission_error",
        code="origin_not_allowed",
    )


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"
