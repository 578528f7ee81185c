"""The demo's last page, for people and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from proxy.market.milestones import Milestone
from proxy.market.report import BEST_FIXED, LEARNT, Score


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
        console.print(
            f"\n{self.requests} requests in {self.seconds:.0f} s, {self.errors} failed; "
            f"{self.feedback} grades posted; a right answer is worth ${self.value_usd:g}.",
            highlight=False,
        )
        console.print(_scores("The whole run", self.whole, self.chosen))
        console.print(_scores("After the last change", self.after, self.chosen))
        console.print(_milestones(self.milestones))
        console.print(
            f"Utility: {self.of_best_fixed:.1%} of the best fixed arm's over the whole run; after the last"
            f" change ${self.ahead_at_the_end:+.2f} per 1,000 requests against it.",
            highlight=False,
        )
        console.print(
            "Baselines: recorded outcomes of the same questions under the market's state at the time; a fixed"
            " arm that is down answers nothing. Intervals: 95 %, bootstrap over requests, differences paired.",
            style="dim",
            highlight=False,
        )


def _named(scores: Sequence[Score], policy: str) -> Score:
    return next(score for score in scores if score.policy == policy)


def _scores(title: str, scores: Sequence[Score], chosen: dict[str, str]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("policy")
    for heading in ("quality", "$/1000", "utility $/1000", "95 %", "Meritorder ahead by", "95 %"):
        table.add_column(heading, justify="right")
    for score in scores:
        arm = chosen.get(score.policy)
        learnt = score.policy == LEARNT
        table.add_row(
            f"{score.policy} ({arm})" if arm else score.policy,
            f"{score.quality:.3f}",
            f"{score.usd_per_1000:.3f}",
            f"{score.utility:.3f}",
            "{:.2f} to {:.2f}".format(*score.utility_interval),
            "" if learnt else f"{score.behind:+.3f}",
            "" if learnt else "{:+.2f} to {:+.2f}".format(*score.behind_interval),
            style="bold" if learnt else None,
        )
    return table


def _milestones(milestones: Sequence[Milestone]) -> Table:
    table = Table(title="How fast traffic followed", title_justify="left")
    for heading in ("change", "waited for", "share before", "reached after", "target"):
        table.add_column(heading)
    for milestone in milestones:
        reached = "never" if milestone.requests is None else f"{milestone.requests} requests"
        table.add_row(
            milestone.event.title,
            milestone.meaning,
            f"{milestone.share_before:.0%}",
            reached,
            f"{milestone.target} requests",
            style=None if milestone.met else "red",
        )
    return table
