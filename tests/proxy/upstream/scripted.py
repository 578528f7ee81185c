"""Servers that send exactly the scripted bytes, and sinks that remember what they were told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from proxy.upstream import Endpoint, Exchange, Pool, PoolLimits, UpstreamFailure, request_head

CERTS = Path(__file__).parent / "certs"
FAST = PoolLimits(sweep_seconds=0.005, stagger_seconds=0.01)


class Recorder:
    """A sink; `hook(name, recorder)` runs inside each callback."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.events: list[str] = []
        self.failure: UpstreamFailure | None = None
        self.hook: Callable[[str], None] = lambda _: None
        self.over = asyncio.Event()
        self.head = asyncio.Event()
        self.some_body = asyncio.Event()

    def _note(self, name: str) -> None:
        assert not self.over.is_set(), f"{name} after the end"
        self.events.append(name)
        if name in {"end", "failure"}:
            self.over.set()
        self.hook(name)

    def on_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.status, self.headers = status, headers
        self.head.set()
        self._note("head")

    def on_body(self, data: bytes) -> None:
        assert data
        self.pieces.append(data)
        self.some_body.set()
        self._note("body")

    def bypass(self) -> None:
        return None

    def hold(self) -> None:
        raise AssertionError("nothing passes here")

    def on_end(self) -> None:
        self._note("end")

    def on_failure(self, error: UpstreamFailure) -> None:
        self.failure = error
        self._note("failure")

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    async def settled(self) -> Recorder:
        async with asyncio.timeout(30):
            await self.over.wait()
        return self


class Peer:
    """The server's side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.closed_by_client = asyncio.Event()

    async def request(self) -> bytes:
        """The head of the next request, its body read and dropped; EOF raises IncompleteReadError."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await self.reader.readexactly(int(line.split(b":")[1]))
        return head

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def eof(self) -> None:
        """Return when the client has closed."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass
        self.closed_by_client.set()


Script = Callable[[Peer], Awaitable[None]]


class ScriptedServer:
    """Runs `scripts[n]` for connection n, the last one for all further ones; the connection ends with it."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = scripts
        self.peers: list[Peer] = []
        self.port = 0
        self.errors: list[Exception] = []
        self.scheme = "http"
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task] = set()

    async def start(self, context: ssl.SSLContext | None = None) -> ScriptedServer:
        self.scheme = "http" if context is None else "https"
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint.from_url(f"{self.scheme}://127.0.0.1:{self.port}/v1")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        peer = Peer(reader, writer)
        script = self.scripts[min(len(self.peers), len(self.scripts) - 1)]
        self.peers.append(peer)
        try:
            await script(peer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        except Exception as error:
            self.errors.append(error)
        finally:
            self._tasks.discard(task)
            writer.transport.abort() if getattr(peer, "reset", False) else writer.close()

    async def stop(self) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for peer in self.peers:
            peer.writer.transport.abort()
        assert not self.errors


def ask(
    pool: Pool,
    endpoint: Endpoint,
    body: bytes = b"{}",
    method: str = "POST",
    sink: Recorder | None = None,
    **options,
) -> tuple[Exchange, Recorder]:
    sink = sink or Recorder()
    head = request_head(method, endpoint, "/chat/completions", [], len(body) if method == "POST" else None)
    return pool.send(endpoint, head, body if method == "POST" else b"", sink, **options), sink


def places(pool: Pool, name: str) -> int:
    return sum(counts[name] for counts in pool.occupancy().values())


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until the condition holds; it may take long where the machine is busy."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


def answering(*parts: bytes) -> Script:
    """Answer every request with these bytes, keeping the connection open."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(*parts)

    return script


def once(*parts: bytes) -> Script:
    """Answer one request with these bytes and close."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*parts)

    return script


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTS / "server.pem", CERTS / "server.key")
    return context
