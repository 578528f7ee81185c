"""The way back: a translated answer in a form that the client can send again to any arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from adapters.canonical import Event, ReasoningDelta, ToolCallStart
from adapters.dialects.shared import signatures


class Returned:
    """Renames an answer's tools as the client calls them, seals with who made them, and calls that came without an id.

    Most chunks hold none of these: ask `concerns` first.
    """

    __slots__ = ("_answer", "_calls", "_maker", "_names")

    def __init__(self, maker: str, names: Mapping[str, str], answer: str) -> None:
        self._maker = maker
        self._names = names
        self._answer = answer
        self._calls = 0

    def events(self, events: Sequence[Event]) -> Sequence[Event]:
        """Returns `events` renamed; the same object where nothing is."""
        for event in events:
            kind = type(event)
            if kind is ToolCallStart or (kind is ReasoningDelta and _sealed(event)):
                return [self._event(event) for event in events]
        return events

    def _event(self, event: Event) -> Event:
        if isinstance(event, ToolCallStart):
            name, number = self._names.get(event.name, event.name), event.id
            self._calls += 1
            if not number:
                # Unique over the conversation, as Anthropic wants: generations have ids of their own.
                number = f"call_{signatures.bare(self._answer)}_{self._calls - 1}"
            seal = self._tagged(event.signature)
            if name == event.name and number == event.id and seal == event.signature:
                return event
            return replace(event, name=name, id=number, signature=seal)
        if isinstance(event, ReasoningDelta) and _sealed(event):
            return replace(
                event,
                signature=self._tagged(event.signature),
                redacted=self._tagged(event.redacted),
                id=event.id if self._maker == signatures.OPENAI else None,  # known to OpenAI's store alone
            )
        return event

    def _tagged(self, seal: str | None) -> str | None:
        """The arm decides who made a seal, whatever its dialect's decoder assumed."""
        if not seal:
            return None
        maker = signatures.maker_of(seal)
        # An OpenAI-compatible server of Google's hands on Google's own.
        return seal if maker == signatures.GEMINI else f"{self._maker}:{signatures.bare(seal)}"


def _sealed(event: Event) -> bool:
    return isinstance(event, ReasoningDelta) and (
        event.signature is not None or event.redacted is not None or event.id is not None
    )
