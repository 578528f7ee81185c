"""Tasks: names of kinds of work, and their columns in the context vector.

The name is the caller's word, else a fingerprint of the system prompt, else that of fixed words around the text (a
template) once they recurred.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bandit.context.facts import RequestFacts

OWN_SLOTS = 20
"""Tasks that get a column of their own, first come first served."""

SHARED_SLOTS = 4
"""Columns that all later tasks share by hash, so that an endless list of names costs no memory."""

TASK_COLUMNS = OWN_SLOTS + SHARED_SLOTS


ADOPTED_AT = 20
"""Requests whose texts end or begin alike that make these words a task."""

_MOST_TEMPLATES = 10
"""Columns that templates may get: the others are left for tasks that have a name."""

_WATCHED = 1024
"""Ends of texts that are counted at a time, at most."""


class TaskRegistry:
    """The slot of every task name, always the same one. Names restored in order keep their slots.

    A template, the words that many texts end or begin with, gets a slot once it recurred. Only so many are
    counted at a time; when there is no room, every count falls by one, and what falls to zero leaves.

    Reference: J. Misra and D. Gries (1982), "Finding repeated elements".
    """

    def __init__(self, names: Iterable[str] = (), seen: Mapping[str, int] | None = None) -> None:
        self._slots: dict[str, int] = {}
        self._seen: dict[str, int] = {name: int(count) for name, count in (seen or {}).items()}
        self._templates = 0
        for name in names:
            self.slot(name)

    def slot(self, name: str) -> int:
        """Returns the slot of `name` in [0, TASK_COLUMNS), which is a free one at its first mention."""
        slot = self._slots.get(name)
        if slot is not None:
            return slot
        taken = len(self._slots)
        if taken < OWN_SLOTS:
            self._slots[name] = taken
            self._templates += name.startswith(_TEMPLATE)
            return taken
        return OWN_SLOTS + zlib.crc32(name.encode("utf-8", "replace")) % SHARED_SLOTS

    def find(self, name: str) -> int | None:
        """Returns the slot of `name`, or None if it has none yet and there are free ones. Reads only."""
        slot = self._slots.get(name)
        if slot is None and self.full:
            return OWN_SLOTS + zlib.crc32(name.encode("utf-8", "replace")) % SHARED_SLOTS
        return slot

    def first_with_slot(self, candidates: tuple[str, ...]) -> str | None:
        """Returns the first of these templates that has a slot."""
        for name in candidates:
            if name in self._slots:
                return name
        return None

    def record(self, task: str) -> None:
        """Records the task of an answered request, as `Context` names it: it gets a slot, or the ends of its text are counted."""
        ends = _ENDS.search(task)
        if ends is not None:
            # Both ends of one template recur together: the first to become a task is enough.
            for end in ends.groups():
                if end is not None and self._adopts(_TEMPLATE + end):
                    break
        elif task and not task.startswith("topic:") and task != "auto":
            self.slot(task)

    def _adopts(self, name: str) -> bool:
        if name in self._slots:
            return True
        if self.full or self._templates >= _MOST_TEMPLATES:
            return False
        if len(self._seen) >= _WATCHED and name not in self._seen:
            self._seen = {other: count - 1 for other, count in self._seen.items() if count > 1}
            return False
        self._seen[name] = count = self._seen.get(name, 0) + 1
        if count < ADOPTED_AT:
            return False
        del self._seen[name]
        self.slot(name)
        return True

    def template_counts(self) -> dict[str, int]:
        """Returns the counts of the templates without a slot."""
        return dict(self._seen)

    def names(self) -> list[str]:
        """Returns the names with own columns, in slot order."""
        return list(self._slots)

    @property
    def full(self) -> bool:
        """True when later names share columns."""
        return len(self._slots) >= OWN_SLOTS


def recognise_task(facts: RequestFacts) -> str:
    """Returns the kind of work: the declared task, else the system prompt's fingerprint, else "".

    Applications send the same system prompt for the same job, so its fingerprint is a task label that
    nobody had to declare. Digits are left out of it: dates and counters don't make a new job.
    """
    if facts.task:
        return facts.task
    return _fingerprint(facts.system[:2000]) if facts.system else ""


def templates(facts: RequestFacts) -> tuple[str, ...]:
    """Returns names for the last and the first line of the user's text where neither a task nor a system prompt names the
    kind of work, else ().

    Applications without a system prompt wrap their material in fixed words: an instruction before it or after,
    on a line of its own or up to a colon. How a question begins is no such instruction.
    """
    text = facts.text
    if facts.task or facts.system:
        return ()
    closing = text[-_LINE:].rpartition("\n")
    opening = text[:_LINE].partition("\n")
    if not opening[1]:
        opening = text[:_LINE].partition(":")
    ends = ([closing[2]] if closing[1] else []) + ([opening[0]] if opening[1] else [])
    return tuple(f"{_TEMPLATE}{zlib.crc32(end.encode('utf-8', 'replace')):08x}" for end in ends)


def with_ends(label: str, names: tuple[str, ...]) -> str:
    """Returns the task of a request that has none: a label, and the ends of its text that are to be counted."""
    if not names:
        return label
    first, second = (*(name.removeprefix(_TEMPLATE) for name in names), "")[:2]
    return f"{label}#{first}.{second}"


def task_label(task: str) -> str:
    """Returns the task of a `Context` as a report shows it."""
    return _ENDS.sub("", task)


@lru_cache(maxsize=512)
def _fingerprint(system: str) -> str:
    stable = system.translate(_NO_DIGITS).encode("utf-8", "replace")
    return f"system:{zlib.crc32(stable):08x}"


_TEMPLATE = "template:"

_LINE = 160
"""Characters that an instruction may have."""

_ENDS = re.compile(r"#([0-9a-f]{8})\.([0-9a-f]{8})?\Z")

_NO_DIGITS = {ord(digit): None for digit in "0123456789"}
