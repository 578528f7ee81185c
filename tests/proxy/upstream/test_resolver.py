"""The DNS cache, and the race between a name's addresses."""

import asyncio
import socket

import pytest

from proxy.upstream import ConnectFailed
from proxy.upstream.race import connect_any
from proxy.upstream.resolver import Address, Resolver

V4, V6 = socket.AF_INET, socket.AF_INET6


class Clock:
    """A loop as far as the resolver needs one: scripted answers, and a clock to be set."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0
        self.hosts = [(V6, "::1"), (V6, "::2"), (V4, "10.0.0.1")]
        self.gate = asyncio.Event()
        self.gate.set()

    def time(self):
        return self.now

    def create_task(self, coroutine, name):
        return asyncio.get_running_loop().create_task(coroutine, name=name)

    async def getaddrinfo(self, host, port, type):
        self.asked += 1
        await self.gate.wait()
        if self.hosts is None:
            raise socket.gaierror(-3, "try again")
        return [(family, type, 6, "", (address, port)) for family, address in self.hosts]


def hosts(addresses):
    return [address.sockaddr[0] for address in addresses]


async def test_families_alternate_and_an_answer_is_kept_for_its_time():
    clock = Clock()
    resolver = Resolver(clock, 30)
    assert hosts(await resolver.addresses("x", 1)) == ["::1", "10.0.0.1", "::2"]
    clock.now = 29.9
    await resolver.addresses("x", 1)
    assert clock.asked == 1
    clock.now = 30
    clock.hosts = [(V4, "10.0.0.2")]
    assert hosts(await resolver.addresses("x", 1)) == ["10.0.0.2"]


async def test_concurrent_questions_are_asked_once_and_survive_the_cancellation_of_one():
    clock = Clock()
    clock.gate.clear()
    resolver = Resolver(clock, 30)
    first, second = (asyncio.create_task(resolver.addresses("x", 1)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    clock.gate.set()
    assert len(await second) == 3
    assert first.cancelled()
    assert clock.asked == 1


async def test_an_expired_answer_serves_while_the_name_server_fails():
    clock = Clock()
    resolver = Resolver(clock, 30)
    before = await resolver.addresses("x", 1)
    clock.now, clock.hosts = 31, None
    assert await resolver.addresses("x", 1) == before
    with pytest.raises(ConnectFailed, match="y: the name can't be resolved"):
        await resolver.addresses("y", 1)


async def test_an_address_that_refused_is_tried_last_from_then_on():
    resolver = Resolver(Clock(), 30)
    first = (await resolver.addresses("x", 1))[0]
    resolver.demote("x", 1, first)
    assert (await resolver.addresses("x", 1))[-1] == first


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.fixture
def refusing():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield Address(V4, sock.getsockname())


async def test_the_next_address_is_tried_when_one_refuses(listener, refusing):
    refusals = []
    with await connect_any([refusing, Address(V4, listener.getsockname())], 10, refusals.append) as sock:
        assert sock.getpeername() == listener.getsockname()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert refusals == [refusing]


async def test_an_address_that_says_nothing_is_overtaken(listener, monkeypatch):
    loop = asyncio.get_running_loop()
    silent = Address(V4, ("127.0.0.2", 1))
    cancelled = asyncio.Event()
    original = loop.sock_connect

    async def connect(sock, sockaddr):
        if sockaddr != silent.sockaddr:
            return await original(sock, sockaddr)
        try:
            return await loop.create_future()
        finally:
            cancelled.set()

    class Looped:
        sock_connect = staticmethod(connect)

    monkeypatch.setattr("proxy.upstream.race.asyncio.get_running_loop", Looped)
    sock = await connect_any([silent, Address(V4, listener.getsockname())], 0.01, lambda _: None)
    monkeypatch.undo()
    with sock:
        assert sock.getpeername() == listener.getsockname()
    await asyncio.wait_for(cancelled.wait(), 5)


async def test_all_addresses_refusing_is_the_first_ones_error(refusing):
    with pytest.raises(ConnectionRefusedError):
        await connect_any([refusing, refusing], 0.01, lambda _: None)
