"""What befalls the database of a running gateway: visitors take nothing away, and what is taken away is said."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.proxy.learning.test_durability import unique
from tests.proxy.process import GatewayProcess
from tests.proxy.provider import Provider
from tests.state.locks import held, visited

CHAT = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def arms(provider: Provider) -> list[dict[str, Any]]:
    provider.scripts["a"] = unique("a")
    return [provider.arm("a")]


@asynccontextmanager
async def gateway(folder: Path, arms: list[dict[str, Any]]) -> AsyncIterator[tuple[GatewayProcess, Client]]:
    running = await GatewayProcess.start(folder, arms)
    try:
        async with aiohttp.ClientSession(running.url) as session:
            yield running, Client(session)
    finally:
        await running.kill()


class Client:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def chat(self) -> str:
        async with self.session.post("/v1/chat/completions", json=CHAT) as answer:
            assert answer.status == 200
            return answer.headers["X-Generation-Id"]

    async def judge(self, id: str, value: float = 1.0) -> tuple[int, Any]:
        async with self.session.post("/v1/feedback", json={"id": id, "value": value}) as answer:
            return answer.status, await answer.json()

    async def ready(self) -> tuple[int, str]:
        async with self.session.get("/readyz") as answer:
            return answer.status, " ".join((await answer.json())["reasons"])


async def command(*arguments: object) -> tuple[int | None, str]:
    """Runs another command of the gateway; returns its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "proxy"),
        *map(str, arguments),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def feedback_in(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM feedback").fetchone()[0])
    finally:
        connection.close()


@pytest.mark.parametrize("visitor", ["another program", "meritorder evaluate"])
async def test_a_gateway_keeps_its_locks_and_what_it_acknowledges_after_a_visit_survives_kill_9(
    tmp_path: Path, arms: list[dict[str, Any]], visitor: str
) -> None:
    path = tmp_path / "journal.db"
    async with gateway(tmp_path, arms) as (running, client):
        assert (await client.judge(await client.chat()))[0] == 200
        assert held(path, running.process.pid) == {"main", "shm"}
        if visitor == "another program":
            await asyncio.to_thread(visited, path)
        else:
            await command("evaluate", "--db", path, "--fixed", "p/a")
        for _ in range(5):
            assert (await client.judge(await client.chat()))[0] == 200
        async with client.session.get("/v1/arms") as answer:
            assert answer.status == 200
        assert await client.ready() == (200, "")
        assert held(path, running.process.pid) == {"main", "shm"}
    assert await feedback_in(path) == 6


def overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(os.urandom(path.stat().st_size))


def replaced(path: Path) -> None:
    path.rename(path.with_name("old.db"))
    path.touch()


FATES: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (Path.unlink, "moved, deleted or replaced while in use: nothing more is written; put it back"),
    "moved": (lambda path: path.rename(path.with_name("b.db")), "moved, deleted or replaced while in use"),
    "replaced": (replaced, "moved, deleted or replaced while in use"),
    "overwritten": (overwritten, "restore a backup"),
    "cut off": (lambda path: os.truncate(path, 0), "restore a backup"),
    "without its log": (
        lambda path: path.with_name("journal.db-wal").unlink(),
        "moved, deleted or replaced while in use",
    ),
}


@pytest.mark.parametrize("fate", FATES)
async def test_a_database_that_is_lost_while_running_is_said_at_once_and_nothing_is_acknowledged(
    tmp_path: Path, arms: list[dict[str, Any]], fate: str
) -> None:
    change, words = FATES[fate]
    async with gateway(tmp_path, arms) as (_, client):
        name = await client.chat()
        assert (await client.judge(name, 1.0))[0] == 200
        assert await client.ready() == (200, "")
        change(tmp_path / "journal.db")
        status, reasons = await client.ready()
        assert status == 503
        assert words in reasons
        status, body = await client.judge(name, 0.0)
        assert (status, body["error"]["code"]) == (503, "store_unavailable")
        assert words in body["error"]["message"]
        assert await client.chat(), "answers go on"
        assert (await client.ready())[0] == 503


async def test_damage_behind_the_head_is_found_by_the_watch(
    tmp_path: Path, arms: list[dict[str, Any]]
) -> None:
    path = tmp_path / "journal.db"
    async with gateway(tmp_path, arms) as (running, client):
        await client.judge(await client.chat())
        running.process.terminate()
        await running.ended()
    async with gateway(tmp_path, arms) as (running, client):
        with path.open("r+b") as file:
            file.seek(8192)
            file.write(os.urandom(path.stat().st_size - 8192))
        await running.says("the database is damaged")
        assert (await client.ready())[0] == 503


async def test_a_database_that_is_damaged_at_the_start_ends_it_with_a_remedy_or_is_said_in_readyz(
    tmp_path: Path, arms: list[dict[str, Any]]
) -> None:
    path = tmp_path / "journal.db"
    async with gateway(tmp_path, arms) as (running, client):
        await client.judge(await client.chat())
        running.process.terminate()
        await running.ended()
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(path.stat().st_size - 8192))
    running = await GatewayProcess.spawn(tmp_path, arms)
    assert await running.ended() == 1
    said = "".join(running.lines)
    assert "restore a backup" in said
    assert "Traceback" not in said


async def test_damage_that_keeps_nothing_from_starting_is_said_in_log_and_readyz(
    tmp_path: Path, arms: list[dict[str, Any]]
) -> None:
    path = tmp_path / "journal.db"
    async with gateway(tmp_path, arms) as (running, client):
        await client.judge(await client.chat())
        running.process.terminate()
        await running.ended()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'feedback_previous')"
        " WHERE name = 'decisions_user'"
    )
    connection.commit()
    connection.close()
    async with gateway(tmp_path, arms) as (running, client):
        await running.says("the database is damaged")
        status, reasons = await client.ready()
        assert status == 503
        assert "restore a backup" in reasons
