"""Tables for the eye."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as Grid

from benchmarks.routing.runs import Record

_HIDDEN = ("reward", "utility_usd")


def print_tables(console: Console, records: Sequence[Record]) -> None:
    """Prints one grid per dataset, scenario and λ: policies down, metrics across, best gap first."""
    places = dict.fromkeys((r.dataset, r.scenario, r.lam) for r in records)
    for dataset, scenario, lam in places:
        here = [r for r in records if (r.dataset, r.scenario, r.lam) == (dataset, scenario, lam)]
        metrics = list(dict.fromkeys(r.metric for r in here if r.metric not in _HIDDEN))
        grid = Grid(title=f"{dataset} · {scenario} · λ = {lam:g} · {here[0].seeds} seeds")
        grid.add_column("policy")
        for metric in metrics:
            grid.add_column(metric, justify="right")
        found = {(r.policy, r.metric): r for r in here}
        policies = sorted(
            {r.policy for r in here}, key=lambda p: -found[p, "gap%"].value if (p, "gap%") in found else 0.0
        )
        for policy in policies:
            grid.add_row(policy, *(cell(found.get((policy, metric))) for metric in metrics))
        console.print(grid)


def cell(record: Record | None) -> str:
    """Returns mean ± half of the interval."""
    if record is None:
        return "–"
    return f"{record.value:.3g} ± {record.high - record.value:.2g}"
