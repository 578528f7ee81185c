"""Which reads go from one socket to the other as they are; compiled and plain agree."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from socket import socketpair

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dispatch import bypass
from proxy.dispatch.bypass import FORWARDED, LEFT, LONGEST, SIZE_LINES, SLOW, Bypass

HEAD, TAIL = b'data: {"delta":{', b'},"finish_reason":null}\n\n'
ROOT = Path(__file__).parents[3]


def plain():
    """Returns the module as its source stands."""
    spec = spec_from_loader(
        "plain_bypass", SourceFileLoader("plain_bypass", str(ROOT / "proxy/dispatch/bypass.py"))
    )
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLAIN = plain()
compiled = pytest.mark.skipif(not bypass.COMPILED, reason="nothing is compiled here")


class Client:
    """aiohttp's side and its transport, which is no socket where `socket` is None."""

    def __init__(self, kind=Bypass, socket=None):
        self.got = []
        self.buffered = 0
        self.paused = False
        self.transport = self
        self._socket = socket
        self.write = self.got.append
        self.bypass = kind(self, self)
        self.bypass.expect(HEAD, TAIL, 2)

    def get_extra_info(self, name):
        return self._socket if name == "socket" else None

    def get_write_buffer_size(self):
        return self.buffered


class Connection:
    """The upstream's side: what the bypass stands in for, and its transport."""

    def __init__(self, bypass):
        self.calls = []
        self.protocol = self
        bypass.stand_in(self, self)

    def set_protocol(self, protocol):
        self.protocol = protocol

    def __getattr__(self, name):
        return lambda *args: self.calls.append((name, *args))


def chunk(text):
    return b"%x\r\n%s\r\n" % (len(text), text)


def event(text):
    return HEAD + text + TAIL


@pytest.mark.parametrize("size", [1, 15, 16, 255, 256, LONGEST - 8])
def test_the_length_of_a_chunk_tells_its_first_line(size):
    chunk = b"%x\r\n%s\r\n" % (size, b"x" * size)
    assert SIZE_LINES[len(chunk)] == b"%x\r\n" % size


def test_a_length_that_no_chunk_has_tells_nothing():
    lengths = {len(b"%x\r\n%s\r\n" % (size, b"x" * size)) for size in range(1, LONGEST)}
    assert {length for length, line in enumerate(SIZE_LINES) if line is None} == set(range(LONGEST)) - lengths


def test_an_ordinary_event_goes_on_as_it_came_and_is_counted():
    client = Client()
    reads = [chunk(event(b'"content":"%d"' % n)) for n in range(3)]
    assert [client.bypass.forward(read) for read in reads] == [FORWARDED] * 3
    assert (client.got, client.bypass.chunks) == (reads, 3)


@pytest.mark.parametrize("kind", [Bypass, PLAIN.Bypass])
@pytest.mark.parametrize("shown", [HEAD, b'data: {"id":"gen-1","delta":{', b'data: {"d":{'])
def test_what_clients_read_in_place_of_a_head_is_framed_by_its_own_length(kind, shown):
    client = Client(kind)
    client.bypass.expect(HEAD, TAIL, 2, b"", 0, shown)
    event = HEAD + b'"content":"' + b"a" * 60 + b'"' + TAIL
    assert client.bypass.forward(b"%x\r\n%b\r\n" % (len(event), event)) == FORWARDED
    renamed = event.replace(HEAD, shown)
    assert client.got == [b"%x\r\n%b\r\n" % (len(renamed), renamed)]


@pytest.mark.parametrize("kind", [Bypass, PLAIN.Bypass])
def test_an_event_whose_size_line_would_change_its_length_is_left_to_the_parser(kind):
    client = Client(kind)
    client.bypass.expect(HEAD, TAIL, 2, b"", 0, HEAD + b'"x":1,')
    event = HEAD + b'"content":"' + b"a" * (253 - len(HEAD) - 12 - len(TAIL)) + b'"' + TAIL
    assert len(event) == 253
    assert client.bypass.forward(b"%x\r\n%b\r\n" % (len(event), event)) == LEFT
    assert client.got == []


def test_a_client_that_is_behind_is_told_of_with_the_read_that_went_on():
    client = Client()
    client.paused = True
    assert client.bypass.forward(chunk(event(b"x"))) == SLOW
    assert len(client.got) == 1


@pytest.mark.parametrize(
    "read",
    [
        b"",
        b"\r\n",
        event(b"x"),
        chunk(event(b"x"))[:-1],
        chunk(event(b"x")) + b"0\r\n\r\n",
        chunk(event(b"x")) * 2,
        chunk(event(b"x") + event(b"y")),
        chunk(event(b"x\n\ndata: [DONE]")),
        chunk(b" " + event(b"x")),
        chunk(event(b"x") + b":\n\n"),
        chunk(event(b"x")).upper(),
        chunk(event(b"x" * LONGEST)),
    ],
)
def test_anything_else_is_left_to_the_parser(read):
    client = Client()
    assert client.bypass.forward(read) == LEFT
    assert (client.got, client.bypass.chunks) == ([], 0)


def test_nothing_passes_before_it_is_known_what_is_ordinary():
    client = Client()
    unopened = Bypass(client, client)
    connection = Connection(unopened)
    read = chunk(event(b"x"))
    connection.protocol.data_received(read)
    assert (unopened.forward(read), connection.calls, client.got) == (LEFT, [("data_received", read)], [])


