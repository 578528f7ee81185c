"""A listening gateway in the test's own event loop, and ways to talk to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from proxy.gateway import Gateway
from proxy.ingress.server import Server


class Running:
    """A listening gateway and an HTTP session."""

    def __init__(self, gateway: Gateway, server: Server, url: str, session: aiohttp.ClientSession) -> None:
        self.gateway = gateway
        self.server = server
        self.url = url
        self.session = session

    async def post(self, path: str, body: Any = None, **more: Any) -> tuple[int, dict[str, Any], Any]:
        """Returns (status, body, headers)."""
        send = {"data": body} if isinstance(body, bytes) else {"json": body}
        async with self.session.post(self.url + path, **send, **more) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers

    async def get(self, path: str, **more: Any) -> tuple[int, dict[str, Any]]:
        async with self.session.get(self.url + path, **more) as answer:
            return answer.status, await answer.json(content_type=None)

    async def chat(self, text: str = "Hi", **more: Any) -> tuple[int, dict[str, Any], Any]:
        return await self.post(
            "/v1/chat/completions", {"model": "auto", "messages": [{"role": "user", "content": text}], **more}
        )

    async def stream(self, text: str = "Hi", **more: Any) -> tuple[int, bytes]:
        body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": text}], **more}
        async with self.session.post(self.url + "/v1/chat/completions", json=body) as answer:
            return answer.status, await answer.read()

    async def decisions(self) -> list[Any]:
        await self.gateway.journal.flush()
        return await self.gateway.store.decisions_between(0.0, 1e12)

    async def close(self) -> None:
        await self.session.close()
        await self.server.close(0.0)
        await self.gateway.close()


Launch = Callable[..., Awaitable[Running]]
