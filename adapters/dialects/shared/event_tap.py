"""Watching server-sent events that pass through unparsed, whatever the dialect.

Whole events pass as they are; only one that isn't complete yet is held back, because it could be the one
that carries the counts or an error.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import orjson

from adapters import lenient_json
from adapters.answer_facts import AnswerFacts, HeldBody
from adapters.canonical import Json, Usage
from adapters.dialect import CostOf, Ordinary
from adapters.dialects.shared.no_answer import (
    event_object,
    is_cut,
    is_error,
    is_stray,
    no_answer,
    unanswered,
    whole_object,
)
from adapters.errors import ErrorKind, ProviderError, Truncated
from adapters.sse import MAX_EVENT_BYTES, MAX_STRAY_BYTES, data_of, event_end, last_event_end


class BilledFacts(AnswerFacts):
    """An answer that passes through, with its cost written into it."""

    def __init__(self, cost_of: CostOf) -> None:
        super().__init__()
        self.calls = False
        self.searches = 0
        self.cost_of = cost_of

    def price(self, usage: Usage | None, raw: Any) -> bool:
        """Notes `usage`, read from its object `raw`, and adds the cost to `raw`; False if it stays as it is."""
        if usage is None or not isinstance(raw, dict):
            return False
        self.usage = usage
        cost = self.cost_of(usage)
        if cost is None:
            cost = usage.cost_usd
        if raw.get("cost") == cost:
            return False
        # A figure that isn't the bill isn't passed on as one.
        raw["cost"] = cost
        return True


class EventTap(BilledFacts, ABC):
    """An error that follows good events in one read is raised by the next call, so that those aren't lost."""

    member: ClassVar[str]
    """The member that every event of this API has, but for some that come without content."""

    deltas: ClassVar[re.Pattern[bytes] | None] = None
    """How an event of one line of data begins that holds content and nothing else."""

    end_mark: ClassVar[bytes] = b""
    """What ends a stream for a client, where the upstream's ended without it after the answer was whole."""
    spoken: ClassVar[re.Pattern[bytes]]
    """Where content stands in an event."""

    def __init__(self, cost_of: CostOf) -> None:
        super().__init__(cost_of)
        self._held = b""
        self._failure: ProviderError | None = None
        self._form: Ordinary | None = None
        self._mark = b'"%s"' % self.member.encode()
        self._odd: Json | None = None
        self._stray = b""

    @property
    def ordinary(self) -> Ordinary | None:
        return self._form if self.content and not self._held and self._failure is None else None

    @abstractmethod
    def event(self, raw: Json) -> bool:
        """Reads one event; True if `raw` was changed. Raises ProviderError for an error event."""

    @abstractmethod
    def is_telling(self, data: bytes) -> bool:
        """Returns whether whole events `data`, after the first content, may hold anything but content."""

    @abstractmethod
    def said_in(self, raw: Json) -> int:
        """Returns the number of bytes of content in one event."""

    def feed(self, data: bytes) -> bytes:
        if self._failure is not None:
            raise self._failure
        if (
            not self._held
            and self.content
            and data.endswith((b"\n\n", b"\r\n\r\n"))
            and not self.is_telling(data)
            and self._passes(data)
        ):
            return data
        if self.done:
            return b""
        joined = self._held + data if self._held else data
        cut = last_event_end(joined, 0)
        if len(joined) - cut > MAX_EVENT_BYTES:
            raise ProviderError(ErrorKind.UPSTREAM, "An event of the stream is too large.")
        self._held = joined[cut:]
        whole = joined if cut == len(joined) else joined[:cut]
        if self.content and not self.is_telling(whole) and self._passes(whole):
            return whole
        return self._read(whole)

    def close(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        # Many servers omit the last blank line; what is cut within an event is none.
        rest, self._held = self._held, b""
        payload = data_of(rest)
        if payload is None and is_stray(rest):
            self._stray += rest[:MAX_STRAY_BYTES]
        if self.done or payload is None or is_cut(payload):
            rest = b""
        out = self._read(rest) if rest else b""
        if self._failure is not None:
            raise self._failure
        if self.finish is None:
            if not self.content:
                raise unanswered(self._odd, self._stray)
            if not self.done:
                raise (
                    unanswered(None, self._stray)
                    if self._stray
                    else Truncated("The stream ended without an end.")
                )
        return out if self.done else out + (b"\n\n" if out.strip() else b"") + self.end_mark

    def _passes(self, data: bytes) -> bool:
        """Returns whether each of the whole events `data`, of which none is telling, looks like one of this API, and
        counts their content.
        """
        blank, last = (b"\r\n\r\n", b"}\r\n\r\n") if b"\r" in data else (b"\n\n", b"}\n\n")
        events = data.count(blank)
        if data.count(last) != events or data.count(self._mark) < events:
            return False
        if self.deltas is not None:
            self._learn(data)
            self.said += len(data) - events * self.frame
        else:
            self.said += sum(map(len, self.spoken.findall(data)))
        return True

    def _learn(self, data: bytes) -> None:
        """Records how the last content begins: the next event is likely to begin so too."""
        assert self.deltas is not None
        if self._form is not None and data.startswith(self._form.head):
            return
        begins = self.deltas.match(data)
        if begins is not None:
            self._form = Ordinary(begins[0], b"}\n\n", 2)
            end = data.index(b"\n\n") + 2
            content = self.spoken.search(data, begins.end(), end)
            self.frame = end if content is None else end - len(content[1])

    def _read(self, whole: bytes) -> bytes:
        out: list[bytes] = []
        changed = False
        at = 0
        while at < len(whole):
            end = event_end(whole, at)
            piece = whole[at:end]
            at = end
            payload = data_of(piece)
            try:
                if payload is None and is_stray(piece):
                    self._stray += piece[: MAX_STRAY_BYTES - len(self._stray)]
                    if not self.content:
                        changed = True
                        continue
                if payload and not payload.startswith(b"[DONE]"):
                    raw = event_object(payload)
                    if self._event(raw, len(piece)):
                        piece = _with_payload(piece, raw)
                        changed = True
            except ProviderError as error:
                if not out:
                    raise
                self._failure = error
                return b"".join(out)
            out.append(piece)
            if self.done:
                self._held = b""
                changed = changed or at < len(whole)
                break
        return b"".join(out) if changed else whole

    def _event(self, raw: Json, size: int) -> bool:
        if self.member not in raw:
            if is_error(raw):
                raise no_answer(raw)
            self._odd = self._odd or raw
        content = self.said_in(raw)
        if content:
            self.said += content
            self.frame = size - content
        return self.event(raw)


class BodyTap(BilledFacts, ABC):
    """Holds a whole answer back: its status is believed only when its body is an answer."""

    def __init__(self, cost_of: CostOf) -> None:
        super().__init__(cost_of)
        self._body = HeldBody()

    @property
    def held(self) -> bool:
        return True

    @abstractmethod
    def answer(self, raw: Json) -> bool:
        """Reads the answer; True if `raw` was changed. Raises ProviderError for what is none."""

    def feed(self, data: bytes) -> bytes:
        self._body.add(data)
        return b""

    def close(self) -> bytes:
        body = lenient_json.utf8(self._body.whole())
        raw = whole_object(body)
        changed = self.answer(raw)
        self.content = self.done = True
        return orjson.dumps(raw) if changed else body


def whole_pieces(pieces: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Returns the events that the end of the input completed. Raises Truncated if one was cut within."""
    for _, data in pieces:
        if not data.startswith(b"[DONE]"):
            whole_object(data)
    return pieces


def _with_payload(piece: bytes, raw: Json) -> bytes:
    ending = b"\r\n" if b"\r\n" in piece else b"\n"
    kept = [line for line in piece.splitlines() if line and not line.startswith(b"data:")]
    return ending.join((*kept, b"data: " + orjson.dumps(raw), b"", b""))
