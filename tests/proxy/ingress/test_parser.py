"""However a request is cut into reads, it is the same request or the same refusal; what HTTP forbids is refused."""

from __future__ import annotations

import gzip
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ingress.buffers import Account, Buffers
from proxy.ingress.errors import Refusal
from proxy.ingress.framing import RequestBody
from proxy.ingress.parser import LONGEST_HEAD, Headers, HeadParser, Progress, coding_of
from proxy.ingress.request import Client

LARGEST = 1000

Outcome = tuple[object, ...]


def request(body: bytes = b"{}", *headers: str, first: str = "POST /v1/x?y=1 HTTP/1.1") -> bytes:
    lines = [first, "Host: localhost", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(body: bytes, *headers: str, size: int = 7) -> bytes:
    lines = ["POST /v1/x HTTP/1.1", "Host: localhost", *headers, "Transfer-Encoding: chunked", "", ""]
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    framed = b"".join(b"%x;a=b\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return "\r\n".join(lines).encode() + framed + b"0\r\nX-Trailer: t\r\n\r\n"


class Peer:
    """A connection without its socket: all requests of it as a handler would read them, and the refusal that ends it."""

    def __init__(self) -> None:
        self.reader = HeadParser()
        self.account = Account(Buffers(1 << 30))
        self.body: RequestBody | None = None
        self.heads: list[Outcome] = []
        self.found: list[Outcome] = []
        self.refusal: tuple[int, str] | None = None

    def feed(self, data: bytes) -> None:
        while data and self.refusal is None:
            try:
                data = self._feed(data)
            except Refusal as refusal:
                self.refusal = (refusal.status, refusal.message)

    def _feed(self, data: bytes) -> bytes:
        if self.body is not None:
            rest = self.body.feed(data)
            if rest is None:
                return b""
            self.found.append((*self.heads.pop(), self.body.whole()))
            self.body = None
            return rest
        found = self.reader.feed(data)
        if found is Progress.PART:
            return b""
        if found is Progress.REFUSED:
            assert self.reader.refusal is not None
            raise self.reader.refusal
        taken = self.reader.take(cast("Client", self))
        rest, self.reader.rest = self.reader.rest, b""
        head: Outcome = (taken.method, taken.raw_path, dict(taken.headers), taken.stays, taken.chunks)
        if taken.body is not None:
            self.found.append((*head, taken.body))
            return rest
        framing, self.reader.framing = self.reader.framing, None
        assert framing is not None
        self.heads.append(head)
        self.body = RequestBody(framing, coding_of(taken.headers), LARGEST, self.account, 0)
        return rest or self._feed(b"")


def outcome(data: bytes, *cuts: int) -> tuple[list[Outcome], tuple[int, str] | None]:
    """Returns the requests and the refusal that `data` makes when it is cut there."""
    peer = Peer()
    for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
        peer.feed(data[start:end])
    return peer.found, peer.refusal


def single(data: bytes) -> Outcome:
    [found], refusal = outcome(data)
    assert refusal is None
    return found


BROKEN = {
    "HTTP/0.9": (505, b"GET /v1/models\r\n\r\n"),
    "HTTP/1.2": (505, request(first="GET / HTTP/1.2")),
    "HTTP/2.0": (505, request(first="GET / HTTP/2.0")),
    "the preface of HTTP/2": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "another protocol": (400, request(first="GET / RTSP/1.0")),
    "another protocol's method": (400, request(first="DESCRIBE / HTTP/1.1")),
    "an unknown method": (501, request(first="FOO / HTTP/1.1")),
    "a method in small letters": (400, request(first="get / HTTP/1.1")),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "rubbish": (400, b"rubbish\r\n\r\n"),
    "a tab in the first line": (501, request(first="GET\t/ HTTP/1.1")),
    "two spaces in the first line": (400, request(first="GET  / HTTP/1.1")),
    "three words and a version": (400, request(first="GET /a b HTTP/1.1")),
    "letters beyond ASCII in the path": (400, request(first="GET /é HTTP/1.1")),
    "a target that is no path": (400, request(first="GET v1 HTTP/1.1")),
    "an asterisk": (400, request(first="GET * HTTP/1.1")),
    "CONNECT": (405, b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    "a target with user and password": (400, request(first="GET http://a:b@localhost/ HTTP/1.1")),
    "a target on another host": (400, request(first="GET http://evil.example/ HTTP/1.1")),
    "no Host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "an empty Host": (400, b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    "two Hosts": (400, request(b"", "Host: localhost")),
    "a Host with a user": (400, b"GET / HTTP/1.1\r\nHost: a@localhost\r\n\r\n"),
    "a Host with a path": (400, b"GET / HTTP/1.1\r\nHost: localhost/x\r\n\r\n"),
    "a Host that is a list": (400, b"GET / HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n"),
    "a Host beyond ASCII": (400, b"GET / HTTP/1.1\r\nHost: localh\xc3\xb6st\r\n\r\n"),
    "a Host with a strange port": (400, b"GET / HTTP/1.1\r\nHost: localhost:http\r\n\r\n"),
    "two keys": (400, request(b"", "Authorization: Bearer a", "Authorization: Bearer b")),
    "a NUL in a header": (400, request(b"", "X: a\0b")),
    "a control character in a header": (400, request(b"", "X: a\x01b")),
    "a space before the colon": (400, request(b"", "X : a")),
    "a header without a name": (400, request(b"", ": a")),
    "a folded header": (400, request(b"", "X: a\r\n b")),
    "a folded length": (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 2\r\n\r\nab"),
    "a bare CR in a header": (400, request(b"", "X: a\rb")),
    "bare line feeds": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    "two lengths": (400, request(b"ab", "Content-Length: 3")),
    "the same length twice": (400, request(b"ab", "Content-Length: 2")),
    "a list of lengths": (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\nab"),
    "a negative length": (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -2\r\n\r\nab"),
    "a length with a sign": (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nab"),
    "an empty length": (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nab"),
    "an absurd length": (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\nab" % 10**30),
    "length and chunks": (400, request(b"0\r\n\r\n", "Transfer-Encoding: chunked")),
    "chunks and length": (400, chunked(b"ab", "Content-Length: 2")),
    "chunks twice": (400, chunked(b"ab", "Transfer-Encoding: chunked")),
    "chunks in HTTP/1.0": (400, chunked(b"ab").replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
    "an unknown coding": (501, chunked(b"ab").replace(b": chunked", b": xchunked", 1)),
    "a coding before the chunks": (501, chunked(b"ab").replace(b": chunked", b": gzip, chunked", 1)),
    "too many headers": (431, request(b"", *[f"X-{n}: 1" for n in range(127)])),
    "one header too many times": (431, request(b"", *["X: 1" for _ in range(127)])),
    "a long head": (431, request(b"", "X: " + "a" * LONGEST_HEAD)),
    "a long first line": (414, request(b"", first=f"GET /{'a' * LONGEST_HEAD} HTTP/1.1")),
    "a chunk's size that is none": (400, chunked(b"ab").replace(b"2;", b"ZZ;", 1)),
    "a chunk's size with a sign": (400, chunked(b"ab").replace(b"2;", b"+2;", 1)),
    "a chunk's size of sixteen digits": (400, chunked(b"ab").replace(b"2;", b"0000000000000002;", 1)),
    "a chunk longer than its size": (400, chunked(b"abc").replace(b"3;", b"2;", 1)),
    "a chunk's line that never ends": (400, chunked(b"ab").replace(b"2;", b"2;" + b"x" * 5000, 1)),
    "a bare line feed after a chunk's size": (400, chunked(b"ab").replace(b"2;a=b\r\n", b"2\n", 1)),
    "a bare line feed after a chunk": (400, chunked(b"ab").replace(b"ab\r\n", b"ab\n", 1)),
    "a bare line feed after the last chunk": (400, chunked(b"ab").replace(b"t\r\n\r\n", b"t\r\n\n", 1)),
    "trailers without end": (400, chunked(b"ab").replace(b"X-Tr", b"X: y\r\n" * 3000 + b"X-Tr", 1)),
    "a trailer that is none": (400, chunked(b"ab").replace(b"X-Trailer: t", b"trailer", 1)),
    "a body in chunks over the limit": (413, chunked(b"a" * (LARGEST + 1))),
    "a coding nobody reads": (415, request(b"ab", "Content-Encoding: br")),
    "two codings": (415, request(b"ab", "Content-Encoding: gzip, gzip")),
    "no gzip though it says so": (400, request(b"ab", "Content-Encoding: gzip")),
    "half of a gzip": (400, request(gzip.compress(b"{}")[:-4], "Content-Encoding: gzip")),
    "a bomb": (413, request(gzip.compress(bytes(100_000)), "Content-Encoding: gzip")),
}

GOOD = {
    "an ordinary one": request(),
    "without a body": request(b""),
    "after empty lines": b"\r\n\r\n" + request(),
    "in chunks": chunked(b"0123456789abcdef\r\n\r\n"),
    "one of every kind": request()
    + chunked(b"ab" * 20)
    + request(b"")
    + request(gzip.compress(b"{}"), "Content-Encoding: gzip"),
    "that asks for another protocol": request(b"{}", "Upgrade: h2c", "Connection: Upgrade") + request(),
    "that expects": request(b"{}", "Expect: 100-continue") + request(),
    "and rubbish": request() + b"rubbish\r\n\r\n",
    "of HTTP/1.0 without Host": b"GET /healthz HTTP/1.0\r\n\r\n",
    "with a body that looks like a head": request(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
    "in absolute form": request(first="GET HTTP://localhost:80?x HTTP/1.1"),
    "as long as may be": request(b"", "X: " + "a" * (LONGEST_HEAD - 82)),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_http_forbids_is_refused(what: str) -> None:
    status, data = BROKEN[what]
    found, refusal = outcome(data)
    assert found == []
    assert refusal is not None
    assert refusal[0] == status


@pytest.mark.parametrize("what", [*BROKEN, *GOOD])
def test_a_request_byte_by_byte_is_the_same(what: str) -> None:
    data = BROKEN[what][1] if what in BROKEN else GOOD[what]
    assert outcome(data, *range(1, len(data))) == outcome(data)


@given(what=st.sampled_from([*BROKEN, *GOOD]), cuts=st.lists(st.integers(1, 400), max_size=5))
def test_a_request_is_the_same_however_it_is_cut(what: str, cuts: list[int]) -> None:
    data = BROKEN[what][1] if what in BROKEN else GOOD[what]
    assert outcome(data, *sorted({cut for cut in cuts if cut < len(data)})) == outcome(data)


@given(
    bodies=st.lists(st.tuples(st.booleans(), st.binary(max_size=60)), min_size=1, max_size=4),
    cuts=st.lists(st.integers(1, 500), max_size=6),
)
def test_one_body_after_the_other_comes_whole(bodies: list[tuple[bool, bytes]], cuts: list[int]) -> None:
    data = b"".join(chunked(body) if framed else request(body) for framed, body in bodies)
    found, refusal = outcome(data, *sorted({cut for cut in cuts if cut < len(data)}))
    assert refusal is None
    assert [one[-1] for one in found] == [body for _, body in bodies]


def test_an_ordinary_request_is_read_in_one_go() -> None:
    reader = HeadParser()
    assert reader.feed(request(b"{}", "X-A: b c ")) is Progress.HEAD
    taken = reader.take(cast("Client", None))
    assert (taken.method, taken.raw_path, taken.body, taken.keep_alive) == ("POST", "/v1/x?y=1", b"{}", True)
    assert dict(taken.headers) == {"host": "localhost", "x-a": "b c", "content-length": "2"}
    assert (reader.framing, reader.rest, reader.begun) == (None, b"", False)


def test_a_head_is_told_before_its_body() -> None:
    reader = HeadParser()
    assert reader.feed(request(b"0123456789")[:-4]) is Progress.HEAD
    taken = reader.take(cast("Client", None))
    assert (taken.body, taken.keep_alive, taken.stays, reader.rest) == (None, False, True, b"012345")


@pytest.mark.parametrize("first", ["Connection: close", "Proxy-Connection: close"])
def test_who_wants_to_end_the_connection_may(first: str) -> None:
    assert single(request(b"", first))[3] is False


def test_a_target_in_absolute_form_is_its_path() -> None:
    assert single(GOOD["in absolute form"])[1] == "/?x"
    assert single(request(first="GET http://LOCALHOST/v1/models HTTP/1.1"))[1] == "/v1/models"


@pytest.mark.parametrize(
    "host", ["a_b.example:8080", "[::1]:80", "[fe80::1%25eth0]", "10.0.0.1", "localhost:"]
)
def test_hosts_that_are_in_use_are_taken(host: str) -> None:
    assert single(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode())[0] == "GET"


def test_no_refusal_repeats_what_was_sent() -> None:
    for status, data in BROKEN.values():
        secret = data.replace(b"\r\n\r\n", b"\r\nAuthorization: Bearer sk-very-secret\r\n\r\n", 1)
        refusal = outcome(secret)[1]
        assert refusal is not None, status
        assert "sk-very" not in refusal[1]


def test_headers_are_found_in_any_case_and_the_first_of_several_counts() -> None:
    reader = HeadParser()
    reader.feed(request(b"", "X-Api-KEY: one", "x-api-key: two", "X-Odd: \xff"))
    headers = reader.take(cast("Client", None)).headers
    assert isinstance(headers, Headers)
    assert (headers["x-API-key"], headers.get("X-Api-Key"), "X-API-KEY" in headers) == ("one", "one", True)
    assert (headers.get("x-other"), headers.get("x-other", "no"), "x-other" in headers) == (None, "no", False)
    assert headers["x-odd"] == "\xff"
