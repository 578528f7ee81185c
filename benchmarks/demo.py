"""Runs `meritorder demo` over several seeds and prints what each of them showed, as a table.

python benchmarks/demo.py [--seeds 10] [--requests 3000] [--speed 20]
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from proxy.market.demo.command import demo

COLUMNS = (
    ("seed", 4),
    ("price", 6),
    ("collapse", 9),
    ("newcomer", 9),
    ("quality", 8),
    ("$/1000", 7),
    ("utility", 8),
    ("of best fixed", 14),
    ("after: ahead", 13),
    ("failed", 7),
    ("met", 4),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--speed", type=float, default=20.0)
    options = parser.parse_args()
    runs = []
    for seed in range(1, options.seeds + 1):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "figures.json"
            arguments = [f"--seed={seed}", f"--requests={options.requests}", f"--speed={options.speed}"]
            demo.main([*arguments, f"--json={path}"], standalone_mode=False)
            runs.append(json.loads(path.read_text()))
    report(runs)


def report(runs: list[dict[str, Any]]) -> None:
    print("\nRequests until traffic had moved; US dollars per 1,000 requests.\n")
    print("".join(f"{name:>{width}}" for name, width in COLUMNS))
    for run in runs:
        reached = ["never" if m["requests"] is None else str(m["requests"]) for m in run["milestones"]]
        learnt = run["whole"][0]
        cells = (
            str(run["seed"]),
            *reached,
            f"{learnt['quality']:.3f}",
            f"{learnt['usd_per_1000']:.3f}",
            f"{learnt['utility']:.3f}",
            f"{run['of_best_fixed']:.1%}",
            f"{run['ahead_at_the_end']:+.3f}",
            str(run["errors"]),
            str(sum(met(run))),
        )
        print("".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, COLUMNS, strict=True)))
    print()
    for name, outcomes in zip(TARGETS, zip(*map(met, runs), strict=True), strict=True):
        print(f"{name}: {sum(outcomes)} of {len(runs)} seeds")
    ratios = [run["of_best_fixed"] for run in runs]
    print(f"utility of the best fixed arm's: mean {statistics.mean(ratios):.1%}, least {min(ratios):.1%}")


TARGETS = (
    "price rise moves traffic within 50 requests",
    "collapsed arm under 5% within 300 requests",
    "new arm at 25% or more within 400 requests",
    "utility at least 97% of the best fixed arm's over the whole run",
    "utility above the best fixed arm's after the last change",
)


def met(run: dict[str, Any]) -> list[bool]:
    return [
        *(milestone["met"] for milestone in run["milestones"]),
        run["of_best_fixed"] >= 0.97,
        run["ahead_at_the_end"] > 0.0,
    ]


if __name__ == "__main__":
    main()
