"""A fast market in the test's own event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from proxy.market.catalogue import Catalogue, load_catalogue
from proxy.market.market import Market, start_market

FLASH = "birch/gemini-1.5-flash"


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    """Every recorded arm but the flash one, latencies divided by ten thousand."""
    started = await start_market(seed=1, speed=10_000.0, withheld=(FLASH,))
    yield started
    await started.close()
