"""The figures that this gateway is to reach, judged on one table of records.

A bar is judged on medians, and only where every figure that it needs was measured without a failed answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.gateway.gateways import BARE, OURS
from benchmarks.gateway.memory import NAME as MEMORY
from benchmarks.gateway.records import Table

_REQUEST, _CHUNK = "cpu_us_per_request", "cpu_us_per_chunk"
_CHEAPER_THAN = ("smg", "tensorzero", "ferro", "portkey")


@dataclass(frozen=True)
class Verdict:
    """One bar beside what was measured."""

    bar: str
    target: str
    measured: str
    reached: bool


def judge(table: Table) -> list[Verdict]:
    """Returns the verdicts on all bars for which `table` has the figures."""
    return [verdict for find in _BARS for verdict in find(table)]


def _value(table: Table, gateway: str, scenario: str, metric: str) -> float | None:
    record = table.get(gateway, scenario, metric)
    sound = scenario == MEMORY or table.valid(gateway, scenario)
    return record.value if record and sound else None


def _over(table: Table, other: str, scenario: str, metric: str) -> float | None:
    own, theirs = (_value(table, gateway, scenario, metric) for gateway in (OURS, other))
    return own / theirs if own is not None and theirs else None


def _at_most(
    bar: str, value: float | None, limit: float, unit: str = "×", digits: int = 2
) -> Iterator[Verdict]:
    if value is not None:
        yield Verdict(bar, f"≤ {limit:g}{unit}", f"{value:.{digits}f}{unit}", value <= limit)


def _against_bare(table: Table) -> Iterator[Verdict]:
    per_request = (("prompt-2k", "2 KB prompt", 1.0), ("arms-400", "400 arms", 1.15))
    for scenario, what, limit in per_request:
        ratio = _over(table, BARE, scenario, _REQUEST)
        yield from _at_most(f"CPU per request over the bare proxy's, {what}", ratio, limit)
    per_chunk = (("paced", 0.65), ("fast", 0.65), ("translated", 2.5), ("translated-fast", 2.5))
    for scenario, limit in per_chunk:
        ratio = _over(table, BARE, scenario, _CHUNK)
        yield from _at_most(f"CPU per chunk over the bare proxy's, {scenario}", ratio, limit)


def _against_peers(table: Table) -> Iterator[Verdict]:
    for scenario, metric, factor in (("c32", _REQUEST, 60), ("paced", _CHUNK, 25), ("fast", _CHUNK, 25)):
        ratio = _over(table, "litellm", scenario, metric)
        if ratio:
            bar = f"times less CPU than LiteLLM, {scenario}"
            yield Verdict(bar, f"≥ {factor}×", f"{1 / ratio:.0f}×", 1 / ratio >= factor)
    for scenario, metric in (("c32", _REQUEST), ("paced", _CHUNK), ("fast", _CHUNK)):
        for peer in _CHEAPER_THAN:
            ratio = _over(table, peer, scenario, metric)
            if ratio is not None:
                yield Verdict(f"CPU over {peer}'s, {scenario}", "< 1×", f"{ratio:.2f}×", ratio < 1)
        limit = 2.0 if metric == _REQUEST else 1.0
        ratio = _over(table, "vllm-router", scenario, metric)
        yield from _at_most(f"CPU over the vLLM router's, {scenario}", ratio, limit)


def _latency(table: Table) -> Iterator[Verdict]:
    for scenario, metric, bar, limit in (
        ("c1", "added_latency_p50_ms", "latency added at 1 connection, p50", 0.35),
        ("c1", "added_latency_p99_ms", "latency added at 1 connection, p99", 1.0),
        ("paced-short", "added_ttft_p99_ms", "TTFT added with 50 paced streams, p99", 2.0),
        ("paced", "added_forward_p99_ms", "delay added per chunk with 50 paced streams, p99", 0.5),
    ):
        yield from _at_most(bar, _value(table, OURS, scenario, metric), limit, " ms")


def _stall(table: Table) -> Iterator[Verdict]:
    """From outside, and from above: a prompt can't hold the loop for longer than all the CPU time it costs."""
    late = _value(table, OURS, "stall-500k", "forward_p999_ms")
    yield from _at_most("chunks beside 500 KB prompts late by, p99.9", late, 5, " ms")
    cpu = _value(table, OURS, "prompt-500k", _REQUEST)
    if cpu is not None:
        yield from _at_most("all CPU time of one request with a 500 KB prompt", cpu / 1000, 5, " ms")


def _slow_streams(table: Table) -> Iterator[Verdict]:
    lost = [table.get(OURS, "slow-1000", metric) for metric in ("failures", "stalled")]
    dropped = sum(record.high for record in lost if record)
    if any(lost):
        bar = "1,000 slow streams: dropped or stalled, at most"
        yield Verdict(bar, "0", f"{dropped:.0f}", dropped == 0)
    rss = _value(table, OURS, "slow-1000", "rss_mb")
    yield from _at_most("1,000 slow streams: RSS", rss, 250, " MB", 0)


def _workers(table: Table) -> Iterator[Verdict]:
    """Throughput, and CPU time per request: what two workers could do with two cores to themselves."""
    one, two = (_value(table, OURS, name, "requests_per_s") for name in ("workers-1", "workers-2"))
    cpu_one, cpu_two = (_value(table, OURS, name, _REQUEST) for name in ("workers-1", "workers-2"))
    load = _value(table, OURS, "workers-2", "load_cores")
    if not (one and two and cpu_one and cpu_two and load):
        return
    scaling = 2 * cpu_one / cpu_two
    measured = f"{scaling:.2f}× ({two / one:.2f}× with the load's {load:.2f} cores in it)"
    yield Verdict("2 workers over 1, load generator's share subtracted", "≥ 1.7×", measured, scaling >= 1.7)


def _memory(table: Table) -> Iterator[Verdict]:
    growth = _value(table, OURS, MEMORY, "growth")
    if growth is not None:
        bar = "RSS after all of the memory run's requests over that after a tenth"
        yield Verdict(bar, "≤ +5%", f"{growth:+.1%}", growth <= 0.05)


_BARS: tuple[Callable[[Table], Iterator[Verdict]], ...] = (
    _against_bare,
    _against_peers,
    _latency,
    _stall,
    _slow_streams,
    _workers,
    _memory,
)
