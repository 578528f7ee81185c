"""Several workers on one port and one journal learn as one, and none of them is missed when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from bandit import ArmPrior
from proxy.learning.learner import Learner
from state.sqlite.store import SqliteStore
from tests.proxy.learning.test_durability import assert_same, learnt, unique
from tests.proxy.process import GatewayProcess
from tests.proxy.provider import Exchange, Provider, chunk

CHAT = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def two(provider: Provider) -> list[dict[str, Any]]:
    for model in ("a", "b"):
        provider.scripts[model] = unique(model)
    return [provider.arm("a"), provider.arm("b")]


@asynccontextmanager
async def workers(folder: Path, arms: list[dict[str, Any]], *more: str) -> AsyncIterator[GatewayProcess]:
    running = await GatewayProcess.start(folder, arms, "--workers", "2", *more)
    try:
        yield running
    finally:
        await running.kill()


class Worker:
    """A kept connection, which is one worker's for as long as it lives, and which worker that is."""

    def __init__(self, running: GatewayProcess) -> None:
        self._session = aiohttp.ClientSession(running.url, connector=aiohttp.TCPConnector(limit=1))
        self._running = running
        self.pid = 0

    async def __aenter__(self) -> Worker:
        await self.get("/healthz")
        self.pid = self._owner()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    def _owner(self) -> int:
        [own] = [
            c
            for c in psutil.Process().net_connections("tcp")
            if c.status == "ESTABLISHED" and c.laddr in self._addresses()
        ]
        for child in psutil.Process(self._running.process.pid).children():
            for connection in child.net_connections("tcp"):
                if connection.raddr and connection.raddr == own.laddr:
                    return child.pid
        raise AssertionError("no worker holds the connection")

    def _addresses(self) -> set[tuple[str, int]]:
        connector = self._session.connector
        assert connector is not None
        transports = [protocol.transport for pool in connector._conns.values() for protocol, _ in pool]
        return {transport.get_extra_info("sockname") for transport in transports if transport is not None}

    async def get(self, path: str) -> Any:
        async with self._session.get(path) as answer:
            assert answer.status == 200
            return await answer.json()

    async def post(self, path: str, body: object) -> Any:
        async with self._session.post(path, json=body) as answer:
            assert answer.status in (200, 201), await answer.text()
            return await answer.json()


@asynccontextmanager
async def one_of_each(running: GatewayProcess) -> AsyncIterator[tuple[Worker, Worker]]:
    """Connects until both workers were met."""
    met: dict[int, Worker] = {}
    spare: list[Worker] = []
    try:
        async with asyncio.timeout(60):
            while len(met) < 2:
                worker = await Worker(running).__aenter__()
                spare.append(worker)
                met.setdefault(worker.pid, worker)
        first, second = met.values()
        yield first, second
    finally:
        for worker in spare:
            await worker.__aexit__()


