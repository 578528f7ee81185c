"""Whether memory grows: resident memory after many requests against ten times as many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console

from benchmarks.gateway.bodies import write_bodies
from benchmarks.gateway.campaign import Bench
from benchmarks.gateway.gateways import Target
from benchmarks.gateway.measure import load_argv, run_load
from benchmarks.gateway.processes import Cores, rss_bytes
from benchmarks.gateway.records import Record
from benchmarks.gateway.scenarios import SCENARIOS

NAME = "memory"
_STEPS = 10
_LONG_ENOUGH = 36_000.0


def run_memory(console: Console, bench: Bench, names: Sequence[str], *, requests: int) -> list[Record]:
    """Sends `requests` to each gateway, reads its memory after every tenth of them, and compares the last
    reading with the first."""
    found = []
    for name in names:
        target = bench.gateways.target(name, SCENARIOS["c32"].setup)
        tenth = requests // _STEPS
        readings = {}
        for step in range(1, _STEPS + 1):
            readings[step * tenth] = _rss_after(bench, target, tenth)
            console.print(f"{name}: {readings[step * tenth]:.1f} MB after {step * tenth:,} requests")
        figures = {f"rss_mb_after_{sent}": rss for sent, rss in readings.items()}
        figures["growth"] = readings[_STEPS * tenth] / readings[tenth] - 1
        console.print(f"{name}: {figures['growth']:+.1%}")
        found += [Record(name, NAME, metric, value, value, value, 1) for metric, value in figures.items()]
    return found


def _rss_after(bench: Bench, target: Target, count: int) -> float:
    scenario = replace(SCENARIOS["c32"], seconds=_LONG_ENOUGH, warm_up=0.0)
    bodies = write_bodies(scenario, target.model(scenario), bench.folder / f"{target.gateway}-memory")
    assert target.process is not None
    family = target.process.family()
    argv = [*load_argv(bench.tools, target, scenario, bodies), "-n", str(count)]
    report, _, _ = run_load(argv, Cores.split().load, family, [bench.upstream.processes[0].pid])
    failed = sum(report["failures"].values())
    if failed:
        raise RuntimeError(
            f"{target.gateway}: {failed} of {count} requests failed, so its memory says nothing"
        )
    return rss_bytes(target.process.family()) / 1e6
