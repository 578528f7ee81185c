"""What the parser side makes of exactly scripted answers."""

import asyncio
import gzip
import zlib

import pytest

from proxy.upstream import ConnectionLost, ProtocolViolation
from tests.proxy.upstream.scripted import Recorder, answering, ask, once, places, until

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SHORT = OK + b"Content-Length: 2\r\n\r\nok"


async def test_a_message_with_a_length_arrives_whole(pool, serve):
    server = await serve(answering(OK + b"Content-Length: 5\r\nX-Thing: A \r\n\r\nhello"))
    exchange, sink = ask(pool, server.endpoint)
    await sink.settled()
    assert (sink.status, sink.body, sink.events) == (200, b"hello", ["head", "body", "end"])
    assert sink.headers == [(b"content-length", b"5"), (b"x-thing", b"A")]
    assert exchange.started_at <= exchange.sent_at <= exchange.first_byte_at


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK + b"Content-Length: 5\r\n\r\nhello", b"hello"),
        (CHUNKED + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer-A: 1\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + SHORT, b"ok"),
        (
            OK
            + b"Content-Encoding: gzip\r\nContent-Length: 27\r\n\r\n"
            + gzip.compress(b"compressed?"[:7], mtime=0),
            b"compres",
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b""),
        (OK + b"Content-Length: 0\r\n\r\n", b""),
    ],
    ids=["length", "chunked", "interim", "gzip", "204", "304", "empty"],
)
async def test_byte_by_byte_delivery_reads_the_same_and_leaves_the_connection_reusable(
    pool, serve, answer, body
):
    async def dribble(peer):
        while True:
            await peer.request()
            for i in range(len(answer)):
                peer.writer.write(answer[i : i + 1])
                await asyncio.sleep(0)

    server = await serve(dribble)
    for _ in range(2):
        _, sink = ask(pool, server.endpoint)
        await sink.settled()
        assert sink.failure is None
        assert sink.body == body
        assert sink.events[0] == "head"
        assert sink.events[-1] == "end"
        assert (b"link", b"</a>") not in sink.headers
    assert len(server.peers) == 1
    assert places(pool, "idle") == 1


async def test_pieces_of_one_read_come_in_one_call(pool, serve):
    server = await serve(answering(CHUNKED + b"1\r\nx\r\n" * 500 + b"0\r\n\r\n"))
    _, sink = ask(pool, server.endpoint)
    await sink.settled()
    assert sink.body == b"x" * 500
    assert len(sink.pieces) == 1


async def test_an_answer_without_a_length_ends_with_the_connection(pool, serve):
    server = await serve(once(OK + b"\r\nuntil ", b"the end"))
    _, sink = ask(pool, server.endpoint)
    await sink.settled()
    assert (sink.body, sink.events[-1]) == (b"until the end", "end")
    assert places(pool, "open") == 0


