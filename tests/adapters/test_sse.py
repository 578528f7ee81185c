from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import ProviderError
from adapters.sse import SseSplitter


def split(*pieces: bytes) -> list[tuple[str, bytes]]:
    splitter = SseSplitter()
    return [event for piece in pieces for event in splitter.feed(piece)] + splitter.close()


STREAM = (
    b'\xef\xbb\xbf: hello\n\ndata: {"a":"\xe2\x80\xa8\xc2\x85"}\n\nevent: error\r\ndata: one\r\ndata:two\r\n\r\n'
    b"id: 7\ndata\n\nevent: lost\n\ndata: last\r\rdata: open"
)
EVENTS = [
    ("", b'{"a":"\xe2\x80\xa8\xc2\x85"}'),
    ("error", b"one\ntwo"),
    ("", b""),
    ("", b"last"),
    ("", b"open"),
]


def test_lines_end_at_lf_crlf_and_cr_and_nothing_else():
    assert split(STREAM) == EVENTS


def test_byte_by_byte_gives_the_same_events():
    assert split(*[STREAM[i : i + 1] for i in range(len(STREAM))]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_splitting_gives_the_same_events(cuts):
    marks = [0, *sorted(cuts), len(STREAM)]
    assert split(*[STREAM[a:b] for a, b in zip(marks, marks[1:])]) == EVENTS


def test_an_event_without_end_fails_instead_of_filling_the_memory():
    splitter = SseSplitter(limit=1000)
    for _ in range(9):
        assert splitter.feed(b"data: " + b"x" * 100 + b"\n") == []
    with pytest.raises(ProviderError):
        splitter.feed(b"data: " + b"x" * 100 + b"\n")


def test_many_small_events_pass_a_small_limit():
    splitter = SseSplitter(limit=100)
    assert sum(len(splitter.feed(b"data: 0123456789\n\n: ping\n\n")) for _ in range(1000)) == 1000


def test_comments_alone_do_not_add_up():
    splitter = SseSplitter(limit=100)
    for _ in range(1000):
        assert splitter.feed(b": keep-alive\n\n") == []


def test_a_line_that_only_begins_like_a_field_is_stray() -> None:
    splitter = SseSplitter()
    assert splitter.feed(b"identity service is down\nid\nretry\n\n") == []
    assert splitter.stray == b"identity service is down\n"
