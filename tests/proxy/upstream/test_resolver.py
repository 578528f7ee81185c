"""The DNS cache, and the race between a name's addresses."""

import asyncio
import socket
import threading

import pytest

from proxy.upstream import ConnectFailed, Endpoint
from proxy.upstream.dialing.race import connect_any
from proxy.upstream.dialing.resolver import Address, Resolver

V4, V6 = socket.AF_INET, socket.AF_INET6


class Names:
    """A loop's clock, to be set, and the system's lookup, which hangs for names that have a gate."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = []
        self.hosts = [(V6, "::1"), (V6, "::2"), (V4, "10.0.0.1")]
        self.gates = {}
        self.began = {}

    def time(self):
        return self.now

    def create_task(self, coroutine, name):
        return asyncio.get_running_loop().create_task(coroutine, name=name)

    def hang(self, *names):
        for name in names:
            self.gates[name], self.began[name] = threading.Event(), threading.Event()

    def open(self):
        for gate in self.gates.values():
            gate.set()

    def look_up(self, host):
        self.asked.append(host)
        if host in self.gates:
            self.began[host].set()
            self.gates[host].wait()
        if isinstance(self.hosts, Exception):
            raise self.hosts
        return [
            Address(family, (address, 0) if family == V4 else (address, 0, 0, 0))
            for family, address in self.hosts
        ]

    def resolver(self, **options):
        return Resolver(self, 30, look_up=self.look_up, **options)


@pytest.fixture
def names():
    names = Names()
    yield names
    names.open()


AGAIN = socket.gaierror(-3, "try again")


def hosts(addresses):
    return [address.sockaddr[0] for address in addresses]


async def test_families_alternate_and_an_answer_is_kept_for_its_time(names):
    resolver = names.resolver()
    assert hosts(await resolver.addresses("x", 1)) == ["::1", "10.0.0.1", "::2"]
    names.now = 29.9
    await resolver.addresses("x", 1)
    assert names.asked == ["x"]
    names.now = 30
    names.hosts = [(V4, "10.0.0.2")]
    assert await resolver.addresses("x", 1) == [Address(V4, ("10.0.0.2", 1))]


async def test_ports_of_a_host_share_a_lookup(names):
    resolver = names.resolver()
    assert [address.sockaddr[1] for address in await resolver.addresses("x", 1)] == [1, 1, 1]
    assert (await resolver.addresses("x", 2))[0] == Address(V6, ("::1", 2, 0, 0))
    assert names.asked == ["x"]


async def test_concurrent_questions_are_asked_once_and_survive_the_cancellation_of_one(names):
    names.hang("x")
    resolver = names.resolver()
    first, second = (asyncio.create_task(resolver.addresses("x", 1)) for _ in range(2))
    await asyncio.to_thread(names.began["x"].wait)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    names.open()
    assert len(await second) == 3
    assert first.cancelled()
    assert names.asked == ["x"]


async def test_an_expired_answer_serves_while_the_name_server_fails(names):
    resolver = names.resolver()
    before = await resolver.addresses("x", 1)
    names.now, names.hosts = 31, AGAIN
    assert await resolver.addresses("x", 1) == before
    with pytest.raises(ConnectFailed, match="y: the name can't be resolved"):
        await resolver.addresses("y", 1)


async def test_an_expired_answer_serves_while_a_lookup_hangs_and_a_late_one_replaces_it(names):
    resolver = names.resolver(patience=0.0)
    before = await resolver.addresses("x", 1)
    names.now, names.hosts = 31, [(V4, "10.0.0.2")]
    names.hang("x")
    assert await resolver.addresses("x", 1) == before
    assert await resolver.addresses("x", 1) == before
    (lookup,) = (task for task in asyncio.all_tasks() if task.get_name() == "resolve x")
    names.open()
    await lookup
    assert hosts(await resolver.addresses("x", 1)) == ["10.0.0.2"]
    assert names.asked == ["x", "x"]


async def test_a_failure_is_remembered_for_a_second(names):
    resolver = names.resolver()
    for names.hosts in (AGAIN, []):
        names.asked.clear()
        for _ in range(2):
            with pytest.raises(ConnectFailed, match="x: the name"):
                await resolver.addresses("x", 1)
        assert names.asked == ["x"]
        names.now += 1
    names.hosts = [(V4, "10.0.0.2")]
    assert hosts(await resolver.addresses("x", 1)) == ["10.0.0.2"]


async def test_a_name_that_no_lookup_takes_is_a_failure_of_its_arm():
    with pytest.raises(ConnectFailed, match="the name can't be resolved"):
        await Resolver(asyncio.get_running_loop(), 30).addresses("x" * 64, 1)


async def test_a_process_without_room_for_a_thread_uses_what_it_knows(names, monkeypatch):
    resolver = names.resolver()
    before = await resolver.addresses("x", 1)
    names.now = 31

    def refused(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert await resolver.addresses("x", 1) == before
    with pytest.raises(ConnectFailed, match="y: the name can't be looked up: can't start new thread"):
        await resolver.addresses("y", 1)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8", Address(V4, ("127.0.0.1", 8))),
        ("http://[::1]:8", Address(V6, ("::1", 8, 0, 0))),
        ("http://[::ffff:10.0.0.1]:8", Address(V6, ("::ffff:10.0.0.1", 8, 0, 0))),
        ("http://127.1:8", Address(V4, ("127.0.0.1", 8))),
        ("http://2130706433:8", Address(V4, ("127.0.0.1", 8))),
        ("http://0x7f.1:8", Address(V4, ("127.0.0.1", 8))),
        ("http://0177.0.0.0x1:8", Address(V4, ("127.0.0.1", 8))),
    ],
)
async def test_an_address_is_never_looked_up(names, url, expected):
    endpoint = Endpoint.from_url(url)
    names.hosts = AGAIN
    assert await names.resolver(most_lookups=0).addresses(endpoint.host, endpoint.port) == [expected]
    assert names.asked == []


@pytest.mark.parametrize("host", ["x", "1.2.3.4.example", "0x7f.example", "1.2.3.4.5", "cafe"])
async def test_a_name_that_only_resembles_an_address_is_looked_up(names, host):
    assert len(await names.resolver().addresses(host, 1)) == 3
    assert names.asked == [host]


async def test_names_that_hang_keep_no_thread_from_others(names):
    slow = [f"slow{n}" for n in range(40)]
    names.hang(*slow)
    resolver = names.resolver()
    waiting = [asyncio.create_task(resolver.addresses(name, 1)) for name in slow]
    for name in slow:
        await asyncio.to_thread(names.began[name].wait)
    assert len(await resolver.addresses("good", 1)) == 3
    names.open()
    assert [len(answer) for answer in await asyncio.gather(*waiting)] == [3] * 40


async def test_lookups_are_bounded_and_this_machines_own_name_passes_them(names):
    names.hang("slow")
    resolver = names.resolver(most_lookups=1)
    slow = asyncio.create_task(resolver.addresses("slow", 1))
    await asyncio.to_thread(names.began["slow"].wait)
    other = asyncio.create_task(resolver.addresses("other", 1))
    for own in ("localhost", "arm.localhost"):
        assert len(await resolver.addresses(own, 1)) == 3
    assert not other.done()
    names.open()
    assert len(await slow) == len(await other) == 3
    assert names.asked == ["slow", "localhost", "arm.localhost", "other"]


async def test_closing_waits_for_no_lookup(names):
    names.hang("x")
    resolver = names.resolver()
    waiting = asyncio.create_task(resolver.addresses("x", 1))
    await asyncio.to_thread(names.began["x"].wait)
    await resolver.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_an_address_that_refused_is_tried_last_from_then_on(names):
    resolver = names.resolver()
    first = (await resolver.addresses("x", 1))[0]
    resolver.demote("x", first)
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

    monkeypatch.setattr("proxy.upstream.dialing.race.asyncio.get_running_loop", Looped)
    sock = await connect_any([silent, Address(V4, listener.getsockname())], 0.01, lambda _: None)
    monkeypatch.undo()
    with sock:
        assert sock.getpeername() == listener.getsockname()
    await asyncio.wait_for(cancelled.wait(), 30)


async def test_all_addresses_refusing_is_the_first_ones_error(refusing):
    with pytest.raises(ConnectionRefusedError):
        await connect_any([refusing, refusing], 0.01, lambda _: None)
