"""Reuse, the waiting line, staleness, cancellation, backpressure and time limits."""

import asyncio
import math

import pytest

from proxy.upstream import (
    ConnectFailed,
    ConnectionLost,
    ConnectTimeout,
    Endpoint,
    FirstByteTimeout,
    IdleTimeout,
    PoolLimits,
    QueueTimeout,
    ShutDown,
    Timeouts,
    TotalTimeout,
)
from tests.proxy.upstream.scripted import answering, ask, once, places, until

OK = b"HTTP/1.1 200 OK\r\n"
SHORT = OK + b"Content-Length: 2\r\n\r\nok"
HALF = OK + b"Content-Length: 4\r\n\r\nha"
TICK = 0.005


async def half(peer):
    await peer.request()
    await peer.send(HALF)
    await peer.eof()


async def silent(peer):
    await peer.request()
    await peer.eof()


async def test_an_idle_connection_is_written_to_in_the_next_turn(pool, serve):
    server = await serve(answering(SHORT))
    _, first = ask(pool, server.endpoint)
    await first.settled()
    exchange, second = ask(pool, server.endpoint)
    await asyncio.sleep(0)
    assert exchange.sent_at is not None
    await second.settled()
    assert len(server.peers) == 1


async def test_a_request_that_comes_alone_can_be_written_before_send_returns(pool, serve):
    server = await serve(answering(SHORT))
    _, first = ask(pool, server.endpoint)
    await first.settled()
    exchange, second = ask(pool, server.endpoint, at_once=True)
    assert exchange.sent_at is not None
    assert second.events == []
    await second.settled()
    assert len(server.peers) == 1


async def test_a_request_that_is_cancelled_at_once_is_never_sent(pool, serve):
    server = await serve(answering(SHORT))
    _, first = ask(pool, server.endpoint)
    await first.settled()
    exchange, second = ask(pool, server.endpoint)
    exchange.cancel()
    await asyncio.sleep(0)
    assert exchange.sent_at is None
    assert second.events == []
    assert places(pool, "idle") == 1


async def test_a_request_that_is_not_sent_yet_fails_when_the_pool_closes(pool, serve):
    server = await serve(answering(SHORT))
    _, sink = ask(pool, server.endpoint)
    await pool.close()
    await sink.settled()
    assert isinstance(sink.failure, ShutDown)


async def test_base_paths_of_one_host_share_its_connections(pool, serve):
    server = await serve(answering(SHORT))
    for path in ("v1", "v2"):
        _, sink = ask(pool, Endpoint.from_url(f"http://127.0.0.1:{server.port}/{path}"))
        await sink.settled()
    assert len(server.peers) == 1


async def test_a_stale_connection_is_replaced_unseen_by_the_sink(pool, serve):
    """llama.cpp's server closes after each stream while advertising keep-alive."""

    async def closes_on_the_second_request(peer):
        await peer.request()
        await peer.send(SHORT)
        await peer.request()

    server = await serve(closes_on_the_second_request, answering(SHORT))
    _, first = ask(pool, server.endpoint)
    await first.settled()
    _, second = ask(pool, server.endpoint)
    await second.settled()
    assert (second.body, second.events) == (b"ok", ["head", "body", "end"])
    assert len(server.peers) == 2
    assert places(pool, "open") == 1


async def test_a_stale_connection_is_replaced_only_once(pool, serve):
    async def closes_on_the_second_request(peer):
        await peer.request()
        await peer.send(SHORT)
        await peer.request()

    server = await serve(closes_on_the_second_request, once())
    _, first = ask(pool, server.endpoint)
    await first.settled()
    _, second = ask(pool, server.endpoint)
    await second.settled()
    assert isinstance(second.failure, ConnectionLost)
    assert second.failure.retry_safe
    assert len(server.peers) == 2


async def test_a_reused_connection_lost_within_the_answer_is_not_retried(pool, serve):
    async def cuts_the_second(peer):
        await peer.request()
        await peer.send(SHORT)
        await peer.request()
        await peer.send(HALF)

    server = await serve(cuts_the_second)
    _, first = ask(pool, server.endpoint)
    await first.settled()
    _, second = ask(pool, server.endpoint)
    await second.settled()
    assert isinstance(second.failure, ConnectionLost)
    assert len(server.peers) == 1


