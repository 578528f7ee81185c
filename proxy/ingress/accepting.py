"""New connections: all that wait, in one turn of the event loop, and none in a hurry when descriptors have run out.

libuv accepts one connection a turn. Under load a turn takes long, and who comes late would wait for hundreds of them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable

from proxy.tasks import Tasks
from proxy.upstream import is_lack

log = logging.getLogger("meritorder.accepting")

MOST = 256
"""Connections accepted in one turn, some 15 ms."""

PAUSE_S = 0.2
"""How long nothing is accepted after a lack of descriptors: the system reports waiting connections without end."""

TURNED_AWAY = 16
"""Connections that are closed meanwhile, a pause each: their clients can go elsewhere, and needn't wait for nothing."""

SAID_S = 60.0


class Acceptor:
    """Accepts on a bound socket, from `start` to `close`."""

    def __init__(
        self,
        sock: socket.socket,
        factory: Callable[[], asyncio.Protocol],
        tasks: Tasks,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._sock = sock
        self._factory = factory
        self._tasks = tasks
        self._loop = loop
        self._spare: int | None = None
        self._said = -SAID_S
        self._closed = False
        self.turned_away = 0

    def start(self, backlog: int = 2048) -> None:
        """Begins to listen."""
        self._sock.setblocking(False)
        self._sock.listen(backlog)
        self._keep_spare()
        self._loop.add_reader(self._sock, self._accept)

    def close(self) -> None:
        """Accepts no more; what was accepted stays."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._sock)
        self._sock.close()
        self._give_spare()

    def _accept(self) -> None:
        for _ in range(MOST):
            try:
                client = self._sock.accept()[0]
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:  # it left while it waited
                continue
            except OSError as error:
                if not is_lack(error):
                    raise
                self._pause(error)
                return
            client.setblocking(False)
            self._tasks.start(self._connect(client), name="connection")

    async def _connect(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._factory, client)
        except OSError:
            client.close()

    def _pause(self, error: OSError) -> None:
        self._loop.remove_reader(self._sock)
        self._loop.call_later(PAUSE_S, self._resume)
        for _ in range(TURNED_AWAY):
            if not self._turn_away():
                break
        now = self._loop.time()
        if now - self._said >= SAID_S:
            self._said = now
            log.warning(
                "no more connections can be accepted (%s; %d turned away so far): allow this process more open files",
                error.strerror,
                self.turned_away,
            )

    def _turn_away(self) -> bool:
        """Closes one waiting connection by way of the spare descriptor."""
        if self._spare is None:
            return False
        self._give_spare()
        try:
            self._sock.accept()[0].close()
        except OSError:
            return False
        else:
            self.turned_away += 1
            return True
        finally:
            self._keep_spare()

    def _resume(self) -> None:
        if self._closed:
            return
        if self._spare is None:
            self._keep_spare()
        self._loop.add_reader(self._sock, self._accept)

    def _keep_spare(self) -> None:
        try:
            self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._spare = None

    def _give_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
