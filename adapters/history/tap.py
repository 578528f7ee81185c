"""Answers that pass through from a server that speaks a vendor's API and isn't that vendor: its seals get its name.

Without, the next turn would hand them to the vendor itself, which refuses what it didn't seal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from adapters.canonical import Json, Usage
from adapters.dialect import Ordinary, Tap
from adapters.dialects.shared import signatures
from adapters.history.rules import Rules

# Events with a seal in them; a quote within a JSON string is escaped, so content can't look like one.
_EVENT = re.compile(
    rb'(?m)^(data: ?)(\{[^\r\n]*"(?:signature_delta|thinking|redacted_thinking|encrypted_content)"[^\r\n]*\})'
)
_MARKS = (b'"signature', b'"redacted_thinking"', b'"encrypted_content"')


def signed(tap: Tap, dialect: str, rules: Rules) -> Tap:
    """Returns `tap`, or one that also writes the maker's name before seals where the dialect's vendor isn't the maker."""
    if rules.vendor or dialect not in ("anthropic_messages", "openai_responses"):
        return tap
    return SealTap(tap, rules.maker)


class SealTap:
    """See `Tap`; all but the seals is the inner tap's work."""

    def __init__(self, tap: Tap, maker: str) -> None:
        self._tap = tap
        self._maker = maker
        self.id: str | None = None
        self.model: str | None = None
        self.usage: Usage | None = None
        self.finish: str | None = None
        self.content = False
        self.done = False

    @property
    def held(self) -> bool:
        return self._tap.held

    @property
    def ended(self) -> int:
        return self._tap.ended

    @property
    def said(self) -> int:
        # The bill asks for it while the inner tap reads the counts.
        return self._tap.said

    @property
    def frame(self) -> int:
        return self._tap.frame

    @property
    def ordinary(self) -> Ordinary | None:
        return self._tap.ordinary

    def feed(self, data: bytes) -> bytes:
        try:
            return self._signed(self._tap.feed(data))
        finally:
            self._look()

    def close(self) -> bytes:
        try:
            return self._signed(self._tap.close())
        finally:
            self._look()

    def _look(self) -> None:
        tap = self._tap
        self.id, self.model, self.usage, self.finish = tap.id, tap.model, tap.usage, tap.finish
        self.content, self.done = tap.content, tap.done

    def _signed(self, out: bytes) -> bytes:
        if not any(mark in out for mark in _MARKS):
            return out
        if out.lstrip().startswith(b"{"):
            return self._whole(out)
        return _EVENT.sub(lambda match: match[1] + self._whole(match[2]), out)

    def _whole(self, raw: bytes) -> bytes:
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return raw
        changed = False
        for block in _blocks(value):
            for name in ("signature", "data", "encrypted_content"):
                seal = block.get(name)
                if isinstance(seal, str) and seal and signatures.maker_of(seal) is None:
                    block[name] = f"{self._maker}:{seal}"
                    changed = True
        return orjson.dumps(value) if changed else raw


_SEALED = frozenset(("signature_delta", "thinking", "redacted_thinking", "reasoning"))


def _blocks(value: Any) -> Iterator[Json]:
    """Returns what may hold a seal in an event or an answer."""
    if not isinstance(value, dict):
        return
    inner = value.get("response")
    within = inner.get("output") if isinstance(inner, dict) else None
    places: list[Any] = [value.get("delta"), value.get("content_block"), value.get("item")]
    for listed in (value.get("content"), value.get("output"), within):
        places += listed if isinstance(listed, list) else []
    for place in places:
        if isinstance(place, dict) and place.get("type") in _SEALED:
            yield place
