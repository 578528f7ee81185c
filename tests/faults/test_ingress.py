"""Headers first, then the key, then the body: who may not come in costs no memory, and all bodies together are bounded."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from tests.proxy.ingress.test_server import CHAT, Wire
from tests.proxy.provider import Provider
from tests.proxy.running import Launch, Running

MIB = 1 << 20
KEY = "sk-the-only-one"
PATHS = ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/feedback", "/v1/audio/transcriptions"]


@pytest.fixture
async def gateway(provider: Provider, launch: Launch) -> Running:
    return await launch(
        provider.arm("good"),
        server={"api_keys": [KEY], "max_body_bytes": 4 * MIB, "max_buffered_bytes": 4 * MIB},
    )


@pytest.fixture
async def wire(gateway: Running) -> AsyncIterator[Wire]:
    opened = await Wire.to(gateway)
    yield opened
    await opened.close()


def authorized(*headers: str) -> tuple[str, ...]:
    return (f"Authorization: Bearer {KEY}", *headers)


async def said(wire: Wire) -> tuple[int, bytes]:
    """Returns the status and the body of the next answer."""
    status, head = await wire.answer()
    length = int(head.split(b"Content-Length: ")[1].split()[0])
    return status, await wire.reader.readexactly(length)


async def held(gateway: Running, count: int) -> None:
    """Waits until bodies of so many bytes are counted."""
    async with asyncio.timeout(30):
        while gateway.gateway.buffers.used != count:
            await asyncio.sleep(0)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 3000000",),
        ("Content-Length: 99999999",),
        ("Transfer-Encoding: chunked",),
        ("Content-Length: 3000000", "Content-Encoding: gzip"),
        ("Content-Length: 3000000", "Expect: 100-continue"),
        ("Content-Length: 3000000", "Authorization: Bearer wrong"),
    ],
)
async def test_without_a_key_the_head_is_answered_and_the_connection_ends(
    wire: Wire, gateway: Running, path: str, headers: tuple[str, ...]
) -> None:
    wire.head(f"POST {path}", *headers)
    status, head = await wire.answer()
    assert status == 401
    assert b"Connection: close" in head
    assert (b'"type":"error"' in await wire.rest()) == (path == "/v1/messages")
    assert gateway.gateway.buffers.used == 0


@pytest.mark.parametrize(("line", "status"), [("POST /v1/nothing", 404), ("PUT /v1/feedback", 405)])
async def test_what_is_not_there_is_told_from_the_head(wire: Wire, line: str, status: int) -> None:
    wire.head(line, "Content-Length: 3000000")
    assert (await wire.answer())[0] == status
    assert KEY.encode() not in await wire.rest()


async def test_a_client_that_only_sends_finds_its_answer_afterwards(wire: Wire) -> None:
    wire.head("POST /v1/chat/completions", f"Content-Length: {32 * MIB}")
    for _ in range(32):
        wire.writer.write(bytes(MIB))
        await wire.writer.drain()
    assert (await wire.answer())[0] == 401


async def test_a_body_that_nobody_wants_is_not_read_without_bound(gateway: Running, wire: Wire) -> None:
    """Before the handler asks for it no more of a body is taken than one read and a little."""
    asked, go = asyncio.Event(), asyncio.Event()
    handle = gateway.server._connections.handle

    async def late(request):  # type: ignore[no-untyped-def]
        asked.set()
        await go.wait()
        return await handle(request)

    gateway.server._connections.handle = late
    wire.head("POST /v1/chat/completions", *authorized(f"Content-Length: {4 * MIB}"))
    wire.writer.write(bytes(4 * MIB))
    [connection] = gateway.server._connections.open
    async with asyncio.timeout(30):
        await asked.wait()
        while not connection._stopped:
            await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(connection._held) < MIB
    go.set()
    assert (await wire.answer())[0] == 400  # zeros are no JSON, but all of them were read


@pytest.mark.parametrize("path", PATHS)
async def test_a_length_over_the_limit_is_refused_before_the_body(wire: Wire, path: str) -> None:
    wire.head(f"POST {path}", *authorized(f"Content-Length: {4 * MIB + 1}"))
    status, head = await wire.answer()
    assert (status, b"Connection: close" in head) == (413, True)


async def test_chunks_are_cut_at_the_limit(wire: Wire, gateway: Running) -> None:
    wire.head("POST /v1/chat/completions", *authorized("Transfer-Encoding: chunked"))
    for _ in range(5):
        wire.writer.write(b"%x\r\n%s\r\n" % (MIB, bytes(MIB)))
    status, head = await wire.answer()
    assert (status, b"Connection: close" in head) == (413, True)
    await held(gateway, 0)


@pytest.mark.parametrize("length", [True, False])
async def test_a_bomb_is_unpacked_to_the_limit_and_no_further(
    wire: Wire, gateway: Running, length: bool
) -> None:
    bomb = gzip.compress(bytes(64 * MIB), 1)
    framing = f"Content-Length: {len(bomb)}" if length else "Transfer-Encoding: chunked"
    wire.head("POST /v1/chat/completions", *authorized(framing, "Content-Encoding: gzip"))
    wire.writer.write(bomb if length else b"%x\r\n%s\r\n0\r\n\r\n" % (len(bomb), bomb))
    assert (await wire.answer())[0] == 413
    await held(gateway, 0)


async def test_a_coding_that_is_not_read_is_named(wire: Wire) -> None:
    wire.head("POST /v1/chat/completions", *authorized("Content-Length: 5", "Content-Encoding: br"))
    wire.writer.write(b"12345")
    status, body = await said(wire)
    assert (status, b"gzip or deflate" in body) == (415, True)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_a_body_for_which_there_is_no_room_is_put_off_and_others_go_on(
    gateway: Running, wire: Wire, path: str
) -> None:
    first = CHAT.replace(b"Hi", b"Hi " * MIB)
    wire.head("POST /v1/chat/completions", *authorized(f"Content-Length: {len(first)}"))
    wire.writer.write(first[:MIB])
    await held(gateway, len(first))
    other = await Wire.to(gateway)
    other.head(f"POST {path}", *authorized(f"Content-Length: {2 * MIB}"))
    status, head = await other.answer()
    assert (status, b"\r\nRetry-After: 1\r\n" in head) == (503, True)
    assert b'"overloaded' in await other.rest()
    await other.close()
    small = await Wire.to(gateway)
    small.head("POST /v1/chat/completions", *authorized(f"Content-Length: {len(CHAT)}"))
    small.writer.write(CHAT)
    assert (await said(small))[0] == 200
    await small.close()
    wire.writer.write(first[MIB:])
    assert (await said(wire))[0] == 200
    await held(gateway, 0)


async def test_chunks_for_which_there_is_no_room_are_put_off(gateway: Running, wire: Wire) -> None:
    wire.head("POST /v1/chat/completions", *authorized(f"Content-Length: {3 * MIB}"))
    await held(gateway, 3 * MIB)
    other = await Wire.to(gateway)
    other.head("POST /v1/chat/completions", *authorized("Transfer-Encoding: chunked"))
    for _ in range(2):
        other.writer.write(b"%x\r\n%s\r\n" % (MIB, bytes(MIB)))
    assert (await other.answer())[0] == 503
    await held(gateway, 3 * MIB)
    await other.close()


async def test_who_leaves_in_the_middle_of_a_body_holds_nothing(gateway: Running, wire: Wire) -> None:
    wire.head("POST /v1/chat/completions", *authorized(f"Content-Length: {3 * MIB}"))
    wire.writer.write(bytes(MIB))
    await held(gateway, 3 * MIB)
    await wire.close()
    await held(gateway, 0)
