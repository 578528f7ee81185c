"""Goodput under more load than one core takes: what is answered, how late, what is refused, and whether all is booked.

    python -m benchmarks.overload [--seconds 5] [--clients 400 1600] [--think 0.02] [--json FILE]

One gateway process on a core of its own, six arms at an upstream on loopback that thinks for 20 ms, and clients in this
process that ask anew as soon as they are answered; who is refused asks again after 50 ms. The knee is at that number of
8 to 128 such clients that gets the highest rate. The goodput of each larger crowd is compared with the mean rate at the
knee before and after it, `answered` with the requests that the journal holds after a rest. `cpu_ratio` compares answers
per CPU second of the gateway: where other programs take part of its core, that is the ratio to believe. `busy` is the
share of its core that the gateway got: far below 1, the clients' core was too slow, or other programs were on either.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

import uvloop

from benchmarks.gateway.processes import Cores, CpuClock, Process, free_port

_LENGTH = re.compile(rb"(?i)content-length: (\d+)")
_ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "x" * 200}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 500, "completion_tokens": 50, "total_tokens": 550},
    }
).encode()
_QUESTION = json.dumps(
    {
        "model": "auto",
        "messages": [{"role": "user", "content": "Tell me about the history of bridges. " * 50}],
    }
).encode()
_KNEE = (8, 16, 32, 64, 128)
_REFUSED_S = 0.05
_REST_S = 60.0
_WARM_S = 20.0


class Messages(asyncio.Protocol):
    """Cuts what comes into whole messages."""

    def __init__(self) -> None:
        self._got = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._got += data
        while (head := self._got.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._got, 0, head)
            end = head + 4 + (int(found[1]) if found else 0)
            if len(self._got) < end:
                return
            message, self._got = self._got[:end], self._got[end:]
            self.message(message)

    def message(self, message: bytes) -> None:
        """One request, or one answer."""
        raise NotImplementedError


class Upstream(Messages):
    """Answers after a while."""

    think_s = 0.02

    def message(self, _message: bytes) -> None:
        asyncio.get_running_loop().call_later(self.think_s, self._answer)

    def _answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (len(_ANSWER), _ANSWER)
            )


class Crowd:
    """Clients without a pause; counts what they get while it runs."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.reasons: Counter[str] = Counter()
        self.waits: list[float] = []
        self.rate = 0.0
        self.per_cpu_s = 0.0
        self.busy = 0.0
        self.lost = 0
        self.ended = False

    async def run(self, gateway: Process, port: int, clients: int, seconds: float) -> None:
        """Counts answers, also per second of time and of the gateway's CPU, while all clients ask."""
        loop = asyncio.get_running_loop()
        connected = [
            (await loop.create_connection(lambda: Client(self), "127.0.0.1", port))[1] for _ in range(clients)
        ]
        for client in connected:
            client.ask()
        # Until connections are there, on both sides.
        warm = time.monotonic() + _WARM_S
        while self.statuses.total() < 2 * clients and time.monotonic() < warm:
            await asyncio.sleep(0.05)
        before, began, spent = self.statuses[200], time.perf_counter(), CpuClock.read(gateway.family())
        await asyncio.sleep(seconds)
        count = self.statuses[200] - before
        self.rate = count / (time.perf_counter() - began)
        cpu_s = max(1e-3, CpuClock.read(gateway.family()).seconds_since(spent))
        self.per_cpu_s = count / cpu_s
        self.busy = cpu_s / (time.perf_counter() - began)
        self.ended = True
        deadline = time.monotonic() + 10
        while any(client.waiting for client in connected) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        for client in connected:
            client.transport.abort()

    def percentile(self, share: float) -> float:
        """Returns the seconds that this share of clients waited at most, refusals included."""
        waits = sorted(self.waits)
        return waits[min(len(waits) - 1, int(len(waits) * share))] if waits else 0.0


class Client(Messages):
    """Asks again and again, until the crowd's end."""

    _head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    _request = _head + b"Content-Length: %d\r\n\r\n%s" % (len(_QUESTION), _QUESTION)

    def __init__(self, crowd: Crowd) -> None:
        super().__init__()
        self._crowd = crowd
        self._since = 0.0
        self.waiting = False

    def ask(self) -> None:
        """Sends the request."""
        if not self._crowd.ended and not self.transport.is_closing():
            self._since, self.waiting = time.perf_counter(), True
            self.transport.write(self._request)

    def message(self, message: bytes) -> None:
        crowd = self._crowd
        self.waiting = False
        status = int(message[9:12])
        crowd.statuses[status] += 1
        crowd.waits.append(time.perf_counter() - self._since)
        if status == 200:
            self.ask()
            return
        reason = re.search(rb"(?i)x-meritorder-shed: (\w+)", message)
        crowd.reasons[reason[1].decode() if reason else "?"] += 1
        asyncio.get_running_loop().call_later(_REFUSED_S, self.ask)

    def connection_lost(self, _error: Exception | None) -> None:
        self._crowd.lost += self.waiting and not self._crowd.ended


