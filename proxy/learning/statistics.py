"""What happened, by arm and task: counts, shares over time, cost and latency. A fold over the journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from bandit import task_label
from proxy.learning.latencies import Latencies
from proxy.learning.verdicts import Verdicts
from proxy.learning.windows import WINDOWS, Windows
from state.records import Decision, Feedback

NO_VERDICT = frozenset({"gateway", "deadline", "shutdown"})
"""Statuses of calls that the gateway couldn't make, or ended itself: nothing of the arm is learnt from them."""

REFUSALS = frozenset({"invalid_request", "context_length", "content_filter", "too_large"})
OURS = NO_VERDICT | REFUSALS | {"cancelled"}
"""Statuses that say nothing about the arm's reliability."""

_LONGEST_S = 86400.0
"""No answer takes a day: its clock was set while it came."""

Arrays = dict[str, npt.NDArray[np.float64]]


@dataclass(slots=True)
class Cell:
    """Totals of one arm and task; `number` is its place in the windows.

    decode_s, decode_tokens  of streamed answers, from their first content on: a whole one shows only how long all of
                             it took
    failed_attempts          calls that failed before another arm answered
    changes                  of quality, that a verdict on this task gave away
    """

    number: int = -1
    requests: int = 0
    errors: int = 0
    cost_usd: float = 0.0
    costed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    propensity: float = 0.0
    feedback: int = 0
    decode_s: float = 0.0
    decode_tokens: int = 0
    failed_attempts: int = 0
    changes: int = 0

    def add(self, other: Cell) -> None:
        """Adds another cell's totals."""
        for name in _TOTALS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


_CELL_FIELDS = tuple(field.name for field in fields(Cell))
_TOTALS = _CELL_FIELDS[1:]

_FORMER_FIELDS = len(_CELL_FIELDS) - 2
"""Of a cell in snapshots of earlier versions. Their `decode_s` holds the waits for whole answers too."""


def duration(decision: Decision) -> float | None:
    """Returns the seconds from the first content of an answer to its end, None where they can't be."""
    seconds = max(0.0, decision.finished_at - decision.at - (decision.ttft_s or 0.0))
    return seconds if seconds <= _LONGEST_S else None


class Shares:
    """Requests in each window and in all, at one moment."""

    def __init__(self, statistics: Statistics, now: float) -> None:
        self._counts: dict[tuple[str, str | None, str | None], int] = {}
        counts = statistics.recent.counts(now)
        for arm, task, cell in statistics.items():
            for window in WINDOWS:
                self._add(window, arm, task, int(counts[window][cell.number]))
            self._add("all", arm, task, cell.requests)

    def _add(self, window: str, arm: str, task: str, count: int) -> None:
        if count:
            for key in ((window, arm, task), (window, arm, None), (window, None, task), (window, None, None)):
                self._counts[key] = self._counts.get(key, 0) + count

    def of(self, arm: str, task: str | None = None) -> dict[str, float | None]:
        """Returns the arm's share of all requests (of the task) by window; None where there were none."""
        shares: dict[str, float | None] = {}
        for window in (*WINDOWS, "all"):
            total = self._counts.get((window, None, task), 0)
            shares[window] = self._counts.get((window, arm, task), 0) / total if total else None
        return shares


