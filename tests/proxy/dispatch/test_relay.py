"""Streams on their way from an upstream connection to a client's transport, read by exactly chosen read."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dialects import by_name
from adapters.dialects.openai_chat.dialect import OPENAI_CHAT
from benchmarks.cassettes.recordings import exchanges
from proxy.dispatch.relay import Relay
from proxy.dispatch.wires.translators import BodyTranslator
from proxy.ingress.buffers import Account, Buffers
from proxy.ingress.reply import StreamReply
from proxy.masking import Mask
from proxy.upstream import IdleTimeout, Timeouts
from proxy.upstream.connection import UpstreamConnection
from proxy.upstream.exchange import Exchange

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def framed(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def unframed(data: bytes) -> bytes:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        body += data[: int(size, 16)]
        assert data[int(size, 16) :].startswith(b"\r\n")
        data = data[int(size, 16) + 2 :]
    return body


def event(text: str, role: str = "") -> bytes:
    delta = f'{{{role}"content":"{text}"}}'
    return f'data: {{"id":"a","model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}\n\n'.encode()


FIRST = event("Hi", '"role":"assistant",')
END = b'data: {"id":"a","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"id":"a","model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"cost":1}}\n\n'
DONE = b"data: [DONE]\n\n"


class Stream:
    """An answer under way. `read` is what the upstream's socket brings, `written` what the client's gets of it."""

    def __init__(self, *, chunks=True, dialect=OPENAI_CHAT) -> None:
        self.writes: list[bytes] = []
        self.read_paused = False
        self.held: list[object] = []
        transport = SimpleNamespace(write=self.writes.append, get_extra_info=lambda _: None)
        self.client = SimpleNamespace(paused=False, transport=transport)
        request = SimpleNamespace(client=self.client, chunks=chunks, keep_alive=chunks, reply_head=b"")
        self.loop = SimpleNamespace(
            time=lambda: 0.0, create_future=lambda: SimpleNamespace(done=lambda: False, set_result=self.ended)
        )
        self.endings: list[object] = []
        tap = dialect.tap(stream=True, keep_usage=True, cost_of=lambda _: None)
        tasks = SimpleNamespace(start=lambda task, name: (self.held.append(name), task.close()))
        self.relay = Relay(tap, StreamReply(request), b"", dialect.decode_error, tasks, self.loop, Mask())
        origin = SimpleNamespace(settled=lambda _: None, withdraw=lambda _: self.connection.close())
        self.exchange = Exchange(origin, b"POST / HTTP/1.1\r\n\r\n", b"", self.relay, Timeouts(), 0.0)
        self.relay.exchange = self.exchange
        self.released: list[UpstreamConnection] = []
        self.closed = False
        home = SimpleNamespace(released=self.released.append, dropped=lambda _: None)
        self.connection = self.protocol = UpstreamConnection(home, header_bytes=10_000, rewrite=None)
        self.connection.connection_made(
            SimpleNamespace(
                write=lambda _: None,
                is_closing=lambda: False,
                abort=self.abort,
                set_protocol=self.stand_in,
                pause_reading=self.pause,
                resume_reading=lambda: None,
            )
        )
        self.connection.start(self.exchange)

    def ended(self, ending) -> None:
        self.endings.append(ending)

    def abort(self) -> None:
        self.closed = True

    def pause(self) -> None:
        self.read_paused = True

    def stand_in(self, protocol) -> None:
        self.protocol = protocol

    def read(self, *reads: bytes) -> None:
        for data in reads:
            self.protocol.data_received(data)

    @property
    def body(self) -> bytes:
        """What the client reads, without what is sent at the very end."""
        return unframed(b"".join(self.writes).partition(b"\r\n\r\n")[2])


@pytest.fixture
async def stream() -> Stream:
    return Stream()


async def test_a_read_that_is_one_chunk_around_one_ordinary_event_goes_on_as_it_came(stream):
    stream.read(HEAD, framed(FIRST), framed(event("a")), whole := framed(event("b")))
    assert stream.writes[-1] is whole
    assert stream.relay.said == len("Hiab")


@pytest.mark.parametrize(
    "read",
    [
        framed(event("two") + event("events")),
        framed(event("two")) + framed(event("chunks")),
        framed(event("upper")).upper()[:2] + framed(event("upper"))[2:],
        b"0" + framed(event("zero")),
        framed(event("extended")).replace(b"\r\n", b";x=y\r\n", 1),
        framed(b": keep-alive\n\n"),
        framed(event("a" * 3000)),
    ],
    ids=["events", "chunks", "upper case", "zero", "extension", "comment", "long"],
)
async def test_any_other_read_reaches_the_client_too_and_so_does_what_follows(stream, read):
    stream.read(HEAD, framed(FIRST), framed(event("a")), read, framed(event("b")), framed(event("c")))
    assert stream.body == FIRST + event("a") + unframed_any(read) + event("b") + event("c")


def unframed_any(data: bytes) -> bytes:
    """As `unframed`, for chunks with extensions."""
    body = b""
    while data:
        line, _, data = data.partition(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        body, data = body + data[:size], data[size + 2 :]
    return body


async def test_the_end_and_its_usage_are_learnt_behind_chunks_that_passed_unread(stream):
    stream.read(
        HEAD, *map(framed, [FIRST, event("a"), event("b"), event("c"), END, USAGE, DONE]), b"0\r\n\r\n"
    )
    [ending] = stream.endings
    assert (ending.error, stream.relay.pipe.finish, stream.relay.pipe.usage.output) == (None, "stop", 4)
    assert stream.body + ending.body == FIRST + event("a") + event("b") + event("c") + END + USAGE + DONE


async def test_what_follows_the_end_mark_is_not_waited_for_and_reaches_nobody(stream):
    stream.read(HEAD, *map(framed, [FIRST, event("a"), event("b"), END, USAGE, DONE]))
    [ending] = stream.endings
    assert (ending.error, stream.relay.pipe.usage.output) == (None, 4)
    assert stream.exchange.ends_by == 1.0
    stream.read(framed(event("c")), framed(event("d")), framed(b'data: {"error":{"message":"late"}}\n\n'))
    stream.protocol.connection_lost(ConnectionResetError())
    assert stream.endings == [ending]
    assert stream.body + ending.body == FIRST + event("a") + event("b") + END + USAGE + DONE


async def test_the_end_of_a_message_after_its_answer_gives_the_connection_back(stream):
    stream.read(HEAD, framed(FIRST), framed(END + DONE), framed(b": bye\n\n"), b"0\r\n\r\n")
    assert stream.released == [stream.connection]
    assert len(stream.endings) == 1


async def test_a_flood_after_the_end_closes_the_connection(stream):
    stream.read(HEAD, framed(FIRST), framed(END + DONE), *[framed(b": bye\n\n" * 100)] * 10)
    assert stream.closed
    assert [ending.error for ending in stream.endings] == [None]


async def test_a_stream_that_told_how_it_ends_has_little_time_left(stream):
    stream.read(HEAD, framed(FIRST), framed(event("a")))
    assert stream.exchange.ends_by == float("inf")
    stream.read(framed(END))
    assert stream.exchange.ends_by == 2.0
    stream.exchange.fail(IdleTimeout("nothing came"))
    [ending] = stream.endings
    assert ending.error is None
    assert stream.body + ending.body == FIRST + event("a") + END + DONE


async def test_a_server_that_goes_on_after_a_finish_reason_gets_its_time_anew(stream):
    stream.read(HEAD, framed(FIRST), framed(event("a")), framed(END))
    stream.loop.time = lambda: 5.0
    stream.read(framed(event("b")))
    assert stream.exchange.ends_by == 7.0
    stream.loop.time = lambda: 6.0
    stream.read(framed(event("c")))
    assert stream.exchange.ends_by == 8.0
    assert stream.body == FIRST + event("a") + END + event("b") + event("c")


async def test_a_stream_of_two_choices_has_all_its_time_until_both_have_ended(stream):
    stream.relay.choices = 2
    stream.read(HEAD, framed(FIRST), framed(END))
    assert stream.exchange.ends_by == float("inf")
    stream.exchange.fail(IdleTimeout("nothing came"))
    assert [ending.error.message for ending in stream.endings] == ["nothing came"]


async def test_an_error_whose_body_breaks_off_is_the_error_that_its_status_tells(stream):
    stream.read(b'HTTP/1.1 429 Slow\r\nContent-Length: 99\r\n\r\n{"error": {"message": "too')
    stream.protocol.connection_lost(ConnectionResetError())
    assert [ending.error.kind.label for ending in stream.endings] == ["rate_limit"]


async def test_an_event_is_not_overtaken_by_the_chunk_behind_it(stream):
    half, rest = event("half")[:40], event("half")[40:]
    stream.read(HEAD, framed(FIRST), framed(event("a")), framed(half))
    # Half an event, and then what by itself would be a whole one.
    stream.read(framed(event("b")), framed(rest))
    assert stream.body in FIRST + event("a") + half + event("b") + rest
    assert half + event("b") in stream.body


def split(chunk: bytes, *places: int) -> list[bytes]:
    return [chunk[a:b] for a, b in zip((0, *places), (*places, len(chunk)), strict=True)]


CRLF = [data.replace(b"\n", b"\r\n") for data in (FIRST, event("a"), event("b"), event("c"))]
X = event("x")
INSIDE = framed(CRLF[2] + framed(CRLF[3]) + b"\r\n")
PADDED = framed(X + b"\r\n" + b":" * 10 + b"\n\n")
LONGER = framed(X + b"\r\n" + b":" * 252 + b"\n\n")


@pytest.mark.parametrize(
    "reads",
    [
        [*map(framed, CRLF[:2]), *split(INSIDE, len(b"xx\r\n" + CRLF[2]), -4)],
        [framed(FIRST), framed(event("a")), *split(PADDED, len(framed(X)))],
        [framed(FIRST), framed(event("a")) + LONGER[:1], *split(LONGER[1:], len(framed(X)))],
    ],
    ids=["inside a chunk", "the beginning of a chunk", "behind the beginning of a size line"],
)
async def test_a_read_that_only_looks_like_a_chunk_is_none(stream, reads):
    stream.read(HEAD, *reads)
    assert stream.body + bytes(stream.relay.pipe._held) == unframed(b"".join(reads))


async def test_a_body_with_a_length_has_no_chunks_whatever_came_before_it(stream):
    stream.read(HEAD, *map(framed, [FIRST, event("a"), END, DONE]), b"0\r\n\r\n")
    second = Stream()
    stream.connection.start(second.exchange)
    body = [*CRLF[:3], framed(CRLF[3])]
    stream.read(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (sum(map(len, body)) + 2), *body)
    assert second.body + bytes(second.relay.pipe._held) == b"".join(body)


async def test_what_hides_between_the_ends_of_an_ordinary_event_is_learnt(stream):
    stream.read(HEAD, *map(framed, [FIRST, event("a"), event("b") + USAGE + event("c")]))
    assert stream.relay.pipe.usage.output == 4


async def test_what_only_ends_as_an_ordinary_event_does_is_read(stream):
    error = event("a").replace(b'"id":"a"', b'"error":{"message":"no"}')
    stream.read(HEAD, *map(framed, [FIRST, event("a"), event("b"), error]))
    [ending] = stream.endings
    assert ending.error.message == "no"


async def test_an_error_behind_chunks_that_passed_is_no_content(stream):
    stream.read(HEAD, *map(framed, [FIRST, event("a"), event("b"), b'data: {"error":{"message":"no"}}\n\n']))
    [ending] = stream.endings
    assert ending.error.message == "no"
    assert stream.body == FIRST + event("a") + event("b")


async def test_a_cut_behind_chunks_that_passed_is_a_failure(stream):
    stream.read(HEAD, *map(framed, [FIRST, event("a"), event("b")]))
    stream.connection.connection_lost(None)
    [ending] = stream.endings
    assert "lost in the middle" in ending.error.message


async def test_garbage_between_chunks_that_passed_is_a_failure(stream):
    stream.read(HEAD, *map(framed, [FIRST, event("a"), event("b")]), b"no size\r\n")
    [ending] = stream.endings
    assert "garbled" in ending.error.message
    assert stream.body == FIRST + event("a") + event("b")


async def test_nothing_goes_on_after_the_call_is_cancelled(stream):
    stream.read(HEAD, *map(framed, [FIRST, event("a"), event("b")]))
    stream.relay.cancel()
    before = list(stream.writes)
    stream.read(framed(event("c")))
    assert stream.writes == before


async def test_a_slow_client_holds_back_the_upstream(stream):
    stream.read(HEAD, *map(framed, [FIRST, event("a")]))
    assert not stream.read_paused
    stream.client.paused = True
    stream.read(framed(event("b")))
    assert stream.read_paused
    assert stream.held == ["slow client"]


async def test_a_client_without_chunks_gets_none():
    stream = Stream(chunks=False)
    stream.read(HEAD, *map(framed, [FIRST, event("a"), event("b")]))
    assert b"".join(stream.writes).endswith(b"\r\n\r\n" + FIRST + event("a") + event("b"))


async def test_a_chunk_that_passes_breaks_the_silence(stream):
    stream.read(HEAD, *map(framed, [FIRST, event("a"), event("b")]))
    written = len(stream.writes)
    stream.relay.keep_alive(100.0, 10.0)
    assert len(stream.writes) == written
    stream.relay.keep_alive(111.0, 10.0)
    assert stream.writes[-1] == framed(b": keep-alive\n\n")


async def test_a_chunk_that_passes_is_a_sign_of_life(stream):
    stream.read(HEAD, *map(framed, [FIRST, event("a"), event("b")]))
    assert [stream.connection.stirred(), stream.connection.stirred()] == [True, False]
    stream.read(framed(event("c")))
    assert [stream.connection.stirred(), stream.connection.stirred()] == [True, False]


async def test_after_the_answer_the_connection_stands_in_its_place_again(stream):
    stream.read(HEAD, *map(framed, [FIRST, event("a"), event("b")]))
    assert stream.protocol is not stream.connection
    stream.read(*map(framed, [END, DONE]), b"0\r\n\r\n")
    assert stream.protocol is stream.connection


RECORDED = [
    exchange
    for exchange in exchanges(Path(__file__).parents[2] / "adapters/cassettes")
    if exchange.stream and exchange.dialect in {"openai_chat", "anthropic_messages", "openai_responses"}
]


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: f"{recorded.file}#{recorded.position}")
async def test_of_recorded_streams_most_events_pass_unread_and_all_arrive(recorded):
    stream = Stream(dialect=by_name(recorded.dialect))
    events = [text + b"\n\n" for text in recorded.body.split(b"\n\n") if text.strip()]
    stream.read(HEAD, *map(framed, events), b"0\r\n\r\n")
    [ending] = stream.endings
    assert ending.error is None
    arrived = stream.body + ending.body
    if (
        recorded.dialect == "openai_chat" and b'"finish_reason":"' not in recorded.body
    ):  # one that the server left out is told before the end mark
        *others, told, _ = arrived.removesuffix(b"\n\n").split(b"\n\n")
        assert b'"finish_reason":"tool_calls"' in told
        arrived = arrived.replace(told + b"\n\n", b"")
    assert arrived == b"".join(events)
    # The first few tell how the others look; the last few end the answer.
    assert stream.relay._bypass.chunks >= len(events) / 2 or len(events) < 7


# Texts that look like size lines and whole chunks, should the parser's place ever be mistaken.
TEXTS = ["a", "b" * 20, "5\\r\\n", "\r\n5\r\nhello\r\n", "c6\r\n" * 49 + "c6", framed(event("x")).decode()]


@given(
    st.lists(st.sampled_from([event(text) for text in TEXTS] + [b"5\r\n", b"\n\n"]), min_size=1, max_size=12),
    st.lists(st.floats(0, 1), max_size=20),
    st.booleans(),
)
def test_any_splitting_into_reads_reaches_the_client_whole(events, cuts, chunkwise):
    whole = HEAD + framed(FIRST) + b"".join(map(framed, events))
    edges = {round(cut * len(whole)) for cut in cuts}
    if chunkwise:
        at = len(HEAD)
        for data in [FIRST, *events]:
            edges.add(at)
            at += len(framed(data))
    places = [0, *sorted(edges), len(whole)]

    async def relayed() -> Stream:
        stream = Stream()
        stream.read(*(whole[a:b] for a, b in zip(places, places[1:], strict=False) if a < b))
        return stream

    stream = asyncio.run(relayed())
    expected = FIRST + b"".join(events)
    assert expected.startswith(stream.body)
    if not stream.endings and stream.relay.pipe._failure is None:  # a line break in a string is broken JSON
        assert expected == stream.body + bytes(stream.relay.pipe._held)


async def test_an_answer_larger_than_any_is_given_up() -> None:
    """Of whole answers 128 MiB are kept, and no more."""
    relay = Relay(
        BodyTranslator(OPENAI_CHAT, lambda _: b""),
        None,
        b"",
        OPENAI_CHAT.decode_error,
        SimpleNamespace(),
        asyncio.get_running_loop(),
        Mask(),
    )
    buffers = Buffers(1 << 30)
    relay.account = Account(buffers)
    relay.on_head(200, [])
    piece = bytes(1 << 20)
    for _ in range(128):
        relay.on_body(piece)
    assert (relay.ended.done(), buffers.used) == (False, 128 << 20)
    relay.on_body(piece)
    ending = await relay.ended
    assert ending.error is not None
    assert "too large" in ending.error.message
    assert buffers.used == 0


async def test_what_is_held_back_of_a_stream_is_counted_until_it_goes_on(stream: Stream) -> None:
    buffers = Buffers(1000)
    stream.relay.account = Account(buffers)
    stream.read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", framed(FIRST))
    assert buffers.used == 0
    half = event("x" * 400)
    stream.read(framed(half[:300]))
    assert buffers.used == 300
    stream.read(framed(half[300:]))
    assert buffers.used == 0
    other = Account(buffers)
    assert other.take(900)
    stream.read(framed(half[:300]))
    assert [ending.error.kind.label for ending in stream.endings] == ["gateway"]
    assert stream.closed
    assert buffers.used == 900
