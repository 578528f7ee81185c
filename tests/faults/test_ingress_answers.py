"""What an upstream never ends is ended for it: errors after some kilobytes, answers where there is no more room."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator

import pytest

from proxy.dispatch.call import Call
from proxy.dispatch.relay import Relay
from proxy.ingress.framing import RequestBody
from proxy.ingress.request import HttpRequest
from tests.proxy.ingress.test_server import Wire
from tests.proxy.provider import Exchange, Provider
from tests.proxy.running import Launch, Running

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
        [decision] = await gateway.decisions()
    assert (answer.status, decision.status) == (503, "gateway")
    assert "max_buffered_bytes" in said
    assert answer.headers["Retry-After"] == "1"
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


@pytest.fixture
def uncollected() -> Iterator[Callable[[type], int]]:
    """Counts what reference counts alone have not freed: the collector of a gateway comes seldom."""
    gc.collect()
    gc.disable()
    yield lambda kind: sum(isinstance(one, kind) for one in gc.get_objects())
    gc.enable()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("said", [b"no JSON", b'data: {"error": {"message": "no"}}\n\n'])
async def test_what_was_kept_of_a_failed_answer_goes_with_it(
    provider: Provider, launch: Launch, uncollected: Callable[[type], int], said: bytes, stream: bool
) -> None:
    async def broken(exchange: Exchange) -> None:
        await exchange.answer(said)

    provider.scripts["tts-good"] = broken
    gateway = await launched(launch, provider)
    status, _, _ = await gateway.chat(model="p/tts-good", stream=stream)
    assert status == 502
    assert (uncollected(Relay), uncollected(Call)) == (0, 0)


@pytest.mark.parametrize("chunks", [1, 6])
async def test_what_was_kept_of_a_refused_body_goes_with_it(
    provider: Provider, launch: Launch, uncollected: Callable[[type], int], chunks: int
) -> None:
    """Of chunks over the limit, and of one that is none."""
    gateway = await launched(launch, provider)
    wire = await Wire.to(gateway)
    wire.head("POST /v1/feedback", "Transfer-Encoding: chunked")
    async with asyncio.timeout(30):
        for _ in range(chunks):
            wire.writer.write(b"%x\r\n%s\r\n" % (MIB, bytes(MIB)))
            await wire.writer.drain()
        wire.writer.write(b"none\r\n")
        assert (await wire.answer())[0] == (400 if chunks == 1 else 413)
        assert await wire.rest()
    left = (uncollected(RequestBody), uncollected(HttpRequest))
    await wire.close()
    assert left == (0, 0)