class Statistics:
    """Totals, shares and latencies of everything in the journal."""

    def __init__(self) -> None:
        self._cells: dict[str, dict[str, Cell]] = {}
        self._made = 0
        self._failed_attempts: dict[str, int] = {}  # of all tasks
        self._ttft: dict[tuple[str, str | None], Latencies] = {}  # by arm and task, None for all of them
        self.verdicts = Verdicts()
        self.recent = Windows()

    def decided(self, decision: Decision, now: float) -> None:
        """Records one finished request; `now` is the time that it is learnt at."""
        arm, ttft = decision.arm, decision.ttft_s
        task = task_label(decision.task)
        cell = self._cell(arm, task)
        cell.requests += 1
        cell.propensity += decision.propensity
        cost = decision.cost_usd
        if cost is not None:
            cell.cost_usd += cost
            cell.costed += 1
        cell.input_tokens += decision.input_tokens or 0
        output = decision.output_tokens
        if output:
            cell.output_tokens += output
        if decision.status == "ok":
            if output and ttft is not None and (seconds := duration(decision)) is not None:
                cell.decode_tokens += output
                cell.decode_s += seconds
        elif decision.status not in OURS:
            cell.errors += 1
        if ttft is not None:
            for key in ((arm, None), (arm, task)):
                histogram = self._ttft.get(key)
                if histogram is None:
                    histogram = self._ttft[key] = Latencies()
                histogram.add(ttft)
        if decision.attempts:
            for attempt in decision.attempts:
                if attempt.get("error") == decision.status == "invalid_request":
                    continue  # the client's fault
                failed = str(attempt["arm"])
                self._failed_attempts[failed] = self._failed_attempts.get(failed, 0) + 1
                self._cell(failed, task).failed_attempts += 1
        self.recent.add(cell.number, now)

    def judged(
        self, feedback: Feedback, *, at: float, replaced_at: float = 0.0, changed: bool = False
    ) -> None:
        """Records one feedback, learnt at `at`; a correction replaces what was learnt at `replaced_at` and doesn't add.
        `changed`: it made a change of the arm known.
        """
        arm, task = feedback.arm, task_label(feedback.task)
        cell = self._cell(arm, task)
        cell.changes += changed
        previous = feedback.previous
        if previous is None:
            cell.feedback += 1
        else:
            self.verdicts.add(arm, task, -previous.weight, replaced_at)
        self.verdicts.add(arm, task, feedback.weight, at)

    def _cell(self, arm: str, task: str) -> Cell:
        try:
            return self._cells[arm][task]
        except KeyError:
            cell = self._cells.setdefault(arm, {})[task] = Cell(self._made)
            self._made += 1
            self.recent.grow(self._made)
            return cell

    def items(self) -> Iterator[tuple[str, str, Cell]]:
        """Yields (arm, task, totals)."""
        for arm, cells in self._cells.items():
            for task, cell in cells.items():
                yield arm, task, cell

    def failed_attempts(self, arm: str, task: str | None = None) -> int:
        """Returns how often the arm failed before another one answered, over all tasks or for one."""
        if task is not None:
            return self.total(arm, task).failed_attempts
        return self._failed_attempts.get(arm, 0)

    def ttft(self, arm: str, q: float, task: str | None = None) -> float | None:
        """Returns quantile `q` of the arm's TTFT in seconds, over all tasks or for one; None where nothing was streamed."""
        histogram = self._ttft.get((arm, task))
        return None if histogram is None else histogram.quantile(q)

    def tasks(self) -> list[str]:
        """Returns every task that was met, sorted."""
        return sorted({task for cells in self._cells.values() for task in cells})

    def total(self, arm: str, task: str | None = None) -> Cell:
        """Returns the totals of an arm, over all tasks or for one."""
        cells = self._cells.get(arm, {})
        if task is not None:
            return cells.get(task) or Cell()
        total = Cell()
        for cell in cells.values():
            total.add(cell)
        return total

    def arms(self) -> list[str]:
        """Returns the names of all arms that ever served a request, in service or not."""
        return list(self._cells)

    def seen(self, arm: str, task: str) -> bool:
        """Returns whether the arm ever served the task."""
        return task in self._cells.get(arm, {})

    def requests(self) -> int:
        """Returns the number of requests ever."""
        return sum(cell.requests for _, _, cell in self.items())

    def shares(self, now: float) -> Shares:
        """Returns who served how much of the traffic before `now`."""
        return Shares(self, now)

    def snapshot(self) -> tuple[dict[str, object], Arrays]:
        """Returns the whole state: what JSON can hold, and arrays."""
        meta: dict[str, object] = {
            "cells": [
                [arm, task, *(getattr(cell, f) for f in _CELL_FIELDS)] for arm, task, cell in self.items()
            ],
            "failed_attempts": dict(self._failed_attempts),
            "ttft": {arm: times.snapshot() for (arm, task), times in self._ttft.items() if task is None},
            "task_ttft": [
                [arm, task, times.snapshot()] for (arm, task), times in self._ttft.items() if task is not None
            ],
            "verdicts": self.verdicts.snapshot(),
        }
        return meta, {f"recent.{name}": array for name, array in self.recent.snapshot().items()}

    def restore(self, meta: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[np.float64]]) -> None:
        """Restores a snapshot. Raises KeyError, TypeError or ValueError if it doesn't fit."""
        for arm, task, *values in meta["cells"]:
            cell = self._cells.setdefault(arm, {})[task] = Cell(*values)
            self._made += 1
            if len(values) == _FORMER_FIELDS:
                cell.decode_s, cell.decode_tokens = 0.0, 0
        numbers = sorted(cell.number for _, _, cell in self.items())
        if numbers != list(range(self._made)):
            raise ValueError("cells are numbered twice")
        self._failed_attempts.update(meta["failed_attempts"])
        for arm, state in meta["ttft"].items():
            self._ttft[arm, None] = Latencies.restored(state)
        for arm, task, state in meta.get("task_ttft", ()):
            self._ttft[arm, task] = Latencies.restored(state)
        self.verdicts.restore(meta["verdicts"] if "verdicts" in meta else self._counted())
        self.recent.restore({name: arrays[f"recent.{name}"] for name in ("fine", "coarse")})
        self.recent.grow(self._made)

    def _counted(self) -> dict[str, object]:
        """Returns for a snapshot of an earlier version, which didn't weigh the verdicts of a task, how many there were."""
        weights: dict[str, dict[str, float]] = {}
        for arm, task, cell in self.items():
            weights.setdefault(arm, {})[task] = float(cell.feedback)
        return {"landmark": None, "weights": weights}
