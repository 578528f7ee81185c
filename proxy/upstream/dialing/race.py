"""Connecting a socket to the first of several addresses that answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence

from proxy.upstream.dialing.resolver import Address
from proxy.upstream.lacks import is_lack

# A peer that vanished without a word is noticed after 60 + 4·15 s, before the providers' own limits.
_KEEPALIVE = (
    ("TCP_KEEPIDLE", 60),
    ("TCP_KEEPINTVL", 15),
    ("TCP_KEEPCNT", 4),
)


async def connect_any(
    addresses: Sequence[Address], stagger: float, on_refusal: Callable[[Address], None]
) -> socket.socket:
    """Returns a connected, non-blocking socket; the next address is tried when one fails or after `stagger` seconds.

    After RFC 8305, section 5. Raises the OSError of the first address that failed.
    """
    if len(addresses) == 1:
        return await _connect(addresses[0])
    queue = list(addresses)
    attempts: dict[asyncio.Task[socket.socket], Address] = {}
    errors: list[OSError] = []
    try:
        while queue or attempts:
            if queue:
                address = queue.pop(0)
                attempts[asyncio.create_task(_connect(address), name=f"connect {address.sockaddr[0]}")] = (
                    address
                )
            done, _ = await asyncio.wait(
                attempts, timeout=stagger if queue else None, return_when=asyncio.FIRST_COMPLETED
            )
            winner: socket.socket | None = None
            for task in done:
                address = attempts.pop(task)
                error = task.exception()
                if error is None and winner is None:
                    winner = task.result()
                elif error is None:
                    task.result().close()
                elif isinstance(error, OSError):
                    if is_lack(error, address.family):
                        raise error
                    errors.append(error)
                    on_refusal(address)
                else:
                    raise error
            if winner is not None:
                return winner
        raise errors[0]
    finally:
        for task in attempts:
            task.cancel()
            task.add_done_callback(_close_late)


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connect(address: Address) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            option = getattr(socket, name, None)  # Linux has all three, others some
            if option is not None:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
        await asyncio.get_running_loop().sock_connect(sock, address.sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock
