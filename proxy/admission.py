"""Who may come in: loopback only while no key is configured, else whoever holds one."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address

from proxy.errors import Refusal
from proxy.incoming import Incoming

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Says whether binding to or coming from `host` stays on this machine."""
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
    """Checks every request but /healthz. Only digests of keys are held."""

    def __init__(self, keys: Sequence[str], allowed_hosts: Sequence[str] = ()) -> None:
        self._digests = [hashlib.sha256(key.encode()).digest() for key in keys]
        self._hosts = _LOCAL_NAMES | {host.lower() for host in allowed_hosts}

    @property
    def open(self) -> bool:
        """True while no key is configured."""
        return not self._digests

    def admit(self, request: Incoming) -> str:
        """Returns a name for the caller that is safe to store ("" without keys). Raises Refusal."""
        if not self._digests:
            self._admit_local(request)
            return ""
        headers = request.headers
        presented = headers.get("Authorization", "")
        token = presented[7:].strip() if presented[:7].lower() == "bearer " else headers.get("x-api-key", "")
        if not token:
            raise Refusal(
                401,
                "No API key: send it as `Authorization: Bearer KEY` or `x-api-key: KEY`.",
                kind="authentication_error",
                code="missing_api_key",
            )
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        known = False
        for own in self._digests:  # all of them, so that the time says nothing
            known |= hmac.compare_digest(own, digest)
        if not known:
            raise Refusal(
                401, "This API key is not known here.", kind="authentication_error", code="invalid_api_key"
            )
        return digest[:4].hex()

    def _admit_local(self, request: Incoming) -> None:
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
        name = _host_name(request.headers.get("Host", "localhost"))
        if name not in self._hosts:
            raise Refusal(
                403,
                f"Host {name!r} is not served without an API key: set one, or add it to server.allowed_hosts.",
                kind="permission_error",
                code="host_not_allowed",
            )
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2].partition(":")[0].lower() not in self._hosts:
            raise Refusal(
                403,
                "Requests from web pages of other sites are not served without an API key.",
                kind="permission_error",
                code="origin_not_allowed",
            )
