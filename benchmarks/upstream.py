"""CPU time of the upstream client per request and per chunk, beside aiohttp's client and bare reading.

    python -m benchmarks.upstream [--requests N] [--chunks N] [--repeat N] [--json FILE]

A raw asyncio server runs in a process of its own; what is counted is the process CPU time (user and system) of
this one. `bare` writes the same bytes and only counts what it reads: the floor under any client on uvloop.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection as Pipe

import aiohttp
import uvloop

from proxy.upstream import (
    Endpoint,
    Pool,
    PoolLimits,
    Proxies,
    Timeouts,
    UpstreamFailure,
    complete_head,
    head_prefix,
)

BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 1900 + b'"}]}'
HEADERS = [(b"authorization", b"Bearer sk-test"), (b"content-type", b"application/json"), (b"accept", b"*/*")]
ANSWER = b'{"id":"chatcmpl-1","choices":[{"message":{"role":"assistant","content":"' + b"y" * 700 + b'"}}]}'
COMMON = (
    b"HTTP/1.1 200 OK\r\ndate: Tue, 01 Jan 2030 00:00:00 GMT\r\ncontent-type: application/json\r\n"
    b"x-request-id: 0123456789abcdef\r\nx-ratelimit-remaining-requests: 100\r\nserver: mock\r\n"
)
WHOLE = COMMON + b"content-length: %d\r\n\r\n" % len(ANSWER) + ANSWER
STREAM_HEAD = COMMON + b"transfer-encoding: chunked\r\n\r\n"
EVENT = b'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":" word"}}]}' + b" " * 80 + b"\n\n"
CHUNK = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)
LAST = b"0\r\n\r\n"
WIDTH = 32


class Server(asyncio.Protocol):
    """Answers by path: /whole at once, /paced one chunk per loop turn and millisecond, /flood all at once."""

    def __init__(self, chunks: int) -> None:
        self.chunks = chunks
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, body = self.buffer.partition(b"\r\n\r\n")
        if not separator or len(body) < len(BODY):
            return
        self.buffer = b""
        if b"/whole" in head[:60]:
            self.transport.write(WHOLE)
        elif b"/flood" in head[:60]:
            self.transport.write(STREAM_HEAD + CHUNK * self.chunks + LAST)
        else:
            self.transport.write(STREAM_HEAD)
            self.pace(self.chunks)

    def pace(self, left: int) -> None:
        if self.transport.is_closing():
            return
        if left == 0:
            self.transport.write(LAST)
            return
        self.transport.write(CHUNK)
        asyncio.get_running_loop().call_later(0.002, self.pace, left - 1)


def run_server(pipe: Pipe, chunks: int) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Server(chunks), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await loop.run_in_executor(None, pipe.recv)
        server.close()

    with contextlib.suppress(EOFError, KeyboardInterrupt):
        uvloop.run(main())


class Counter:
    """The cheapest sink: it counts, and settles a future."""

    def __init__(self, future: asyncio.Future[int]) -> None:
        self.future = future
        self.size = 0

    def on_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        assert status == 200, headers

    def on_body(self, data: bytes) -> None:
        self.size += len(data)

    def bypass(self) -> None:
        return None

    def hold(self) -> None:
        raise AssertionError("nothing passes here")

    def on_end(self) -> None:
        self.future.set_result(self.size)

    def on_failure(self, error: UpstreamFailure) -> None:
        self.future.set_exception(error)


Ask = Callable[[str], Awaitable[int]]


@contextlib.asynccontextmanager
async def ours(port: int) -> AsyncIterator[Ask]:
    endpoint = Endpoint.from_url(f"http://127.0.0.1:{port}/v1")
    pool = Pool(limits=PoolLimits(), timeouts=Timeouts(), proxies=Proxies())
    prefixes = {path: head_prefix("POST", endpoint, path, HEADERS) for path in ("/whole", "/flood", "/paced")}
    loop = asyncio.get_running_loop()

    def ask(path: str) -> asyncio.Future[int]:
        future: asyncio.Future[int] = loop.create_future()
        pool.send(endpoint, complete_head(prefixes[path], len(BODY)), BODY, Counter(future))
        return future

    yield ask
    await pool.close()


@contextlib.asynccontextmanager
async def aiohttps(port: int) -> AsyncIterator[Ask]:
    headers = {name.decode(): value.decode() for name, value in HEADERS}
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), auto_decompress=False
    ) as session:

        async def ask(path: str) -> int:
            size = 0
            async with session.post(
                f"http://127.0.0.1:{port}/v1{path}", data=BODY, headers=headers
            ) as answer:
                async for data in answer.content.iter_any():
                    size += len(data)
            return size

        yield ask


class BareProtocol(asyncio.Protocol):
    """Knows the end of an answer by its size alone."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def ask(self, request: bytes, size: int, future: asyncio.Future[int]) -> None:
        self.left, self.size, self.future = size, size, future
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.left -= len(data)
        if self.left == 0:
            self.future.set_result(self.size)


