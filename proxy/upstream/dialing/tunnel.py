"""CONNECT: a way through an HTTP proxy to a TLS server."""

from __future__ import annotations

import asyncio
import re
import socket

from proxy.upstream.dialing.proxies import HttpProxy
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.failures import ConnectFailed

_HEAD_LIMIT = 65_536
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?\r?\n")


async def open_tunnel(sock: socket.socket, proxy: HttpProxy, endpoint: Endpoint) -> None:
    """Ask the proxy on the other end of `sock` for the endpoint; ConnectFailed when it says no."""
    loop = asyncio.get_running_loop()
    lines = [f"CONNECT {endpoint.address} HTTP/1.1\r\nhost: {endpoint.address}\r\n".encode()]
    if proxy.authorization is not None:
        lines.append(b"proxy-authorization: %b\r\n" % proxy.authorization)
    lines.append(b"\r\n")
    await loop.sock_sendall(sock, b"".join(lines))
    head = b""
    while b"\r\n\r\n" not in head:
        data = await loop.sock_recv(sock, 4096)
        head += data
        if not data or len(head) > _HEAD_LIMIT:
            raise ConnectFailed(f"{proxy}: no complete answer to CONNECT {endpoint.address}")
    match = _STATUS.match(head)
    if match is None:
        raise ConnectFailed(f"{proxy}: does not speak HTTP/1.1")
    status = int(match[1])
    if not 200 <= status < 300:
        raise ConnectFailed(f"{proxy}: refused CONNECT {endpoint.address} with {status}")
    if not head.endswith(b"\r\n\r\n"):
        # With TLS the client speaks first, so these bytes can't be the server's.
        raise ConnectFailed(f"{proxy}: sent bytes of its own into the tunnel")
