"""What an upstream never ends is ended for it: errors after some kilobytes, answers where there is no more room."""

from __future__ import annotations

import asyncio

import pytest

from tests.proxy.provider import Exchange, Provider
from tests.proxy.running import Launch, Running
from tests.proxy.test_server import Wire

MIB = 1 << 20
CALLS = {
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}),
    "messages": ("/v1/messages", {"max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}),
    "responses": ("/v1/responses", {"input": "Hi"}),
    "completions": ("/v1/completions", {"prompt": "Hi"}),
    "speech": ("/v1/audio/speech", {"input": "Hi", "voice": "v"}),
}


class Endless:
    """A provider that sends without end, until its connection is closed."""

    def __init__(
        self, provider: Provider, status: int, kind: str = "text/plain", piece: bytes = b"x"
    ) -> None:
        self.status, self.kind, self.piece = status, kind, piece * 65536
        self.asked = asyncio.Event()
        self.left = asyncio.Event()
        provider.scripts["tts-good"] = self

    async def __call__(self, exchange: Exchange) -> None:
        self.asked.set()
        exchange.writer.write(
            f"HTTP/1.1 {self.status} X\r\nContent-Type: {self.kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        try:
            while True:
                await exchange.send(self.piece)
        except ConnectionError:
            self.left.set()


async def launched(launch: Launch, provider: Provider) -> Running:
    return await launch(
        provider.arm("tts-good"), server={"max_body_bytes": 4 * MIB, "max_buffered_bytes": 4 * MIB}
    )


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("api", CALLS)
async def test_an_endless_error_is_cut(provider: Provider, launch: Launch, api: str, stream: bool) -> None:
    endless = Endless(provider, 500)
    gateway = await launched(launch, provider)
    path, body = CALLS[api]
    async with asyncio.timeout(30):
        status, answer, _ = await gateway.post(path, {"model": "p/tts-good", "stream": stream, **body})
        await endless.left.wait()
    assert status == 502
    assert len(str(answer)) < 100_000
    assert gateway.gateway.buffers.used == 0


@pytest.mark.parametrize("api", ["chat", "messages", "responses", "completions"])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_endless_answer_ends_where_there_is_no_more_room(
    provider: Provider, launch: Launch, api: str, stream: bool
) -> None:
    """An upload holds most of what may be held; of the answer no end and no content comes."""
    kind, piece = ("text/event-stream", b": x\n\n") if stream else ("application/json", b" ")
    endless = Endless(provider, 200, kind, piece)
    gateway = await launched(launch, provider)
    upload = await Wire.to(gateway)
    upload.head("POST /v1/feedback", f"Content-Length: {3 * MIB}")
    path, body = CALLS[api]
    async with asyncio.timeout(30):
        while gateway.gateway.buffers.used != 3 * MIB:
            await asyncio.sleep(0)
        async with gateway.session.post(
            gateway.url + path, json={"model": "p/tts-good", "stream": stream, **body}
        ) as answer:
            said = await answer.text()
        await endless.left.wait()
    assert "max_buffered_bytes" in said
    assert gateway.gateway.buffers.used == 3 * MIB
    await upload.close()


async def test_a_client_that_leaves_an_endless_answer_holds_nothing(
    provider: Provider, launch: Launch
) -> None:
    endless = Endless(provider, 200, "application/json", b" ")
    gateway = await launched(launch, provider)
    wire = await Wire.to(gateway)
    body = b'{"model": "p/tts-good", "messages": [{"role": "user", "content": "Hi"}]}'
    wire.head("POST /v1/chat/completions", f"Content-Length: {len(body)}")
    wire.writer.write(body)
    async with asyncio.timeout(30):
        while gateway.gateway.buffers.used < MIB:
            await asyncio.sleep(0)
        await wire.close()
        await endless.left.wait()
        while gateway.gateway.buffers.used:
            await asyncio.sleep(0)