async def test_the_answer_to_head_has_no_body(pool, serve):
    server = await serve(answering(OK + b"Content-Length: 5000\r\n\r\n"))
    _, sink = ask(pool, server.endpoint, method="HEAD")
    await sink.settled()
    assert sink.events == ["head", "end"]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (b"gzip", gzip.compress(b"text " * 100_000)),
        (b"gzip", gzip.compress(b"text " * 50_000) + gzip.compress(b"text " * 50_000)),
        (b"deflate", zlib.compress(b"text " * 100_000)),
        (b"deflate", zlib.compress(b"text " * 100_000, wbits=-15)),
    ],
    ids=["gzip", "members", "deflate", "raw deflate"],
)
async def test_a_compressed_answer_is_decoded_and_its_headers_say_so(pool, serve, encoding, body):
    head = OK + b"Content-Encoding: %b\r\nContent-Length: %d\r\nX-A: b\r\n\r\n" % (encoding, len(body))
    server = await serve(answering(head, body[:1], body[1:]))
    _, sink = ask(pool, server.endpoint)
    await sink.settled()
    assert sink.body == b"text " * 100_000
    assert sink.headers == [(b"x-a", b"b")]
    assert max(map(len, sink.pieces)) <= 262_144


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.7\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\nok",
        OK + b"X: a\r\n folded: b\r\n\r\n",
        OK + b"X: %b\r\n\r\n" % (b"a" * 70_000),
        OK + b"X: %b" % (b"a" * 70_000),
        OK + b"X: a\r\n" * 20_000,
    ],
    ids=["ssh", "http2", "101", "lengths", "both", "te", "br", "fold", "long", "longer", "many"],
)
async def test_what_is_not_relayable_http_is_a_violation_before_any_head(pool, serve, answer):
    async def script(peer):
        await peer.request()
        await peer.send(answer)
        await peer.eof()

    server = await serve(script)
    _, sink = ask(pool, server.endpoint)
    await sink.settled()
    assert isinstance(sink.failure, ProtocolViolation)
    assert sink.events == ["failure"]
    assert not sink.failure.retry_safe
    assert places(pool, "open") == 0


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (CHUNKED + b"2\r\nok\r\nFFFFFFFFFFFFFFFFFF\r\n", b"ok"),
        (CHUNKED + b"2\r\nokzz", b"ok"),
        (CHUNKED + b"0\r\nT: " + b"a" * 200_000, b""),
        (OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", b""),
        (
            OK + b"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + gzip.compress(b"abc" * 20)[:20],
            None,
        ),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"\0" * 2**26), None),
    ],
    ids=["overflow", "framing", "trailer", "not gzip", "cut gzip", "bomb"],
)
async def test_a_broken_body_is_a_violation_after_what_was_good(pool, serve, answer, body):
    server = await serve(once(answer))
    _, sink = ask(pool, server.endpoint)
    await sink.settled()
    assert isinstance(sink.failure, ProtocolViolation)
    assert sink.events[0] == "head"
    assert body is None or sink.body == body
    assert len(sink.body) < 2**25


@pytest.mark.parametrize("answer", [OK + b"Content-Length: 9\r\n\r\nhal", CHUNKED + b"9\r\nhal", OK[:9]])
async def test_a_cut_answer_is_a_lost_connection_that_is_not_safe_to_retry(pool, serve, answer):
    server = await serve(once(answer))
    _, sink = ask(pool, server.endpoint)
    await sink.settled()
    assert isinstance(sink.failure, ConnectionLost)
    assert not sink.failure.retry_safe


async def test_an_interim_answer_alone_is_nothing_of_the_answer(pool, serve):
    server = await serve(once(b"HTTP/1.1 103 Early Hints\r\n\r\n"))
    exchange, sink = ask(pool, server.endpoint)
    await sink.settled()
    assert isinstance(sink.failure, ConnectionLost)
    assert sink.failure.retry_safe
    assert exchange.first_byte_at is None


async def test_a_refusal_stops_the_rest_of_a_large_body(pool, serve):
    async def script(peer):
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.transport.pause_reading()
        await peer.send(b"HTTP/1.1 429 Slow Down\r\nContent-Length: 4\r\n\r\n")
        await over.wait()

    over = asyncio.Event()
    server = await serve(script)
    exchange, sink = ask(pool, server.endpoint, bytes(30_000_000))
    await sink.head.wait()
    assert not exchange.connection._request.pending
    exchange.cancel()
    over.set()


async def test_cancelling_between_two_decoded_pieces_stops_the_rest(pool, serve):
    body = gzip.compress(b"text " * 400_000)
    server = await serve(
        answering(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body), body)
    )
    sink = Recorder()
    sink.hook = lambda name: exchange.cancel() if name == "body" else None
    exchange, _ = ask(pool, server.endpoint, sink=sink)
    await sink.some_body.wait()
    await until(lambda: places(pool, "open") == 0)
    assert sink.events == ["head", "body"]


