"""The handle of a market that runs in a process of its own, so that it takes no time from the gateway."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Collection

import orjson

from proxy.market.market import MarketArm


class MarketError(Exception):
    """The market's process ended, or refused a command."""


class MarketProcess:
    """Same verbs as `Market`, over a pipe."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.arms: list[MarketArm] = []

    @classmethod
    async def start(cls, *, seed: int, speed: float, withheld: Collection[str]) -> MarketProcess:
        """Starts the process and waits until every provider listens. Raises MarketError."""
        options = [f"--seed={seed}", f"--speed={speed}", *(f"--withhold={arm}" for arm in withheld)]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "proxy.market",
            *options,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the demo, which then closes the market
        )
        market = cls(process)
        await market.ask("arms")
        return market

    async def ask(self, do: str, arm: str = "", amount: float = 0.0) -> None:
        """Sends a command of `__main__` and takes over the arms on offer after it. Raises MarketError."""
        pipe, answers = self._process.stdin, self._process.stdout
        assert pipe is not None
        assert answers is not None
        pipe.write(orjson.dumps({"do": do, "arm": arm, "amount": amount}) + b"\n")
        await pipe.drain()
        line = await answers.readline()
        if not line:
            raise MarketError("the simulated market ended unexpectedly")
        answer = orjson.loads(line)
        if "error" in answer:
            raise MarketError(f"the simulated market refused {do} {arm}: {answer['error']}")
        self.arms = [MarketArm(**arm) for arm in answer["arms"]]

    async def close(self) -> None:
        """Ends the process by closing its stdin."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
