"""The market in a process of its own."""

from __future__ import annotations

import aiohttp
import pytest

from proxy.market.demo.process import MarketError, MarketProcess
from tests.proxy.market.conftest import FLASH

DEEPSEEK = "douglas/deepseek-v2"


async def test_it_obeys_reports_its_arms_and_ends_with_its_pipe() -> None:
    market = await MarketProcess.start(seed=1, speed=1000.0, withheld=(FLASH,))
    try:
        assert FLASH not in [arm.name for arm in market.arms]
        await market.ask("offer", FLASH)
        assert FLASH in [arm.name for arm in market.arms]

        await market.ask("price", DEEPSEEK, 5.0)
        arm = next(arm for arm in market.arms if arm.name == DEEPSEEK)
        assert arm.input_usd_per_mtok == pytest.approx(0.7)

        with pytest.raises(MarketError, match="nobody/nothing"):
            await market.ask("price", "nobody/nothing", 5.0)

        await market.ask("down", DEEPSEEK)
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"{arm.base_url}/models")
            await market.ask("up", DEEPSEEK)
            async with session.get(f"{arm.base_url}/models") as response:
                assert response.status == 401
    finally:
        await market.close()
    with pytest.raises((MarketError, ConnectionError)):
        await market.ask("arms")
