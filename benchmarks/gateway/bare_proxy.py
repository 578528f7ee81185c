"""The yardstick: an aiohttp server and an aiohttp client that pass bytes through, and nothing else.

    python -m benchmarks.gateway.bare_proxy PORT UPSTREAM_URL

Tuned as far as the library's own options go: uvloop, no router, no access log, no connection limit, no
decompression, no timeouts.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"})
_REPLACED = _HOP_BY_HOP | {"host", "content-length"}


async def serve(port: int, upstream: str) -> None:
    """Forwards every request to `upstream` until cancelled."""
    session = ClientSession(
        connector=TCPConnector(limit=0),
        timeout=ClientTimeout(total=None),
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
    )

    async def forward(request: web.BaseRequest) -> web.StreamResponse:
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _REPLACED]
        body = await request.read()
        url = upstream + request.path_qs
        async with session.request(request.method, url, headers=headers, data=body) as answer:
            kept = [
                (name, value) for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP
            ]
            if answer.content_length is not None:
                kept = [(name, value) for name, value in kept if name.lower() != "content-length"]
                return web.Response(status=answer.status, headers=kept, body=await answer.read())
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    async with session:
        runner = web.ServerRunner(web.Server(forward, access_log=None), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2].rstrip("/")))
