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
_LONG_ENOUGH = 36_000.0


def run_memory(console: Console, bench: Bench, names: Sequence[str], *, requests: int) -> list[Record]:
    """Sends a tenth of `requests`, then the rest, to each gateway, and compares its memory."""
    found = []
    for name in names:
        target = bench.gateways.target(name, SCENARIOS["c32"].setup)
        first = requests // 10
        early = _rss_after(bench, target, first)
        late = _rss_after(bench, target, requests - first)
        console.print(
            f"{name}: {early:.1f} MB after {first:,} requests, {late:.1f} MB after {requests:,} "
            f"({late / early - 1:+.1%})"
        )
        figures = {
            f"rss_mb_after_{first}": early,
            f"rss_mb_after_{requests}": late,
            "growth": late / early - 1,
        }
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
