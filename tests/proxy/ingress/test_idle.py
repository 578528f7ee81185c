"""A client that owes us something and sends nothing is let go; one that owes nothing may stay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from proxy.ingress.idle import BODY_S, KEEP_ALIVE_S, LINGER_S, PATIENCE_S
from tests.proxy.provider import Exchange, Provider, chunk
from tests.proxy.running import Launch, Running

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
BODY = b'{"model": "auto", "stream": true, "messages": [{"role": "user", "content": "Hi"}]}'


@pytest.fixture
async def gateway(provider: Provider, launch: Launch) -> Running:
    return await launch(provider.arm("good"))


class Client:
    """A connection to the gateway that sends what the test says."""

    def __init__(self, gateway: Running) -> None:
        self.gateway = gateway

    async def open(self, first: bytes) -> None:
        port = int(self.gateway.url.rpartition(":")[2])
        before = self.seen()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.writer.write(first)
        async with asyncio.timeout(30):
            while self.seen() == before or (first and not self.got(first)):
                await asyncio.sleep(0)

    def seen(self) -> int:
        return len(self.gateway.server._connections.open)

    def got(self, first: bytes) -> bool:
        """Says whether the gateway has read what makes a difference to it."""
        if not first.startswith(b"POST") or b"\r\n\r\n" not in first:
            return True
        owed = [connection.owes for connection in self.gateway.server._connections.open]
        return bool(self.gateway.gateway.calls) or any(owes and owes[0] == "body" for owes in owed)

    def after(self, seconds: float) -> int:
        """Sweeps as if that much time had passed; returns how many were let go."""
        return self.gateway.server.sweep(self.gateway.gateway.loop.time() + seconds)

    async def gone(self) -> bool:
        async with asyncio.timeout(30):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True


@pytest.fixture
async def client(gateway: Running) -> AsyncIterator[Client]:
    made = Client(gateway)
    yield made
    made.writer.close()


@pytest.mark.parametrize(
    "first", [b"", b"POST /v1/ch", HEAD, HEAD + b"Content-Length: 100\r\n\r\n" + BODY[:20]]
)
async def test_who_sends_nothing_or_half_a_request_is_let_go(client: Client, first: bytes) -> None:
    await client.open(first)
    assert [client.after(seconds) for seconds in (0.0, PATIENCE_S - 1.0, PATIENCE_S + 1.0)] == [0, 0, 1]
    assert await client.gone()


async def test_a_body_that_goes_on_coming_may_take_its_time(client: Client) -> None:
    await client.open(HEAD + b"Content-Length: 100\r\n\r\n" + BODY[:20])
    client.after(0.0)
    client.writer.write(BODY[20:30])
    [connection] = client.gateway.server._connections.open
    began = connection.owes
    async with asyncio.timeout(30):
        while connection.owes == began:
            await asyncio.sleep(0)
    assert client.after(PATIENCE_S + 1.0) == 0
    assert client.after(2.0 * PATIENCE_S + 2.0) == 1
    assert await client.gone()


async def test_who_waits_for_an_answer_or_between_two_requests_may_stay(
    client: Client, provider: Provider
) -> None:
    go = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("one"))
        await go.wait()
        await exchange.event(chunk("two", finish="stop"))
        await exchange.end_stream()

    provider.scripts["good"] = slow
    await client.open(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
    async with asyncio.timeout(30):
        await client.reader.readuntil(b"one")
    assert [client.after(seconds) for seconds in (0.0, 10.0 * PATIENCE_S)] == [0, 0]
    go.set()
    async with asyncio.timeout(30):
        await client.reader.readuntil(b"0\r\n\r\n")
    later = 20.0 * PATIENCE_S
    assert [client.after(seconds) for seconds in (later, later + KEEP_ALIVE_S - 1.0)] == [0, 0]
    assert client.seen() == 1


async def test_who_sends_no_further_request_is_hung_up_and_owed_nothing(client: Client) -> None:
    await client.open(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    async with asyncio.timeout(30):
        await client.reader.readuntil(b'"ok"}')
    assert [client.after(seconds) for seconds in (0.0, KEEP_ALIVE_S + 1.0)] == [0, 0]
    assert await client.gone()


async def test_a_body_that_comes_in_drops_is_ended(client: Client) -> None:
    await client.open(HEAD + b"Content-Length: 100000\r\n\r\n" + BODY[:1])
    [connection] = client.gateway.server._connections.open
    seconds, closed = 0.0, 0
    async with asyncio.timeout(30):
        while not closed:
            began = connection.owes
            client.writer.write(b"x")
            while connection.owes == began:
                await asyncio.sleep(0)
            closed = client.after(seconds)
            seconds += PATIENCE_S / 2
    assert BODY_S < seconds < BODY_S + 2 * PATIENCE_S
    assert await client.gone()


async def test_who_was_told_that_the_connection_ends_and_goes_on_is_cut(client: Client) -> None:
    await client.open(b"rubbish\r\n\r\n")
    async with asyncio.timeout(30):
        assert b" 400 " in await client.reader.read()
    assert [client.after(seconds) for seconds in (0.0, LINGER_S - 1.0)] == [0, 0]
    assert client.seen() == 1
    client.after(LINGER_S + 1.0)
    async with asyncio.timeout(30):
        while client.seen():
            await asyncio.sleep(0)
