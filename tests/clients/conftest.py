"""A gateway, and providers that replay every dialect."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.clients.upstreams.replay import Replay
from tests.proxy.conftest import launch, provider

__all__ = ["launch", "provider", "replay"]


@pytest.fixture
async def replay() -> AsyncIterator[Replay]:
    """One server for all dialects."""
    server = await Replay().start()
    yield server
    await server.close()
