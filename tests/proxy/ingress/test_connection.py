"""One client's connection: requests of every kind, in the order they came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from proxy.ingress.idle import KEEP_ALIVE_S
from tests.proxy.ingress.test_server import CHAT, Wire
from tests.proxy.provider import Exchange, Provider, chunk
from tests.proxy.running import Launch, Running

STREAM = CHAT.replace(b"{", b'{"stream": true, ', 1)


def post(body: bytes, *headers: str) -> bytes:
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: 127.0.0.1",
        *headers,
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(body: bytes, *headers: str) -> bytes:
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: 127.0.0.1",
        *headers,
        "Transfer-Encoding: chunked",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@pytest.fixture
async def gateway(provider: Provider, launch: Launch) -> Running:
    return await launch(provider.arm("good"), server={"max_body_bytes": 200_000})


@pytest.fixture
async def wire(gateway: Running) -> AsyncIterator[Wire]:
    opened = await Wire.to(gateway)
    yield opened
    await opened.close()


class Slow:
    """A provider that streams one word, and the rest when told to."""

    def __init__(self, provider: Provider) -> None:
        self.go = asyncio.Event()
        self.left = asyncio.Event()
        provider.scripts["good"] = self

    async def __call__(self, exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("one"))
        waits = [asyncio.ensure_future(self.go.wait()), asyncio.ensure_future(exchange.left())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if waits[1].done():
            self.left.set()
            return
        waits[1].cancel()
        await exchange.event(chunk("two", finish="stop"))
        await exchange.end_stream()


async def statuses(wire: Wire, count: int) -> list[int]:
    found = []
    for _ in range(count):
        status, head = await wire.answer()
        length = int(head.lower().split(b"content-length: ")[1].split()[0])
        await wire.reader.readexactly(length)
        found.append(status)
    return found


async def test_one_connection_serves_requests_of_every_kind(wire: Wire) -> None:
    wire.writer.write(post(CHAT))
    assert await statuses(wire, 1) == [200]
    wire.writer.write(post(CHAT, "Content-Encoding: identity"))
    assert await statuses(wire, 1) == [200]
    wire.writer.write(chunked(CHAT))
    assert await statuses(wire, 1) == [200]
    wire.writer.write(post(CHAT))
    assert await statuses(wire, 1) == [200]


async def test_a_body_may_come_in_pieces(wire: Wire) -> None:
    long = CHAT.replace(b"Hi", b"Hi " * 60_000)
    data = post(long)
    for start in range(0, len(data), 50_000):
        wire.writer.write(data[start : start + 50_000])
        await wire.writer.drain()
    assert await statuses(wire, 1) == [200]


async def test_requests_sent_without_waiting_are_answered_in_order(wire: Wire) -> None:
    wire.writer.write(post(CHAT) + post(b"{") + post(CHAT) + post(b"[]"))
    assert await statuses(wire, 4) == [200, 400, 200, 400]


async def test_a_good_request_before_rubbish_is_answered(wire: Wire) -> None:
    wire.writer.write(post(CHAT) + b"rubbish\r\n\r\n")
    assert await statuses(wire, 2) == [200, 400]


async def test_what_comes_while_an_answer_streams_waits_its_turn(provider: Provider, wire: Wire) -> None:
    slow = Slow(provider)
    wire.writer.write(post(STREAM))
    async with asyncio.timeout(30):
        await wire.reader.readuntil(b"one")
        wire.writer.write(post(b"{"))
        await wire.writer.drain()
        slow.go.set()
        streamed = await wire.reader.readuntil(b"0\r\n\r\n")
    assert b"two" in streamed
    assert b" 400 " not in streamed
    assert await statuses(wire, 1) == [400]


async def test_a_flood_of_requests_waits_outside(gateway: Running, provider: Provider, wire: Wire) -> None:
    slow = Slow(provider)
    wire.writer.write(post(STREAM))
    async with asyncio.timeout(30):
        await wire.reader.readuntil(b"one")
        [connection] = gateway.server._connections.open
        bad = post(b"{" + b" " * 10_000)
        wire.writer.write(bad * 1000)  # far more than both sockets' buffers hold
        while len(connection._held) < 64 * 1024:
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(connection._held) < 64 * 1024 + 300_000  # and one read
        slow.go.set()
        await wire.reader.readuntil(b"0\r\n\r\n")
        assert await statuses(wire, 1000) == [400] * 1000


async def test_a_client_that_leaves_cancels_its_call(
    gateway: Running, provider: Provider, wire: Wire
) -> None:
    slow = Slow(provider)
    wire.writer.write(post(STREAM))
    async with asyncio.timeout(30):
        await wire.reader.readuntil(b"one")
        await wire.close()
        await slow.left.wait()
        while gateway.gateway.calls:
            await asyncio.sleep(0)


async def test_draining_lets_the_answer_under_way_end_and_takes_no_further(
    gateway: Running, provider: Provider, wire: Wire
) -> None:
    slow = Slow(provider)
    wire.writer.write(post(STREAM))
    async with asyncio.timeout(30):
        await wire.reader.readuntil(b"one")
        closing = asyncio.create_task(gateway.server.close(30.0))
        while not gateway.gateway.draining:
            await asyncio.sleep(0)
        wire.writer.write(post(CHAT))
        slow.go.set()
        rest = await wire.rest()
        await closing
    assert rest.endswith(b"0\r\n\r\n")
    assert b"two" in rest


class Accepted(asyncio.Transport):
    """The gateway's end of a connection on which nothing has come."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def test_a_connection_made_as_the_drain_begins_is_hung_up(gateway: Running) -> None:
    connection, transport = gateway.server._connections(), Accepted()
    connection.connection_made(transport)
    connection.close()
    for _ in range(10):
        await asyncio.sleep(0)
    assert transport.closed
    connection.connection_lost(None)


async def test_an_idle_connection_is_kept_while_it_is_served(
    gateway: Running, provider: Provider, wire: Wire
) -> None:
    slow = Slow(provider)
    now = gateway.gateway.loop.time()
    wire.writer.write(post(STREAM))
    async with asyncio.timeout(30):
        await wire.reader.readuntil(b"one")
        gateway.server.sweep(now)
        gateway.server.sweep(now + 10.0 * KEEP_ALIVE_S)
        slow.go.set()
        await wire.reader.readuntil(b"0\r\n\r\n")
        gateway.server.sweep(now + 11.0 * KEEP_ALIVE_S)
        gateway.server.sweep(now + 12.0 * KEEP_ALIVE_S + 1.0)
        assert await wire.rest() == b""
