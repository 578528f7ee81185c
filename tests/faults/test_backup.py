"""`meritorder backup` and `check-db` beside a running gateway."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faults.test_store import Client, command, gateway
from tests.proxy.learning.test_durability import unique
from tests.proxy.provider import Provider
from tests.state.locks import held


@pytest.fixture
def arms(provider: Provider) -> list[dict[str, Any]]:
    provider.scripts["a"] = unique("a")
    return [provider.arm("a")]


async def test_a_backup_under_traffic_knows_all_that_was_acknowledged_before_it(
    tmp_path: Path, arms: list[dict[str, Any]]
) -> None:
    acknowledged: list[str] = []

    async def traffic(client: Client) -> None:
        while True:
            name = await client.chat()
            assert (await client.judge(name))[0] == 200
            acknowledged.append(name)

    (tmp_path / "live").mkdir()
    path, copy = tmp_path / "live" / "journal.db", tmp_path / "journal.db"
    async with gateway(tmp_path / "live", arms) as (running, client):
        clients = [asyncio.create_task(traffic(client)) for _ in range(4)]
        async with asyncio.timeout(60):
            while len(acknowledged) < 40:
                await asyncio.sleep(0.01)
        before = list(acknowledged)
        code, said = await command("backup", "--db", path, copy)
        assert code == 0, said
        assert "checked" in said
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert held(path, running.process.pid) == {"main", "shm"}
        code, said = await command("backup", "--db", path, copy)
        assert (code, "is there already" in said) == (1, True)
        assert (await command("backup", "--db", path, "--force", copy))[0] == 0
        code, said = await command("check-db", "--db", path)
        assert (code, "whole" in said) == (0, True), said
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        assert await client.ready() == (200, "")
    code, said = await command("check-db", "--db", copy)
    assert code == 0, said
    async with gateway(tmp_path, arms) as (running, client):
        session: aiohttp.ClientSession = client.session
        for name in before:
            async with session.get("/v1/generation", params={"id": name}) as answer:
                assert (await answer.json())["data"]["feedback"], name


async def test_a_database_that_is_none_is_named_with_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "notes").write_bytes(b"precious notes " * 1000)
    for arguments in (["check-db"], ["backup", tmp_path / "copy.db"]):
        code, said = await command(*arguments, "--db", tmp_path / "notes")
        assert (code, "not a SQLite database" in said) == (1, True)
        assert "Traceback" not in said
    assert not (tmp_path / "copy.db").exists()
