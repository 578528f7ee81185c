"""However a request is cut into reads, it is the same request; what is out of the ordinary is left as it came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.reading import Found, Headers, Reader

LARGEST = 1000


def request(body: bytes = b"{}", *headers: str, first: str = "POST /v1/x?y=1 HTTP/1.1") -> bytes:
    lines = [first, "Host: localhost", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def read(reader: Reader, data: bytes, *cuts: int) -> list[Found]:
    """Feeds `data` in pieces until something is found."""
    found = []
    for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
        if data[start:end]:
            found.append(reader.feed(data[start:end]))
    return found


@given(body=st.binary(max_size=200), cuts=st.lists(st.integers(1, 60), max_size=4))
def test_a_request_is_the_same_however_it_is_cut(body: bytes, cuts: list[int]) -> None:
    reader, data = Reader(LARGEST), request(body, "X-A: b c ")
    for _ in range(2):  # one after the other on the same connection
        *before, last = read(reader, data, *sorted(set(cuts)))
        assert (set(before) <= {Found.PART}, last) == (True, Found.WHOLE)
        method, path, headers, got = reader.take()
        assert (method, path, got) == ("POST", "/v1/x?y=1", body)
        assert dict(headers) == {"host": "localhost", "x-a": "b c", "content-length": str(len(body))}
        assert (reader.owed, reader.more) == (None, False)


@given(
    body=st.binary(max_size=40),
    rest=st.binary(min_size=1, max_size=40).filter(lambda r: r[:1] not in b"\r\n"),
)
def test_what_follows_a_whole_request_is_kept_as_it_came(body: bytes, rest: bytes) -> None:
    reader = Reader(LARGEST)
    assert reader.feed(request(body) + rest) is Found.WHOLE
    assert reader.take()[3] == body
    assert reader.more
    assert reader.rest() == rest


@pytest.mark.parametrize(
    "data",
    [
        request(b"", first="POST / HTTP/1.0"),
        request(b"", "Connection: close"),
        request(b"", "Expect: 100-continue"),
        request(b"", "Content-Encoding: gzip"),
        request(b"", "Upgrade: h2c", "Connection: Upgrade"),
        request(b"x" * (LARGEST + 1)),
        request(b"", *[f"X-{n}: 1" for n in range(128)]),
        request(b"", "X: " + "a" * 33_000),
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab",
        b"POST / HTTP/1.1\r\nContent-Length : 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nContent-Length: -2\r\n\r\nab",
        b"POST / HTTP/1.1\nContent-Length: 2\n\nab",
        b"\r\n" + request(),
        b"\x16\x03\x01\x02\x00",
        b"rubbish\r\n\r\n",
    ],
)
def test_what_is_out_of_the_ordinary_is_left_as_it_came(data: bytes) -> None:
    reader = Reader(LARGEST)
    assert reader.feed(data) is Found.UNUSUAL
    assert reader.rest() == data


def test_what_turns_out_unusual_late_is_left_from_its_first_byte() -> None:
    reader, data = Reader(LARGEST), request(b"", "Expect: 100-continue")
    assert read(reader, data, 10, 30, 50)[-1] is Found.UNUSUAL
    assert reader.rest() == data


def test_a_head_without_end_is_not_read_for_ever() -> None:
    reader = Reader(LARGEST)
    assert reader.feed(b"POST / HTTP/1.1\r\n") is Found.PART
    found = [reader.feed(b"X: " + b"a" * 1000 + b"\r\n") for _ in range(40)]
    assert Found.UNUSUAL in found


def test_only_a_body_that_has_begun_is_owed() -> None:
    reader, data = Reader(LARGEST), request(b"0123456789")
    reader.feed(data[:20])
    assert reader.owed is None
    reader.feed(data[20:-4])
    assert reader.owed == len(data) - 4
    assert reader.feed(data[-4:]) is Found.WHOLE


def test_headers_are_found_in_any_case_and_the_first_of_several_counts() -> None:
    reader = Reader(LARGEST)
    reader.feed(request(b"", "X-Api-KEY: one", "x-api-key: two", "X-Odd: \xff"))
    headers = reader.take()[2]
    assert isinstance(headers, Headers)
    assert (headers["x-API-key"], headers.get("X-Api-Key"), "X-API-KEY" in headers) == ("one", "one", True)
    assert (headers.get("x-other"), headers.get("x-other", "no"), "x-other" in headers) == (None, "no", False)
    assert headers["x-odd"] == "\xff"
