"""HTTP itself, as clients, load balancers and strangers speak it."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
from collections.abc import AsyncIterator

import pytest

from tests.proxy.provider import Provider
from tests.proxy.running import Launch, Running

CHAT = b'{"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}'


class Wire:
    """A connection to the gateway, written and read byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, gateway: Running) -> Wire:
        return cls(*await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2])))

    def head(self, line: str, *headers: str) -> None:
        self.writer.write("\r\n".join([f"{line} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]).encode())

    async def answer(self) -> tuple[int, bytes]:
        """Returns status and headers of the next answer; a body that has a length is read off."""
        async with asyncio.timeout(30):
            head = await self.reader.readuntil(b"\r\n\r\n")
        return int(head.split()[1]), head

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def rest(self) -> bytes:
        async with asyncio.timeout(30):
            return await self.reader.read()


@pytest.fixture
async def gateway(provider: Provider, launch: Launch) -> Running:
    return await launch(provider.arm("good"), server={"max_body_bytes": 4096})


@pytest.fixture
async def wire(gateway: Running) -> AsyncIterator[Wire]:
    opened = await Wire.to(gateway)
    yield opened
    await opened.close()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/models", "/v1/models/auto", "/v1/arms"])
async def test_head_gives_the_head_of_get_and_no_body(wire: Wire, path: str) -> None:
    wire.head(f"HEAD {path}", "Connection: close")
    status, head = await wire.answer()
    assert status == 200
    assert b"Content-Length: 0\r\n" not in head
    assert await wire.rest() == b""


async def test_head_of_what_takes_only_post_is_not_allowed(wire: Wire) -> None:
    wire.head("HEAD /v1/chat/completions")
    assert (await wire.answer())[0] == 405


async def test_a_client_that_waits_for_100_continue_gets_it_and_then_its_answer(wire: Wire) -> None:
    wire.head("POST /v1/chat/completions", f"Content-Length: {len(CHAT)}", "Expect: 100-continue")
    assert (await wire.answer())[0] == 100
    wire.writer.write(CHAT)
    assert (await wire.answer())[0] == 200


async def test_a_body_too_large_is_refused_before_it_is_sent(wire: Wire) -> None:
    wire.head("POST /v1/chat/completions", "Content-Length: 4097", "Expect: 100-continue")
    status, head = await wire.answer()
    body = await wire.reader.readexactly(int(head.split(b"Content-Length: ")[1].split()[0]))
    assert (status, b"larger than 4096 bytes" in body) == (413, True)


async def test_without_a_known_key_no_body_is_asked_for(provider: Provider, launch: Launch) -> None:
    wire = await Wire.to(await launch(provider.arm("good"), server={"api_keys": ["k"]}))
    wire.head("POST /v1/chat/completions", f"Content-Length: {len(CHAT)}", "Expect: 100-continue")
    assert (await wire.answer())[0] == 401
    await wire.close()


async def test_another_expectation_fails(wire: Wire) -> None:
    wire.head("POST /v1/chat/completions", f"Content-Length: {len(CHAT)}", "Expect: miracles")
    wire.writer.write(CHAT)
    assert (await wire.answer())[0] == 417


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (("Transfer-Encoding: chunked",), b"%x\r\n%s\r\n0\r\n\r\n" % (len(CHAT), CHAT)),
        (("Content-Encoding: gzip", f"Content-Length: {len(gzip.compress(CHAT))}"), gzip.compress(CHAT)),
    ],
)
async def test_bodies_may_come_in_chunks_and_compressed(
    wire: Wire, headers: tuple[str, ...], body: bytes
) -> None:
    wire.head("POST /v1/chat/completions", "Content-Type: application/json", *headers)
    wire.writer.write(body)
    assert (await wire.answer())[0] == 200


async def test_a_body_that_is_not_compressed_as_it_says_is_the_clients_fault(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.head("POST /v1/chat/completions", "Content-Encoding: gzip", "Content-Length: 7")
    wire.writer.write(b"no gzip")
    status, _ = await wire.answer()
    assert (status, "can't be read" in (await wire.rest()).decode()) == (400, True)
    assert "failed" not in caplog.text


async def test_requests_sent_at_once_are_answered_in_order(wire: Wire) -> None:
    for path in ("/healthz", "/v1/nothing", "/healthz"):
        wire.head(f"GET {path}")
    wire.head("GET /v1/nothing", "Connection: close")
    found = await wire.rest()
    assert [int(part[:3]) for part in found.split(b"HTTP/1.1 ")[1:]] == [200, 404, 200, 404]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/models/", 200), ("PUT", "/v1/prices/", 404), ("GET", "/", 404), ("PATCH", "/v1/arms", 405)],
)
async def test_a_path_that_lacks_its_name_is_its_list_or_not_there(
    gateway: Running, method: str, path: str, status: int
) -> None:
    async with gateway.session.request(method, gateway.url + path) as answer:
        assert answer.status == status
        assert f"not {method}" not in (await answer.text()) or status == 405


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"sk-very-secret" * 4000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_request_leaves_a_line_without_traceback_or_content(
    gateway: Running, rubbish: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    wire = await Wire.to(gateway)
    with caplog.at_level(logging.INFO):
        wire.writer.write(rubbish)
        assert (await wire.rest()).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))
    await wire.close()
    assert "Traceback" not in caplog.text
    assert "sk-very-secret" not in caplog.text
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert (await gateway.get("/healthz"))[0] == 200
