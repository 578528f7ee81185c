"""The arm statistics as a table in the terminal."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

_WIDE = 150
_SHARES = ("1m", "15m", "1h", "all")
_COLUMNS = (
    ("requests", False),
    ("errors", False),
    ("quality 95 %", False),
    ("n eff", True),
    ("feedback", True),
    ("$/request", False),
    ("$ in/out per M", True),
    ("TTFT p50/p95 s", True),
    ("tok/s", True),
    ("propensity", True),
)
"""(name, only in a wide terminal)"""


def show_arms(url: str, key: str | None, *, by: str | None, as_json: bool, watch: float | None) -> None:
    """Prints the table once, or again every `watch` seconds."""
    if as_json:
        click.echo(json.dumps(fetch(url, key, by), indent=2))
        return
    console = Console()
    if watch is None:
        console.print(table(fetch(url, key, by), console.width))
        return
    try:
        with Live(table(fetch(url, key, by), console.width), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(watch)
                live.update(table(fetch(url, key, by), console.width), refresh=True)
    except KeyboardInterrupt:
        pass


def fetch(url: str, key: str | None, by: str | None) -> dict[str, Any]:
    """Asks a gateway. Raises click.ClickException saying what to do."""
    address = url.rstrip("/").removesuffix("/v1") + "/v1/arms" + (f"?by={by}" if by else "")
    if not address.startswith(("http://", "https://")):
        raise click.ClickException(f"{url} is not an http URL")
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {key}"} if key else {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  checked above
            document: dict[str, Any] = json.load(answer)
            return document
    except urllib.error.HTTPError as error:
        hint = " Set MERITORDER_API_KEY." if error.code == 401 else ""
        raise click.ClickException(f"{address} answered {error.code}.{hint}") from None
    except (OSError, ValueError) as error:
        raise click.ClickException(
            f"{address} can't be read: {getattr(error, 'reason', error)}. Is the gateway running there?"
        ) from None


def table(document: dict[str, Any], width: int = 200) -> Table:
    """Renders the answer of /v1/arms; a narrow terminal gets the columns that matter most."""
    wide = width >= _WIDE
    by_task = any("task" in row for row in document["data"])
    result = Table(
        title=f"{document['requests']} request{'' if document['requests'] == 1 else 's'}",
        caption=f"newer ones are missing: {escape(document['behind'])}" if document.get("behind") else None,
        caption_justify="left",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    result.add_column("arm", overflow="fold", min_width=16)
    if by_task:
        result.add_column("task", overflow="fold")
    for name in _SHARES if wide else ("15m", "all"):
        result.add_column(name, justify="right", no_wrap=True)
    for name, only_wide in _COLUMNS:
        if wide or not only_wide:
            result.add_column(name, justify="right", no_wrap=True)
    for row in sorted(document["data"], key=lambda r: -(r["share"]["15m"] or 0.0)):
        result.add_row(*_cells(row, wide=wide, by_task=by_task))
    return result


def _cells(row: dict[str, Any], *, wide: bool, by_task: bool) -> list[str]:
    quality, price, ttft = row["quality"], row["price"], row["ttft_s"]
    state = row["cooldown"]
    name = escape(row["arm"]) + (
        f" [red]{state['state']} {state['seconds_left']:.0f} s[/red]" if state else ""
    )
    if row.get("removed"):
        name += " [dim]removed[/dim]"
    cells = {
        "requests": str(row["requests"]),
        "errors": str(row["errors"]),
        "quality 95 %": "-"
        if quality["mean"] is None
        else f"{quality['mean']:.2f} ({quality['low']:.2f}-{quality['high']:.2f})",
        "n eff": _or_dash(quality["effective_samples"], "{:.0f}"),
        "feedback": str(row["feedback"]),
        "$/request": _or_dash(row["cost"]["mean_usd"], "{:.6f}"),
        "$ in/out per M": f"{price['input_usd_per_mtok']:g}/{price['output_usd_per_mtok']:g}"
        if price["known"]
        else "unknown",
        "TTFT p50/p95 s": f"{_or_dash(ttft['p50'], '{:.2f}')}/{_or_dash(ttft['p95'], '{:.2f}')}",
        "tok/s": _or_dash(row["tokens_per_second"], "{:.0f}"),
        "propensity": _or_dash(row["mean_propensity"], "{:.2f}"),
    }
    shares = [_percent(row["share"][window]) for window in (_SHARES if wide else ("15m", "all"))]
    shown = [cells[column] for column, only_wide in _COLUMNS if wide or not only_wide]
    return [name, *([escape(row["task"])] if by_task else []), *shares, *shown]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
