"""The other workers and gateways on the same store: whether an answer of theirs is in the journal yet.

Each has one row among the store's values, which it writes itself: what it asks of the others, and what it has done for
each of them. A question asks the others to commit all that they had answered by now, and to say which of some ids are
still under way; and, where arms or prices were changed, to learn those rows. An id that is unknown to all after that was
never given. Rows cost nothing while nobody asks. The one that asks removes the row of a gateway that doesn't answer in
time: it was killed, or else it writes its row again.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from proxy.tasks import Tasks
from state.interface import Store, StoreError

log = logging.getLogger("meritorder.peers")

_PREFIX = "gateway/"

_LOOK_S = 0.1
_ALONE_S = 0.5
"""How often the rows of others are read: while there are any, and while there are none. That costs 40 µs, and the waking
several times as much."""

_WAIT_S = 0.02
_PATIENCE_S = 2.0
"""A gateway that is alive looks ten times a second and commits in milliseconds."""

_GIVEN_UP_S = 10.0
"""A gateway that is silent for so long has ended where its process can't be seen, or hangs. If it comes back it writes its
row again."""

_MOST_IDS = 1000
"""As many as one list of feedback has items."""

AGAIN_S = 1.0
"""After how many seconds to ask again for what is under way elsewhere."""

UnderWay = tuple[str, str, str]
"""The id of an answer that hasn't ended, and whose it is: key, team."""


class UnsettledError(StoreError):
    """Another gateway on the store didn't answer in time; it is asked anew at the next attempt."""


class Peers:
    """`commit` commits all that was answered here, `follow` learns arms and prices, `under_way` returns those of some ids
    whose answers haven't ended.
    """

    def __init__(
        self,
        store: Store,
        commit: Callable[[], Awaitable[object]],
        follow: Callable[[], Awaitable[object]],
        under_way: Callable[[Collection[str]], Iterable[UnderWay]],
    ) -> None:
        self._store = store
        self._commit = commit
        self._follow = follow
        self._under_way = under_way
        self._name = _PREFIX + os.urandom(8).hex()
        self._process = [_space(), os.getpid()]
        self._asked = 0
        self._ids: list[str] = []
        self._following = False
        self._done: dict[str, dict[str, Any]] = {}
        self._silent: dict[str, float] = {}
        self._lost = False  # its row was removed by a gateway that waited in vain
        self._alone = True
        self._wanted: set[str] = set()
        self._changed = False
        self._next: asyncio.Task[list[UnderWay] | StoreError] | None = None
        self._asking = asyncio.Lock()

    async def start(self, tasks: Tasks) -> None:
        """Writes this gateway's row, before its first answer to a client."""
        self._tasks = tasks
        if self._store.shared:
            try:
                await self._write()
            except StoreError as error:
                log.warning("other gateways on this database don't know of this one yet: %s", error)
            tasks.start(self._answer(), name="peers")

    async def close(self) -> None:
        """Removes this gateway's row, after its last commit."""
        if self._store.shared:
            try:
                await self._store.drop_value(self._name)
            except StoreError as error:
                log.info("the row of this gateway stays: %s", error)

    async def settled(self, ids: Collection[str] = ()) -> list[UnderWay]:
        """Returns when what all others had answered before is committed, with those of `ids` that are still under way
        there. Raises StoreError, UnsettledError.
        """
        if not self._store.shared:
            return []
        self._wanted.update(ids)
        return [answer for answer in await self._served() if answer[0] in ids]

    async def follow(self) -> None:
        """Returns when all others have learnt the arms and prices that the store holds; one that doesn't in time does so a
        moment later.
        """
        if self._store.shared:
            self._changed = True
            try:
                await self._served()
            except StoreError as error:
                log.warning("arms and prices are not in force everywhere yet: %s", error)

    async def _served(self) -> list[UnderWay]:
        if self._next is None:
            # All that come while a round waits share the next one.
            self._next = self._tasks.start(self._round(), name="asking peers")
        answers: list[UnderWay] | StoreError = await asyncio.shield(self._next)
        if isinstance(answers, StoreError):
            raise answers
        return answers

    async def _round(self) -> list[UnderWay] | StoreError:
        """Returns the error, and doesn't raise it: nobody may be left to catch it."""
        async with self._asking:
            self._next = None
            try:
                return await self._ask()
            except StoreError as error:
                return error

    async def _ask(self) -> list[UnderWay]:
        ids, self._wanted = sorted(self._wanted)[:_MOST_IDS], set()
        changed, self._changed = self._changed, False
        others = await self._others()
        if not others:
            return []
        self._asked += 1
        self._ids, self._following = ids, changed
        await self._write()
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        while True:
            await asyncio.sleep(_WAIT_S)
            now = await self._others()
            done = {name: row.get("done", {}).get(self._name) for name, row in now.items() if name in others}
            silent = [name for name, reply in done.items() if reply is None or reply["asked"] != self._asked]
            if not silent:
                return [
                    (name, key, team)
                    for reply in done.values()
                    if reply is not None
                    for name, key, team in reply["under_way"]
                ]
            await self._remove_ended({name: now[name] for name in silent})
            if asyncio.get_running_loop().time() > deadline:
                raise UnsettledError(
                    f"{len(silent)} other gateway(s) on this database did not say in time what they hold; try again"
                )

    async def _remove_ended(self, silent: dict[str, dict[str, Any]]) -> None:
        now = asyncio.get_running_loop().time()
        self._silent = {name: self._silent.get(name, now) for name in silent}
        for name, since in self._silent.items():
            if now - since > _GIVEN_UP_S or _ended(silent[name].get("process"), self._process[0]):
                await self._store.drop_value(name)

    async def _others(self) -> dict[str, dict[str, Any]]:
        rows = await self._store.values(_PREFIX)
        self._lost = self._name not in rows
        self._alone = len(rows) <= 1
        return {name: row for name, row in rows.items() if name != self._name and isinstance(row, dict)}

    async def _answer(self) -> None:
        while True:
            await asyncio.sleep(_ALONE_S if self._alone else _LOOK_S)
            try:
                await self._look()
            except StoreError as error:
                log.debug("what other gateways ask can't be answered: %s", error)

    async def _look(self) -> None:
        others = await self._others()
        asked = {
            name: row
            for name, row in others.items()
            if row.get("asked") and row["asked"] != self._done.get(name, {}).get("asked")
        }
        if not asked and not self._lost:
            return
        # Before the commit: what ends meanwhile is committed by the next one, and is asked for again.
        under_way = {
            name: list(self._under_way(frozenset(row.get("ids", ())))) for name, row in asked.items()
        }
        if asked:
            await self._commit()
        if any(row.get("follow") for row in asked.values()):
            await self._follow()
        self._done = {name: reply for name, reply in self._done.items() if name in others}
        for name, row in asked.items():
            self._done[name] = {"asked": row["asked"], "under_way": under_way[name]}
        await self._write()

    async def _write(self) -> None:
        await self._store.set_value(
            self._name,
            {
                "process": self._process,
                "asked": self._asked,
                "ids": self._ids,
                "follow": self._following,
                "done": self._done,
            },
            lasting=False,
        )


def _space() -> str:
    """Returns what tells apart whose process ids mean the same: this machine, this container."""
    try:
        return f"{os.uname().nodename} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return os.uname().nodename


def _ended(process: object, space: object) -> bool:
    """Returns whether a process is gone for certain, as seen from `space`."""
    if not isinstance(process, list) or process[0] != space:
        return False
    try:
        os.kill(process[1], 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
