"""A gateway of the demo's own: started as a subprocess, spoken to through its public API only."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from proxy.market.market import MarketArm

_READY = re.compile(rb"listening on (http://\S+)")
_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 10.0


class GatewayError(Exception):
    """The gateway didn't start, ended, or refused a call of the control API."""


class DemoGateway:
    """A running gateway and an HTTP session to it."""

    def __init__(self, process: asyncio.subprocess.Process, base_url: str, log: Path) -> None:
        self._process = process
        self._log = log
        self.base_url = base_url
        self.session = aiohttp.ClientSession(
            base_url, connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=120)
        )

    @classmethod
    async def start(
        cls, arms: Iterable[MarketArm], *, value_usd: float, folder: Path, port: int
    ) -> DemoGateway:
        """Starts a gateway with an empty database in `folder`. Raises GatewayError with its last words."""
        config, log = folder / "meritorder.toml", folder / "gateway.log"
        arms = list(arms)
        config.write_text(_configuration(arms, value_usd), encoding="utf-8")
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "proxy",
                "serve",
                f"--port={port}",
                f"--config={config}",
                f"--db={folder / 'meritorder.db'}",
                env=_environment() | {_key_variable(arm): arm.api_key for arm in arms},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C is for the demo, which then stops the gateway
            )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                while line := await process.stdout.readline():
                    if ready := _READY.search(line):
                        return cls(process, ready[1].decode(), log)
        except TimeoutError:
            process.kill()
        await process.wait()
        raise GatewayError(f"the gateway did not start:\n{log.read_text(errors='replace')[-2000:]}")

    async def arms(self) -> list[dict[str, Any]]:
        """Reads the statistics of every arm."""
        async with self.session.get("/v1/arms") as response:
            await self._check(response)
            rows: list[dict[str, Any]] = (await response.json())["data"]
            return rows

    async def set_price(self, arm: str, input_usd_per_mtok: float, output_usd_per_mtok: float) -> None:
        """Sets a price at the gateway."""
        body = {"input_usd_per_mtok": input_usd_per_mtok, "output_usd_per_mtok": output_usd_per_mtok}
        async with self.session.put(f"/v1/prices/{quote(arm)}", json=body) as response:
            await self._check(response)

    async def add_arm(self, arm: MarketArm) -> None:
        """Adds an arm at a provider whose key the gateway was started with."""
        body = {
            "name": arm.name,
            "provider": arm.provider,
            "base_url": arm.base_url,
            "model": arm.model,
            "api_key_env": _key_variable(arm),
            "dialect": "openai_chat",
            "input_usd_per_mtok": arm.input_usd_per_mtok,
            "output_usd_per_mtok": arm.output_usd_per_mtok,
        }
        async with self.session.post("/v1/arms", json=body) as response:
            await self._check(response)

    async def close(self) -> None:
        """Stops the gateway as an operator would, by a signal; by force if that doesn't help."""
        await self.session.close()
        if self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), _STOP_TIMEOUT_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def _check(self, response: aiohttp.ClientResponse) -> None:
        if response.status >= 300:
            text = (await response.text())[:500]
            raise GatewayError(f"{response.method} {response.url.path}: {response.status} {text}")


def _configuration(arms: Iterable[MarketArm], value_usd: float) -> str:
    # A JSON string of plain characters is a TOML string too.
    tables = [
        f"""[[arms]]
name = {json.dumps(arm.name)}
base_url = {json.dumps(arm.base_url)}
model = {json.dumps(arm.model)}
provider = {json.dumps(arm.provider)}
api_key_env = {json.dumps(_key_variable(arm))}
dialect = "openai_chat"
input_usd_per_mtok = {arm.input_usd_per_mtok}
output_usd_per_mtok = {arm.output_usd_per_mtok}
"""
        for arm in arms
    ]
    objective = f"[routes.auto]\nobjective = {{ value_usd = {value_usd}, second_usd = 0.0 }}\n"
    return "\n".join([*tables, objective])


def _key_variable(arm: MarketArm) -> str:
    return f"SIMULATED_{arm.provider.upper()}_KEY"


def _environment() -> dict[str, str]:
    """The environment without provider keys and settings: the demo must not call a real provider."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.endswith(("_API_KEY", "_API_KEY_FILE", "_BASE_URL")) and not name.startswith("MERITORDER")
    }
