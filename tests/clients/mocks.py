"""Mock providers that others wrote, as processes of their own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
LLMOCK = Path(sys.executable).parent / "llmock"
AIMOCK = HERE / "node" / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"


def node() -> str | None:
    return shutil.which("node")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(*command: str) -> Iterator[str]:
    """Runs `command` with a free port appended, until it listens and then until the block ends."""
    port = free_port()
    process = subprocess.Popen(
        [*command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=HERE
    )
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except ConnectionRefusedError:
                pass
            try:
                code = process.wait(0.05)  # the time until the next try
            except subprocess.TimeoutExpired:
                continue
            raise RuntimeError(f"{command[0]} ended with {code}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