def _arms(url: str) -> str:
    return "\n".join(
        f'[[arms]]\nname = "p/{name}"\nmodel = "m"\nbase_url = "{url}/v1"\napi_key = "k"\n'
        f"input_usd_per_mtok = {price}\noutput_usd_per_mtok = {2 * price}\n"
        for price, name in enumerate("abcdef", start=1)
    )


def _listing(port: int) -> dict[str, object]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/arms", timeout=30) as answer:
        found: dict[str, object] = json.load(answer)
    return found


async def _booked(port: int, wanted: int) -> tuple[int, float]:
    """Returns the requests that are learnt once they are as many as wanted or a minute has passed, and how long it took."""
    began = time.monotonic()
    while True:
        found = await asyncio.to_thread(_listing, port)
        requests = int(str(found["requests"]))
        if requests >= wanted or time.monotonic() - began > _REST_S:
            return requests, time.monotonic() - began
        await asyncio.sleep(0.2)


async def measure(seconds: float, crowds: list[int], think_s: float) -> list[dict[str, object]]:
    """Starts both, and returns one record per crowd."""
    cores = Cores.split()
    os.sched_setaffinity(0, cores.load)
    loop = asyncio.get_running_loop()
    Upstream.think_s = think_s
    upstream = await loop.create_server(Upstream, "127.0.0.1", 0, backlog=4096)
    url = f"http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}"
    records: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "meritorder.toml").write_text(_arms(url))
        port = free_port()
        command = [sys.executable, "-m", "proxy", "serve", "--config", str(folder / "meritorder.toml")]
        command += ["--db", str(folder / "overload.db"), "--port", str(port)]
        environment = {key: value for key, value in os.environ.items() if "_API_KEY" not in key}
        gateway = Process(command, cores=cores.gateway, log=folder / "log", env=environment)
        try:
            await _listens(port)

            async def run(clients: int) -> Crowd:
                crowd = Crowd()
                await crowd.run(gateway, port, clients, seconds)
                return crowd

            answered = 0
            knee, highest = 0, 0.0
            for clients in _KNEE:
                crowd = await run(clients)
                answered += crowd.statuses[200]
                print(
                    f"{clients:6} clients  {crowd.rate:8.0f} /s  {crowd.per_cpu_s:8.0f} /CPU s"
                    f"  p99 {crowd.percentile(0.99):.3f} s",
                    flush=True,
                )
                if crowd.rate > highest:
                    knee, highest = clients, crowd.rate
            for clients in crowds:
                before, crowd, after = await run(knee), await run(clients), await run(knee)
                answered += sum(each.statuses[200] for each in (before, crowd, after))
                booked, rest = await _booked(port, answered)
                capacity = (before.rate + after.rate) / 2
                record: dict[str, object] = {
                    "clients": clients,
                    "knee": knee,
                    "capacity_per_s": round(capacity, 1),
                    "goodput_per_s": round(crowd.rate, 1),
                    "ratio": round(crowd.rate / capacity, 3),
                    "cpu_ratio": round(2 * crowd.per_cpu_s / (before.per_cpu_s + after.per_cpu_s), 3),
                    "busy": round(crowd.busy, 2),
                    "p99_s": round(crowd.percentile(0.99), 3),
                    "slowest_s": round(crowd.percentile(1.0), 3),
                    "shed": dict(crowd.reasons),
                    "others": {s: n for s, n in crowd.statuses.items() if s not in (200, 503)},
                    "lost": crowd.lost,
                    "answered": answered,
                    "booked": booked,
                    "learnt_after_s": round(rest, 2),
                }
                records.append(record)
                print("  ".join(f"{key}={value}" for key, value in record.items()), flush=True)
            said = [line for line in (folder / "log").read_text().splitlines() if " ERROR " in line]
            print(f"{len(said)} errors in the log" + (f", such as {said[0]}" if said else ""))
        finally:
            gateway.stop()
            upstream.close()
    return records


async def _listens(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each crowd")
    parser.add_argument("--clients", type=int, nargs="+", default=[400, 1600])
    parser.add_argument("--think", type=float, default=0.02, help="seconds that the upstream takes")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    records = uvloop.run(measure(options.seconds, options.clients, options.think))
    if options.json is not None:
        options.json.write_text(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
