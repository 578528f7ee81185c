"""What uploads without a key take of the gateway's memory.

    python -m benchmarks.uploads [--connections 20] [--megabytes 60]

A gateway of its own process is sent bodies on many connections at once: with a length, in chunks, compressed, and with a
key that isn't known. Printed is by how much its resident memory grew at most (MB; Linux only), what the clients were
answered, and whether all of them found their answer although they only read when they had sent everything.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import socket
import sys
import tempfile
import zlib
from collections import Counter
from pathlib import Path

MB = 1_000_000
HEAD = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
CONFIG = """
[server]
api_keys = ["the-key-of-somebody-else"]
[[arms]]
name = "a"
model = "m"
base_url = "http://127.0.0.1:9/v1"
api_key = "none"
input_usd_per_mtok = 1.0
output_usd_per_mtok = 1.0
"""


def resident(pid: int, field: str = "VmRSS") -> float:
    """Returns the process's memory in MB."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024 / MB


async def upload(port: int, head: str, piece: bytes, count: int, last: bytes = b"") -> bytes:
    """Sends a head and `count` pieces, then reads; returns the status, or why there is none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"{HEAD}{head}\r\n\r\n".encode())
        for _ in range(count):
            writer.write(piece)
            await writer.drain()
        writer.write(last)
        line = await reader.readline()
        return line.split()[1]
    except (ConnectionError, IndexError) as error:
        return type(error).__name__.encode()
    finally:
        writer.close()


async def started(port: int) -> None:
    """Returns when the gateway answers."""
    async with asyncio.timeout(60):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if b" 200 " in await reader.readline():
                    return
                writer.close()
            except ConnectionError:
                await asyncio.sleep(0.05)


async def measure(connections: int, megabytes: int) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "meritorder.toml")
        file.write_text(CONFIG)
        command = [
            "-m",
            "proxy",
            "serve",
            "--config",
            str(file),
            "--port",
            str(port),
            "--db",
            f"{folder}/m.db",
        ]
        gateway = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdout=asyncio.subprocess.DEVNULL,
            env={**os.environ, "MERITORDER_API_KEY": ""},
        )
        try:
            await started(port)
            await compare(gateway.pid, port, connections, megabytes)
        finally:
            gateway.terminate()
            await gateway.wait()


async def compare(pid: int, port: int, connections: int, megabytes: int) -> None:
    piece, size = bytes(MB), megabytes * MB
    chunk = b"%x\r\n%s\r\n" % (MB, piece)
    packed = zlib.compress(bytes(1000 * MB), 1)
    kinds = {
        "with a length": (f"Content-Length: {size}", piece, megabytes, b""),
        "in chunks": ("Transfer-Encoding: chunked", chunk, megabytes, b"0\r\n\r\n"),
        "with a wrong key": (f"Authorization: Bearer no\r\nContent-Length: {size}", piece, megabytes, b""),
        "1,000 MB compressed": (
            f"Content-Encoding: deflate\r\nContent-Length: {len(packed)}",
            packed,
            1,
            b"",
        ),
    }
    print(f"{connections} connections at once, {megabytes} MB each, without a known key")
    for name, kind in kinds.items():
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        before = resident(pid)
        answers = Counter(await asyncio.gather(*(upload(port, *kind) for _ in range(connections))))
        grown = resident(pid, "VmHWM") - before
        told = ", ".join(f"{count} × {status.decode()}" for status, count in answers.items())
        print(f"{name:20} + {grown:6.1f} MB   {told}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--megabytes", type=int, default=60)
    options = parser.parse_args()
    asyncio.run(measure(options.connections, options.megabytes))


if __name__ == "__main__":
    main()
