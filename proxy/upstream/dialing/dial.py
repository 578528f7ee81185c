"""From an endpoint to an open connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from proxy.upstream.connection import UpstreamConnection
from proxy.upstream.dialing.addresses import Addresses
from proxy.upstream.dialing.proxies import HttpProxy, Proxies
from proxy.upstream.dialing.race import connect_any
from proxy.upstream.dialing.resolver import Address, Resolver
from proxy.upstream.dialing.tls import ResumingContext
from proxy.upstream.dialing.tunnel import open_tunnel
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.failures import ConnectFailed, LocalLack, TlsFailed
from proxy.upstream.lacks import is_lack, lacks_descriptors
from proxy.upstream.limits import PoolLimits


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint and the proxy on the way to it."""

    endpoint: Endpoint
    proxy: HttpProxy | None

    def __str__(self) -> str:
        return self.endpoint.address if self.proxy is None else f"{self.endpoint.address} by {self.proxy}"

    @property
    def rewrite(self) -> Callable[[bytes], bytes] | None:
        """Returns what turns a request head into one for a plain-HTTP proxy: with the whole URL, and credentials."""
        proxy = self.proxy
        if proxy is None or self.endpoint.scheme == "https":
            return None
        origin = f" http://{self.endpoint.authority}".encode()
        extra = b"" if proxy.authorization is None else b"proxy-authorization: %b\r\n" % proxy.authorization

        def rewritten(head: bytes) -> bytes:
            line, _, headers = head.partition(b"\r\n")
            method, _, target = line.partition(b" ")
            return b"%b%b%b\r\n%b%b" % (method, origin, target, extra, headers)

        return rewritten


class Dialer:
    def __init__(
        self,
        limits: PoolLimits,
        proxies: Proxies,
        tls: ssl.SSLContext,
        loop: asyncio.AbstractEventLoop,
        addresses: Addresses,
    ) -> None:
        self._limits = limits
        self._proxies = proxies
        self._tls = tls
        self._addresses = addresses
        self._loop = loop
        self._resolver = Resolver(loop, limits.dns_seconds)

    def route(self, endpoint: Endpoint) -> Route:
        return Route(endpoint, self._proxies.proxy_for(endpoint))

    async def open(self, route: Route, factory: Callable[[], UpstreamConnection]) -> UpstreamConnection:
        """Resolves, connects, tunnels and shakes hands. Raises ConnectFailed or TlsFailed for what does not work."""
        endpoint, proxy = route.endpoint, route.proxy
        host, port = (endpoint.host, endpoint.port) if proxy is None else (proxy.host, proxy.port)
        try:
            addresses = await self._resolver.addresses(host, port)
        except ConnectFailed as error:
            if lacks_descriptors():
                raise _lack(route, error) from error
            raise
        except RuntimeError as error:  # no thread can be started to look it up
            raise _lack(route, error) from error
        if proxy is None:  # who reaches it, resolves it
            addresses = self._permitted(endpoint, addresses)
        try:
            sock = await connect_any(
                addresses,
                self._limits.stagger_seconds,
                lambda address: self._resolver.demote(host, address),
            )
        except OSError as error:
            if is_lack(error, addresses[0].family):
                raise _lack(route, error) from error
            raise ConnectFailed(f"{route}: {error}") from error
        secure = endpoint.scheme == "https"
        if proxy is not None and secure:
            try:
                await open_tunnel(sock, proxy, endpoint)
            except BaseException as error:
                sock.close()
                if isinstance(error, OSError):
                    raise ConnectFailed(f"{route}: {error}") from error
                raise
        try:
            # From here on the socket is the transport's, which closes it when the handshake fails.
            _, connection = await self._loop.create_connection(
                factory,
                sock=sock,
                ssl=self._tls if secure else None,
                server_hostname=endpoint.host if secure else None,
            )
        except ssl.SSLError as error:
            raise TlsFailed(f"{route}: {error}") from error
        except OSError as error:
            if is_lack(error):
                raise _lack(route, error) from error
            raise ConnectFailed(f"{route}: {error}") from error
        return connection

    def _permitted(self, endpoint: Endpoint, addresses: list[Address]) -> list[Address]:
        """Returns the addresses of a name that may be connected to. Raises ConnectFailed where none may."""
        if self._addresses.vouched(endpoint.host):
            return addresses
        refusals = {address: self._addresses.refusal(address.sockaddr[0]) for address in addresses}
        permitted = [address for address, refusal in refusals.items() if refusal is None]
        if not permitted:
            reason = next(iter(refusals.values()))
            raise ConnectFailed(
                f"{endpoint.address} leads to an address that no provider has: {reason}; "
                "server.allowed_addresses can list it"
            )
        return permitted

    def remember(self, connection: UpstreamConnection) -> None:
        """Keeps the TLS session, which makes the next connection to the same host cheaper."""
        if isinstance(self._tls, ResumingContext):
            self._tls.remember(connection.tls_object)

    async def close(self) -> None:
        await self._resolver.close()


def _lack(route: Route, error: Exception) -> LocalLack:
    return LocalLack(f"{route}: the gateway can't open a connection: {error}")
