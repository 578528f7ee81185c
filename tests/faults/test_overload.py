"""What the gateway lacks, ends or limits itself is no failure of an arm, and what was answered is booked."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import socket
import time
from pathlib import Path
from typing import Any

import aiohttp
import psutil  # type: ignore[import-untyped]
import pytest

from proxy.commands import serve
from state.sqlite.store import SqliteStore
from tests.proxy.process import GatewayProcess
from tests.proxy.provider import Exchange, Provider, chunk
from tests.proxy.running import Launch, Running

CALLS = [
    ("/v1/chat/completions", {}),
    ("/v1/chat/completions", {"stream": True}),
    ("/v1/messages", {"max_tokens": 9}),
    ("/v1/messages", {"max_tokens": 9, "stream": True}),
    ("/v1/responses", {"input": "Hi", "messages": None}),
    ("/v1/completions", {"prompt": "Hi", "messages": None}),
]


async def ask(gateway: Running, path: str, more: dict[str, Any]) -> tuple[int, bytes, Any]:
    body = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], **more}
    body = {name: value for name, value in body.items() if value is not None}
    async with gateway.session.post(gateway.url + path, json=body) as answer:
        return answer.status, await answer.read(), answer.headers


async def unharmed(gateway: Running, status: str) -> None:
    """Nothing is held against an arm, and the call is booked as what it was."""
    rows = (await gateway.get("/v1/arms"))[1]["data"]
    assert [(row["errors"], row["failed_attempts"], row["cooldown"]) for row in rows] == [(0, 0, None)] * len(
        rows
    )
    assert [decision.status for decision in await gateway.decisions()] == [status]


@pytest.mark.parametrize(("path", "more"), CALLS)
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL])
async def test_a_lack_of_our_own_is_ours(
    provider: Provider,
    launch: Launch,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    more: dict[str, Any],
    number: int,
) -> None:
    tried = 0

    async def connect(*_: object) -> socket.socket:
        nonlocal tried
        tried += 1
        raise OSError(number, os.strerror(number))

    gateway = await launch(provider.arm("good"), provider.arm("other"), provider.arm("third"))
    with monkeypatch.context() as patched:
        patched.setattr("proxy.upstream.dialing.dial.connect_any", connect)
        status, body, headers = await ask(gateway, path, more)
    assert (status, headers["Retry-After"], tried) == (503, "1", 1)
    assert headers["X-Meritorder-Shed"] == "local_lack"
    assert b"overloaded_error" in body
    await unharmed(gateway, "gateway")
    assert (await ask(gateway, path, more))[0] == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_exceeds_the_operators_limit_is_not_held_against_the_arm(
    provider: Provider, launch: Launch, stream: bool
) -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def flowing(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("one"))
        begun.set()
        await exchange.left()
        over.set()

    provider.scripts["flowing"] = flowing
    gateway = await launch(provider.arm("flowing"), timeouts={"total": 300.0})
    asking = asyncio.create_task(ask(gateway, "/v1/chat/completions", {"stream": stream}))
    await begun.wait()
    [call] = gateway.gateway.calls.values()
    assert call.relay is not None
    while stream and not call.relay.forwarded:
        await asyncio.sleep(0)
    assert call.relay.exchange is not None
    call.relay.exchange.started_at -= 301.0
    status, body, _ = await asking
    await over.wait()
    assert status == (200 if stream else 504)
    assert b"no complete answer in 300 s" in body
    await unharmed(gateway, "deadline")


async def test_a_provider_that_is_silent_for_longer_than_it_may_is_to_blame(
    provider: Provider, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(exchange: Exchange) -> None:
        await exchange.left()

    monkeypatch.setattr("proxy.upstream.origin.LEAST_SILENCE_S", 0.01)
    provider.scripts["silent"] = silent
    gateway = await launch(provider.arm("silent"), timeouts={"first_byte": 0.05})
    assert (await gateway.chat())[0] == 504
    [row] = (await gateway.get("/v1/arms"))[1]["data"]
    assert (row["errors"], row["cooldown"]["reason"]) == (1, "timeout")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"connect": 0.001}, "connect is 0.001 s"),
        ({"first_byte": 0.5}, "first_byte is 0.5 s"),
        ({"idle": 0.5}, "idle is 0.5 s"),
        ({"total": 30.0}, "total (30 s) ends a call before first_byte (120 s) can"),
    ],
)
async def test_limits_that_are_probably_a_mistake_are_said_at_the_start(
    provider: Provider, launch: Launch, caplog: pytest.LogCaptureFixture, limits: dict[str, float], said: str
) -> None:
    await launch(provider.arm("good"), timeouts=limits)
    assert said in caplog.text


async def test_usual_limits_are_not(
    provider: Provider, launch: Launch, caplog: pytest.LogCaptureFixture
) -> None:
    await launch(provider.arm("good"))
    assert "timeouts" not in caplog.text


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_that_the_end_cuts_before_its_first_byte_is_told_so_and_is_not_the_arms(
    provider: Provider, launch: Launch, stream: bool
) -> None:
    asked = asyncio.Event()

    async def silent(exchange: Exchange) -> None:
        asked.set()
        await exchange.left()

    provider.scripts["silent"] = silent
    gateway = await launch(provider.arm("silent"))
    call = asyncio.ensure_future(ask(gateway, "/v1/chat/completions", {"stream": stream}))
    await asked.wait()
    await gateway.server.close(0.0)
    status, body, headers = await call
    assert (status, headers["Retry-After"]) == (503, "1")
    assert b"The gateway is shutting down." in body
    await gateway.gateway.journal.flush()
    [row] = await gateway.decisions()
    assert row.status == "shutdown"
    assert gateway.gateway.learner.statistics.total("p/silent").errors == 0
    assert gateway.gateway.cooldowns.all_well


async def test_a_process_without_descriptors_blames_no_arm_spends_nothing_and_recovers(
    tmp_path: Path, provider: Provider
) -> None:
    running = await GatewayProcess.start(tmp_path, [provider.arm("good")])
    process = psutil.Process(running.process.pid)
    try:
        limit = process.rlimit(resource.RLIMIT_NOFILE)
        port = int(running.url.rsplit(":", 1)[1])
        held = socket.create_connection(("127.0.0.1", port), timeout=30)
        held.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await asyncio.to_thread(held.recv, 4096)).startswith(b"HTTP/1.1 200 ")
        # Below it are standard input and output alone: whatever is closed meanwhile makes no room.
        process.rlimit(resource.RLIMIT_NOFILE, (3, limit[1]))
        body = b'{"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}'
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(
            body
        )
        before, since = sum(process.cpu_times()[:2]), time.monotonic()
        for _ in range(3):
            held.sendall(head + body)
            answer = await asyncio.to_thread(held.recv, 65536)
            assert answer.startswith(b"HTTP/1.1 503 "), answer
            assert b"Retry-After" in answer
        more = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
        await running.says("no more connections can be accepted")
        assert sum(process.cpu_times()[:2]) - before < 0.5 + 0.5 * (time.monotonic() - since)
        process.rlimit(resource.RLIMIT_NOFILE, limit)
        for sock in [held, *more]:
            sock.close()
        async with aiohttp.ClientSession(running.url) as session:
            chat = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}
            assert await _served(session, chat)
            async with session.get("/v1/arms") as listing:
                [row] = (await listing.json())["data"]
        assert (row["errors"], row["cooldown"]) == (0, None)
        running.signal(signal.SIGTERM)
        assert await running.ended() == 0
    finally:
        await running.kill()


async def _served(session: aiohttp.ClientSession, chat: dict[str, Any]) -> bool:
    """Asks again while connections are still turned away."""
    async with asyncio.timeout(30):
        while True:
            try:
                async with session.post("/v1/chat/completions", json=chat) as answer:
                    if answer.status != 503:
                        return answer.status == 200
            except aiohttp.ClientConnectionError:
                continue


async def test_every_answer_of_a_crowd_is_booked(tmp_path: Path, provider: Provider) -> None:
    running = await GatewayProcess.start(tmp_path, [provider.arm("good")])
    answered = 0
    try:
        chat = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}
        async with aiohttp.ClientSession(running.url, connector=aiohttp.TCPConnector(limit=0)) as session:

            async def client() -> None:
                nonlocal answered
                for _ in range(4):
                    async with session.post("/v1/chat/completions", json=chat) as answer:
                        await answer.read()
                        assert answer.status in (200, 503)
                        answered += answer.status == 200

            await asyncio.gather(*(client() for _ in range(100)))
        running.signal(signal.SIGTERM)
        assert await running.ended() == 0
    finally:
        await running.kill()
    store = await SqliteStore.open(tmp_path / "journal.db")
    assert await store.last_seq() == answered > 0
    await store.close()
    assert "error" not in "".join(running.lines).lower()


def test_the_soft_limit_of_open_files_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(serve.resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(serve.resource, "setrlimit", lambda what, limits: told.append((what, limits)))
    serve.more_files()
    assert told == [(resource.RLIMIT_NOFILE, (4096, 4096))]
