"""A name server that doesn't answer is the trouble of the arms whose names it knows, and of nobody else."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.proxy.process import GatewayProcess
from tests.proxy.provider import Provider
from tests.proxy.running import Launch, Running

NAMES = 40


class Hanging:
    """Lookups of `*.slow` don't return before the test is over."""

    def __init__(self) -> None:
        self.asked: set[str] = set()
        self.all_asked = threading.Event()
        self.over = threading.Event()
        self._real = socket.getaddrinfo

    def getaddrinfo(self, host: str, *more: Any, **named: Any) -> Any:
        if not host.endswith(".slow"):
            return self._real(host, *more, **named)
        self.asked.add(host)
        if len(self.asked) == NAMES:
            self.all_asked.set()
        self.over.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    hanging = Hanging()
    monkeypatch.setattr(socket, "getaddrinfo", hanging.getaddrinfo)
    yield hanging
    hanging.over.set()


def slow(provider: Provider, number: int) -> dict[str, Any]:
    return provider.arm("good", base_url=f"http://h{number}.slow:80/v1") | {"name": f"slow/{number}"}


async def slowed(
    launch: Launch, provider: Provider, **config: Any
) -> tuple[Running, list[asyncio.Task[Any]]]:
    """Returns a gateway and the requests that wait in it for lookups."""
    named = provider.url.replace("127.0.0.1", "localhost")
    gateway = await launch(
        provider.arm("good"),
        provider.arm("good", base_url=named) | {"name": "named/good"},
        *(slow(provider, number) for number in range(NAMES)),
        **config,
    )
    return gateway, [asyncio.create_task(gateway.chat(model=f"slow/{number}")) for number in range(NAMES)]


async def test_other_arms_answer_while_lookups_hang(
    launch: Launch, provider: Provider, hanging: Hanging
) -> None:
    """Those at an address and those with a name; the gateway's own API too."""
    gateway, waiting = await slowed(launch, provider)
    assert await asyncio.to_thread(hanging.all_asked.wait, 30)
    for model in ("p/good", "named/good"):
        status, _, headers = await gateway.chat(model=model)
        assert (status, headers["X-Meritorder-Arm"]) == (200, model)
    for path in ("/healthz", "/readyz", "/v1/arms"):
        assert (await gateway.get(path))[0] == 200
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_only_the_slow_arms_fail_and_rest(launch: Launch, provider: Provider, hanging: Hanging) -> None:
    """Each by its own connect timeout."""
    gateway, waiting = await slowed(launch, provider, timeouts={"connect": 2.0})
    assert (await gateway.chat(model="p/good"))[0] == 200
    assert (await gateway.chat(model="named/good"))[0] == 200
    assert {status for status, _, _ in await asyncio.gather(*waiting)} == {504}
    assert len(hanging.asked) == NAMES
    _, body = await gateway.get("/v1/arms")
    rows = {row["arm"]: row for row in body["data"]}
    for name in ("p/good", "named/good"):
        assert (rows[name]["errors"], rows[name]["cooldown"]) == (0, None)
    assert all(rows[f"slow/{number}"]["errors"] == 1 for number in range(NAMES))


async def test_a_lookup_that_hangs_keeps_no_gateway_from_its_end(tmp_path: Path, provider: Provider) -> None:
    prelude = (
        "import socket, threading\n"
        "def getaddrinfo(*_, **__):\n"
        "    print('asked', flush=True)\n"
        "    threading.Event().wait()\n"
        "socket.getaddrinfo = getaddrinfo"
    )
    arms = [slow(provider, 0)]
    gateway = await GatewayProcess.start(tmp_path, arms, told="[timeouts]\nconnect = 0.2\n", prelude=prelude)
    try:
        body = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}
        async with (
            aiohttp.ClientSession() as session,
            session.post(gateway.url + "/v1/chat/completions", json=body) as answer,
        ):
            assert (answer.status, json.loads(await answer.read())["error"]["type"]) == (504, "timeout_error")
        await gateway.says("asked")
        gateway.signal(signal.SIGTERM)
        assert await gateway.ended() == 0
    finally:
        await gateway.kill()