async def test_a_connection_closed_without_an_answer_is_safe_to_retry(pool, serve):
    server = await serve(once())
    _, sink = ask(pool, server.endpoint)
    await sink.settled()
    assert isinstance(sink.failure, ConnectionLost)
    assert sink.failure.retry_safe
    assert len(server.peers) == 1, "a fresh connection is not retried unseen"


@pytest.mark.parametrize(
    "answer", [SHORT + SHORT, SHORT + b"x", OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok"]
)
async def test_leftover_bytes_or_a_wish_to_close_end_the_connection(pool, serve, answer):
    server = await serve(answering(answer))
    for n in (1, 2):
        _, sink = ask(pool, server.endpoint)
        await sink.settled()
        assert (sink.body, sink.failure) == (b"ok", None)
        assert places(pool, "open") == 0
        assert len(server.peers) == n


async def test_bytes_on_an_idle_connection_end_it(pool, serve):
    async def script(peer):
        await peer.request()
        await peer.send(SHORT)
        await idle.wait()
        await peer.send(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        await peer.eof()

    idle = asyncio.Event()
    server = await serve(script)
    _, sink = ask(pool, server.endpoint)
    await sink.settled()
    assert places(pool, "idle") == 1
    idle.set()
    await until(lambda: places(pool, "open") == 0)


async def test_a_large_body_arrives_whole_while_the_loop_turns(pool, serve):
    body = bytes(range(256)) * 8192
    received = []

    async def script(peer):
        await peer.reader.readuntil(b"\r\n\r\n")
        received.append(await peer.reader.readexactly(len(body)))
        await peer.send(SHORT)
        await peer.eof()

    server = await serve(script)
    _, sink = ask(pool, server.endpoint, body)
    await sink.settled()
    assert received == [body]
    assert places(pool, "idle") == 1


@pytest.mark.parametrize("status", [b"200", b"413"])
async def test_an_early_answer_is_read_though_the_body_is_unsent(pool, serve, status):
    async def script(peer):
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.transport.pause_reading()
        await peer.send(b"HTTP/1.1 %b Early\r\nContent-Length: 2\r\n\r\nno" % status)
        await over.wait()

    over = asyncio.Event()
    server = await serve(script)
    _, sink = ask(pool, server.endpoint, bytes(30_000_000))
    await sink.settled()
    over.set()
    assert (sink.status, sink.body, sink.events[-1]) == (int(status), b"no", "end")
    assert places(pool, "open") == 0, "half a request makes the connection unusable"


@pytest.mark.parametrize("moment", ["head", "body"])
async def test_a_sink_may_cancel_from_within_a_callback(pool, serve, moment):
    async def script(peer):
        await peer.request()
        await peer.send(CHUNKED + b"2\r\nok\r\n")
        await peer.eof()

    server = await serve(script)
    sink = Recorder()
    cancelled = asyncio.Event()

    def hook(name):
        if name == moment:
            exchange.cancel()
            cancelled.set()

    sink.hook = hook
    exchange, _ = ask(pool, server.endpoint, sink=sink)
    await cancelled.wait()
    await server.peers[0].closed_by_client.wait()
    assert sink.events[-1] == moment
    assert places(pool, "open") == 0


async def test_a_sink_that_raises_loses_its_connection_and_nothing_else(pool, serve):
    server = await serve(answering(SHORT))
    reports = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context["exception"]))
    sink = Recorder()

    def hook(name):
        if name == "head":
            raise ZeroDivisionError

    sink.hook = hook
    ask(pool, server.endpoint, sink=sink)
    await until(sink.over.is_set)
    assert isinstance(sink.failure, ConnectionLost)
    assert isinstance(reports[0], ZeroDivisionError)
    assert places(pool, "open") == 0
    _, second = ask(pool, server.endpoint)
    assert (await second.settled()).body == b"ok"
