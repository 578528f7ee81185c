"""No task per request, and what a task per request used to do."""

from __future__ import annotations

import asyncio

from tests.proxy.provider import Exchange, Provider
from tests.proxy.running import Launch


async def test_a_request_has_no_task_of_its_own_and_ends_with_its_connection(
    provider: Provider, launch: Launch
) -> None:
    arrived = asyncio.Event()

    async def silent(exchange: Exchange) -> None:
        arrived.set()
        await asyncio.Event().wait()

    provider.scripts["silent"] = silent
    gateway = await launch(provider.arm("silent"))
    asked = asyncio.create_task(gateway.chat())
    async with asyncio.timeout(5):
        await arrived.wait()
    assert "_handle_request" not in {task.get_coro().__name__ for task in asyncio.all_tasks()}
    assert len(gateway.gateway.calls) == 1
    asked.cancel()
    async with asyncio.timeout(5):
        while gateway.gateway.calls:
            await asyncio.sleep(0)
    [decision] = await gateway.decisions()
    assert decision.status == "cancelled"
