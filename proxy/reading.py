"""Ordinary requests, read as they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, auto
from functools import lru_cache

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

_LONGEST_HEAD = 32 * 1024
_MOST_HEADERS = 128

_FIRST_LETTER = ord("A")
_UNUSUAL = frozenset({b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"})


class Found(Enum):
    """What a read has made of the request."""

    PART = auto()
    WHOLE = auto()
    UNUSUAL = auto()


@lru_cache(256)
def _wire(name: str) -> bytes:
    """Returns a header's name as the parser tells it."""
    return name.lower().encode()


class Headers(Mapping[str, str]):
    """Headers by name in any case; of several with one name the first."""

    __slots__ = ("_raw",)

    def __init__(self, raw: dict[bytes, bytes]) -> None:
        self._raw = raw

    def __getitem__(self, name: str) -> str:
        return self._raw[_wire(name)].decode("utf-8", "surrogateescape")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _wire(name) in self._raw

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """As of any mapping, without an exception inside."""
        value = self._raw.get(_wire(name))
        return default if value is None else value.decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._raw)

    def __len__(self) -> int:
        return len(self._raw)


class Reader:
    """Reads one request after the other off a connection.

    A request is ordinary when it is HTTP/1.1, its body has a length of at most `largest` bytes and no coding, it
    expects and upgrades nothing, and leaves the connection open.
    """

    __slots__ = (
        "_got",
        "_headers",
        "_largest",
        "_open",
        "_parser",
        "_pieces",
        "_unusual",
        "_url",
        "_whole",
        "more",
        "on_body",
    )

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._got: list[bytes] = []  # the reads of this request
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._open = False  # the body has begun
        self._whole = False
        self._unusual = False
        self.more = False  # something follows the whole request in the same read
        self._parser: HttpRequestParser | None = HttpRequestParser(self)

    @property
    def owed(self) -> int | None:
        """Bytes that are here of a request whose body has begun and goes on; None if there is none."""
        return sum(map(len, self._got)) if self._open else None

    def feed(self, data: bytes) -> Found:
        """Takes one read. After `WHOLE`, `take` it first, then `rest` if there is `more`; after `UNUSUAL` take all
        as `rest`. Nothing is fed after `rest`.
        """
        parser = self._parser
        assert parser is not None
        if not self._got and data[0] < _FIRST_LETTER:
            self._unusual = True  # an empty line before the request: `rest` counts from its first letter
        self._got.append(data)
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self.more = self._whole
            self._unusual = self._unusual or not self._whole
        if self._unusual:
            return Found.UNUSUAL
        if self._whole:
            return Found.WHOLE
        if not self._open and sum(map(len, self._got)) > _LONGEST_HEAD:
            return Found.UNUSUAL
        return Found.PART

    def take(self) -> tuple[str, str, Headers, bytes]:
        """Returns method, path as sent, headers and body of the whole request."""
        parser = self._parser
        assert parser is not None
        headers, self._headers = self._headers, {}
        body = b"".join(self._pieces)
        if self.more:
            got = b"".join(self._got)
            self._got = [got[got.index(b"\r\n\r\n") + 4 + len(body) :]]
        else:
            self._got.clear()
        self._pieces.clear()
        self._open = self._whole = False
        url, self._url = self._url.decode("utf-8", "surrogateescape"), b""
        return parser.get_method().decode(), url, Headers(headers), body

    def rest(self) -> bytes:
        """Returns what was not taken, as it came."""
        got = b"".join(self._got)
        self.close()
        return got

    def close(self) -> None:
        """Lets go of the parser, which holds our callbacks as we hold it."""
        self._parser = None
        self._got.clear()
        self._pieces.clear()

    # --- the parser's side -------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._whole:
            raise _MoreError

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.setdefault(name.lower(), value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        parser, headers = self._parser, self._headers
        assert parser is not None
        self._open = True
        length = headers.get(b"content-length", b"0")
        self._unusual = (
            self._unusual
            or not _UNUSUAL.isdisjoint(headers)
            or not parser.should_keep_alive()
            or parser.get_http_version() != "1.1"
            or int(length) > self._largest
            or len(headers) > _MOST_HEADERS
            or (len(self._got[0]) > _LONGEST_HEAD and self._head_too_long())
        )

    def on_message_complete(self) -> None:
        self._whole = True

    def _head_too_long(self) -> bool:
        return len(self._url) + sum(len(n) + len(v) for n, v in self._headers.items()) > _LONGEST_HEAD


class _MoreError(Exception):
    """A request that was sent without waiting for the answer to the one before."""
