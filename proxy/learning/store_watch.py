"""Watches the store: trouble with its file is noticed before a request fails for it."""

from __future__ import annotations

import asyncio
import logging
import time

from proxy.tasks import Tasks
from state.interface import Store, StoreError

log = logging.getLogger("meritorder.store")

_LOOK_S = 2.0
"""How often somebody looks whether the file is in its place and was written to: four `stat`, some 10 µs."""

_SHARE = 0.002
"""How much of the time may go into reading the file again after it was written to. A young one takes milliseconds and is
read within seconds; one of ten gigabytes takes half a minute, every four hours at most."""

_LONGEST_S = 60.0
"""How long the check of the start may take: while it reads, the log can't begin anew and grows."""


class StoreWatch:
    """Reads the file through at the start, beside traffic, and again when it was written to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._logged: str | None = None

    def start(self, tasks: Tasks) -> None:
        """Begins to watch."""
        if self._store.shared:
            tasks.start(self._run(), name="store watch")

    async def trouble(self) -> str | None:
        """Returns why the store takes nothing in any more, and what to do; None while all is well."""
        trouble = await self._store.trouble()
        if trouble != self._logged:
            if trouble is None:
                log.warning("the store is usable again")
            else:
                log.error("%s", trouble)
            self._logged = trouble
        return trouble

    async def _run(self) -> None:
        took = await self._read(quick=True)
        if took < _LONGEST_S:
            await self._read(quick=False)
        again = time.monotonic() + took / _SHARE
        while True:
            await asyncio.sleep(_LOOK_S)
            if await self.trouble() is None and time.monotonic() >= again and await self._store.unchecked():
                took = await self._read(quick=True)
                again = time.monotonic() + took / _SHARE

    async def _read(self, *, quick: bool) -> float:
        """Returns how long it took."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(_LONGEST_S):
                await self._store.integrity(quick=quick)
        except StoreError as error:
            log.warning("the database can't be checked: %s", error)
        except TimeoutError:
            log.info("the database is too large to be read through beside traffic: run meritorder check-db")
        await self.trouble()
        return time.monotonic() - began
