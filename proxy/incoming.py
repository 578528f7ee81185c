"""A client's request as handlers see it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from aiohttp import HttpVersion, HttpVersion11
from aiohttp.web import RequestHandler


class Incoming(Protocol):
    """What is asked of a request: aiohttp's has it all, `Whole` has no more."""

    @property
    def method(self) -> str:
        """In capitals."""

    @property
    def raw_path(self) -> str:
        """As it stands in the first line, query included."""

    @property
    def version(self) -> HttpVersion:
        """Of HTTP, as the client speaks it."""

    @property
    def headers(self) -> Mapping[str, str]:
        """By name, in any case."""

    @property
    def keep_alive(self) -> bool:
        """Whether the connection stays open after the answer."""

    @property
    def remote(self) -> str | None:
        """The client's address."""

    @property
    def protocol(self) -> RequestHandler:
        """The connection it came on."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """The socket, while it is open."""

    async def read(self) -> bytes:
        """Returns the body. Raises HTTPRequestEntityTooLarge, RequestPayloadError."""


class Whole:
    """A request that is here to its last byte, of a client that keeps its connection open."""

    __slots__ = ("body", "headers", "method", "protocol", "raw_path", "transport")

    version = HttpVersion11
    keep_alive = True

    def __init__(
        self,
        method: str,
        raw_path: str,
        headers: Mapping[str, str],
        body: bytes,
        protocol: RequestHandler,
        transport: asyncio.Transport,
    ) -> None:
        self.method = method
        self.raw_path = raw_path
        self.headers = headers
        self.body = body
        self.protocol = protocol
        self.transport: asyncio.Transport | None = transport

    @property
    def remote(self) -> str | None:
        """The client's address."""
        peer = self.protocol.peername
        return str(peer[0]) if isinstance(peer, tuple) else peer

    async def read(self) -> bytes:
        """Returns the body."""
        return self.body
