"""What happened, by arm and task: counts, shares over time, cost and latency. A fold over the journal."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from state.records import Decision, Feedback

SLOT_S = 5.0
"""Shares are counted in slots of five seconds, for the last hour."""

WINDOWS: Mapping[str, float] = {"1m": 60.0, "15m": 900.0, "1h": 3600.0}

_HOUR_SLOTS = int(3600 / SLOT_S)

# Quantiles come from a histogram with 10 % wide buckets from 1 ms up: half a bucket is less than the noise.
_GROWTH = math.log(1.1)
_LEAST_S = 0.001
_BUCKETS = 150

_HALF_LIFE = 2000.0
"""Latency observations of an arm after which an older one counts half."""

OURS = frozenset({"invalid_request", "context_length", "content_filter", "too_large", "cancelled"})
"""Statuses that say nothing about the arm's reliability."""


@dataclass(slots=True)
class Cell:
    """Totals of one arm and task."""

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

    def add(self, other: Cell) -> None:
        for name in _CELL_FIELDS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


_CELL_FIELDS = tuple(field.name for field in fields(Cell))


class Latencies:
    """A histogram of seconds in which old observations fade."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts: dict[int, float] = {}
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Takes one observation."""
        bucket = int(math.log(seconds / _LEAST_S) / _GROWTH) if seconds > _LEAST_S else 0
        bucket = min(bucket, _BUCKETS - 1)
        self.counts[bucket] = self.counts.get(bucket, 0.0) + 1.0
        self.total += 1.0
        if self.total > 2.0 * _HALF_LIFE:
            self.counts = {key: count / 2.0 for key, count in self.counts.items() if count > 0.02}
            self.total = sum(self.counts.values())

    def quantile(self, q: float) -> float | None:
        """Returns the middle of the bucket that holds quantile `q`, in seconds."""
        if not self.counts:
            return None
        rest = q * self.total
        bucket = 0
        for bucket in sorted(self.counts):
            rest -= self.counts[bucket]
            if rest <= 0.0:
                break
        return _LEAST_S * math.exp((bucket + 0.5) * _GROWTH)


class Statistics:
    """Totals, shares and latencies of everything in the journal."""

    def __init__(self) -> None:
        self.cells: defaultdict[tuple[str, str], Cell] = defaultdict(Cell)
        self.failed_attempts: defaultdict[str, int] = defaultdict(int)
        self.ttft: defaultdict[str, Latencies] = defaultdict(Latencies)
        self._slots: dict[int, dict[tuple[str, str], int]] = {}

    def decided(self, decision: Decision) -> None:
        """Takes one finished request."""
        key = (decision.arm, decision.task)
        cell = self.cells[key]
        cell.requests += 1
        cell.propensity += decision.propensity
        if decision.status != "ok" and decision.status not in OURS:
            cell.errors += 1
        for attempt in decision.attempts:
            self.failed_attempts[str(attempt["arm"])] += 1
        if decision.cost_usd is not None:
            cell.cost_usd += decision.cost_usd
            cell.costed += 1
        cell.input_tokens += decision.input_tokens or 0
        output = decision.output_tokens or 0
        cell.output_tokens += output
        if decision.ttft_s is not None:
            self.ttft[decision.arm].add(decision.ttft_s)
        if decision.status == "ok" and output > 0:
            cell.decode_tokens += output
            cell.decode_s += max(0.0, decision.finished_at - decision.at - (decision.ttft_s or 0.0))
        number = int(decision.finished_at / SLOT_S)
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = {}
            for old in [n for n in self._slots if n < number - _HOUR_SLOTS]:
                del self._slots[old]
        slot[key] = slot.get(key, 0) + 1

    def judged(self, feedback: Feedback) -> None:
        """Takes one feedback; a correction replaces and doesn't add."""
        if feedback.previous is None:
            self.cells[(feedback.arm, feedback.task)].feedback += 1

    def total(self, arm: str, task: str | None = None) -> Cell:
        """Returns the totals of an arm, over all tasks or for one."""
        if task is not None:
            return self.cells.get((arm, task)) or Cell()
        total = Cell()
        for (name, _), cell in self.cells.items():
            if name == arm:
                total.add(cell)
        return total

    def windows(self, now: float) -> dict[str, dict[tuple[str, str], int]]:
        """Returns requests by (arm, task) in each window that ends at `now`."""
        result: dict[str, dict[tuple[str, str], int]] = {}
        for name, seconds in WINDOWS.items():
            first = int((now - seconds) / SLOT_S)
            counts: defaultdict[tuple[str, str], int] = defaultdict(int)
            for number, slot in self._slots.items():
                if number > first:
                    for key, count in slot.items():
                        counts[key] += count
            result[name] = dict(counts)
        return result

    def snapshot(self) -> dict[str, object]:
        """Returns the whole state, JSON-able."""
        return {
            "cells": [[*key, *(getattr(cell, f) for f in _CELL_FIELDS)] for key, cell in self.cells.items()],
            "failed_attempts": dict(self.failed_attempts),
            "ttft": {arm: [[k, v] for k, v in hist.counts.items()] for arm, hist in self.ttft.items()},
            "slots": [[n, [[*key, count] for key, count in slot.items()]] for n, slot in self._slots.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes what `snapshot` gave. Raises KeyError, TypeError or ValueError if it doesn't fit."""
        for arm, task, *values in state["cells"]:
            self.cells[(arm, task)] = Cell(*values)
        self.failed_attempts.update(state["failed_attempts"])
        for arm, counts in state["ttft"].items():
            histogram = self.ttft[arm]
            histogram.counts = {int(k): float(v) for k, v in counts}
            histogram.total = sum(histogram.counts.values())
        self._slots = {int(n): {(a, t): c for a, t, c in slot} for n, slot in state["slots"]}
