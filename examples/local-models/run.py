"""Puts the gateway before two small language models, asks, checks the answers, and shows what was learnt."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from questions import Question, draw
from rich.console import Console
from rich.table import Table
from servers import LlamaServer, SetupError, install, stop

_REPOSITORY = Path(__file__).resolve().parents[2]
_READY = re.compile(rb"listening on (http://\S+)")
_VALUE_USD = 0.001


@dataclass(slots=True)
class Tally:
    """What the client saw: (arm, task) counts, failures, and the ids of all answers."""

    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    right: Counter[tuple[str, str]] = field(default_factory=Counter)
    streamed: int = 0
    failures: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


async def _start_gateway(stack: AsyncExitStack, servers: list[LlamaServer], folder: Path) -> str:
    arms = [
        f"""[[arms]]
name = "local/{server.model.name}"
base_url = "{server.base_url}"
model = "{server.model.name}"
provider = "llama-cpp-{server.model.name}"
dialect = "openai"
input_usd_per_mtok = {server.model.input_usd_per_mtok}
output_usd_per_mtok = {server.model.output_usd_per_mtok}
"""
        for server in servers
    ]
    route = f"[routes.auto]\nobjective = {{ value_usd = {_VALUE_USD}, second_usd = 0.0 }}\n"
    config = folder / "meritorder.toml"
    config.write_text("\n".join([*arms, route]), encoding="utf-8")
    command = ["-m", "proxy", "serve", "--port", "0", "--config", str(config)]
    # Provider keys would add real, paid models to the choice.
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    log = folder / "gateway.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            "--db",
            str(folder / "meritorder.db"),
            cwd=_REPOSITORY,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    stack.push_async_callback(stop, process)
    assert process.stdout is not None
    async for line in process.stdout:
        if ready := _READY.search(line):
            return ready[1].decode()
    raise SetupError(f"the gateway didn't start:\n{log.read_text(encoding='utf-8', errors='replace')}")


async def _answer(response: aiohttp.ClientResponse, stream: bool) -> tuple[str, str]:
    """Returns the answer's id and text."""
    if not stream:
        document = await response.json()
        return document["id"], document["choices"][0]["message"]["content"] or ""
    generation, text, ended = "", "", False
    async for line in response.content:
        data = line.removeprefix(b"data: ").strip()
        if data == b"[DONE]":
            ended = True
        elif data.startswith(b"{"):
            chunk: dict[str, Any] = json.loads(data)
            if "error" in chunk:
                raise ValueError(f"error in the stream: {chunk['error']}")
            generation = chunk["id"]
            for choice in chunk["choices"]:
                text += choice["delta"].get("content") or ""
    if not ended:
        raise ValueError("the stream ended early")
    return generation, text


async def _ask(
    session: aiohttp.ClientSession, url: str, question: Question, stream: bool, tally: Tally
) -> None:
    body = {
        "model": "auto",
        "task": question.task,
        "messages": [{"role": "user", "content": question.prompt}],
        "max_tokens": 8,
        "temperature": 0,
        "stop": ["\nQ:"],
        "stream": stream,
    }
    try:
        async with session.post(f"{url}/v1/chat/completions", json=body) as response:
            if response.status != 200:
                raise ValueError(f"status {response.status}: {(await response.text())[:300]}")
            arm = response.headers["X-Meritorder-Arm"]
            generation, text = await _answer(response, stream)
        right = question.right(text)
        feedback = {"id": generation, "metric": "quality", "value": float(right)}
        async with session.post(f"{url}/v1/feedback", json=feedback) as response:
            if response.status != 200:
                raise ValueError(f"feedback: status {response.status}: {(await response.text())[:300]}")
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
        tally.failures.append(f"{type(error).__name__}: {error}")
        return
    tally.asked[arm, question.task] += 1
    tally.right[arm, question.task] += right
    tally.streamed += stream
    tally.ids.append(generation)


async def _fallbacks(session: aiohttp.ClientSession, url: str, ids: list[str]) -> int:
    """Counts the attempts, in the journal's rows of these answers, that failed before another one answered."""
    failed = 0
    for generation in ids:
        async with session.get(f"{url}/v1/generation", params={"id": generation}) as response:
            response.raise_for_status()
            failed += len((await response.json())["data"]["provider_responses"])
    return failed


def _print_accuracy(console: Console, tally: Tally) -> None:
    arms = sorted({arm for arm, _ in tally.asked})
    table = Table("task", *arms, title="right answers / asked")
    for task in sorted({task for _, task in tally.asked}):
        cells = []
        for arm in arms:
            asked, right = tally.asked[arm, task], tally.right[arm, task]
            cells.append(f"{right}/{asked} = {right / asked:.0%}" if asked else "never asked")
        table.add_row(task, *cells)
    console.print(table)


def _print_learnt(console: Console, rows: list[dict[str, Any]], title: str) -> None:
    table = Table(
        "arm", "task", "requests", "errors", "quality", "95 %", "mean cost", "TTFT p50", title=title
    )
    for row in rows:
        quality, cost, ttft = row["quality"], row["cost"]["mean_usd"], row["ttft_s"]["p50"]
        table.add_row(
            row["arm"],
            row.get("task", "all"),
            str(row["requests"]),
            str(row["errors"]),
            f"{quality['mean']:.2f}",
            f"{quality['low']:.2f}–{quality['high']:.2f}",
            "" if cost is None else f"{cost * 1e6:.2f} µ$",
            "" if ttft is None else f"{ttft * 1e3:.0f} ms",
        )
    console.print(table)


async def _arms(session: aiohttp.ClientSession, url: str, query: str = "") -> list[dict[str, Any]]:
    async with session.get(f"{url}/v1/arms{query}") as response:
        response.raise_for_status()
        rows: list[dict[str, Any]] = (await response.json())["data"]
        return rows


async def _main(questions: int, seed: int) -> int:
    console = Console(width=110)
    program, models = install()
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meritorder-")))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        servers = [LlamaServer(program, model) for model in models]
        for server in servers:
            stack.push_async_callback(server.stop)
            await server.start(session)
            kept, closed = await server.closes_after_stream()
            print(f"{server.model.name}: keep-alive advertised: {kept}; closed after a stream: {closed}")
        url = await _start_gateway(stack, servers, folder)
        rng, tally, started = random.Random(seed), Tally(), time.monotonic()
        for n in range(questions):
            await _ask(session, url, draw(rng), rng.random() < 0.5, tally)
            if (n + 1) % 100 == 0:
                print(f"{n + 1} questions, {time.monotonic() - started:.0f} s", flush=True)
        _print_accuracy(console, tally)
        _print_learnt(console, await _arms(session, url), "/v1/arms")
        _print_learnt(console, await _arms(session, url, "?by=task"), "/v1/arms?by=task")
        fallbacks = await _fallbacks(session, url, tally.ids)
    answered = sum(tally.asked.values())
    print(f"answered: {answered} of {questions}, {tally.streamed} of them streamed")
    print(f"fallbacks in the journal: {fallbacks}")
    print(f"failures that the client saw: {len(tally.failures)}")
    for failure in tally.failures[:5]:
        print(f"  {failure}")
    return 1 if tally.failures else 0


def main() -> None:
    """Exits with 1 when the client saw a failure, with 2 when something couldn't be started."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.questions < 1:
        parser.error("--questions must be at least 1")
    try:
        sys.exit(asyncio.run(_main(options.questions, options.seed)))
    except SetupError as error:
        print(f"local-models: {error}", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)


if __name__ == "__main__":
    main()
