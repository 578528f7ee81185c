"""Terminates TLS in front of the mock upstream, which speaks plain HTTP.

python -m benchmarks.gateway.tls_front PORT UPSTREAM_PORT CERTIFICATE KEY
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
from pathlib import Path
from typing import cast

import uvloop


class _Half(asyncio.Protocol):
    """One side of a pair; what arrives here leaves on the other side."""

    def __init__(self, port: int, other: _Half | None = None) -> None:
        self._port = port
        self.other = other
        self.transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._connecting: asyncio.Task[object] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's transports don't inherit from it
        if self.other is None:
            loop = asyncio.get_running_loop()
            connect = loop.create_connection(lambda: _Half(self._port, self), "127.0.0.1", self._port)
            self._connecting = loop.create_task(connect)
        else:
            self.other.other = self
            for data in self.other._early:
                self.transport.write(data)
            self.other._early.clear()

    def data_received(self, data: bytes) -> None:
        if self.other is None or self.other.transport is None:
            self._early.append(data)
        else:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, _: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


def certificate(folder: Path) -> tuple[Path, Path]:
    """Makes a self-signed certificate for 127.0.0.1 and returns the paths of certificate and key."""
    cert, key = folder / "upstream.pem", folder / "upstream.key"
    if not cert.exists():
        request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=127.0.0.1"
        names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
        argv = ["openssl", *request.split(), *names, "-keyout", str(key), "-out", str(cert)]
        subprocess.run(argv, check=True, capture_output=True)
    return cert, key


async def serve(port: int, upstream: int, cert: str, key: str) -> None:
    """Relays until cancelled."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Half(upstream), "127.0.0.1", port, ssl=context, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]))
