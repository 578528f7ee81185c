"""Names to addresses, remembered for a while."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass

from proxy.threads import in_own_thread
from proxy.upstream.failures import ConnectFailed

_MOST_LOOKUPS = 256
"""Threads at once. Each holds one name, and a name that hangs does so for up to half a minute, the system's patience
with its name servers; more names than that are no provider list. A waiting thread costs some 100 KB.
"""

_PATIENCE_S = 0.5
"""How long a lookup may take where an older answer is there to be used: a healthy name server needs a tenth."""

_PAUSE_S = 1.0
"""After a lookup that failed, before the next: requests for a name that doesn't exist come hundreds a second."""


@dataclass(frozen=True, slots=True)
class Address:
    family: int
    sockaddr: tuple[str, int] | tuple[str, int, int, int]

    def at(self, port: int) -> Address:
        return Address(self.family, (self.sockaddr[0], port, *self.sockaddr[2:]))


@dataclass(slots=True)
class _Entry:
    """What was learnt of a name: addresses of port 0, none if it never had any, and why the last lookup failed."""

    addresses: list[Address]
    failure: str
    expires: float


@dataclass(slots=True)
class _Lookup:
    task: asyncio.Task[_Entry]
    began: float


def system_lookup(host: str) -> list[Address]:
    """Asks the system: hosts file, multicast names, name servers. Blocks. Raises OSError or UnicodeError."""
    return _system(host, 0)


class Resolver:
    """The system's resolver behind a cache. Concurrent questions for one name are asked once, in a thread that no
    other name waits for.

    When the name server fails or doesn't answer, an expired answer is better than none: addresses rarely change.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        *,
        look_up: Callable[[str], list[Address]] = system_lookup,
        patience: float = _PATIENCE_S,
        most_lookups: int = _MOST_LOOKUPS,
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._look_up = look_up
        self._patience = patience
        self._places = asyncio.Semaphore(most_lookups)
        self._entries: dict[str, _Entry] = {}
        self._lookups: dict[str, _Lookup] = {}

    async def addresses(self, host: str, port: int) -> list[Address]:
        """At least one address, families alternating as RFC 8305 wants it; ConnectFailed for an unknown name."""
        literal = _literal(host)
        if literal:
            return [address.at(port) for address in literal]
        entry = self._entries.get(host)
        if entry is None or self._loop.time() >= entry.expires:
            entry = await self._refreshed(host, entry)
        if not entry.addresses:
            raise ConnectFailed(entry.failure)
        return [address.at(port) for address in entry.addresses]

    def demote(self, host: str, address: Address) -> None:
        """Try this one last from now on: it did not answer."""
        entry = self._entries.get(host)
        address = address.at(0)
        if entry is not None and address in entry.addresses:
            entry.addresses.remove(address)
            entry.addresses.append(address)

    async def close(self) -> None:
        """Stops waiting for lookups. Threads that hang in one end with the process."""
        tasks = [lookup.task for lookup in self._lookups.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _refreshed(self, host: str, old: _Entry | None) -> _Entry:
        lookup = self._lookups.get(host)
        if lookup is None:
            task = self._loop.create_task(self._ask(host), name=f"resolve {host}")
            lookup = self._lookups[host] = _Lookup(task, self._loop.time())
            task.add_done_callback(lambda _: self._lookups.pop(host, None))
        if old is not None and old.addresses:
            left = lookup.began + self._patience - self._loop.time()
            await asyncio.wait([lookup.task], timeout=max(0.0, left))
            if not lookup.task.done():
                return old
        # One caller's cancellation must not take the answer from the others.
        return await asyncio.shield(lookup.task)

    async def _ask(self, host: str) -> _Entry:
        old = self._entries.get(host)
        addresses = [] if old is None else old.addresses
        # The hosts file answers for this machine, so it never waits behind names that hang.
        free = host == "localhost" or host.endswith(".localhost")
        try:
            async with contextlib.nullcontext() if free else self._places:
                looked_up = await in_own_thread(lambda: self._look_up(host), f"resolve {host}")
        except (OSError, UnicodeError) as error:
            failure = f"{host}: the name can't be resolved: {error}"
        except RuntimeError as error:  # no thread is to be had
            failure = f"{host}: the name can't be looked up: {error}"
        else:
            failure = "" if looked_up else f"{host}: the name has no address"
            addresses = _interleaved(looked_up) or addresses
        expires = self._loop.time() + (_PAUSE_S if failure else self._seconds)
        entry = self._entries[host] = _Entry(addresses, failure, expires)
        return entry


def _system(host: str, flags: int) -> list[Address]:
    entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    return [Address(family, sockaddr) for family, _, _, _, sockaddr in entries]  # type: ignore[arg-type]


def _literal(host: str) -> list[Address]:
    """Returns the address that a host is itself, in any spelling that the system takes (`127.1`, `fe80::1%eth0`).

    Only numbers are shown to the system, which is told to ask nobody: what it says about names may wait.
    """
    last = host.rpartition(".")[2]
    if ":" not in host and not last.isdigit() and not last.lower().startswith("0x"):
        return []
    try:
        return _system(host, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []


def _interleaved(addresses: list[Address]) -> list[Address]:
    """Returns the addresses in the resolver's order within a family, alternating between families."""
    families: dict[int, list[Address]] = {}
    for address in dict.fromkeys(addresses):
        families.setdefault(address.family, []).append(address)
    longest = max(map(len, families.values()), default=0)
    return [group[i] for i in range(longest) for group in families.values() if i < len(group)]
