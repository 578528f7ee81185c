"""`meritorder models`: the catalogue in the terminal."""

from __future__ import annotations

import time

from rich import box
from rich.console import Console
from rich.table import Table

from adapters.catalogue import search


def show_models(text: str, limit: int) -> None:
    """Prints the models whose name holds `text`, at most `limit` of them, and how many there are."""
    models = search(text, time.time())
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("provider/model", overflow="fold")
    for name in ("context", "max output", "$ in/M", "$ out/M"):
        table.add_column(name, justify="right")
    table.add_column("can", overflow="fold")
    for model in models[:limit]:
        price = model.price
        table.add_row(
            f"{model.provider}/{model.name}",
            "-" if model.context_window is None else f"{model.context_window:,}",
            "-" if model.max_output is None else f"{model.max_output:,}",
            "-" if price is None else f"{price.input * 1e6:g}",
            "-" if price is None else f"{price.output * 1e6:g}",
            ", ".join(sorted(model.capabilities)) or "text",
        )
    console = Console()
    console.print(table)
    more = f", {limit} shown (--limit)" if len(models) > limit else ""
    console.print(f"{len(models)} models{more}")
