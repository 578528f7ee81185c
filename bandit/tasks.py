"""Tasks: names of kinds of work, and their columns in the context vector."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bandit.features import RequestFacts

OWN_SLOTS = 20
"""Tasks that get a column of their own, first come first served."""

SHARED_SLOTS = 4
"""Columns that all later tasks share by hash, so that an endless list of names costs no memory."""

TASK_COLUMNS = OWN_SLOTS + SHARED_SLOTS


class TaskRegistry:
    """Gives every task name its slot, always the same one. Names restored in order keep their slots."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._slots: dict[str, int] = {}
        for name in names:
            self.slot(name)

    def slot(self, name: str) -> int:
        """Returns the slot of `name` in [0, TASK_COLUMNS); takes a free one at first sight."""
        slot = self._slots.get(name)
        if slot is not None:
            return slot
        taken = len(self._slots)
        if taken < OWN_SLOTS:
            self._slots[name] = taken
            return taken
        return OWN_SLOTS + zlib.crc32(name.encode("utf-8", "replace")) % SHARED_SLOTS

    def find(self, name: str) -> int | None:
        """Returns the slot of `name`, or None if it would take a free one. Changes nothing."""
        slot = self._slots.get(name)
        if slot is None and self.full:
            return OWN_SLOTS + zlib.crc32(name.encode("utf-8", "replace")) % SHARED_SLOTS
        return slot

    def names(self) -> list[str]:
        """Returns the names with own columns, in slot order."""
        return list(self._slots)

    @property
    def full(self) -> bool:
        """True when later names share columns."""
        return len(self._slots) >= OWN_SLOTS


def recognise_task(facts: RequestFacts) -> str:
    """Names the kind of work: the declared task, else the system prompt's fingerprint, else nothing ("").

    Applications send the same system prompt for the same job, so its fingerprint is a task label that
    nobody had to declare. Digits are left out of it: dates and counters don't make a new job.
    """
    if facts.task:
        return facts.task
    return _fingerprint(facts.system[:2000]) if facts.system else ""


@lru_cache(maxsize=512)
def _fingerprint(system: str) -> str:
    stable = system.translate(_NO_DIGITS).encode("utf-8", "replace")
    return f"system:{zlib.crc32(stable):08x}"


_NO_DIGITS = {ord(digit): None for digit in "0123456789"}
