"""What is missing on this machine is told apart from what is wrong with an upstream."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from proxy.upstream import (
    ConnectFailed,
    ConnectTimeout,
    Endpoint,
    FirstByteTimeout,
    IdleTimeout,
    LocalLack,
    QueueTimeout,
    ShutDown,
    Timeouts,
    is_lack,
)
from proxy.upstream.dialing.race import connect_any
from proxy.upstream.dialing.resolver import Address
from tests.proxy.upstream.scripted import ask

V4, V6 = socket.AF_INET, socket.AF_INET6
LACKS = [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN]


@pytest.mark.parametrize("number", LACKS)
async def test_a_lack_while_connecting_is_ours(pool, monkeypatch, number):
    async def connect(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("proxy.upstream.dialing.dial.connect_any", connect)
    _, sink = ask(pool, Endpoint.from_url("http://127.0.0.1:9/v1"))
    await sink.settled()
    assert type(sink.failure) is LocalLack
    assert sink.failure.ours


@pytest.mark.parametrize(
    "number", [errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ECONNRESET]
)
async def test_an_upstream_that_is_not_there_is_not_ours(pool, monkeypatch, number):
    async def connect(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("proxy.upstream.dialing.dial.connect_any", connect)
    _, sink = ask(pool, Endpoint.from_url("http://127.0.0.1:9/v1"))
    await sink.settled()
    assert type(sink.failure) is ConnectFailed
    assert not sink.failure.ours


@pytest.mark.parametrize("broken", [ConnectFailed("no such name"), RuntimeError("can't start new thread")])
async def test_a_name_that_cannot_be_looked_up_for_a_lack_is_ours(pool, monkeypatch, broken):
    async def addresses(*_):
        raise broken

    monkeypatch.setattr("proxy.upstream.dialing.dial.Resolver.addresses", addresses)
    monkeypatch.setattr("proxy.upstream.dialing.dial.lacks_descriptors", lambda: True)
    _, sink = ask(pool, Endpoint.from_url("http://some.name:9/v1"))
    await sink.settled()
    assert type(sink.failure) is LocalLack


async def test_a_name_that_is_unknown_is_not_ours(pool, monkeypatch):
    async def addresses(*_):
        raise ConnectFailed("no such name")

    monkeypatch.setattr("proxy.upstream.dialing.dial.Resolver.addresses", addresses)
    _, sink = ask(pool, Endpoint.from_url("http://some.name:9/v1"))
    await sink.settled()
    assert type(sink.failure) is ConnectFailed


def test_a_machine_without_ipv6_lacks_nothing():
    error = OSError(errno.EADDRNOTAVAIL, "no")
    assert is_lack(error, V4)
    assert not is_lack(error, V6)


async def test_a_lack_ends_the_race_and_puts_no_address_last(monkeypatch):
    async def lacking(_):
        raise OSError(errno.EMFILE, "no")

    refusals = []
    monkeypatch.setattr("proxy.upstream.dialing.race._connect", lacking)
    two = [Address(V4, ("127.0.0.1", 1)), Address(V4, ("127.0.0.1", 2))]
    with pytest.raises(OSError, match="no"):
        await connect_any(two, 10, refusals.append)
    assert refusals == []


async def silent(peer):
    await peer.request()
    await peer.eof()


async def half(peer):
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
    await peer.eof()


@pytest.mark.parametrize(
    ("script", "timeouts", "failure"),
    [
        (silent, Timeouts(first_byte=0.02), FirstByteTimeout),
        (half, Timeouts(idle=0.02), IdleTimeout),
    ],
)
async def test_limits_that_no_good_upstream_keeps_are_ours(pool, serve, script, timeouts, failure):
    server = await serve(script)
    _, sink = ask(pool, server.endpoint, timeouts=timeouts)
    await sink.settled()
    assert type(sink.failure) is failure
    assert sink.failure.ours


@pytest.mark.parametrize(("limit", "ours"), [(0.001, True), (0.1, False)])
async def test_a_connection_in_a_millisecond_is_asked_too_much(pool, monkeypatch, limit, ours):
    async def connect(*_):
        raise TimeoutError

    monkeypatch.setattr("proxy.upstream.dialing.dial.Resolver.addresses", connect)
    _, sink = ask(pool, Endpoint.from_url("http://127.0.0.1:9/v1"), timeouts=Timeouts(connect=limit))
    await sink.settled()
    assert type(sink.failure) is ConnectTimeout
    assert sink.failure.ours is ours


def test_a_full_line_and_an_end_are_ours():
    assert QueueTimeout("all busy").ours
    assert ShutDown(retry_safe=True).ours
    assert not ConnectTimeout("late").ours
