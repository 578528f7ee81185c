"""Where to connect, and the request head that goes there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv6Address
from typing import NamedTuple
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}

# Per connection or ours to say: the framing, the connection and the encoding are agreed hop by hop.
_OWN_HEADERS = frozenset(
    {
        b"accept-encoding",
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_BAD_TARGET = re.compile(r"[^\x21-\x7e]|#")


class Endpoint(NamedTuple):
    """A base URL taken apart. A named tuple, because it is hashed on every request."""

    scheme: str
    host: str
    port: int
    base_path: str

    @classmethod
    def from_url(cls, url: str) -> Endpoint:
        """`https://api.openai.com/v1` → https, api.openai.com, 443, /v1; ValueError says what is wrong."""
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS:
            raise ValueError(f"base URL {url!r} must start with http:// or https://")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a base URL holds no user name or password; put credentials into a header")
        if parts.query or parts.fragment:
            raise ValueError(f"base URL {url!r} must end with its path, without ? or #")
        host = parts.hostname
        if not host:
            raise ValueError(f"base URL {url!r} names no host")
        if ":" not in host and not host.isascii():
            host = host.encode("idna").decode("ascii")
        path = parts.path.rstrip("/")
        if _BAD_TARGET.search(path) or _BAD_TARGET.search(host):
            raise ValueError(f"base URL {url!r} holds characters that must be percent-encoded")
        return cls(parts.scheme, host.rstrip("."), parts.port or _DEFAULT_PORTS[parts.scheme], path)

    @property
    def authority(self) -> str:
        """The Host header: the port only where it is not the scheme's own."""
        host = _bracketed(self.host)
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def address(self) -> str:
        """`host:port`, for CONNECT and for messages."""
        return f"{_bracketed(self.host)}:{self.port}"


def head_prefix(
    method: str, endpoint: Endpoint, path: str, headers: Sequence[tuple[bytes, bytes]] = ()
) -> bytes:
    """All of a request head but the length of the body: what an arm prebuilds for `complete_head`.

    Hop-by-hop headers and those this client says itself (`host`, `content-length`, `accept-encoding`) are left
    out of `headers`. ValueError for what could smuggle a second header or request.
    """
    target = (endpoint.base_path + path) or "/"
    if _BAD_TARGET.search(target) or not target.startswith("/"):
        raise ValueError(f"request target {target!r} must start with / and be percent-encoded")
    if not _TOKEN.fullmatch(method.encode()):
        raise ValueError(f"{method!r} is not a method")
    lines = [
        f"{method} {target} HTTP/1.1\r\nhost: {endpoint.authority}\r\naccept-encoding: identity\r\n".encode()
    ]
    for name, value in headers:
        lower = name.lower()
        if not _TOKEN.fullmatch(lower):
            raise ValueError(f"{name!r} is not a header name")
        if _BAD_VALUE.search(value):
            raise ValueError(f"header {name.decode()} holds control characters")
        if lower not in _OWN_HEADERS:
            lines.append(b"%b: %b\r\n" % (lower, value))
    return b"".join(lines)


def complete_head(prefix: bytes, content_length: int | None) -> bytes:
    """A head from its prefix; None for a request without a body (GET, HEAD)."""
    if content_length is None:
        return prefix + b"\r\n"
    return b"%bcontent-length: %d\r\n\r\n" % (prefix, content_length)


def request_head(
    method: str,
    endpoint: Endpoint,
    path: str,
    headers: Sequence[tuple[bytes, bytes]],
    content_length: int | None,
) -> bytes:
    return complete_head(head_prefix(method, endpoint, path, headers), content_length)


def _bracketed(host: str) -> str:
    if ":" not in host:
        return host
    return f"[{IPv6Address(host)}]" if "%" not in host else f"[{host}]"
