"""Several processes on one file, and a process that is killed."""

import asyncio
import signal
import sys
from pathlib import Path

from state.records import Decision
from state.sqlite.store import SqliteStore

ROOT = Path(__file__).parents[2]


async def start(path, first, batches):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.state.worker", str(path), str(first), str(batches)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert await process.stdout.readline() == b"ready\n"
    return process


async def test_two_processes_lose_nothing_and_a_third_reads_along_without_gaps(tmp_path):
    path, batches = tmp_path / "a.db", 60
    workers = await asyncio.gather(start(path, 1_000, batches), start(path, 5_000, batches))
    reader = await SqliteStore.open(path)
    for worker in workers:
        worker.stdin.write(b"go\n")
    seen = []
    while len(seen) < 2 * 4 * batches:
        rows = await reader.tail(len(seen))
        assert [row.seq for row in rows] == list(range(len(seen) + 1, len(seen) + 1 + len(rows)))
        seen += rows
    for worker in workers:
        await worker.communicate()
        assert worker.returncode == 0
    ids = [row.id for row in seen if isinstance(row, Decision)]
    for first in (1_000, 5_000):
        mine = [f"chatcmpl-{n}" for n in range(first, first + 3 * batches)]
        assert [found for found in ids if found in set(mine)] == mine
    assert await reader.integrity() == []
    await reader.close()


async def test_what_was_acknowledged_is_there_after_kill_9(tmp_path):
    path = tmp_path / "a.db"
    process = await start(path, 1, 0)
    process.stdin.write(b"go\n")
    acknowledged = [await process.stdout.readline() for _ in range(40)]
    process.send_signal(signal.SIGKILL)
    rest, _ = await process.communicate()
    # The last line may be torn; a whole one ends with a newline.
    acknowledged += [line for line in rest.splitlines(keepends=True) if line.endswith(b"\n")]
    store = await SqliteStore.open(path)
    for line in acknowledged:
        assert [row.value for row in await store.feedback_of(f"chatcmpl-{int(line)}")] == [0.5]
    last = await store.last_seq()
    assert [row.seq for row in await store.tail(0, limit=10**6)] == list(range(1, last + 1))
    assert last % 4 == 0
    assert await store.integrity() == []
    await store.close()
