"""Which figures of a scenario are shown, and how: in the terminal and in the Markdown alike."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.gateway.gateways import DIRECT
from benchmarks.gateway.records import Record, Table
from benchmarks.gateway.scenarios import SCENARIOS, Scenario

LOAD_BOUND, STALLED = "†", "‡"


@dataclass(frozen=True)
class _Column:
    title: str
    metric: str
    digits: int = 0
    ratio: bool = False


_REQUESTS = (
    _Column("CPU µs/request (× bare)", "cpu_us_per_request", 1, ratio=True),
    _Column("requests/s", "requests_per_s"),
)
_CHUNKS = (
    _Column("CPU µs/chunk (× bare)", "cpu_us_per_chunk", 1, ratio=True),
    _Column("chunks/s", "chunks_per_s"),
)
_ADDED_LATENCY = (
    _Column("+p50 ms", "added_latency_p50_ms", 2),
    _Column("+p99 ms", "added_latency_p99_ms", 2),
)
_LATENCY = (_Column("p50 ms", "latency_p50_ms", 2), _Column("p99 ms", "latency_p99_ms", 2))
_ADDED_STREAM = (
    _Column("+TTFT p50 ms", "added_ttft_p50_ms", 2),
    _Column("p99", "added_ttft_p99_ms", 2),
    _Column("+chunk p99 ms", "added_forward_p99_ms", 2),
)
_STREAM = (_Column("TTFT p50 ms", "ttft_p50_ms", 2), _Column("p99", "ttft_p99_ms", 2))
_COMMON = (_Column("RSS MB", "rss_mb"),)
_SHARES = (_Column("gateway cores", "gateway_cores", 2), _Column("load cores", "load_cores", 2))


_STALL = (
    _Column("chunk late by p99 ms", "forward_p99_ms", 2),
    _Column("p99.9", "forward_p999_ms", 2),
    _Column("at most", "forward_max_ms", 2),
    _Column("500 KB prompts/s beside", "beside_per_s"),
)


def _columns(scenario: Scenario) -> tuple[_Column, ...]:
    if scenario.beside:
        return _STALL + _COMMON
    if scenario.ours_only:
        return (*_REQUESTS, *_LATENCY, *_COMMON, *_SHARES)
    if scenario.streamed:
        return _CHUNKS + (_ADDED_STREAM if scenario.latency else _STREAM) + _COMMON
    return _REQUESTS + (_ADDED_LATENCY if scenario.latency else _LATENCY) + _COMMON


def rows(table: Table, scenario: str) -> tuple[list[str], list[list[str]]]:
    """Returns the titles and one row per gateway, least CPU first; "+" in a title means added to direct."""
    columns = _columns(SCENARIOS[scenario])
    found = []
    for gateway in sorted(
        table.gateways(scenario), key=lambda who: _cost(table, who, scenario, columns[0].metric)
    ):
        if gateway == DIRECT:
            continue
        if not table.valid(gateway, scenario):
            failures = table.get(gateway, scenario, "failures")
            found.append([gateway, f"invalid: up to {failures.high:.0f} failed" if failures else "invalid"])
        elif table.get(gateway, scenario, columns[0].metric):
            stalled = table.get(gateway, scenario, "stalled")
            name = f"{gateway} {STALLED}" if stalled and stalled.high else gateway
            found.append([name, *_cells(table, gateway, scenario, columns)])
        else:
            found.append([gateway, "no answer in the measured time"])
    return ["gateway", *(column.title for column in columns)], found


def _cost(table: Table, gateway: str, scenario: str, metric: str) -> float:
    record = table.get(gateway, scenario, metric)
    return record.value if record else float("inf")


def _cells(table: Table, gateway: str, scenario: str, columns: tuple[_Column, ...]) -> list[str]:
    cells = []
    for column in columns:
        record = table.get(gateway, scenario, column.metric)
        ratio = table.ratio(gateway, scenario, column.metric) if column.ratio else None
        mark = (
            LOAD_BOUND if column.metric.endswith("_per_s") and _load_bound(table, gateway, scenario) else ""
        )
        cells.append(_number(record, column.digits) + mark + ("" if ratio is None else f" ({ratio:.2f}×)"))
    return cells


def _load_bound(table: Table, gateway: str, scenario: str) -> bool:
    """Whether the mock and the load client, which share a core, had no time left."""
    load = table.get(gateway, scenario, "load_cores")
    return load is not None and load.value > 0.95 and not SCENARIOS[scenario].all_cores


def _number(record: Record | None, digits: int) -> str:
    if record is None:
        return ""
    text = f"{record.value:,.{digits}f}"
    half = (record.high - record.low) / 2
    return text if record.runs < 2 else f"{text} ±{half:,.{digits}f}"


def noise(table: Table) -> str:
    """Returns a sentence on how far the runs of one figure lay apart."""
    spreads = sorted(
        record.spread
        for name in table.scenarios
        for gateway in table.gateways(name)
        for metric in ("cpu_us_per_request", "cpu_us_per_chunk")
        if table.valid(gateway, name) and (record := table.get(gateway, name, metric)) and record.runs > 1
    )
    if not spreads:
        return "Noise: unknown, one run."
    return (
        "Values are medians over the runs, ± half their range. Noise of the CPU figures (half the range over "
        f"the median): typically {spreads[len(spreads) // 2]:.1%}, at most {spreads[-1]:.1%}."
    )
