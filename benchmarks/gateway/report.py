"""The result as tables in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.gateway.bars import judge
from benchmarks.gateway.columns import noise, rows
from benchmarks.gateway.gateways import BARE
from benchmarks.gateway.records import Table
from benchmarks.gateway.scenarios import SCENARIOS


def print_report(console: Console, table: Table, machine: str) -> None:
    """Prints one table per scenario, the bars that can be judged, and how noisy the figures are."""
    for name in table.scenarios:
        if name not in SCENARIOS:
            continue
        titles, found = rows(table, name)
        view = RichTable(title=f"{name}: {SCENARIOS[name].about}", title_justify="left", title_style="bold")
        view.add_column(titles[0], no_wrap=True)
        for title in titles[1:]:
            view.add_column(title, justify="right")
        for row in found:
            view.add_row(*row, style="dim" if row[0] == BARE else "")
        console.print(view)
    verdicts = judge(table)
    if verdicts:
        view = RichTable("bar", "target", "measured", "reached", title="bars", title_justify="left")
        for verdict in verdicts:
            view.add_row(verdict.bar, verdict.target, verdict.measured, "yes" if verdict.reached else "no")
        console.print(view)
    console.print(f"Machine: {machine}")
    console.print(noise(table))
