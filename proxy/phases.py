"""Phases of a connection, and which may follow which, in the manner of h11's states.

A phase is an `int`: compiled code compares those in one instruction, and enumerations are slow there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class PhaseError(Exception):
    """A connection was led into a phase that can't follow its present one: a fault of ours."""


class Phases:
    """Names of phases, which are their positions, and a table of what may follow each."""

    def __init__(self, names: Sequence[str], following: Mapping[int, Sequence[int]]) -> None:
        self.names = tuple(names)
        self._following = [
            sum(1 << phase for phase in set(following.get(present, ()))) for present in range(len(names))
        ]

    def enter(self, present: int, phase: int) -> int:
        """Returns `phase`. Raises PhaseError where it can't follow `present`."""
        if not self._following[present] >> phase & 1:
            raise PhaseError(f"{self.names[phase]} can't follow {self.names[present]}")
        return phase
