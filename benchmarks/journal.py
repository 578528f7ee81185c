"""What the journal costs: CPU microseconds per row, kernel accounting of the process with its threads.

python -m benchmarks.journal [--rows 20000] [--warm 0] [--json FILE]

A row is a decision with random ids over 12 or 400 arms. Batches are appended one after another; "feedback"
batches hold feedback alone, "tail" reads back what another worker wrote. Each figure is the median of its
batches, and `wall_us` the time that one commit takes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np

from state.records import Decision, Feedback
from state.sqlite.store import SqliteStore

ARMS = (12, 400)
BATCHES = (1, 10, 100)
DIMENSION = 40


class Traffic:
    """Makes decisions as the proxy does: shared candidate tuples and objectives, ids of its own."""

    def __init__(self, arms: int, seed: int = 1) -> None:
        self._rng = np.random.default_rng(seed)
        self._arms = tuple(f"provider-{i % 7}/model-{i}" for i in range(arms))
        self._probabilities = np.full(arms, 1 / arms, np.float32)
        self._objective: dict[str, object] = {"value_usd": 0.05, "second_usd": 0.0005}
        self.ids: list[str] = []

    def decisions(self, count: int) -> list[Decision]:
        """Returns new decisions with random contexts."""
        contexts = self._rng.random((count, DIMENSION)).astype(np.float32)
        made = []
        for context, token in zip(contexts, self._rng.bytes(16 * count).hex(" ", 16).split(), strict=True):
            self.ids.append(f"chatcmpl-{token[:24]}")
            made.append(
                Decision(
                    id=self.ids[-1],
                    at=1.7e9 + len(self.ids),
                    route="auto",
                    task="code",
                    arm=self._arms[0],
                    arms=self._arms,
                    probabilities=self._probabilities,
                    propensity=1 / len(self._arms),
                    context=context,
                    objective=self._objective,
                    price_version="2026-11-01",
                    key="key-1",
                    streamed=True,
                    request_id=f"gen-{token}",
                    finished_at=1.7e9 + len(self.ids) + 1.5,
                    finish="stop",
                    input_tokens=812,
                    cached_tokens=0,
                    output_tokens=164,
                    cost_usd=0.00123,
                    ttft_s=0.31,
                )
            )
        return made

    def feedback(self, count: int) -> list[Feedback]:
        """Returns first values for the newest decisions that have none."""
        return [Feedback(self.ids.pop(), "quality", 1.0, 1.7e9, source="api") for _ in range(count)]


async def measure(
    batches: list[list[object]], call: Callable[[list[object]], Awaitable[object]], size: int
) -> dict[str, float]:
    """Returns median CPU µs per row and wall µs per call."""
    cpu, wall = [], []
    for batch in batches:
        before, since = time.process_time(), time.perf_counter()
        await call(batch)
        cpu.append(time.process_time() - before)
        wall.append(time.perf_counter() - since)
    return {
        "cpu_us_per_row": round(statistics.median(cpu) / size * 1e6, 2),
        "mean_cpu_us_per_row": round(sum(cpu) / len(cpu) / size * 1e6, 2),
        "wall_us": round(statistics.median(wall) * 1e6, 1),
    }


async def run(rows: int, warm: int) -> list[dict[str, object]]:
    """Measures every combination on a fresh file each."""
    records: list[dict[str, object]] = []
    for arms in ARMS:
        for size in BATCHES:
            with tempfile.TemporaryDirectory() as folder:
                store = await SqliteStore.open(Path(folder) / "journal.db")
                traffic = Traffic(arms)
                for _ in range(warm // 1000):
                    await store.append(traffic.decisions(1000), [])
                calls = min(rows // size, 1000)
                start = await store.last_seq()
                figures = {}
                batches = [traffic.decisions(size) for _ in range(calls)]
                figures["append"] = await measure(batches, lambda b, s=store: s.append(b, []), size)
                given = [traffic.feedback(size) for _ in range(min(calls, 200))]
                figures["feedback"] = await measure(given, lambda b, s=store: s.append([], b), size)
                pages = [[start + i * size] for i in range(min(calls, 200))]
                figures["tail"] = await measure(pages, lambda b, s=store: s.tail(b[0], size), size)
                await store.close()
            for what, figure in figures.items():
                records.append({"call": what, "arms": arms, "batch": size, "warm_rows": warm, **figure})
                print("  ".join(f"{key}={value}" for key, value in records[-1].items()), flush=True)
    return records


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--warm", type=int, default=0, help="rows in the file before the measurement")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    records = asyncio.run(run(options.rows, options.warm))
    if options.json is not None:
        options.json.write_text(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
