"""`GET /v1/arms?by=task` shows what belongs to the task, not what belongs to its arm."""

from __future__ import annotations

from typing import Any

import pytest

from tests.proxy.provider import Exchange, Provider, polite
from tests.proxy.running import Launch, Running


async def by_task(gateway: Running) -> dict[tuple[str, str], dict[str, Any]]:
    _, document = await gateway.get("/v1/arms?by=task")
    return {(row["arm"], row["task"]): row for row in document["data"]}


async def test_verdicts_on_one_task_make_no_other_certain(launch: Launch, provider: Provider) -> None:
    gateway = await launch(provider.arm("good"))
    for _ in range(5):
        _, _, headers = await gateway.chat(task="invoices")
        await gateway.post("/v1/feedback", {"id": headers["X-Generation-Id"], "value": 1})
    await gateway.stream(task="poems")
    rows = await by_task(gateway)
    samples = {task: row["quality"]["effective_samples"] for (_, task), row in rows.items()}
    assert samples == {"invoices": pytest.approx(5.0, rel=0.01), "poems": 0.0}
    assert rows["p/good", "invoices"]["ttft_s"] == {"p50": None, "p95": None}
    assert rows["p/good", "poems"]["ttft_s"]["p50"] is not None


async def test_failures_in_one_task_are_no_others(launch: Launch, provider: Provider) -> None:
    async def no_essays(exchange: Exchange) -> None:
        if b"essay" in exchange.raw:
            await exchange.answer({"error": {"message": "no"}}, 500)
        else:
            await polite(exchange)

    provider.scripts["fails"] = no_essays
    gateway = await launch(provider.arm("fails", quality=0.9), provider.arm("good", quality=0.1))
    await gateway.chat(task="labels", model="p/fails")
    gateway.gateway.random = lambda: 0.0  # the first arm of the vector
    await gateway.chat(task="essays", messages=[{"role": "user", "content": "An essay, please."}])
    rows = await by_task(gateway)
    assert rows["p/fails", "essays"]["failed_attempts"] == 1
    assert rows["p/fails", "essays"]["requests"] == 0
    assert rows["p/fails", "labels"]["failed_attempts"] == 0
    _, listing = await gateway.get("/v1/arms")
    assert [row["failed_attempts"] for row in listing["data"]] == [1, 0]
