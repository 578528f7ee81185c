"""Addresses that no provider has: where clouds hand out a machine's credentials, and what is local to one link.

Loopback and private networks are an operator's own servers and not among them. A host is looked at in every
spelling that the resolver would understand, and again as the address that a name resolved to.

References: RFC 3927 and RFC 4291, 2.5.6 (link-local); RFC 6052, RFC 3056, RFC 4380, RFC 5214 (IPv4 inside IPv6);
POSIX `inet_addr` (`169.254.43518`, `0xa9fea9fe`). The metadata services' addresses are their vendors' documented ones.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import unquote

_LINK_LOCAL = (ip_network("169.254.0.0/16"), ip_network("fe80::/10"))
_METADATA = (
    ip_network("fd00:ec2::/32"),  # AWS: 254 is the metadata service, 23 that of pods
    ip_network("fd20:ce::254/128"),  # Google
    ip_network("fd00:42::42/128"),  # Scaleway
    ip_network("100.100.100.200/32"),  # Alibaba
    ip_network("168.63.129.16/32"),  # Azure
    ip_network("192.0.0.192/32"),  # Oracle
)
_NAMES = frozenset(
    {
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "metadata.azure.internal",
        "metadata.azure.com",
        "metadata.tencentyun.com",
        "metadata.packet.net",
        "metadata.platformequinix.com",
        "instance-data",
        "instance-data.ec2.internal",
        "rancher-metadata",
    }
)
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))

Network = IPv4Network | IPv6Network


class Addresses:
    """Which hosts may be connected to. `allowed` are names, addresses and networks that an operator vouches for.

    Raises ValueError for one that is none of these.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for entry in allowed:
            if "/" not in entry and entry.strip():
                self._names.add(_plain(entry))
                self._networks += [ip_network(address) for address in _readings(_plain(entry))]
                continue
            try:
                self._networks.append(ip_network(entry.strip(), strict=False))
            except ValueError:
                raise ValueError(f"{entry!r} is no name, address or network") from None

    def refusal(self, host: str) -> str | None:
        """Returns what speaks against a host or an address, None where nothing does."""
        name = _plain(host)
        if name in self._names:
            return None
        if name in _NAMES or name.endswith(".metadata.google.internal"):
            return f"{host} is a cloud's metadata service"
        for address in _readings(name):
            if any(address in network for network in self._networks):
                continue
            if any(address in network for network in _LINK_LOCAL):
                return f"{host} is a link-local address, as clouds' metadata services have"
            if any(address in network for network in _METADATA):
                return f"{host} is the address of a cloud's metadata service"
        return None

    def vouched(self, name: str) -> bool:
        """Returns whether an operator named this host, wherever it may lead."""
        return _plain(name) in self._names


def _plain(host: str) -> str:
    """Returns a host as the resolver would take it: decoded, of plain letters, without zone and trailing dots."""
    host = unicodedata.normalize("NFKC", unquote(host)).lower().strip().strip("[]")
    return host.partition("%")[0].partition("\0")[0].replace("\u3002", ".").rstrip(".")


def _readings(host: str) -> Iterator[IPv4Address | IPv6Address]:
    """Yields the address that `host` spells, and those that are embedded in it; nothing for a name."""
    address: IPv4Address | IPv6Address | None
    try:
        address = ip_address(host)
    except ValueError:
        address = _classful(host)
    if address is None:
        return
    yield address
    if isinstance(address, IPv6Address):
        yield from _embedded(address)


def _embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    number = int(address)
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    low = number & 0xFFFFFFFF
    if number >> 32 == 0 or (number >> 32) & 0xFDFFFFFF == 0x00005EFE:  # IPv4-compatible, ISATAP
        yield IPv4Address(low)
    if address in _NAT64[0]:
        yield IPv4Address(low)
    elif address in _NAT64[1]:  # any prefix of /48 to /96 below it: the eighth byte is skipped
        raw = address.packed
        yield IPv4Address(raw[6:8] + raw[9:11])
        yield IPv4Address(raw[7:8] + raw[9:12])
        yield IPv4Address(raw[9:13])
        yield IPv4Address(low)


def _classful(host: str) -> IPv4Address | None:
    """Returns what `inet_aton` makes of one to four decimal, octal or hexadecimal numbers."""
    parts = host.split(".")
    if not 1 <= len(parts) <= 4:
        return None
    numbers = []
    for part in parts:
        base = 16 if part.startswith("0x") else 8 if part.startswith("0") and len(part) > 1 else 10
        digits = part[2:] if base == 16 else part
        if not digits.isascii() or not digits.isalnum():
            return None
        try:
            numbers.append(int(digits, base))
        except ValueError:
            return None
    *first, last = numbers
    if any(number > 255 for number in first) or last >= 256 ** (5 - len(parts)):
        return None
    return IPv4Address(sum(number << 8 * (3 - at) for at, number in enumerate(first)) + last)
