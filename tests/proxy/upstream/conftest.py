from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from proxy.upstream import Pool, Proxies, Timeouts
from tests.proxy.upstream.scripted import FAST, Script, ScriptedServer


def pytest_asyncio_loop_factories(config, item):
    """The gateway runs on uvloop, its users may not."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[ScriptedServer]]]:
    servers: list[ScriptedServer] = []

    async def start(*scripts: Script, context: ssl.SSLContext | None = None) -> ScriptedServer:
        server = await ScriptedServer(*scripts).start(context)
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()


@pytest.fixture
async def make_pool() -> AsyncIterator[Callable[..., Pool]]:
    pools: list[Pool] = []

    def make(**options) -> Pool:
        options.setdefault("limits", FAST)
        options.setdefault("timeouts", Timeouts())
        options.setdefault("proxies", Proxies())
        pools.append(Pool(**options))
        return pools[-1]

    yield make
    for pool in pools:
        await pool.close()


@pytest.fixture
def pool(make_pool) -> Pool:
    return make_pool()
