"""Connections are accepted all at once, and calmly where descriptors have run out."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Iterator

import pytest

from proxy.ingress.accepting import PAUSE_S, TURNED_AWAY, Acceptor
from proxy.tasks import Tasks


class Waiting(socket.socket):
    """A listening socket whose accepts a test scripts: a number is an error."""

    script: list[int]
    accepts = 0

    def accept(self) -> tuple[socket.socket, object]:  # type: ignore[override]
        self.accepts += 1
        if self.script:
            number = self.script.pop(0)
            if number:
                raise OSError(number, os.strerror(number))
        return super().accept()


class Loop:
    """Of the event loop, what the acceptor asks for."""

    def __init__(self) -> None:
        self.reading: Callable[[], None] | None = None
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.connected: list[socket.socket] = []

    def add_reader(self, _sock: socket.socket, callback: Callable[[], None]) -> None:
        self.reading = callback

    def remove_reader(self, _sock: socket.socket) -> None:
        self.reading = None

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.later.append((seconds, callback))

    def time(self) -> float:
        return 0.0

    async def connect_accepted_socket(self, _factory: object, sock: socket.socket) -> None:
        self.connected.append(sock)


@pytest.fixture
def listening() -> Iterator[Waiting]:
    sock = Waiting()
    sock.script = []
    sock.bind(("127.0.0.1", 0))
    yield sock
    sock.close()


def clients(sock: socket.socket, count: int) -> list[socket.socket]:
    return [socket.create_connection(sock.getsockname()) for _ in range(count)]


async def accepting(sock: socket.socket) -> tuple[Acceptor, Loop, Tasks]:
    loop, tasks = Loop(), Tasks()
    acceptor = Acceptor(sock, asyncio.Protocol, tasks, loop)  # type: ignore[arg-type]
    acceptor.start()
    return acceptor, loop, tasks


async def test_all_that_wait_are_accepted_in_one_turn(listening: Waiting) -> None:
    acceptor, loop, tasks = await accepting(listening)
    sockets = clients(listening, 100)
    assert loop.reading is not None
    loop.reading()
    await asyncio.sleep(0)
    assert len(loop.connected) == 100
    acceptor.close()
    await tasks.close()
    for sock in [*sockets, *loop.connected]:
        sock.close()


async def test_one_that_left_while_it_waited_stops_nobody(listening: Waiting) -> None:
    acceptor, loop, tasks = await accepting(listening)
    sockets = clients(listening, 2)
    listening.script = [errno.ECONNABORTED]
    assert loop.reading is not None
    loop.reading()
    await asyncio.sleep(0)
    assert len(loop.connected) == 2
    acceptor.close()
    await tasks.close()
    for sock in [*sockets, *loop.connected]:
        sock.close()


async def test_without_descriptors_nothing_is_accepted_for_a_while_and_some_are_turned_away(
    listening: Waiting, caplog: pytest.LogCaptureFixture
) -> None:
    acceptor, loop, tasks = await accepting(listening)
    sockets = clients(listening, TURNED_AWAY + 3)
    listening.script = [errno.EMFILE]
    assert loop.reading is not None
    loop.reading()
    assert loop.reading is None  # else the loop would be told of them without end
    assert acceptor.turned_away == TURNED_AWAY
    for sock in sockets[:TURNED_AWAY]:
        sock.settimeout(5)
        assert sock.recv(1) == b""
    assert "allow this process more open files" in caplog.text
    [(seconds, resume)] = loop.later
    assert seconds == PAUSE_S
    resume()
    assert loop.reading is not None
    loop.reading()
    await asyncio.sleep(0)
    assert len(loop.connected) == 3
    acceptor.close()
    resume()
    assert loop.reading is None
    await tasks.close()
    for sock in [*sockets, *loop.connected]:
        sock.close()
