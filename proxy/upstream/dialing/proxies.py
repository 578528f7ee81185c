"""HTTP proxies as the environment names them."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import unquote, urlsplit

from proxy.upstream.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class HttpProxy:
    """One proxy. Its credentials show up neither in `repr` nor in `str`."""

    host: str
    port: int
    authorization: bytes | None = field(default=None, repr=False)

    @classmethod
    def from_url(cls, url: str) -> HttpProxy:
        """`http://user:password@proxy:3128`; the scheme may be missing. ValueError never repeats the URL."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme != "http":
            raise ValueError(f"a proxy is spoken to over http://, not {parts.scheme}://")
        if not parts.hostname:
            raise ValueError("the proxy's URL names no host")
        authorization = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = b"Basic " + base64.b64encode(pair.encode())
        return cls(parts.hostname, parts.port or 80, authorization)

    def __str__(self) -> str:
        return f"proxy {self.host}:{self.port}"


class Proxies:
    """Which proxy, if any, leads to an endpoint. Loopback is always reached directly."""

    def __init__(self, *, http: str | None = None, https: str | None = None, no_proxy: str = "") -> None:
        self._by_scheme = {
            scheme: HttpProxy.from_url(url) for scheme, url in (("http", http), ("https", https)) if url
        }
        self._exceptions = [_Exception(entry.strip()) for entry in no_proxy.split(",") if entry.strip()]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Proxies:
        """HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; the lower-case spelling wins, as in curl."""

        def variable(name: str) -> str | None:
            return environment.get(name) or environment.get(name.upper())

        fallback = variable("all_proxy")
        return cls(
            http=variable("http_proxy") or fallback,
            https=variable("https_proxy") or fallback,
            no_proxy=variable("no_proxy") or "",
        )

    def proxy_for(self, endpoint: Endpoint) -> HttpProxy | None:
        proxy = self._by_scheme.get(endpoint.scheme)
        if proxy is None or _is_loopback(endpoint.host):
            return None
        if any(exception.covers(endpoint) for exception in self._exceptions):
            return None
        return proxy


class _Exception:
    """One entry of NO_PROXY: `*`, a host, a domain with all below it, an address, a network, maybe a port."""

    def __init__(self, entry: str) -> None:
        self._network: IPv4Network | IPv6Network | None = None
        self._port: int | None = None
        self._domain = entry.lower()
        try:
            self._network = ip_network(entry.strip("[]"), strict=False)
        except ValueError:
            host, colon, port = self._domain.rpartition(":")
            if colon and port.isdigit():
                self._domain, self._port = host, int(port)
                address = _address(host.strip("[]"))
                self._network = ip_network(address) if address else None
            self._domain = self._domain.removeprefix("*").removeprefix(".") or "*"

    def covers(self, endpoint: Endpoint) -> bool:
        if self._port is not None and self._port != endpoint.port:
            return False
        if self._network is not None:
            address = _address(endpoint.host)
            return address is not None and address in self._network
        if self._domain == "*":
            return True
        return endpoint.host == self._domain or endpoint.host.endswith("." + self._domain)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)
