"""A whole gateway in the test's own event loop, and clients for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from proxy.commands.serve import bound
from proxy.config import Config
from proxy.gateway import Gateway
from proxy.ingress.server import Server
from tests.proxy.provider import Provider, polite
from tests.proxy.running import Launch, Running


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """A provider with one well-behaved model; add scripts as needed."""
    server = await Provider(good=polite).start()
    yield server
    await server.close()


@pytest.fixture
async def launch() -> AsyncIterator[Launch]:
    """Starts gateways; the test names arms, and any part of the configuration."""
    running: list[Running] = []

    async def start(
        *arms: dict[str, Any], environment: dict[str, str] | None = None, **config: Any
    ) -> Running:
        server_config = {"port": 0, "database": ":memory:", **config.pop("server", {})}
        parsed = Config.model_validate({"arms": list(arms), "server": server_config, **config})
        gateway = await Gateway.open(parsed, environment or {})
        server = Server(gateway)
        sock = bound(parsed)
        await server.listen(sock)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        running.append(Running(gateway, server, url, aiohttp.ClientSession()))
        return running[-1]

    yield start
    for one in running:
        await one.close()
