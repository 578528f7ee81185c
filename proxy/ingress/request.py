"""A client's request as handlers see it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from proxy.ingress.buffers import Account


class Client(Protocol):
    """The connection a request came on."""

    paused: bool
    """The client reads more slowly than we write."""

    transport: asyncio.Transport | None
    """None when the client has left."""

    account: Account
    """Memory that its requests take."""

    @property
    def remote(self) -> str | None:
        """Its address."""

    async def drained(self) -> None:
        """Returns when the client has read enough. Raises ConnectionError if it left."""

    async def receive(self, request: Incoming) -> bytes:
        """Returns the body of `request` that is still to come. Raises Refusal."""

    def keep(self, count: int) -> None:
        """Counts a body that is here. Raises Refusal."""


class Incoming(Protocol):
    """A request as handlers see it."""

    @property
    def method(self) -> str:
        """In capitals."""

    reply_head: bytes
    """Header lines that the reply has whatever it says."""

    @property
    def raw_path(self) -> str:
        """As it stands in the first line, query included."""

    @property
    def chunks(self) -> bool:
        """Whether the client understands answers in chunks."""

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
    def client(self) -> Client:
        """The connection it came on."""

    @property
    def body(self) -> bytes | None:
        """As far as it is here without being asked for."""

    async def read(self) -> bytes:
        """Returns the body. Raises Refusal."""


class HttpRequest:
    """A request whose head is here. `body` is None while it is to come: it comes when it is asked for, by `read`.

    `stays`: the client wants to keep its connection; it can while no body is left unread.
    """

    __slots__ = (
        "body",
        "chunks",
        "client",
        "headers",
        "keep_alive",
        "method",
        "raw_path",
        "reply_head",
        "stays",
    )

    def __init__(
        self,
        method: str,
        raw_path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        client: Client,
        *,
        chunks: bool = True,
        stays: bool = True,
    ) -> None:
        self.method = method
        self.raw_path = raw_path
        self.headers = headers
        self.body = body
        self.client = client
        self.chunks = chunks
        self.stays = stays
        self.reply_head = b""
        self.keep_alive = stays and body is not None

    @property
    def remote(self) -> str | None:
        """The client's address."""
        return self.client.remote

    async def read(self) -> bytes:
        """Returns the body. Raises Refusal."""
        body = self.body
        if body is not None:
            self.client.keep(len(body))
            return body
        body = self.body = await self.client.receive(self)
        self.keep_alive = self.stays
        return body
