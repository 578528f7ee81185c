"""Heads of requests, read as they come; what HTTP forbids is refused here.

llhttp reads, in its strict mode, at most as much as a head may have. Of what follows a head it only reports whether all of
an ordinary request is here; else the body is `framing`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from functools import lru_cache

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser

from proxy.ingress.errors import Refusal, invalid
from proxy.ingress.framing import CODINGS, Chunked, Counted, Framing
from proxy.ingress.request import Client, HttpRequest

LONGEST_HEAD = 32 * 1024
"""Bytes, first line and empty line included; nginx allows as much."""

MOST_HEADERS = 128

_FIRST_LETTER = ord("A")
_UNUSUAL = frozenset({b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"})
_SINGLE = frozenset(
    {b"authorization", b"content-length", b"content-type", b"host", b"origin", b"transfer-encoding"}
)
"""Headers of which there may be one only: a proxy in front might go by the first, and we by the last."""

_HOST = re.compile(rb"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+(?:%25[A-Za-z0-9._~-]+)?\])(?::[0-9]{0,5})?")
"""A name or an address, and a port. RFC 3986 allows more in a name, but none has it."""

_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


class Progress(Enum):
    """How far the reads so far have brought a head: a part is here, all of it, or it is refused."""

    PART = auto()
    HEAD = auto()
    REFUSED = auto()


@lru_cache(256)
def _wire(name: str) -> bytes:
    """Returns a header's name as llhttp reports it: lower case, bytes."""
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


class HeadParser:
    """Reads one head after the other off a connection."""

    __slots__ = (
        "_bodies",
        "_got",
        "_headed",
        "_headers",
        "_host",
        "_method",
        "_old",
        "_parser",
        "_plain",
        "_repeated",
        "_size",
        "_stays",
        "_twice",
        "_url",
        "_whole",
        "framing",
        "on_body",
        "refusal",
        "rest",
    )

    def __init__(self) -> None:
        self._got: list[bytes] = []  # the reads of this request
        self._size = 0
        self._method = b""
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._repeated = 0  # headers whose name was there already
        self._twice = b""  # one of them that must not be
        self._bodies: list[bytes] = []
        self.on_body = self._bodies.append
        self._headed = False
        self._whole = False
        self._plain = False  # llhttp may report the body
        self._stays = False
        self._old = False  # HTTP/1.0
        self._host = b"\n"  # the last one that was checked; none yet
        self._parser: HttpRequestParser | None = None
        self.refusal: Refusal | None = None
        self.framing: Framing | None = None  # of a body that is to be read
        self.rest = b""  # what follows the head, or the whole request

    @property
    def begun(self) -> bool:
        """Whether the beginning of a head is here."""
        return bool(self._got)

    def feed(self, data: bytes) -> Progress:
        """Parses one more read. After `HEAD`, `take` returns the request; after `REFUSED` the connection must end."""
        got = self._got
        if not got and data[0] < _FIRST_LETTER:
            # RFC 9112, section 2.2: some clients end a body with a line break too many.
            data = data.lstrip(b"\r\n")
            if not data:
                return Progress.PART
        parser = self._parser
        if parser is None:
            parser = self._parser = HttpRequestParser(self)
        got.append(data)
        before, self._size = self._size, self._size + len(data)
        try:
            if self._size <= LONGEST_HEAD:
                parser.feed_data(data)
            else:
                parser.feed_data(data[: LONGEST_HEAD - before])
                self._whole = False
        except HttpParserUpgrade:
            self._whole = False
        except HttpParserError as error:
            if not self._headed:
                self.refusal = _malformed(error, got[0][0])
            self._whole = False
        if self.refusal is not None:
            return Progress.REFUSED
        if self._headed:
            return Progress.HEAD
        if self._size > LONGEST_HEAD:
            self.refusal = self._too_long()
            return Progress.REFUSED
        return Progress.PART

    def take(self, client: Client) -> HttpRequest:
        """Returns the request, and leaves `framing` where its body is to be read, and `rest`."""
        headers, self._headers = self._headers, {}
        if self._plain and self._whole:
            bodies = self._bodies
            body = b"".join(bodies)
            bodies.clear()
            self._got.clear()
            request = HttpRequest(
                self._method.decode(), self._url.decode("latin-1"), Headers(headers), body, client
            )
        else:
            request = self._uncommon(headers, client)
        self._url = b""
        self._size = self._repeated = 0
        self._headed = self._whole = False
        return request

    def _uncommon(self, headers: dict[bytes, bytes], client: Client) -> HttpRequest:
        """Returns a request that is not all that was read, or not here, or not ordinary."""
        self._parser = None  # it stands somewhere in the body
        self._bodies.clear()
        raw = b"".join(self._got)
        self._got.clear()
        rest = raw[raw.index(b"\r\n\r\n") + 4 :]
        url = self._url.decode("latin-1")
        absolute = _ABSOLUTE.fullmatch(url)
        if absolute is not None:
            url = absolute[2] if absolute[2].startswith("/") else "/" + absolute[2]
        length = int(headers.get(b"content-length", b"0"))
        body: bytes | None = None
        if b"transfer-encoding" in headers:
            self.framing = Chunked()
        elif length > len(rest) or b"expect" in headers or _coding(headers):
            self.framing = Counted(length)
        else:
            body = rest[:length]
            rest = rest[length:]
        self.rest = rest
        return HttpRequest(
            self._method.decode(),
            url,
            Headers(headers),
            body,
            client,
            chunks=not self._old,
            # RFC 1945 knows no connection that stays, and who asks for one waits for the header that grants it.
            stays=self._stays and not self._old,
        )

    def path(self) -> str:
        """Returns the path of a request that is refused, as far as it can be read."""
        line = b"".join(self._got)[:LONGEST_HEAD].partition(b"\r\n")[0]
        target = line.split(b" ", 2)[1:2]
        url = target[0].decode("latin-1") if target else ""
        absolute = _ABSOLUTE.fullmatch(url)
        return url if absolute is None else absolute[2]

    def close(self) -> None:
        """Lets go of the parser, which holds our callbacks as we hold it."""
        self._parser = None
        self._got.clear()
        self._bodies.clear()

    # --- the parser's side -------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._headed:
            raise _MoreError

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        headers = self._headers
        if name in headers:
            self._repeated += 1
            if name in _SINGLE:
                self._twice = name
        elif not self._headed:  # else it is a trailer
            headers[name] = value.rstrip(b" \t")

    def on_headers_complete(self) -> None:
        parser, headers, url = self._parser, self._headers, self._url
        assert parser is not None
        method = self._method = parser.get_method()
        self._headed = True
        stays = self._stays = parser.should_keep_alive()  # llhttp forgets it at the end of the message
        host = headers.get(b"host")
        self._plain = (
            host is not None
            and (host == self._host or self._proper(host))
            and self._repeated == 0
            and url.startswith(b"/")
            and self._got[0].startswith(b" HTTP/1.1\r", len(method) + 1 + len(url))
            and _UNUSUAL.isdisjoint(headers)
            and len(headers) <= MOST_HEADERS
            and stays
        )
        self._old = False
        if not self._plain:
            self.refusal = self._verdict(parser.get_http_version())

    def on_message_complete(self) -> None:
        self._whole = True

    # --- what HTTP forbids -------------------------------------------------------------------------------

    def _proper(self, host: bytes) -> bool:
        if _HOST.fullmatch(host) is None:
            return False
        self._host = host
        return True

    def _verdict(self, version: str) -> Refusal | None:
        """Returns why a head that llhttp lets pass is refused."""
        headers, method, url = self._headers, self._method, self._url
        if version not in ("1.1", "1.0"):
            return _other_version()
        self._old = version == "1.0"
        line = b"".join(self._got).partition(b"\r\n")[0]
        if line != b"%s %s HTTP/%s" % (method, url, version.encode()):
            return invalid(
                "The first line must be method, target and version of HTTP, with single spaces between them."
            )
        if len(headers) + self._repeated > MOST_HEADERS:
            return _long_head(f"The request has more than {MOST_HEADERS} headers.")
        if self._twice:
            return invalid(f"The header {self._twice.decode()} is there more than once.")
        host = headers.get(b"host")
        if host is None and version == "1.1":
            return invalid("The header Host is missing.")
        if host is not None and not self._proper(host):
            return invalid("The header Host must be a name or an address, and perhaps a port.")
        if method == b"CONNECT":
            return Refusal(405, "This is no proxy: CONNECT has no meaning here.", code="method_not_allowed")
        if not url.startswith(b"/") and (refusal := _targeted(method, url, host)) is not None:
            return refusal
        coding = headers.get(b"transfer-encoding")
        if coding is not None and (version == "1.0" or b"content-length" in headers):
            return invalid("The header Transfer-Encoding leaves the length of the body in doubt.")
        if coding is not None and coding.lower() != b"chunked":
            return Refusal(501, "The only Transfer-Encoding read here is chunked.", code="not_implemented")
        return None

    def _too_long(self) -> Refusal:
        if b"\r\n" in b"".join(self._got)[:LONGEST_HEAD]:
            return _long_head(f"The head of the request is longer than {LONGEST_HEAD} bytes.")
        return Refusal(
            414, f"The first line of the request is longer than {LONGEST_HEAD} bytes.", code="uri_too_long"
        )


