"""A gateway in a process of its own, to be killed and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from functools import partial
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]


def toml(arms: list[dict[str, Any]]) -> str:
    """Writes arms as the configuration file does."""
    lines = []
    for arm in arms:
        lines.append("[[arms]]")
        lines += [
            f"{key} = {value!r}" if not isinstance(value, str) else f'{key} = "{value}"'
            for key, value in arm.items()
        ]
    return "\n".join(lines)


class GatewayProcess:
    """`python -m proxy serve` on a free port, its output collected line by line."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._new = asyncio.Event()
        self._reading = asyncio.create_task(self._read())
        self.url = ""

    @classmethod
    async def start(
        cls, folder: Path, arms: list[dict[str, Any]], *more: str, told: str = "", prelude: str = ""
    ) -> GatewayProcess:
        """Returns once it listens; the database is `folder`/journal.db, `told` the rest of the configuration, and
        `prelude` is Python that runs before the gateway.
        """
        running = await cls.spawn(folder, arms, *more, told=told, prelude=prelude)
        line = await running.says("listening on ")
        running.url = line.rpartition(" ")[2].strip()
        return running

    @classmethod
    async def spawn(
        cls, folder: Path, arms: list[dict[str, Any]], *more: str, told: str = "", prelude: str = ""
    ) -> GatewayProcess:
        """Starts it and doesn't wait."""
        config = folder / "meritorder.toml"
        config.write_text(told + toml(arms))
        program = (
            ["-c", f"{prelude}\nfrom proxy.commands.main import main\nmain()"] if prelude else ["-m", "proxy"]
        )
        command = [sys.executable, *program, "serve", "--config", str(config)]
        command += ["--db", str(folder / "journal.db"), "--log-level", "info"]
        if "--port" not in more:
            command += ["--port", "0"]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT), "HOME": str(folder)}
        process = await asyncio.create_subprocess_exec(
            *command,
            *more,
            cwd=folder,
            env=environment,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
            # Tests may run under nohup, whose children would inherit that a lost terminal means nothing.
            preexec_fn=partial(signal.signal, signal.SIGHUP, signal.SIG_DFL),
        )
        return cls(process)

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.lines.append(line.decode())
            self._new.set()
        self._new.set()

    async def says(self, text: str, count: int = 1) -> str:
        """Waits until `count` lines hold `text`; returns the last of these."""
        async with asyncio.timeout(60):
            while True:
                found = [line for line in self.lines if text in line]
                if len(found) >= count:
                    return found[count - 1]
                if self._reading.done():
                    raise AssertionError(f"ended without saying {text!r}: {''.join(self.lines)}")
                self._new.clear()
                await self._new.wait()

    async def ended(self) -> int:
        """Returns the exit code."""
        async with asyncio.timeout(60):
            code = await self.process.wait()
            await self._reading
        return code

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def kill(self) -> None:
        """kill -9, its workers too."""
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.ended()
