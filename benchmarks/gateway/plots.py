"""The result as pictures."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.gateway.gateways import BARE, DIRECT, OURS
from benchmarks.gateway.records import Record, Table
from benchmarks.gateway.scenarios import SCENARIOS

_COLOURS = {OURS: "#d95f02", BARE: "#7570b3"}
_AXES = {
    "cpu_us_per_request": "CPU per request, µs",
    "cpu_us_per_chunk": "CPU per chunk, µs",
    "added_ttft_p50_ms": "time to first token added, median, ms",
    "added_latency_p50_ms": "latency added, median, ms",
}


def write_plots(table: Table, folder: Path) -> list[Path]:
    """Writes one bar chart per scenario and metric of interest into `folder`; returns the paths."""
    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for scenario in table.scenarios:
        for metric, axis in _AXES.items():
            found = [
                record
                for gateway in table.gateways(scenario)
                if gateway != DIRECT
                and table.valid(gateway, scenario)
                and (record := table.get(gateway, scenario, metric))
            ]
            if found:
                path = folder / f"{scenario}-{metric}.png"
                _bars(sorted(found, key=lambda record: -record.value), axis, SCENARIOS[scenario].about, path)
                written.append(path)
    return written


def _bars(found: list[Record], axis: str, title: str, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(8, 0.45 * len(found) + 1.4), layout="constrained")
    values = [record.value for record in found]
    whiskers = [
        [record.value - record.low for record in found],
        [record.high - record.value for record in found],
    ]
    colours = [_COLOURS.get(record.gateway, "#999999") for record in found]
    axes.barh([record.gateway for record in found], values, xerr=whiskers, color=colours, ecolor="#333333")
    lowest = min(values)
    if lowest > 0 and max(values) / lowest > 20:  # one slow gateway would make bars of the others invisible
        axes.set_xscale("log")
    axes.set_xlabel(axis)
    axes.set_title(title)
    figure.savefig(path, dpi=130)
    plt.close(figure)
