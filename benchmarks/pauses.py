"""How long traffic waits while feedback is learnt.

    python -m benchmarks.pauses [--feedback N]

Feedback is learnt as a worker learns it, and beside it a timer of the same event loop is due every millisecond. Printed
is by how much it came late (ms), with 12, 50 and 400 arms: when the fits of what arms have in common run in a thread, as
they do in a worker, and when they run where everything else does.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import asyncio

import numpy as np
import uvloop

from bandit import Bandit, RequestFacts
from benchmarks.decision import facts
from proxy.learning.learner import Learner
from state.records import Feedback

START = 1.7e9
TICK_S = 0.001
TOGETHER = 16
"""Rows that are learnt in one turn of the event loop, as a worker does."""


def judged(arms: int, count: int) -> list[Feedback]:
    """Returns feedback on random arms."""
    rng = np.random.default_rng(1)
    truth = rng.uniform(0.3, 0.8, arms)
    bandit = Bandit()
    rows = []
    for number in range(count):
        arm = int(rng.integers(arms))
        asked: RequestFacts = facts(number)
        x = bandit.context(asked).x.astype(np.float32)
        value = float(rng.random() < truth[arm])
        at = START + number
        rows.append(Feedback("", "quality", value, at, seq=number + 1, arm=f"arm-{arm}", context=x))
    return rows


async def lateness(arms: int, rows: list[Feedback], *, threaded: bool) -> np.ndarray:
    """Returns by how many milliseconds each timer came late."""
    loop = asyncio.get_running_loop()
    learner = Learner(lambda _: None)
    learner.add_arms([f"arm-{arm}" for arm in range(arms)])
    late: list[float] = []

    def tick(due: float) -> None:
        now = loop.time()
        late.append(now - due)
        timers[0] = loop.call_at(max(now, due + TICK_S), tick, max(now, due + TICK_S))

    timers = [loop.call_soon(tick, loop.time())]
    for start in range(0, len(rows), TOGETHER):
        part = rows[start : start + TOGETHER]
        if threaded:
            await learner.learn(part)
        else:
            learner.apply(part)
        await asyncio.sleep(TICK_S)
    timers[0].cancel()
    return np.array(late) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feedback", type=int, default=4000)
    count = parser.parse_args().feedback
    print(f"{'arms':>5} {'fits':>13} {'p99 ms':>8} {'p99.9 ms':>9} {'most ms':>8}")
    for arms in (12, 50, 400):
        rows = judged(arms, count)
        for threaded in (True, False):
            late = uvloop.run(lateness(arms, rows, threaded=threaded))
            high = np.percentile(late, [99.0, 99.9, 100.0])
            where = "in a thread" if threaded else "in the loop"
            print(f"{arms:>5} {where:>13} {high[0]:>8.2f} {high[1]:>9.2f} {high[2]:>8.2f}")


if __name__ == "__main__":
    main()