async def test_a_connection_closed_while_idle_is_dropped_at_once(pool, serve):
    server = await serve(once(SHORT))
    _, sink = ask(pool, server.endpoint)
    await sink.settled()
    await until(lambda: places(pool, "open") == 0)


@pytest.mark.parametrize(
    ("limits", "header"),
    [
        (PoolLimits(sweep_seconds=TICK, idle_seconds=0.01), b""),
        (PoolLimits(sweep_seconds=TICK), b"Keep-Alive: timeout=1, max=9\r\n"),
    ],
    ids=["ours", "theirs"],
)
async def test_an_idle_connection_is_closed_after_the_shorter_limit(make_pool, serve, limits, header):
    async def script(peer):
        await peer.request()
        await peer.send(OK + header + b"Content-Length: 2\r\n\r\nok")
        await peer.eof()

    pool = make_pool(limits=limits)
    server = await serve(script)
    _, sink = ask(pool, server.endpoint)
    await sink.settled()
    await asyncio.wait_for(server.peers[0].closed_by_client.wait(), 30)
    assert places(pool, "open") == 0


@pytest.mark.parametrize("allowed", [1, 2])
async def test_waiting_requests_are_served_over_the_connections_allowed(make_pool, serve, allowed):
    pool = make_pool(limits=PoolLimits(max_connections=allowed, sweep_seconds=TICK))
    server = await serve(answering(SHORT))
    order = []
    sinks = []
    for n in range(10):
        _, sink = ask(pool, server.endpoint)
        sink.hook = lambda name, n=n: order.append(n) if name == "end" else None
        sinks.append(sink)
    await asyncio.sleep(0)
    assert (places(pool, "open"), places(pool, "waiting")) == (allowed, 10 - allowed)
    for sink in sinks:
        assert (await sink.settled()).body == b"ok"
    assert sorted(order) == list(range(10))
    if allowed == 1:  # with two, the faster connection overtakes
        assert order == list(range(10))
    assert len(server.peers) == allowed


async def test_a_waiting_request_gets_the_place_of_a_failed_one(make_pool, serve):
    pool = make_pool(limits=PoolLimits(max_connections=1, sweep_seconds=TICK))
    server = await serve(once(HALF), answering(SHORT))
    _, first = ask(pool, server.endpoint)
    _, second = ask(pool, server.endpoint)
    await first.settled()
    assert (await second.settled()).body == b"ok"


async def test_surplus_idle_connections_are_closed(make_pool, serve):
    pool = make_pool(limits=PoolLimits(max_idle=1, sweep_seconds=TICK))
    server = await serve(answering(SHORT))
    sinks = [ask(pool, server.endpoint)[1] for _ in range(4)]
    for sink in sinks:
        await sink.settled()
    assert (places(pool, "open"), places(pool, "idle")) == (1, 1)


async def test_cancelling_closes_the_socket_and_frees_the_place(pool, serve):
    server = await serve(half)
    exchange, sink = ask(pool, server.endpoint)
    await sink.some_body.wait()
    exchange.cancel()
    assert (places(pool, "open"), places(pool, "live")) == (0, 0)
    await asyncio.wait_for(server.peers[0].closed_by_client.wait(), 30)
    exchange.cancel()
    assert sink.events == ["head", "body"]


async def test_cancelling_a_waiting_or_connecting_request_leaves_no_trace(make_pool, serve):
    pool = make_pool(limits=PoolLimits(max_connections=1, sweep_seconds=TICK))
    server = await serve(answering(SHORT))
    connecting, first = ask(pool, server.endpoint)
    waiting, second = ask(pool, server.endpoint)
    _, third = ask(pool, server.endpoint)
    waiting.cancel()
    connecting.cancel()
    assert (await third.settled()).body == b"ok"
    assert first.events == second.events == []
    assert (places(pool, "open"), places(pool, "live"), places(pool, "waiting")) == (1, 0, 0)