def bare(chunks: int) -> Callable[[int], contextlib.AbstractAsyncContextManager[Ask]]:
    streamed = len(STREAM_HEAD) + chunks * len(CHUNK) + len(LAST)
    sizes = {"/whole": len(WHOLE), "/flood": streamed, "/paced": streamed}

    @contextlib.asynccontextmanager
    async def open_bare(port: int) -> AsyncIterator[Ask]:
        loop = asyncio.get_running_loop()
        free: list[BareProtocol] = []
        everyone: list[BareProtocol] = []
        endpoint = Endpoint.from_url(f"http://127.0.0.1:{port}/v1")
        requests = {
            path: complete_head(head_prefix("POST", endpoint, path, HEADERS), len(BODY)) + BODY
            for path in sizes
        }

        async def ask(path: str) -> int:
            if free:
                protocol = free.pop()
            else:
                _, protocol = await loop.create_connection(BareProtocol, "127.0.0.1", port)
                everyone.append(protocol)
            future: asyncio.Future[int] = loop.create_future()
            protocol.ask(requests[path], sizes[path], future)
            size = await future
            free.append(protocol)
            return size

        yield ask
        for protocol in everyone:
            protocol.transport.abort()

    return open_bare


async def drive(ask: Ask, path: str, requests: int) -> float:
    """Microseconds of CPU per request over 32 loops of requests."""

    async def one(count: int) -> None:
        for _ in range(count):
            await ask(path)

    await asyncio.gather(*(one(2) for _ in range(WIDTH)))
    start = time.process_time()
    await asyncio.gather(*(one(requests // WIDTH) for _ in range(WIDTH)))
    return (time.process_time() - start) / (requests // WIDTH * WIDTH) * 1e6


@dataclass(frozen=True)
class Record:
    client: str
    metric: str
    value: float
    low: float
    high: float
    runs: int


async def measure(port: int, requests: int, chunks: int, repeat: int) -> list[Record]:
    clients = {"bare": bare(chunks), "ours": ours, "aiohttp": aiohttps}
    streams = max(WIDTH, 2 * WIDTH * 200 // chunks)
    plan = (
        ("request", "/whole", requests, 1),
        ("chunk, 2 ms apart", "/paced", streams, chunks),
        ("chunk, flood", "/flood", streams * 8, chunks),
    )
    samples: dict[tuple[str, str], list[float]] = {}
    for _ in range(repeat):
        for metric, path, count, per in plan:
            for client, opened in clients.items():
                async with opened(port) as ask:
                    cost = await drive(ask, path, count) / per
                samples.setdefault((client, metric), []).append(cost)
    return [
        Record(client, metric, statistics.median(values), min(values), max(values), len(values))
        for (client, metric), values in samples.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=6400)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    server = context.Process(target=run_server, args=(theirs, options.chunks), daemon=True)
    server.start()
    try:
        records = uvloop.run(measure(mine.recv(), options.requests, options.chunks, options.repeat))
    finally:
        mine.close()
        server.terminate()
        server.join()
    print(f"{'µs CPU per':<20}{'client':<10}{'median':>8}{'low':>8}{'high':>8}")
    for record in sorted(records, key=lambda r: r.metric):
        print(f"{record.metric:<20}{record.client:<10}{record.value:8.2f}{record.low:8.2f}{record.high:8.2f}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump([asdict(record) for record in records], file, indent=1)


if __name__ == "__main__":
    main()