async def soon(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await check():
            await asyncio.sleep(0)


async def ends(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the workers had learnt when they ended, and what one process learns from the same journal."""
    store = await SqliteStore.open(path)
    (seq, meta, arrays), *_ = await store.load_snapshots("learner")
    merged = Learner(lambda _: None)
    merged._restore(meta, arrays)
    merged.seq = seq
    known: Any = meta["bandit"]
    priors = {name: ArmPrior(**prior) for name, prior in zip(known["arms"], known["priors"], strict=True)}
    serial = Learner(priors.get)
    serial.add_arms(list(priors))
    await serial.catch_up(store)
    await store.close()
    return learnt(merged), learnt(serial)


async def test_feedback_and_statistics_are_the_same_at_either_worker(
    tmp_path: Path, two: list[dict[str, Any]]
) -> None:
    async with workers(tmp_path, two) as running, one_of_each(running) as (one, other):
        for n in range(20):
            here, there = (one, other) if n % 2 else (other, one)
            answer = await here.post("/v1/chat/completions", CHAT)
            given = await there.post("/v1/feedback", {"id": answer["id"], "value": n % 3 / 2})
            assert given["status"] == "new"

        async def equal() -> bool:
            first, second = await one.get("/v1/arms"), await other.get("/v1/arms")
            return bool(first == second and first["journal_seq"] == 40)

        await soon(equal)
        running.process.terminate()
        assert await running.ended() == 0
    assert_same(*await ends(tmp_path / "journal.db"))


async def test_a_price_told_to_one_worker_reaches_the_other(
    tmp_path: Path, two: list[dict[str, Any]]
) -> None:
    async with workers(tmp_path, two) as running, one_of_each(running) as (one, other):
        price = {"input_usd_per_mtok": 50.0, "output_usd_per_mtok": 60.0}
        async with one._session.put("/v1/prices/p%2Fa", json=price) as answer:
            assert answer.status == 200

        async def told() -> bool:
            rows = (await other.get("/v1/arms"))["data"]
            return bool(rows[0]["price"]["output_usd_per_mtok"] == 60.0)

        await soon(told)


async def test_a_killed_worker_is_started_again_and_nothing_committed_is_lost_or_doubled(
    tmp_path: Path, two: list[dict[str, Any]]
) -> None:
    acknowledged: dict[str, float] = {}
    stop = asyncio.Event()

    async def client(number: int) -> None:
        while not stop.is_set():
            try:
                async with aiohttp.ClientSession(running.url) as session:
                    while not stop.is_set():
                        async with session.post("/v1/chat/completions", json=CHAT) as answer:
                            name = (await answer.json())["id"]
                        body = {"id": name, "value": number % 2}
                        async with session.post("/v1/feedback", json=body) as answer:
                            if answer.status == 200:
                                acknowledged[name] = number % 2
            except (aiohttp.ClientError, ConnectionError):
                await asyncio.sleep(0)

    async def more(count: int) -> None:
        wanted = len(acknowledged) + count
        async with asyncio.timeout(60):
            while len(acknowledged) < wanted:
                await asyncio.sleep(0.01)

    async with workers(tmp_path, two) as running:
        async with one_of_each(running) as (one, other):
            before = {one.pid, other.pid}
            victim = one.pid
        clients = [asyncio.create_task(client(n)) for n in range(6)]
        await more(50)
        os.kill(victim, signal.SIGKILL)
        await running.says("starting it again")
        await more(50)
        stop.set()
        await asyncio.gather(*clients)
        async with one_of_each(running) as (one, other):
            assert len({one.pid, other.pid} - before) == 1
            first, second = await one.get("/v1/arms"), await other.get("/v1/arms")
        assert first["journal_seq"] == second["journal_seq"]
        running.process.terminate()
        assert await running.ended() == 0
    store = await SqliteStore.open(tmp_path / "journal.db")
    rows = await store.tail(0, 10**6)
    assert [row.seq for row in rows] == list(range(1, first["journal_seq"] + 1))
    counted = Counter(row.id for row in rows if hasattr(row, "metric"))
    assert set(acknowledged) <= set(counted)
    assert set(counted.values()) == {1}
    await store.close()
    assert_same(*await ends(tmp_path / "journal.db"))


async def test_sigterm_lets_streams_end(tmp_path: Path, provider: Provider) -> None:
    go = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("Hel"))
        await go.wait()
        await exchange.event(chunk("lo."))
        await exchange.event(chunk(finish="stop"))
        await exchange.end_stream()

    provider.scripts["slow"] = slow
    async with (
        workers(tmp_path, [provider.arm("slow")]) as running,
        aiohttp.ClientSession(running.url) as session,
        session.post("/v1/chat/completions", json={**CHAT, "stream": True}) as answer,
    ):
        await answer.content.readline()
        running.process.terminate()
        await refused(running.url)
        go.set()
        assert (await answer.read()).rstrip().endswith(b"data: [DONE]")
        assert await running.ended() == 0


async def refused(url: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                async with aiohttp.ClientSession(url) as session, session.get("/healthz"):
                    await asyncio.sleep(0.02)
            except aiohttp.ClientError:
                return


@pytest.mark.parametrize("count", ["1", "2"])
async def test_a_taken_port_is_said(tmp_path: Path, two: list[dict[str, Any]], count: str) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        running = await GatewayProcess.spawn(tmp_path, two, "--workers", count, "--port", port)
        assert await running.ended() == 1
    assert f"can't listen on 127.0.0.1:{port}: Address already in use" in "".join(running.lines)


@pytest.mark.parametrize("count", ["1", "2"])
async def test_a_store_that_cannot_be_opened_is_said_and_ends_it(
    tmp_path: Path, two: list[dict[str, Any]], count: str
) -> None:
    (tmp_path / "journal.db").write_bytes(b"precious notes " * 1000)
    running = await GatewayProcess.spawn(tmp_path, two, "--workers", count)
    assert await running.ended() == 1
    assert "not a SQLite database" in "".join(running.lines)
    assert "Traceback" not in "".join(running.lines)


async def test_workers_end_when_their_parent_was_killed(tmp_path: Path, two: list[dict[str, Any]]) -> None:
    async with workers(tmp_path, two) as running:
        children = psutil.Process(running.process.pid).children()
        running.process.kill()
        await refused(running.url)
        await running.ended()
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, 20)
        assert not alive
