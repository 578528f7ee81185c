"""Names to addresses, remembered for a while."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass

from proxy.upstream.failures import ConnectFailed


@dataclass(frozen=True, slots=True)
class Address:
    family: int
    sockaddr: tuple[str, int] | tuple[str, int, int, int]


@dataclass(slots=True)
class _Entry:
    addresses: list[Address]
    expires: float


class Resolver:
    """The loop's resolver behind a cache. Concurrent questions for one name are asked once.

    When the name server fails, an expired answer is better than none: the addresses rarely change.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._entries: dict[tuple[str, int], _Entry] = {}
        self._lookups: dict[tuple[str, int], asyncio.Task[list[Address]]] = {}

    async def addresses(self, host: str, port: int) -> list[Address]:
        """At least one address, families alternating as RFC 8305 wants it; ConnectFailed for an unknown name."""
        key = (host, port)
        entry = self._entries.get(key)
        if entry is not None and self._loop.time() < entry.expires:
            return list(entry.addresses)
        lookup = self._lookups.get(key)
        if lookup is None:
            lookup = self._loop.create_task(self._look_up(key), name=f"resolve {host}")
            self._lookups[key] = lookup
            lookup.add_done_callback(lambda _: self._lookups.pop(key, None))
        # One caller's cancellation must not take the answer from the others.
        return list(await asyncio.shield(lookup))

    def demote(self, host: str, port: int, address: Address) -> None:
        """Try this one last from now on: it did not answer."""
        entry = self._entries.get((host, port))
        if entry is not None and address in entry.addresses:
            entry.addresses.remove(address)
            entry.addresses.append(address)

    async def close(self) -> None:
        lookups = list(self._lookups.values())
        for lookup in lookups:
            lookup.cancel()
        await asyncio.gather(*lookups, return_exceptions=True)

    async def _look_up(self, key: tuple[str, int]) -> list[Address]:
        host, port = key
        try:
            found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            stale = self._entries.get(key)
            if stale is not None:
                return stale.addresses
            raise ConnectFailed(f"{host}: the name can't be resolved: {error}") from error
        addresses = _interleaved([Address(family, sockaddr) for family, _, _, _, sockaddr in found])  # type: ignore[arg-type]
        if not addresses:
            raise ConnectFailed(f"{host}: the name has no address")
        self._entries[key] = _Entry(addresses, self._loop.time() + self._seconds)
        return addresses


def _interleaved(addresses: list[Address]) -> list[Address]:
    """Keep the resolver's order within a family, alternate between families, the first one's first."""
    families: dict[int, list[Address]] = {}
    for address in dict.fromkeys(addresses):
        families.setdefault(address.family, []).append(address)
    longest = max(map(len, families.values()), default=0)
    return [group[i] for i in range(longest) for group in families.values() if i < len(group)]
