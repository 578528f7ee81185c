"""Taps that translate: an upstream's bytes to canonical events to the client's bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from adapters.answer_facts import AnswerFacts, HeldBody
from adapters.billing.counts import size_of
from adapters.canonical import (
    Event,
    Finish,
    MediaDelta,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)
from adapters.dialect import Dialect, StreamDecoder, StreamEncoder
from adapters.errors import ProviderError

_SPOKEN = (TextDelta, ReasoningDelta, RefusalDelta)


class _Translator(AnswerFacts):
    """Reads the ledger's facts off canonical events."""

    def __init__(self) -> None:
        super().__init__()
        self._ended: set[int] = set()

    @property
    def ended(self) -> int:
        return len(self._ended)

    def _with_counts(self, events: Sequence[Event]) -> Sequence[Event]:
        """Returns the last events with a report, to be estimated, where the provider counted nothing."""
        if self.usage is not None or any(isinstance(event, UsageReport) for event in events):
            return events
        return [*events, UsageReport(Usage())]

    def watch(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, _SPOKEN):
                self.content = True
                self.said += size_of(event.text)
            elif isinstance(event, ToolCallDelta):
                self.said += size_of(event.arguments)
            elif isinstance(event, ToolCallStart):
                self.content = True
                self.said += size_of(event.name)
            elif isinstance(event, MediaDelta):
                self.content = True
                self.said += size_of(event.transcript)
            elif isinstance(event, Start):
                self.id = self.id or event.id
                self.model = self.model or event.model
            elif isinstance(event, Finish):
                self.finish = event.reason
                self._ended.add(event.choice)
            elif isinstance(event, UsageReport):
                self.usage = event.usage


class StreamTranslator(_Translator):
    """Upstream stream → events → the client's stream. `named` adds the names that the upstream left out."""

    def __init__(
        self,
        decoder: StreamDecoder,
        encoder: StreamEncoder,
        named: Callable[[Sequence[Event]], Sequence[Event]],
    ) -> None:
        super().__init__()
        self._decoder = decoder
        self._halves = decoder.halves
        self._encoder = encoder
        self._named = named

    def feed(self, data: bytes) -> bytes:
        try:
            events = self._decoder.feed(data)
        except ProviderError as error:
            self._halves.tell(error)
            raise
        self.done = self._decoder.done
        return self._encode(events)

    def close(self) -> bytes:
        try:
            events = self._decoder.close()
        except ProviderError as error:
            self._halves.tell(error)
            raise
        return (
            self._encode(self._with_counts(events))
            + self._encode(self._halves.rest())
            + self._encoder.close()
        )

    def _encode(self, events: Sequence[Event]) -> bytes:
        if self._halves.seen:
            events = self._halves.joined(events)
        if not events:
            return b""
        events = self._named(events)
        self.watch(events)
        return self._encoder.feed(events)


class StreamReader(_Translator):
    """Upstream stream → events → a whole answer."""

    def __init__(self, decoder: StreamDecoder, encode: Callable[[Sequence[Event]], bytes]) -> None:
        super().__init__()
        self._decoder = decoder
        self._halves = decoder.halves
        self._encode = encode
        self._events: list[Event] = []

    def feed(self, data: bytes) -> bytes:
        self._take(self._decoder.feed(data))
        self.done = self._decoder.done
        return b""

    def close(self) -> bytes:
        self._take(self._decoder.close())
        self._take(self._halves.rest())
        return self._encode(self._with_counts(self._events) if self.usage is None else self._events)

    def _take(self, events: Sequence[Event]) -> None:
        if self._halves.seen:
            events = self._halves.joined(events)
        self.watch(events)
        self._events += events


class BodyTranslator(_Translator):
    """A whole answer → events → a whole answer."""

    def __init__(self, source: Dialect, encode: Callable[[Sequence[Event]], bytes]) -> None:
        super().__init__()
        self._source = source
        self._encode = encode
        self._body = HeldBody()

    @property
    def held(self) -> bool:
        return True

    def feed(self, data: bytes) -> bytes:
        self._body.add(data)
        return b""

    def close(self) -> bytes:
        events = self._with_counts(self._source.decode_answer(self._body.whole()))
        self.watch(events)
        return self._encode(events)