@pytest.mark.parametrize("kind", [Bypass, PLAIN.Bypass])
def test_after_a_read_that_it_leaves_the_connection_has_all_until_it_expects_again(kind):
    client = Client(kind)
    connection = Connection(client.bypass)
    read = chunk(event(b"x"))
    for data in (read, b"0\r\n\r\n", read):
        connection.protocol.data_received(data)
    assert (client.got, connection.calls) == (
        [read],
        [("data_received", b"0\r\n\r\n"), ("data_received", read)],
    )
    client.bypass.expect(HEAD, TAIL, 2)
    connection.protocol.data_received(read)
    assert client.got == [read, read]


@pytest.mark.parametrize("kind", [Bypass, PLAIN.Bypass])
def test_whatever_else_the_transport_tells_reaches_the_connection(kind):
    client = Client(kind)
    connection = Connection(client.bypass)
    client.paused = True
    error = ConnectionResetError()
    connection.protocol.data_received(chunk(event(b"x")))
    connection.protocol.pause_writing()
    connection.protocol.resume_writing()
    connection.protocol.eof_received()
    connection.protocol.connection_lost(error)
    assert connection.calls == [
        ("hold",),
        ("pause_writing",),
        ("resume_writing",),
        ("eof_received",),
        ("connection_lost", error),
    ]


@pytest.fixture
def ends():
    ours, theirs = socketpair()
    with ours, theirs:
        for end in (ours, theirs):
            end.setblocking(False)
        yield ours, theirs


@compiled
def test_it_writes_to_a_plain_socket_itself(ends):
    client = Client(socket=ends[0])
    read = chunk(event(b"x"))
    assert client.bypass.forward(read) == FORWARDED
    assert (ends[1].recv(4096), client.got) == (read, [])


@compiled
@pytest.mark.parametrize("change", [{"buffered": 1}, {"transport": None}])
def test_what_waits_in_the_transport_comes_first_and_a_client_that_left_gets_nothing(ends, change):
    client = Client(socket=ends[0])
    vars(client).update(change)
    read = chunk(event(b"x"))
    assert client.bypass.forward(read) == FORWARDED
    assert client.got == [read]
    with pytest.raises(BlockingIOError):
        ends[1].recv(4096)


@compiled
def test_what_a_full_socket_does_not_take_is_left_to_the_transport(ends):
    client = Client(socket=ends[0])
    read = chunk(event(b"x" * 1000))
    while not client.got:
        client.bypass.forward(read)
    sent = client.bypass.chunks * len(read) - len(client.got[0])
    arrived = b""
    while len(arrived) < sent:
        arrived += ends[1].recv(1 << 20)
    assert arrived + client.got[0] == read * client.bypass.chunks


@compiled
def test_a_client_behind_tls_is_written_to_by_its_transport(ends):
    client = Client()
    client._socket = ends[0]
    client.get_extra_info = lambda _: ends[0]
    bypass = Bypass(client, client)
    bypass.expect(HEAD, TAIL, 2)
    read = chunk(event(b"x"))
    assert (bypass.forward(read), client.got) == (FORWARDED, [read])


LEAD = b'},"finish_reason":null,"pad":"'


@pytest.mark.parametrize("kind", [Bypass, PLAIN.Bypass])
@pytest.mark.parametrize(
    ("text", "passes"),
    [
        (b'"x"' + LEAD, True),
        (b'"x"' + LEAD + b"azAZ09", True),
        (b"" + LEAD + b"a" * 64, True),
        (b'"x"' + LEAD + b"not-a-letter", False),
        (b'"x"' + LEAD + b'a","usage":{},"pad":"b', False),
        (b'"x"},"finish_reason":"stop","pad":"abc', False),
        (LEAD[1:] + b"abc", False),
        (b"abc", False),
    ],
)
def test_padding_may_be_any_letters_and_digits(kind, text, passes):
    client = Client(kind)
    client.bypass.expect(HEAD, b'"}\n\n', 2, LEAD)
    read = chunk(HEAD + text + b'"}\n\n')
    assert client.bypass.forward(read) == (FORWARDED if passes else LEFT)
    assert client.got == [read] * passes


def test_padding_is_not_looked_for_in_what_an_event_begins_with():
    client = Client()
    client.bypass.expect(HEAD + LEAD, b'"}\n\n', 2, LEAD)
    assert client.bypass.forward(chunk(HEAD + LEAD + b'abc"}\n\n')) == LEFT


PIECES = st.sampled_from(
    [HEAD, LEAD, TAIL, b"\r\n", b"\n", b"\n\n", b"x", b"2f", b"0", b"data: ", chunk(event(b"hello"))]
)


@given(st.lists(PIECES, max_size=6).map(b"".join), st.booleans(), st.booleans())
def test_compiled_and_plain_judge_alike(data, framed, padded):
    assert not PLAIN.COMPILED
    read = chunk(data) if framed else data
    one, other = Client(), Client(PLAIN.Bypass)
    if padded:
        for client in (one, other):
            client.bypass.expect(HEAD, TAIL, 2, LEAD)
    assert one.bypass.forward(read) == other.bypass.forward(read)
    assert one.got == other.got


@compiled
def test_what_is_no_bytes_is_refused():
    with pytest.raises(TypeError):
        Client().bypass.forward("x" * 80)
