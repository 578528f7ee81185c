"""The demo's last page, for people and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from proxy.market.demo.milestones import Milestone
from proxy.market.demo.report import BEST_FIXED, LEARNT, Score


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that one run showed. `whole` and `after` are scores of the run and after the last change."""

    seed: int
    requests: int
    value_usd: float
    seconds: float
    errors: int
    feedback: int
    feedback_refused: int
    chosen: dict[str, str]
    whole: Sequence[Score]
    after: Sequence[Score]
    milestones: Sequence[Milestone]

    @property
    def of_best_fixed(self) -> float:
        """Utility of the learnt policy as a fraction of the best fixed arm's, over the whole run."""
        return _named(self.whole, LEARNT).utility / _named(self.whole, BEST_FIXED).utility

    @property
    def ahead_at_the_end(self) -> float:
        """Utility after the last change beyond the best fixed arm's, US dollars per 1,000 requests."""
        return _named(self.after, BEST_FIXED).behind

    def as_json(self) -> dict[str, Any]:
        """Returns plain values."""
        document = dataclasses.asdict(self)
        document["of_best_fixed"] = self.of_best_fixed
        document["ahead_at_the_end"] = self.ahead_at_the_end
        for row, milestone in zip(document["milestones"], self.milestones, strict=True):
            row["met"] = milestone.met
        return document

    def show(self, console: Console) -> None:
        """Prints the report."""

        def line(text: str, style: str | None = None) -> None:
            console.print(text, style=style, markup=False, highlight=False)

        line(
            f"\n{self.requests} requests in {self.seconds:.0f} s, {self.errors} failed, {self.feedback} grades"
            f" posted.\nA right answer is worth ${self.value_usd:g}. US dollars per 1,000 requests:"
        )
        console.print(_scores("The whole run", self.whole))
        console.print(_scores("After the last change", self.after))
        for policy, arm in self.chosen.items():
            line(f"  {policy}: {arm}")
        line(
            "  Baselines are the recorded outcomes of the same questions under the market's\n"
            "  state at the time; a fixed arm that is down answers nothing. In brackets:\n"
            "  95 % bootstrap intervals over requests, of differences paired.",
            "dim",
        )
        line("\nHow fast traffic followed:")
        for milestone in self.milestones:
            _line_of(milestone, line)
        line(
            f"\nUtility: {self.of_best_fixed:.1%} of the best fixed arm's over the whole run;\n"
            f"after the last change {self.ahead_at_the_end:+.2f} against it."
        )


def _named(scores: Sequence[Score], policy: str) -> Score:
    return next(score for score in scores if score.policy == policy)


def _scores(title: str, scores: Sequence[Score]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("policy", no_wrap=True)
    for heading in ("quality", "cost", "utility", "Meritorder ahead by"):
        table.add_column(heading, justify="right", no_wrap=True)
    for score in scores:
        learnt = score.policy == LEARNT
        ahead = "{:+.2f} [{:+.2f}, {:+.2f}]".format(score.behind, *score.behind_interval)
        table.add_row(
            score.policy,
            f"{score.quality:.2f}",
            f"{score.usd_per_1000:.2f}",
            escape("{:.2f} [{:.2f}, {:.2f}]".format(score.utility, *score.utility_interval)),
            "" if learnt else escape(ahead),
            style="bold" if learnt else None,
        )
    return table


def _line_of(milestone: Milestone, line: Callable[[str, str | None], None]) -> None:
    reached = "never" if milestone.requests is None else f"after {milestone.requests} requests"
    line(f"  {milestone.event.title} (share before: {milestone.share_before:.0%})", None)
    line(
        f"    {milestone.meaning}: {reached} (target {milestone.target})",
        "green" if milestone.met else "red",
    )