class _MoreError(Exception):
    """A request that was sent without waiting for the answer to the one before."""


def coding_of(headers: Mapping[str, str]) -> str:
    """Returns how a body is compressed, "" for not at all. Raises Refusal."""
    coding = headers.get("Content-Encoding", "").lower()
    if coding in ("", "identity"):
        return ""
    if coding not in CODINGS:
        raise Refusal(
            415, "A body may be compressed with gzip or deflate, once.", code="unsupported_media_type"
        )
    return coding


def _coding(headers: dict[bytes, bytes]) -> bool:
    return headers.get(b"content-encoding", b"").lower() not in (b"", b"identity")


def _targeted(method: bytes, url: bytes, host: bytes | None) -> Refusal | None:
    """Returns why a target that is no path is refused."""
    if url == b"*" and method == b"OPTIONS":
        return None
    absolute = _ABSOLUTE.fullmatch(url.decode("latin-1"))
    if absolute is None:
        return invalid("The target of the request must be a path.")
    authority = absolute[1].encode("latin-1")
    if _HOST.fullmatch(authority) is None:
        return invalid("The target's host must be a name or an address, and perhaps a port.")
    if host is not None and _without_port(authority) != _without_port(host):
        return invalid("The target's host is another than that of the header Host.")
    return None


def _without_port(host: bytes) -> bytes:
    return host.lower().removesuffix(b":80").removesuffix(b":443")


def _malformed(error: HttpParserError, first: int) -> Refusal:
    reason = str(error)
    if reason in ("Invalid HTTP version", "Pause on PRI/Upgrade"):
        return _other_version()
    if isinstance(error, HttpParserInvalidMethodError) and chr(first).isupper():
        return Refusal(501, "The method of the request is not known here.", code="not_implemented")
    return invalid(f"The request is no well-formed HTTP: {reason}.")


def _long_head(message: str) -> Refusal:
    return Refusal(431, message, code="request_header_fields_too_large")


def _other_version() -> Refusal:
    return Refusal(
        505, "Only versions 1.1 and 1.0 of HTTP are spoken here.", code="http_version_not_supported"
    )
