"""The vendors behind a gateway: one upstream for all of them on loopback, and requests over HTTP."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from adapters.dialects import by_name
from benchmarks.switching.demands import complaints
from benchmarks.switching.inside import pieces
from benchmarks.switching.talk import Refused, arm_of
from benchmarks.switching.vendors import VENDORS, Vendor, answer

Json = dict[str, Any]

_PATHS = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
}
_BASES = {"openai_chat": "/v1", "openai_responses": "/v1", "gemini": "/v1beta"}
_TYPES = {"bedrock": "application/vnd.amazon.eventstream"}
_STARTUP_S = 30.0


class Outside:
    """Asks through the gateway; what the vendor was sent and how it judged is remembered for the turn."""

    def __init__(self) -> None:
        self._vendors = {arm_of(vendor): vendor for vendor in VENDORS}
        self._step, self._thinking = 1, False
        self._sent: Json = {}
        self._complaints: list[str] = []
        self._session: aiohttp.ClientSession | None = None
        self._url = ""

    async def ask(
        self, vendor: Vendor, client: str, body: Json, step: int, thinking: bool
    ) -> tuple[Json, Json]:
        """See `talk.Ask`."""
        assert self._session is not None
        self._step, self._thinking, self._sent, self._complaints = step, thinking, {}, []
        async with self._session.post(self._url + _PATHS[client], json=body) as response:
            raw = await response.read()
        if response.status != 200 or self._complaints:
            raise Refused(
                "; ".join(self._complaints) or f"{response.status} {raw[:300].decode(errors='replace')}"
            )
        if not body.get("stream"):
            return self._sent, orjson.loads(raw)
        dialect = by_name(client)
        decoder = dialect.stream_decoder()
        events = decoder.feed(raw)
        whole = dialect.encode_answer(events + decoder.close(), dialect.decode_request(body), lambda _: None)
        return self._sent, orjson.loads(whole)

    async def _serve(self, request: web.Request) -> web.Response:
        vendor = self._vendors[request.path.split("/")[1]]
        self._sent = body = await request.json()
        self._complaints = complaints(vendor.provider, vendor.dialect, vendor.model, body)
        if self._complaints:
            return web.json_response({"error": {"message": self._complaints[0]}}, status=400)
        whole = answer(vendor, self._step, thinking=self._thinking)
        end = request.path.rpartition("/")[2].lower()
        if body.get("stream") or "stream" in end:
            kind = _TYPES.get(vendor.dialect, "text/event-stream")
            return web.Response(body=pieces(by_name(vendor.dialect), whole), content_type=kind)
        return web.Response(body=whole, content_type="application/json")

    @asynccontextmanager
    async def running(self, folder: Path) -> AsyncIterator[Outside]:
        """Starts upstream and gateway, and ends both."""
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        upstream = runner.addresses[0][1]
        with socket.create_server(("127.0.0.1", 0)) as lent:
            port = lent.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}"
        config = folder / "meritorder.toml"
        config.write_text("\n".join(_arm(vendor, upstream) for vendor in VENDORS))
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "UPSTREAM_KEY": "none"}
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        command = [sys.executable, "-m", "proxy", "serve", "--config", str(config), "--port", str(port)]
        with (folder / "log").open("wb") as log:
            gateway = await asyncio.create_subprocess_exec(
                *command,
                "--db",
                str(folder / "journal.db"),
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
            )
        try:
            async with aiohttp.ClientSession() as self._session:
                await self._ready(folder)
                yield self
        finally:
            gateway.terminate()
            await gateway.wait()
            await runner.cleanup()

    async def _ready(self, folder: Path) -> None:
        assert self._session is not None
        loop = asyncio.get_running_loop()
        until = loop.time() + _STARTUP_S
        while loop.time() < until:
            try:
                async with self._session.get(f"{self._url}/readyz") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass  # it doesn't listen yet
            await asyncio.sleep(0.05)
        raise RuntimeError("the gateway did not start:\n" + (folder / "log").read_text()[-2000:])


def _arm(vendor: Vendor, port: int) -> str:
    name = arm_of(vendor)
    lines = [
        "[[arms]]",
        f'name = "{name}"',
        f'provider = "{vendor.provider}"',
        f'model = "{vendor.model}"',
        f'dialect = "{vendor.dialect}"',
        'api_key_env = "UPSTREAM_KEY"',
        f'base_url = "http://127.0.0.1:{port}/{name}{_BASES.get(vendor.dialect, "")}"',
        'capabilities = ["tools", "images", "reasoning"]',
        "input_usd_per_mtok = 1.0",
        "output_usd_per_mtok = 2.0",
    ]
    return "\n".join(lines) + "\n"
