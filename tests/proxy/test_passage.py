"""Which reads go from one socket to the other as they are; compiled and plain agree."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import passage
from proxy.passage import LEFT, LONGEST, PASSED, SIZE_LINES, SLOW, Passage

HEAD, TAIL = b'data: {"delta":{', b'},"finish_reason":null}\n\n'
ROOT = Path(__file__).parents[2]


def plain():
    """Returns the module as its source stands."""
    spec = spec_from_loader(
        "plain_passage", SourceFileLoader("plain_passage", str(ROOT / "proxy/passage.py"))
    )
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLAIN = plain()


class Client:
    def __init__(self, kind=Passage):
        self.got = []
        self._paused = False
        self.passage = kind(self.got.append, self)
        self.passage.expect(HEAD, TAIL, 2)


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
    assert [client.passage.let(read) for read in reads] == [PASSED] * 3
    assert (client.got, client.passage.chunks) == (reads, 3)


def test_a_client_that_is_behind_is_told_of_with_the_read_that_went_on():
    client = Client()
    client._paused = True
    assert client.passage.let(chunk(event(b"x"))) == SLOW
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
    assert client.passage.let(read) == LEFT
    assert (client.got, client.passage.chunks) == ([], 0)


def test_nothing_passes_before_it_is_known_what_is_ordinary():
    assert Passage([].append, None).let(chunk(event(b"x"))) == LEFT


PIECES = st.sampled_from(
    [HEAD, TAIL, b"\r\n", b"\n", b"\n\n", b"x", b"2f", b"0", b"data: ", chunk(event(b"hello"))]
)


@given(st.lists(PIECES, max_size=6).map(b"".join), st.booleans())
def test_compiled_and_plain_judge_alike(data, framed):
    assert not PLAIN.COMPILED
    read = chunk(data) if framed else data
    one, other = Client(), Client(PLAIN.Passage)
    assert one.passage.let(read) == other.passage.let(read)
    assert one.got == other.got


@pytest.mark.skipif(not passage.COMPILED, reason="nothing is compiled here")
def test_what_is_no_bytes_is_refused():
    with pytest.raises(TypeError):
        Client().passage.let("x" * 80)
