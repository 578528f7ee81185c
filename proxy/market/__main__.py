"""The market as a process of its own: commands as JSON lines on stdin, a line in return for each.

It ends when stdin does, so that it never outlives whoever started it.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import sys
from typing import Any

import orjson
import uvloop

from proxy.market.market import Market, start_market


async def _obey(market: Market, command: dict[str, Any]) -> None:
    arm = str(command.get("arm", ""))
    match command["do"]:
        case "arms":
            pass
        case "offer":
            market.offer(arm)
        case "price":
            market.set_price(arm, float(command["amount"]))
        case "quality":
            market.set_quality(arm, float(command["amount"]))
        case "down":
            await market.take_down(arm, refuse=True)
        case "up":
            await market.bring_up(arm)
        case unknown:
            raise ValueError(f"unknown command {unknown!r}")


async def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m proxy.market", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--speed", type=float, required=True)
    parser.add_argument("--withhold", action="append", default=[], metavar="ARM")
    options = parser.parse_args()
    market = await start_market(seed=options.seed, speed=options.speed, withheld=options.withhold)
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    try:
        while line := await commands.readline():
            try:
                await _obey(market, orjson.loads(line))
                answer: dict[str, Any] = {"arms": [dataclasses.asdict(arm) for arm in market.arms]}
            except (ValueError, KeyError, OSError) as error:
                answer = {"error": repr(error)}
            sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
            sys.stdout.buffer.flush()
    finally:
        await market.close()


if __name__ == "__main__":
    uvloop.run(_main())
