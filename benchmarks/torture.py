"""Whether anything that was acknowledged is ever lost: workers are ended and killed under traffic, round after round.

    python -m benchmarks.torture [--rounds 20] [--seconds 5] [--seed N] [--keep DIR]

Each round starts a gateway with two workers on the same database, lets client processes ask and judge, and meanwhile, at
moments drawn by the seed: other programs read the database and close it, `meritorder backup` copies it, and one worker gets
SIGTERM or kill -9. At the end of a round all of it gets SIGTERM or kill -9. Then every feedback that was ever
acknowledged is looked for in the database, every one acknowledged before a backup began in that backup, and both are read
through. The provider is a server of its own on loopback.

Printed per round: what was done, rows acknowledged, rows lost, problems that the database and its copies have. The exit
code is 1 if there was any loss or problem.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import itertools
import json
import multiprocessing
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROCESSES, THREADS = 3, 3
MERITORDER = [sys.executable, "-m", "proxy"]
READ = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM feedback').fetchone(); c.close()"
SPAWN = multiprocessing.get_context("spawn")


def upstream(port: Pipe) -> None:
    """Answers every chat, each with an id of its own, until it is killed."""
    numbers = itertools.count(1)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.partition(b"content-length:")[2].split()[0]))
                message = {"role": "assistant", "content": "Jupiter."}
                body = json.dumps(
                    {
                        "id": f"chatcmpl-{next(numbers)}-{os.getpid()}",
                        "object": "chat.completion",
                        "created": 1,
                        "model": "m",
                        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                        "usage": {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10},
                    }
                ).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                    % len(body)
                )
                writer.write(body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


class Client(threading.Thread):
    """Asks and judges until `end`; reports each acknowledgement, with when it came."""

    def __init__(self, port: int, seed: int, end: threading.Event) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._random = random.Random(seed)
        self._end = end
        self._connection: http.client.HTTPConnection | None = None
        self.acknowledged: list[tuple[str, float, float]] = []
        self.refused = 0

    def run(self) -> None:
        while not self._end.is_set():
            try:
                self._round()
            except (http.client.HTTPException, OSError):
                self._forget()
                self._end.wait(0.02)

    def _round(self) -> None:
        if self._random.random() < 0.2:  # connections spread over the workers
            self._forget()
        chat = {"model": "auto", "messages": [{"role": "user", "content": "Which planet is the largest?"}]}
        status, headers = self._post("/v1/chat/completions", chat)
        if status != 200:
            self.refused += 1
            return
        name, value = headers["X-Generation-Id"], self._random.random()
        if self._random.random() < 0.1:
            self._forget()  # often at the other worker, then
        status, _ = self._post("/v1/feedback", {"id": name, "value": value})
        if status == 200:
            self.acknowledged.append((name, value, time.time()))
        else:
            self.refused += 1

    def _post(self, path: str, body: object) -> tuple[int, http.client.HTTPMessage]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        self._connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        answer.read()
        return answer.status, answer.headers

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def clients(port: int, seed: int, pipe: Pipe) -> None:
    """One client process: traffic until it is told to end, then what was acknowledged."""
    end = threading.Event()
    threads = [Client(port, seed + n, end) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    pipe.recv()
    end.set()
    for thread in threads:
        thread.join(30)
    pipe.send(
        (
            [row for thread in threads for row in thread.acknowledged],
            sum(thread.refused for thread in threads),
        )
    )


class Gateway:
    """`meritorder serve --workers 2` as a group of processes."""

    def __init__(self, folder: Path, database: Path, upstream_port: int) -> None:
        config = folder / "meritorder.toml"
        config.write_text(
            "".join(
                f'[[arms]]\nname = "p/{name}"\nmodel = "m"\napi_key = "k"\nbase_url = "http://127.0.0.1:{upstream_port}/v1"\n'
                "input_usd_per_mtok = 1.0\noutput_usd_per_mtok = 2.0\n"
                for name in ("a", "b")
            )
        )
        self.log = folder / "gateway.log"
        command = [
            *MERITORDER,
            "serve",
            "--config",
            config,
            "--db",
            database,
            "--port",
            "0",
            "--workers",
            "2",
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if b"listening on " in line:
                self.port = int(line.rpartition(b":")[2])
                break
        else:
            raise SystemExit(f"the gateway does not start:\n{self.log.read_text()[-2000:]}")

    def workers(self) -> list[int]:
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [
            child
            for child in map(int, children)
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]

    def end(self, how: signal.Signals) -> None:
        if how is signal.SIGKILL:
            os.killpg(self.process.pid, how)
        else:
            self.process.send_signal(how)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise SystemExit("the gateway does not end within a minute of SIGTERM") from None


def environment() -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


@contextmanager
def traffic(port: int, seed: int):
    """Runs client processes; yields a function that ends them and returns (acknowledged, refused)."""
    running = []
    for number in range(PROCESSES):
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=clients, args=(port, seed + 100 * number, theirs), daemon=True)
        process.start()
        running.append((process, ours))

    def finish() -> tuple[list[tuple[str, float, float]], int]:
        for _, pipe in running:
            pipe.send("end")
        told = [pipe.recv() for _, pipe in running]
        return [row for rows, _ in told for row in rows], sum(refused for _, refused in told)

    try:
        yield finish
    finally:
        for process, _ in running:
            process.kill()
            process.join()


def problems(database: Path) -> list[str]:
    """Reads all of a database in another process; returns what is wrong with it."""
    done = subprocess.run(
        [*MERITORDER, "check-db", "--db", database],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return done.stderr.splitlines()
    with closing(sqlite3.connect(database)) as connection:
        tables = ("decisions", "feedback", "arms", "labels", "prices")
        union = " UNION ALL ".join(f"SELECT seq FROM {table}" for table in tables)
        rows, first, last = connection.execute(
            f"SELECT count(*), min(seq), max(seq) FROM ({union})"
        ).fetchone()
    if rows and (first, last) != (1, rows):
        return [f"{rows} rows are numbered from {first} to {last}"]
    return []


def lost(database: Path, acknowledged: list[tuple[str, float, float]]) -> int:
    """Returns how many of the acknowledged rows a database doesn't hold."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            held = dict(connection.execute("SELECT id, value FROM feedback ORDER BY seq"))
    except sqlite3.DatabaseError:  # damaged: `problems` says how
        return len(acknowledged)
    return sum(held.get(name) != value for name, value, _ in acknowledged)