async def test_cancelling_at_every_turn_of_the_loop_never_loses_a_place(make_pool, serve):
    pool = make_pool(limits=PoolLimits(max_connections=1, sweep_seconds=TICK))
    server = await serve(answering(SHORT))
    told = []
    for turns in range(25):
        exchange, cancelled = ask(pool, server.endpoint)
        for _ in range(turns):
            await asyncio.sleep(0)
        exchange.cancel()
        told.append((cancelled, list(cancelled.events)))
        # A new connection each time.
        await until(lambda: places(pool, "idle") == places(pool, "open"))
        for connection in list(next(iter(pool._by_origin.values()))._idle):
            connection.eof_received()
    _, sink = ask(pool, server.endpoint)
    assert (await sink.settled()).body == b"ok"
    assert all(cancelled.events == before for cancelled, before in told)
    assert (places(pool, "open"), places(pool, "live"), places(pool, "waiting")) == (1, 0, 0)


async def test_pausing_stalls_the_server_and_resuming_brings_the_rest(make_pool, serve):
    total = 64 * 2**20
    sent = 0

    async def flood(peer):
        nonlocal sent
        await peer.request()
        await peer.send(OK + b"Content-Length: %d\r\n\r\n" % total)
        while sent < total:
            await peer.send(bytes(2**16))
            sent += 2**16
        await peer.eof()

    # The silence is ours, so it is no idle timeout.
    pool = make_pool(timeouts=Timeouts(idle=0.02, first_byte=5))
    server = await serve(flood)
    exchange, sink = ask(pool, server.endpoint)
    sink.hook = lambda name: exchange.pause() if name == "head" else None
    await sink.head.wait()
    stalled = -1
    async with asyncio.timeout(30):
        while stalled != sent:
            stalled = sent
            for _ in range(50):
                await asyncio.sleep(0.001)
    assert sent < total / 2
    held = len(sink.body)
    assert held < 2**20
    exchange.resume()
    await sink.settled()
    assert sink.failure is None
    assert len(sink.body) == total


async def test_a_connection_whose_answer_ended_while_paused_reads_again(pool, serve):
    server = await serve(answering(SHORT))
    exchange, first = ask(pool, server.endpoint)
    first.hook = lambda _: exchange.pause()
    await first.settled()
    _, second = ask(pool, server.endpoint)
    assert (await second.settled()).body == b"ok"
    assert len(server.peers) == 1


@pytest.mark.parametrize(
    ("script", "timeouts", "failure", "retry_safe"),
    [
        (silent, Timeouts(first_byte=0.02), FirstByteTimeout, True),
        (half, Timeouts(idle=0.02), IdleTimeout, False),
        (silent, Timeouts(total=0.02), TotalTimeout, True),
    ],
    ids=["first byte", "idle", "total"],
)
async def test_silence_beyond_a_limit_fails_the_request_and_closes(
    pool, serve, script, timeouts, failure, retry_safe
):
    server = await serve(script)
    _, sink = ask(pool, server.endpoint, timeouts=timeouts)
    await sink.settled()
    assert type(sink.failure) is failure
    assert sink.failure.retry_safe is retry_safe
    assert places(pool, "open") == 0
    await asyncio.wait_for(server.peers[0].closed_by_client.wait(), 30)


async def test_an_answer_that_is_whole_waits_little_for_the_end_of_its_message(pool, serve):
    server = await serve(half)
    exchange, sink = ask(pool, server.endpoint)
    await sink.some_body.wait()
    exchange.drain(asyncio.get_running_loop().time())
    await asyncio.wait_for(server.peers[0].closed_by_client.wait(), 30)
    await until(lambda: places(pool, "open") == 0)
    assert "failure" not in sink.events


async def test_an_answer_that_has_begun_and_takes_too_long_is_not_asked_for_again(pool, serve):
    server = await serve(half)
    exchange, sink = ask(pool, server.endpoint, timeouts=Timeouts(idle=300, total=300))
    await sink.some_body.wait()
    exchange.started_at -= 301
    await sink.settled()
    assert type(sink.failure) is TotalTimeout
    assert not sink.failure.retry_safe


