"""The one interface of durable state. Implementations: `state.sqlite.store`; others may follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from state.records import (
    EVERYBODY,
    NOBODY,
    ArmChange,
    ArmPrice,
    Decision,
    Event,
    Feedback,
    FeedbackResult,
    KeyEntry,
    Label,
    Owner,
    Viewer,
)

Arrays = Mapping[str, npt.NDArray[np.float64]]


class StoreError(Exception):
    """The store could not do it: disk full, file locked by another program, newer schema. The message holds the remedy."""


class DamagedError(StoreError):
    """The stored rows can't be relied on: SQLite reports damage, or no database at all."""


class Store(Protocol):
    """Everything returned from a coroutine is committed. Safe for concurrent calls within one process, and
    for several processes on the same store: appends of different processes never interleave in `seq`.
    """

    @property
    def shared(self) -> bool:
        """Whether other processes can have it open at the same time."""
        ...

    async def append(
        self, decisions: Sequence[Decision], feedback: Sequence[Feedback]
    ) -> tuple[int, list[FeedbackResult]]:
        """Commits all of it in one transaction: decisions first, then feedback in order.

        Sets `seq` on every row (consecutive), and on feedback its decision's arm, task and context and the
        row it replaces. Returns (the first seq given out, one result per feedback). A feedback that repeats
        the value in force, or an idempotency key already seen, is not a new row and takes no seq.
        """
        ...

    async def register_keys(self, entries: Sequence[KeyEntry]) -> list[Owner]:
        """Returns the lasting ids of configured keys and their teams, the same in every process.

        A key is the one that had its name before; without a name, the one that was the same key. What an earlier
        schema holds of it is its own from then on. Neither keys nor what they could be found by cheaply are stored.
        """
        ...

    async def change_arm(self, change: ArmChange) -> bool:
        """Commits an arm's coming or going and sets its `seq`, in the same order as everything else.

        False, and nothing is written, if the arm to be added is there already, or the one to go is not.
        """
        ...

    async def add_labels(self, added: Sequence[Label]) -> None:
        """Commits labels in one transaction and sets their `seq`; one whose digest is there already keeps its seq of 0."""
        ...

    async def arms(self) -> list[ArmChange]:
        """Returns the arms that were added and not taken out since, in the order of their coming."""
        ...

    async def change_price(self, change: ArmPrice) -> bool:
        """Commits a price that was set or taken back and sets its `seq`, in the same order as everything else.

        False, and nothing is written, if there is none to be taken back.
        """
        ...

    async def prices(self) -> list[ArmPrice]:
        """Returns the prices that were set and not taken back since, in the order of their coming. An arm that goes takes
        its price along.
        """
        ...

    async def tail(self, after: int, limit: int = 1000) -> list[Event]:
        """Returns committed rows with seq > `after` in order, feedback complete as after `append`."""
        ...

    async def last_seq(self) -> int:
        """Returns the seq of the newest committed row, 0 before any."""
        ...

    async def decision(self, id: str, viewer: Viewer = EVERYBODY) -> Decision | None:
        """Returns the decision with this `request_id`, or the latest with this `id`, that the viewer may see, its own first."""
        ...

    async def feedback_of(self, id: str, viewer: Viewer = EVERYBODY) -> list[Feedback]:
        """Returns the feedback in force for a decision, one per metric."""
        ...

    async def session(self, session: str, limit: int = 200, viewer: Viewer = EVERYBODY) -> list[Decision]:
        """Returns the latest decisions of a session, oldest first: the viewer's own, else what else it may see."""
        ...

    async def decisions_between(
        self, start: float, end: float, *, after: int = 0, limit: int = 1000
    ) -> list[Decision]:
        """Returns a page of the decisions whose `at` lies in [start, end), in order of seq from `after` on."""
        ...

    async def save_snapshot(self, name: str, seq: int, meta: Mapping[str, object], arrays: Arrays) -> None:
        """Keeps the newest two snapshots of `name`, so that a bad one can be dropped. An older seq than the
        newest stored is ignored. Until it returns, `meta` and `arrays` must not change.
        """
        ...

    async def load_snapshots(
        self, name: str
    ) -> list[tuple[int, dict[str, object], dict[str, npt.NDArray[np.float64]]]]:
        """Returns (seq, meta, arrays), newest first."""
        ...

    async def set_value(self, name: str, value: object, by: Owner = NOBODY, *, lasting: bool = True) -> None:
        """Keeps a small value, JSON-able, by name. Not `lasting`: a power cut may take it."""
        ...

    async def values(self, prefix: str) -> dict[str, object]:
        """Returns the values whose names begin with `prefix`, by name."""
        ...

    async def drop_value(self, name: str) -> None:
        """Deletes a value, if it is there."""
        ...

    async def prune(self, before: float) -> int:
        """Deletes decisions older than `before` (epoch seconds) with their feedback; returns how many."""
        ...

    async def trouble(self) -> str | None:
        """Returns why nothing is taken in any more (moved, replaced, damaged) and what to do; None while all is well.
        Costs next to nothing, and waits for no request to fail.
        """
        ...

    async def integrity(self, *, quick: bool = False) -> list[str]:
        """Reads all of it and returns what is wrong; from then on nothing is taken in. `quick` leaves out whether rows
        and indexes agree.
        """
        ...

    async def unchecked(self) -> bool:
        """Returns whether it was written to since `integrity` last read it, without reading it."""
        ...

    async def close(self) -> None: ...
