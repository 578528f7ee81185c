"""What llhttp reports of the answers on one connection, noted for whoever feeds it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from httptools import HttpResponseParser

from proxy.upstream.framing import FRAMING


class AnswerParser:
    """Notes what each `feed` brings, and acts on nothing. Pieces of a body go straight into a list (`on_body` is its
    `append`): hundreds of small HTTP chunks in one read cost no Python call each.
    """

    def __init__(self, on_interim: Callable[[], None]) -> None:
        """`on_interim` is called for 100 Continue and 103 Early Hints: the answer is still to come."""
        self._on_interim = on_interim
        self.status = 0  # of the answer whose head is whole
        self.headers: list[tuple[bytes, bytes]] = []
        self.framing: dict[bytes, bytes] = {}
        self.keep_alive = False
        self.complete = False
        self.pieces: list[bytes] = []
        self.on_body = self.pieces.append
        self.between: list[None] = []
        """Not empty while a chunk has ended and no other begun."""

        self.on_chunk_header = self.between.clear
        self.on_chunk_complete = partial(self.between.append, None)
        parser = HttpResponseParser(self)
        self._parser: HttpResponseParser | None = parser
        self.feed: Callable[[bytes], None] = parser.feed_data

    def begin(self) -> None:
        """Forgets the last answer: another is to come."""
        self.status = 0
        self.complete = False
        self.between.clear()

    def take_headers(self) -> list[tuple[bytes, bytes]]:
        """Returns the headers of the answer, and forgets them."""
        headers, self.headers = self.headers, []
        return headers

    def close(self) -> None:
        """Breaks the cycles with the parser and with whoever feeds us; what is fed from now on is ignored."""
        self._parser = None
        self._on_interim = _nothing
        self.feed = _ignored

    # --- llhttp's side -----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.complete:
            raise LeftoverError

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if self.status:
            return  # a trailer
        value = value.rstrip(b" \t")
        self.headers.append((name, value))
        if name in FRAMING:
            self.framing[name] = value

    def on_headers_complete(self) -> None:
        parser = self._parser
        assert parser is not None
        status = parser.get_status_code()
        if status < 200:
            return
        self.status = status
        self.keep_alive = parser.should_keep_alive()

    def on_message_complete(self) -> None:
        if self.status:
            self.complete = True
        else:
            self.headers.clear()
            self.framing.clear()
            self._on_interim()


class LeftoverError(Exception):
    """Bytes after the end of the answer."""


def _ignored(_: bytes) -> None:
    return None


def _nothing() -> None:
    return None
