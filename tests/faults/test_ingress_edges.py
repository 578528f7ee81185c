"""At the edges of HTTP the gateway is itself: errors in the client's dialect that name no software and repeat no request."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import orjson
import pytest

from tests.proxy.ingress.test_parser import BROKEN
from tests.proxy.ingress.test_server import CHAT, Wire
from tests.proxy.provider import Provider
from tests.proxy.running import Launch, Running

KEY = "sk-client-topsecret"
AUTH = f"Authorization: Bearer {KEY}\r\n".encode()


@pytest.fixture
async def gateway(provider: Provider, launch: Launch) -> Running:
    return await launch(provider.arm("good"), server={"api_keys": [KEY]})


@pytest.fixture
async def wire(gateway: Running) -> AsyncIterator[Wire]:
    opened = await Wire.to(gateway)
    yield opened
    await opened.close()


def post(*headers: str, body: bytes = b"", path: str = "/v1/chat/completions") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {KEY}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/messages", "http://127.0.0.1/v1/messages/count_tokens"]
)
@pytest.mark.parametrize(
    "what", [what for what in BROKEN if not {"limit", "bomb", "coding", "codings"} & {*what.split()}]
)
async def test_the_error_is_in_the_dialect_of_the_path(
    wire: Wire, path: str, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is wrong, the answer is JSON of the API that was called, and the connection ends."""
    line, mark, rest = BROKEN[what][1].partition(b"\r\n")
    words = line.split(b" ")
    if len(words) == 3 and words[1] in (b"/", b"/v1/x", b"/v1/x?y=1"):
        words[1] = path.encode()
    with caplog.at_level(logging.DEBUG):
        wire.writer.write(b" ".join(words) + mark + (AUTH if b"Authorization" not in rest else b"") + rest)
        got = await wire.rest()
    head, _, body = got.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    error = orjson.loads(body)
    assert 400 <= status < 600
    assert error["error"]["message"]
    if words[1:2] == [path.encode()]:
        assert (error.get("type") == "error") == ("messages" in path)
    assert b"Connection: close" in head
    for forbidden in (b"server:", b"aiohttp", b"python", b"llhttp", b"topsecret"):
        assert forbidden not in got.lower()
    assert "topsecret" not in caplog.text
    assert "Traceback" not in caplog.text


SMUGGLED = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n" + AUTH + b"\r\n"


@pytest.mark.parametrize(
    "first",
    [
        post("Content-Length: 4", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        post("Transfer-Encoding: chunked", "Content-Length: 4", body=b"0\r\n\r\n"),
        post("Content-Length: 2", "Content-Length: 3", body=b"{}"),
        post("Transfer-Encoding: identity", "Content-Length: 2", body=b"{}"),
        post("Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
        post("Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"),
        post("Transfer-Encoding: chunked", body=b"2\r\n{}X\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked", body=b"2\r\n{}\n0\r\n\r\n"),
    ],
)
async def test_nothing_is_served_behind_a_request_of_doubtful_length(wire: Wire, first: bytes) -> None:
    wire.writer.write(first + SMUGGLED)
    got = await wire.rest()
    assert got.count(b"\r\nContent-Length:") == 1
    assert b"HTTP/1.1 400 " in got or b"HTTP/1.1 501 " in got


async def test_what_follows_connection_close_is_not_served(wire: Wire) -> None:
    wire.writer.write(SMUGGLED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + SMUGGLED)
    assert (await wire.rest()).count(b"HTTP/1.1 200") == 1


async def test_an_old_client_is_told_that_its_connection_ends(wire: Wire) -> None:
    wire.writer.write(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + SMUGGLED)
    got = await wire.rest()
    assert (got.count(b"HTTP/1.1 200"), b"Connection: close" in got) == (1, True)


async def test_another_protocol_that_is_asked_for_is_not_taken_up(wire: Wire) -> None:
    body = b"".join((CHAT,))
    wire.writer.write(
        post(
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABk",
            f"Content-Length: {len(body)}",
            body=body,
        )
        + SMUGGLED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    )
    assert (await wire.rest()).count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("path", ["/v1/models/%", "/v1/models/%zz", "/v1/%g1", "/v1/models/a%2"])
async def test_an_escape_that_is_none_is_refused(wire: Wire, path: str) -> None:
    wire.head(f"GET {path}", f"Authorization: Bearer {KEY}")
    assert (await wire.answer())[0] == 400


@pytest.mark.parametrize(
    "path", ["/v1/generation/%ff%00", "/v1/sk-client-topsecret", "/v1/generation/../models"]
)
async def test_a_path_that_is_not_there_is_not_repeated(wire: Wire, path: str) -> None:
    wire.head(f"POST {path}", "Connection: close")
    got = await wire.rest()
    assert b" 404 " in got[:20] or b" 405 " in got[:20]
    assert b"topsecret" not in got
    assert b"%ff" not in got


async def test_headers_beyond_ascii_are_served(wire: Wire) -> None:
    wire.writer.write(
        SMUGGLED.replace(b"\r\n\r\n", b"\r\nX-Name: J\xfcrgen \xf0\x9f\x98\x80\r\nConnection: close\r\n\r\n")
    )
    assert b"HTTP/1.1 200" in await wire.rest()


@pytest.mark.parametrize(
    "hosts", ["Host: localhost\r\nHost: evil.example\r\n", "Host: evil.example\r\nHost: localhost\r\n", ""]
)
async def test_a_host_that_is_in_doubt_opens_nothing(provider: Provider, launch: Launch, hosts: str) -> None:
    wire = await Wire.to(await launch(provider.arm("good")))
    wire.writer.write(f"GET /v1/models HTTP/1.1\r\n{hosts}\r\n".encode())
    assert b"HTTP/1.1 400 " in await wire.rest()
    await wire.close()
