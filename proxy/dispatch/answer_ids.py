"""The id that a client reads in an answer's body leads to that answer: where an upstream's repeats or is missing, the
gateway's own takes its place.

Servers that count from one after each start, draw from a thousand, or send a constant exist. Most ids are unique, and
pass as they are.
"""

from __future__ import annotations

import re

import orjson

_MOST = 16384
"""Ids of a generation; two generations are remembered, some minutes of a busy worker and some megabytes."""

_MEMBERS = (b'"id":', b'"id": ', b'"responseId": ', b'"responseId":', b'"id" : ', b'"responseId" : ')
"""The member's name as common encoders write it, the most frequent first."""

_EVENT = re.compile(rb'data: ?\{(?:"id": ?(?:""|null), ?)?(?=")')


class AnswerIds:
    """Which ids clients read lately, by whose they are. Each worker remembers for itself."""

    def __init__(self) -> None:
        self._young: set[tuple[str, str]] = set()
        self._old: set[tuple[str, str]] = set()

    def claim(self, owner: str, id: str) -> bool:
        """Returns whether the id is new to its owner, who from now on knows one answer by it."""
        key = owner, id
        if key in self._young or key in self._old:
            return False
        if len(self._young) >= _MOST:
            self._old, self._young = self._young, set()
        self._young.add(key)
        return True


class AnswerId:
    """The id of one answer, which belongs to `owner` and has the gateway's id `own`. `everywhere`: its dialect names it
    in a body and in each event of a stream, so that it is missed where it isn't there.

    Invariant: outside of strings `old` stands in the answer only where the id does: a quote in a string is escaped.
    """

    __slots__ = ("_everywhere", "_ids", "_own", "_owner", "new", "old", "shown")

    def __init__(self, ids: AnswerIds, owner: str, own: str, *, everywhere: bool) -> None:
        self._ids = ids
        self._owner = owner
        self._own = own
        self._everywhere = everywhere
        self.old = b""
        self.new = b""
        self.shown: str | None = None

    def settle(self, first: bytes, upstream: str | None, *, streamed: bool) -> bytes:
        """Returns the first bytes that the client gets of an answer that `upstream` is the id of, with the id that it
        may know it by; what follows of a stream goes through `renamed`.
        """
        self.shown = upstream
        if upstream is None:
            if not self._everywhere:
                return first
            if not streamed:
                return self._with_own(first)
            self._find_gap(first)
        elif upstream != self._own and not self._ids.claim(self._owner, upstream):
            self._find(first, upstream)
        return self.renamed(first)

    def renamed(self, data: bytes) -> bytes:
        """Returns whole events or a whole body with the id put right."""
        return data.replace(self.old, self.new) if self.old else data

    def _find(self, first: bytes, upstream: str) -> None:
        written = orjson.dumps(upstream)
        for member in _MEMBERS:
            if member + written in first:
                self.shown = self._own
                self.old, self.new = member + written, b'%b"%b"' % (member, self._own.encode())
                return

    def _find_gap(self, first: bytes) -> None:
        events = list(_EVENT.finditer(first))
        if not events or re.match(rb'"id"', first[events[-1].end() :]):
            return
        self.shown = self._own
        self.old = events[-1][0] + b'"'
        self.new = b'data: {"id":%s,"' % orjson.dumps(self._own)

    def _with_own(self, body: bytes) -> bytes:
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:  # the tap read what is none to orjson
            return body
        if not isinstance(answer, dict) or answer.get("id"):
            return body
        self.shown = self._own
        if "id" in answer:
            return orjson.dumps({**answer, "id": self._own})
        return b'{"id":%s,%b' % (orjson.dumps(self._own), body.lstrip()[1:])