async def test_reads_that_keep_coming_hold_off_the_idle_timeout(pool, serve):
    go = asyncio.Semaphore(0)

    async def steady(peer):
        await peer.request()
        await peer.send(OK + b"Content-Length: 40\r\n\r\n")
        while True:
            await go.acquire()
            await peer.send(b"x")

    server = await serve(steady)
    exchange, sink = ask(pool, server.endpoint, timeouts=Timeouts(idle=300))
    for count in range(1, 5):
        go.release()
        await until(lambda count=count: len(sink.body) == count)
        silent_since = exchange.mark
        await until(lambda since=silent_since: exchange.mark > since)  # swept
        exchange.mark -= 200
    assert sink.failure is None
    exchange.mark -= 200
    await sink.settled()
    assert type(sink.failure) is IdleTimeout


async def test_waiting_too_long_for_a_place_is_a_queue_timeout(make_pool, serve):
    pool = make_pool(limits=PoolLimits(max_connections=1, sweep_seconds=TICK))
    server = await serve(silent)
    blocker, _ = ask(pool, server.endpoint)
    _, sink = ask(pool, server.endpoint, timeouts=Timeouts(queue=0.02))
    await sink.settled()
    assert isinstance(sink.failure, QueueTimeout)
    assert sink.failure.retry_safe
    blocker.cancel()


async def test_a_sweep_before_a_request_is_submitted_is_not_the_last_one(pool, serve):
    """The turn of the loop that a request came in may take longer than a sweep."""
    server = await serve(silent)
    _, sink = ask(pool, server.endpoint, timeouts=Timeouts(first_byte=0.02))
    pool._timer.cancel()
    pool._sweep()
    await sink.settled()
    assert type(sink.failure) is FirstByteTimeout


async def test_a_handshake_that_does_not_come_is_a_connect_timeout(pool, serve):
    async def mute(peer):
        await peer.eof()

    server = await serve(mute)
    endpoint = Endpoint("https", "127.0.0.1", server.port, "")
    _, sink = ask(pool, endpoint, timeouts=Timeouts(connect=0.05))
    await sink.settled()
    assert type(sink.failure) is ConnectTimeout
    assert places(pool, "open") == 0


async def test_a_server_that_hangs_up_or_speaks_first_costs_no_place(pool, serve):
    async def greets(peer):
        await peer.send(b"220 smtp.example.test ready\r\n")
        await peer.eof()

    async def hangs_up(peer):
        return

    server = await serve(greets, hangs_up)
    for _ in range(2):
        _, sink = ask(pool, server.endpoint)
        await sink.settled()
        assert sink.events == ["failure"]
        assert places(pool, "open") == 0


async def test_infinite_limits_are_no_limits(pool, serve):
    inf = math.inf
    server = await serve(answering(SHORT))
    _, sink = ask(pool, server.endpoint, timeouts=Timeouts(inf, inf, inf, inf, inf))
    assert (await sink.settled()).body == b"ok"


async def test_a_refused_connection_fails_after_send_has_returned(pool, serve):
    server = await serve(silent)
    server._server.close()
    _, sink = ask(pool, server.endpoint)
    assert sink.events == []
    await sink.settled()
    assert type(sink.failure) is ConnectFailed
    assert str(server.port) in str(sink.failure)


async def test_closing_the_pool_fails_what_is_under_way_and_refuses_more(pool, serve):
    server = await serve(half)
    _, sink = ask(pool, server.endpoint)
    await sink.some_body.wait()
    await pool.close()
    assert isinstance(sink.failure, ShutDown)
    await asyncio.wait_for(server.peers[0].closed_by_client.wait(), 30)
    with pytest.raises(RuntimeError):
        ask(pool, server.endpoint)


async def test_a_request_may_be_sent_from_within_the_end_of_another(pool, serve):
    server = await serve(answering(SHORT))
    _, first = ask(pool, server.endpoint)
    followers = []
    first.hook = lambda name: followers.append(ask(pool, server.endpoint)[1]) if name == "end" else None
    await first.settled()
    assert (await followers[0].settled()).body == b"ok"
    assert len(server.peers) == 1
