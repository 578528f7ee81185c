"""The result as tables in the terminal."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.gateway.gateways import BARE, DIRECT
from benchmarks.gateway.records import Record, Table
from benchmarks.gateway.scenarios import SCENARIOS, Scenario


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


def _columns(scenario: Scenario) -> tuple[_Column, ...]:
    if scenario.streamed:
        return _CHUNKS + (_ADDED_STREAM if scenario.latency else _STREAM) + _COMMON
    return _REQUESTS + (_ADDED_LATENCY if scenario.latency else _LATENCY) + _COMMON


def print_report(console: Console, table: Table, machine: str) -> None:
    """Prints one table per scenario, least CPU first, and how noisy the figures are. "+" means added to direct."""
    for name in table.scenarios:
        scenario = SCENARIOS[name]
        columns = _columns(scenario)
        view = RichTable(title=f"{name}: {scenario.about}", title_justify="left", title_style="bold")
        view.add_column("gateway", no_wrap=True)
        for column in columns:
            view.add_column(column.title, justify="right")
        for gateway in sorted(
            table.gateways(name), key=lambda who: _cost(table, who, name, columns[0].metric)
        ):
            if gateway == DIRECT:
                continue
            if not table.valid(gateway, name):
                failures = table.get(gateway, name, "failures")
                view.add_row(gateway, f"invalid: up to {failures.high:.0f} failed" if failures else "invalid")
                continue
            view.add_row(
                gateway, *_cells(table, gateway, name, columns), style="" if gateway != BARE else "dim"
            )
        console.print(view)
    console.print(f"Machine: {machine}")
    console.print(_noise(table))


def _cost(table: Table, gateway: str, scenario: str, metric: str) -> float:
    record = table.get(gateway, scenario, metric)
    return record.value if record else float("inf")


def _cells(table: Table, gateway: str, scenario: str, columns: tuple[_Column, ...]) -> list[str]:
    cells = []
    for column in columns:
        record = table.get(gateway, scenario, column.metric)
        ratio = table.ratio(gateway, scenario, column.metric) if column.ratio else None
        cells.append(_number(record, column.digits) + ("" if ratio is None else f" ({ratio:.2f}×)"))
    return cells


def _number(record: Record | None, digits: int) -> str:
    if record is None:
        return ""
    text = f"{record.value:,.{digits}f}"
    half = (record.high - record.low) / 2
    return text if record.runs < 2 else f"{text} ±{half:,.{digits}f}"


def _noise(table: Table) -> str:
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
