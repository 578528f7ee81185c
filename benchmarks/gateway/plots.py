"""The result as pictures."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from benchmarks.gateway.gateways import BARE, DIRECT, OURS
from benchmarks.gateway.memory import NAME as MEMORY
from benchmarks.gateway.records import Record, Table
from benchmarks.gateway.scenarios import SCENARIOS

_COLOURS = {OURS: "#d95f02", BARE: "#7570b3"}
_OTHERS = "#999999"
_ENOUGH = 3  # gateways, for a chart that compares them
_REQUEST, _CHUNK = "cpu_us_per_request", "cpu_us_per_chunk"
_CHARTS = (
    ("c32", _REQUEST, "CPU per request, µs"),
    ("paced", _CHUNK, "CPU per chunk, µs"),
    ("fast", _CHUNK, "CPU per chunk, µs"),
    ("flood", "chunks_per_s", "chunks per second"),
    ("c1", "added_latency_p50_ms", "latency added, median, ms"),
    ("paced", "added_ttft_p50_ms", "time to first token added, median, ms"),
)


def write_plots(table: Table, folder: Path) -> list[Path]:
    """Writes the charts for which there are figures into `folder`; returns the paths."""
    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "gateway"  # the same figures give the same file
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for scenario, metric, axis in _CHARTS:
        found = [
            record
            for gateway in table.gateways(scenario)
            if gateway != DIRECT
            and table.valid(gateway, scenario)
            and (record := table.get(gateway, scenario, metric))
        ]
        if len(found) >= _ENOUGH:
            path = folder / f"{scenario}-{metric}.svg"
            _bars(found, axis, f"{scenario}: {SCENARIOS[scenario].about}", path)
            written.append(path)
    ratios = _ratios(table)
    if len(ratios) >= _ENOUGH:
        written.append(folder / "over-bare.svg")
        _over_bare(ratios, written[-1])
    memory = _memory(table)
    if memory:
        written.append(folder / "memory.svg")
        _curve(memory, written[-1])
    return written


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")


def _bars(found: list[Record], axis: str, title: str, path: Path) -> None:
    found = sorted(found, key=lambda record: record.value, reverse=not axis.startswith("chunks"))
    figure, axes = plt.subplots(figsize=(8, 0.4 * len(found) + 1.4), layout="constrained")
    values = [record.value for record in found]
    whiskers = [
        [record.value - record.low for record in found],
        [record.high - record.value for record in found],
    ]
    colours = [_COLOURS.get(record.gateway, _OTHERS) for record in found]
    axes.barh([record.gateway for record in found], values, xerr=whiskers, color=colours, ecolor="#333333")
    lowest = min(values)
    if lowest > 0 and max(values) / lowest > 20:  # one slow gateway would make bars of the others invisible
        axes.set_xscale("log")
        axis += " (logarithmic)"
    axes.set_xlabel(axis)
    axes.set_title(title)
    _save(figure, path)


def _ratios(table: Table) -> dict[str, float]:
    found = {}
    for scenario in table.scenarios:
        for metric in (_REQUEST, _CHUNK):
            ratio = table.ratio(OURS, scenario, metric)
            if ratio is not None and table.valid(OURS, scenario) and table.valid(BARE, scenario):
                found[scenario] = ratio
    return found


def _over_bare(ratios: dict[str, float], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(8, 0.35 * len(ratios) + 1.4), layout="constrained")
    axes.barh(list(reversed(ratios)), list(reversed(ratios.values())), color=_COLOURS[OURS])
    axes.axvline(1, color=_COLOURS[BARE])
    axes.set_xlabel("CPU per request or per chunk, over the bare aiohttp proxy's")
    axes.set_title("every scenario")
    _save(figure, path)


def _memory(table: Table) -> dict[int, float]:
    prefix = "rss_mb_after_"
    return {
        int(record.metric.removeprefix(prefix)): record.value
        for record in table.of(OURS, MEMORY)
        if record.metric.startswith(prefix)
    }


def _curve(readings: dict[int, float], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    axes.plot([sent / 1e6 for sent in readings], list(readings.values()), "o-", color=_COLOURS[OURS])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("million requests")
    axes.set_ylabel("resident memory, MB")
    axes.set_title("memory")
    _save(figure, path)