class Torture:
    """The rounds, and what came of them."""

    def __init__(self, folder: Path, seed: int, seconds: float, port: int) -> None:
        self._folder = folder
        self._database = folder / "torture.db"
        self._random = random.Random(seed)
        self._seconds = seconds
        self._port = port
        self.acknowledged: list[tuple[str, float, float]] = []
        self.lost = 0
        self.problems: list[str] = []

    def round(self, number: int) -> None:
        draw = self._random
        plan = [(draw.uniform(0.1, 0.9), self._read) for _ in range(draw.randint(1, 4))]
        plan += [(draw.uniform(0.1, 0.9), self._back_up) for _ in range(draw.randint(1, 2))]
        blow = draw.choice([signal.SIGTERM, signal.SIGKILL])
        plan.append((draw.uniform(0.1, 0.9), lambda: self._strike(gateway, blow)))
        last = draw.choice([signal.SIGTERM, signal.SIGKILL])
        self._backups: list[tuple[Path, float]] = []
        gateway = Gateway(self._folder, self._database, self._port)
        with traffic(gateway.port, draw.randrange(1 << 30)) as finish:
            began = time.monotonic()
            for at, step in sorted(plan, key=lambda planned: planned[0]):
                time.sleep(max(0.0, began + at * self._seconds - time.monotonic()))
                step()
            time.sleep(max(0.0, began + self._seconds - time.monotonic()))
            gateway.end(last)
            acknowledged, refused = finish()
        self.acknowledged += acknowledged
        gone = lost(self._database, self.acknowledged)
        found = problems(self._database)
        for copy, at in self._backups:
            gone += lost(copy, [row for row in self.acknowledged if row[2] < at])
            found += [f"{copy.name}: {problem}" for problem in problems(copy)]
            copy.unlink()
        self.lost += gone
        self.problems += found
        print(
            f"round {number:2d}: {blow.name} to a worker, {len(self._backups)} backups, then {last.name} to all: "
            f"{len(acknowledged)} acknowledged, {refused} refused, {gone} lost, {len(found)} problems",
            flush=True,
        )
        for problem in found:
            print(f"  {problem}", flush=True)

    def _strike(self, gateway: Gateway, how: signal.Signals) -> None:
        if workers := gateway.workers():
            os.kill(self._random.choice(workers), how)

    def _read(self) -> None:
        subprocess.run([sys.executable, "-c", READ, self._database], check=True)

    def _back_up(self) -> None:
        copy, at = self._folder / f"copy-{len(self._backups)}.db", time.time()
        done = subprocess.run(
            [*MERITORDER, "backup", "--db", self._database, copy],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            self.problems.append(f"backup: {done.stderr}")
        else:
            self._backups.append((copy, at))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5.0, help="of traffic in a round")
    parser.add_argument("--seed", type=int, default=None, help="drawn and printed by default")
    parser.add_argument("--keep", type=Path, help="a folder for database and log, kept at the end")
    options = parser.parse_args()
    seed = secrets.randbelow(1 << 31) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    ours, theirs = SPAWN.Pipe()
    provider = SPAWN.Process(target=upstream, args=(theirs,), daemon=True)
    provider.start()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        torture = Torture(folder, seed, options.seconds, ours.recv())
        for number in range(1, options.rounds + 1):
            torture.round(number)
    provider.kill()
    print(
        f"{options.rounds} rounds: {len(torture.acknowledged)} acknowledged, {torture.lost} lost, "
        f"{len(torture.problems)} integrity errors"
    )
    if torture.lost or torture.problems:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
