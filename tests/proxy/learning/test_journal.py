"""What reaches the journal is what is learnt from, whatever bytes a client sends."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson
import pytest

from tests.proxy.provider import Provider
from tests.proxy.running import Launch


async def test_a_task_header_that_is_no_utf8_breaks_neither_statistics_nor_snapshots(
    provider: Provider, launch: Launch
) -> None:
    gateway = await launch(provider.arm("good"))
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))
    body = orjson.dumps({"model": "auto", "messages": [{"role": "user", "content": "Hi"}]})
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-Meritorder-Task: caf\xe9\r\n"
    writer.write(head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    assert b" 200 " in await reader.readline()
    status, arms = await gateway.get("/v1/arms", params={"by": "task"})
    assert (status, arms["tasks"]) == (200, ["caf\N{REPLACEMENT CHARACTER}"])
    await gateway.gateway.learner.save(gateway.gateway.store)
    writer.close()
    await writer.wait_closed()


async def test_feedback_ends_the_wait_of_a_decision_for_company(
    provider: Provider, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.learning.journal.LINGER_S", 3600.0)
    gateway = await launch(provider.arm("good"))
    _, answer, _ = await gateway.chat()
    async with asyncio.timeout(60):
        status, told, _ = await gateway.post("/v1/feedback", {"id": answer["id"], "value": 1.0})
    assert (status, told["status"]) == (200, "new")


async def test_enough_decisions_wait_for_no_more(
    provider: Provider, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.learning.journal.LINGER_S", 3600.0)
    monkeypatch.setattr("proxy.learning.journal.COMPANY", 3)
    gateway = await launch(provider.arm("good"))
    learner = gateway.gateway.learner
    for _ in range(3):
        assert learner.seq == 0
        await gateway.chat()
    async with asyncio.timeout(30):
        while learner.seq < 3:
            await asyncio.sleep(0)


async def test_others_have_their_turn_while_a_batch_is_learnt_from(
    provider: Provider, launch: Launch
) -> None:
    gateway = await launch(provider.arm("good"))
    journal, learner = gateway.gateway.journal, gateway.gateway.learner
    await gateway.chat()
    [row] = await gateway.decisions()
    seen = {learner.seq}
    flushed = False

    def look() -> None:
        seen.add(learner.seq)
        if not flushed:
            asyncio.get_running_loop().call_soon(look)

    look()
    for _ in range(100):
        journal.decided(replace(row, seq=0))
    await journal.flush()
    flushed = True
    assert seen == {*range(1, 101, 16), 101}
    assert learner.statistics.requests() == 101
