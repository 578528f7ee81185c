"""What was acknowledged counts after kill -9, and what was learnt is the same after any restart."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from proxy.learning.learner import Learner
from state.sqlite.store import SqliteStore
from tests.proxy.process import GatewayProcess
from tests.proxy.provider import Exchange, Provider, Script, completion
from tests.proxy.running import Launch, Running


def unique(prefix: str) -> Script:
    """A script whose answers have ids of their own."""
    count = 0

    async def script(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        await exchange.answer(completion(id=f"{prefix}-{count}"))

    return script


@pytest.fixture
def two(provider: Provider) -> list[dict[str, Any]]:
    for model in ("a", "b"):
        provider.scripts[model] = unique(model)
    return [provider.arm("a", quality=0.8), provider.arm("b", quality=0.4)]


def learnt(learner: Learner) -> dict[str, Any]:
    meta, arrays = learner.bandit.snapshot()
    stored, counted = learner.statistics.snapshot()
    return {"seq": learner.seq, "meta": meta, "statistics": stored, "arrays": {**arrays, **counted}}


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert {**one, "arrays": None} == {**other, "arrays": None}
    assert one["arrays"].keys() == other["arrays"].keys()
    for name, array in one["arrays"].items():
        np.testing.assert_allclose(array, other["arrays"][name], rtol=1e-9, atol=1e-9, err_msg=name)


async def traffic(gateway: Running, requests: int, first: int = 0) -> None:
    """Chats of three kinds, most of them judged, some judged again."""
    for n in range(first, first + requests):
        text = ("Hi", "def f(x): return x + 1  # explain", "What is 3 + 4?")[n % 3]
        _, answer, _ = await gateway.chat(text, task=("small talk", "code", "maths")[n % 3])
        if n % 4:
            await gateway.post("/v1/feedback", {"id": answer["id"], "value": n % 5 / 4})
        if n % 7 == 0:
            await gateway.post("/v1/feedback", {"id": answer["id"], "value": n % 2})
    await gateway.gateway.journal.flush()


async def test_after_a_restart_everything_learnt_is_as_before(
    launch: Launch, tmp_path: Path, two: list[dict[str, Any]]
) -> None:
    server = {"database": str(tmp_path / "a.db")}
    first = await launch(*two, server=server)
    await traffic(first, 40)
    before = learnt(first.gateway.learner)
    await first.close()
    again = await launch(*two, server=server)
    assert_same(learnt(again.gateway.learner), before)
    await traffic(again, 10, 40)
    assert again.gateway.learner.seq > before["seq"]


async def test_without_a_snapshot_the_journal_gives_the_same(
    launch: Launch, tmp_path: Path, two: list[dict[str, Any]]
) -> None:
    path = tmp_path / "a.db"
    first = await launch(*two, server={"database": str(path)})
    await traffic(first, 40)
    before = learnt(first.gateway.learner)
    await first.close()
    with sqlite3.connect(path) as stranger:
        stranger.execute("DELETE FROM snapshots")
    stranger.close()
    again = await launch(*two, server={"database": str(path)})
    assert_same(learnt(again.gateway.learner), before)


async def test_a_snapshot_in_the_middle_and_the_rows_after_it_give_the_same(
    launch: Launch, tmp_path: Path, two: list[dict[str, Any]]
) -> None:
    first = await launch(*two, server={"database": str(tmp_path / "a.db")})
    await traffic(first, 23)
    await first.gateway.learner.save(first.gateway.store)
    await traffic(first, 23, 23)
    other = Learner(first.gateway.registry.prior_of)
    await other.load(first.gateway.store)
    assert_same(learnt(other), learnt(first.gateway.learner))


DAMAGE = {
    "another version of the bandit": (["bandit", "version"], 999),
    "no statistics": (["statistics"], {}),
    "statistics of another form": (["statistics"], {"cells": 5}),
    "no bandit": (["bandit"], None),
    "arms twice": (["bandit", "arms"], ["x", "x", "x"]),
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_snapshot_that_does_not_fit_gives_way_to_the_one_before_and_says_so(
    launch: Launch,
    tmp_path: Path,
    two: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
    damage: str,
) -> None:
    first = await launch(*two, server={"database": str(tmp_path / "a.db")})
    store = first.gateway.store
    await traffic(first, 12)
    await first.gateway.learner.save(store)
    good = first.gateway.learner.seq
    await traffic(first, 12, 12)
    await first.gateway.learner.save(store)
    [(seq, meta, arrays), _] = await store.load_snapshots("learner")
    (*path, last), value = DAMAGE[damage]
    part: Any = meta
    for name in path:
        part = part[name]
    part[last] = value
    await store.save_snapshot("learner", seq, meta, arrays)
    other = Learner(first.gateway.registry.prior_of)
    with caplog.at_level(logging.INFO, "meritorder.learner"):
        await other.load(store, ["p/a", "p/b"])
    assert f"snapshot at row {seq} can't be used" in caplog.text
    assert f"rows up to {good} from a snapshot" in caplog.text
    assert_same(learnt(other), learnt(first.gateway.learner))


async def test_what_a_pruned_journal_taught_stays_with_the_snapshot(
    launch: Launch, tmp_path: Path, two: list[dict[str, Any]]
) -> None:
    server = {"database": str(tmp_path / "a.db")}
    first = await launch(*two, server=server)
    await traffic(first, 20)
    before = learnt(first.gateway.learner)
    await first.gateway.learner.save(first.gateway.store)
    assert await first.gateway.store.prune(1e12) == 20
    await first.close()
    again = await launch(*two, server=server)
    assert_same(learnt(again.gateway.learner), before)
    await traffic(again, 5, 20)
    assert again.gateway.learner.statistics.requests() == 25


async def test_a_row_that_cannot_be_learnt_from_is_passed_over_and_said(
    launch: Launch, two: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await launch(*two)
    await gateway.chat(task="a")
    [row] = await gateway.decisions()
    gateway.gateway.journal.decided(replace(row, context=row.context[:3], seq=0))
    await gateway.chat(task="b")
    _, arms = await gateway.get("/v1/arms")
    assert (arms["journal_seq"], arms["requests"]) == (3, 2)
    assert "can't be learnt from; it is passed over" in caplog.text


@asynccontextmanager
async def process(
    tmp_path: Path, arms: list[dict[str, Any]]
) -> AsyncIterator[tuple[GatewayProcess, aiohttp.ClientSession]]:
    running = await GatewayProcess.start(tmp_path, arms)
    try:
        async with aiohttp.ClientSession(running.url) as session:
            yield running, session
    finally:
        await running.kill()


async def test_every_acknowledged_feedback_counts_after_kill_9(
    tmp_path: Path, two: list[dict[str, Any]]
) -> None:
    acknowledged: dict[str, float] = {}

    async def client(session: aiohttp.ClientSession, number: int) -> None:
        chat = {"model": "auto", "messages": [{"role": "user", "content": f"Hello {number}"}]}
        try:
            for n in range(1000):
                async with session.post("/v1/chat/completions", json=chat) as answer:
                    name = (await answer.json())["id"]
                value = (n + number) % 3 / 2
                async with session.post("/v1/feedback", json={"id": name, "value": value}) as answer:
                    if answer.status == 200:
                        acknowledged[name] = value
        except aiohttp.ClientError:
            pass

    async with process(tmp_path, two) as (running, session):
        clients = [asyncio.create_task(client(session, number)) for number in range(8)]
        async with asyncio.timeout(60):
            while len(acknowledged) < 100:
                await asyncio.sleep(0.01)
        await running.kill()
        await asyncio.gather(*clients)

    store = await SqliteStore.open(tmp_path / "journal.db")
    given = {name: [f.value for f in await store.feedback_of(name)] for name in acknowledged}
    assert given == {name: [value] for name, value in acknowledged.items()}
    assert await store.integrity() == []
    rows = await store.tail(0, 10**6)
    await store.close()

    async with process(tmp_path, two) as (_, session), session.get("/v1/arms") as answer:
        document = await answer.json()
    assert document["journal_seq"] == len(rows)
    feedback = sum(row["feedback"] for row in document["data"])
    assert feedback >= len(acknowledged)
    assert feedback == sum(hasattr(row, "metric") for row in rows)
    samples = sum(row["quality"]["effective_samples"] for row in document["data"])
    assert samples == pytest.approx(feedback, rel=1e-3)


async def test_sigterm_ends_with_0_and_a_snapshot_of_everything(
    tmp_path: Path, two: list[dict[str, Any]]
) -> None:
    async with process(tmp_path, two) as (running, session):
        chat = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}
        async with session.post("/v1/chat/completions", json=chat) as answer:
            assert answer.status == 200
        running.process.terminate()
        assert await running.ended() == 0, "".join(running.lines)
    store = await SqliteStore.open(tmp_path / "journal.db")
    [(seq, _, _), *_] = await store.load_snapshots("learner")
    assert seq == await store.last_seq() == 1
    await store.close()
