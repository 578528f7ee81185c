"""The demo on the terminal: a live view, or plain lines where there is no terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from proxy.market.demo.story import Event
from proxy.market.demo.tally import WINDOW, Tally
from proxy.market.demo.traffic import Answered

_BAR = 14
_REFRESH_HZ = 5


class PlainView:
    """A line for every event and every twentieth of the run."""

    def __init__(self, console: Console, requests: int, value_usd: float) -> None:
        self._console = console
        self._requests = requests
        self._every = max(1, requests // 20)
        self.tally = Tally(value_usd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return

    def answered(self, answer: Answered) -> None:
        self.tally.add(answer)
        if self.tally.answers % self._every == 0:
            shares = "  ".join(f"{arm} {share:.0%}" for arm, share in self.tally.shares().items())
            self._print(f"{self.tally.answers:6d}/{self._requests}  {_figures(self.tally)}  {shares}")

    def happened(self, event: Event) -> None:
        self._print(f"--- request {event.at}: {event.title}")

    def statistics(self, arms: list[dict[str, Any]]) -> None:
        """Plain lines show what the clients saw only."""

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class LiveView:
    """Shares, quality, cost and latency by arm, redrawn in place."""

    def __init__(self, console: Console, requests: int, value_usd: float) -> None:
        self.tally = Tally(value_usd)
        self._arms: dict[str, dict[str, Any]] = {}
        self._events: list[Event] = []
        self._progress = Progress(
            TextColumn("requests"), BarColumn(bar_width=None), MofNCompleteColumn(), TimeElapsedColumn()
        )
        self._bar = self._progress.add_task("requests", total=requests)
        self._live = Live(
            console=console, get_renderable=self._draw, refresh_per_second=_REFRESH_HZ, transient=True
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def answered(self, answer: Answered) -> None:
        self.tally.add(answer)
        self._progress.advance(self._bar)

    def happened(self, event: Event) -> None:
        self._events.append(event)

    def statistics(self, arms: list[dict[str, Any]]) -> None:
        """Shows the rows of `GET /v1/arms`."""
        self._arms = {str(row["arm"]): row for row in arms}

    def _draw(self) -> Group:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        table.add_column("arm", no_wrap=True)
        table.add_column(f"of the last {WINDOW}", no_wrap=True, width=_BAR + 5)
        for heading in ("all", "quality", "$/M in, out", "$/1000", "TTFT"):
            table.add_column(heading, justify="right", no_wrap=True)
        shares = self.tally.shares()
        changed = {event.arm: event for event in self._events}
        for arm, row in self._arms.items():
            share = shares.get(arm, 0.0)
            style = _style_of(changed.get(arm))
            table.add_row(
                Text(arm, style=style),
                Text("█" * round(_BAR * share), style=style or "green").append(f" {share:.0%}"),
                str(self.tally.requests[arm]),
                _quality(row),
                _price(row),
                _thousandfold(row),
                _milliseconds(row["ttft_s"]["p50"]),
            )
        lines = [f"{event.at:>6}  {escape(event.title)}" for event in self._events] or ["     0  all is calm"]
        figures = Text(_figures(self.tally), style="bold")
        return Group(self._progress, table, figures, Text.from_markup("\n".join(lines), style="yellow"))


def _figures(tally: Tally) -> str:
    return (
        f"quality {tally.quality:.2f}  ${tally.usd_per_1000:.3f}/1000"
        f"  utility ${tally.utility_per_1000:.2f}/1000"
        f"  {1000 * tally.seconds:.0f} ms"
        f"  errors {tally.errors}"
    )


def _style_of(event: Event | None) -> str:
    if event is None or event.kind == "up":
        return ""
    return "cyan" if event.kind == "offer" else "red"


def _quality(row: dict[str, Any]) -> str:
    quality = row["quality"]
    half = 0.5 * (quality["high"] - quality["low"])
    return f"{quality['mean']:.2f} ±{half:.2f}"


def _price(row: dict[str, Any]) -> str:
    price = row["price"]
    return f"{price['input_usd_per_mtok']:g}, {price['output_usd_per_mtok']:g}"


def _thousandfold(row: dict[str, Any]) -> str:
    cost = row["cost"]["mean_usd"]
    return "-" if cost is None else f"{1000 * cost:.3f}"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1000 * seconds:.0f} ms"
