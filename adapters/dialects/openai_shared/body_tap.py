"""Watches whole answers of OpenAI's chat, completions and embeddings, and adds what they cost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import orjson

from adapters import lenient_json
from adapters.answer_facts import AnswerFacts, HeldBody
from adapters.billing.counts import merged
from adapters.billing.service_tiers import tier_of
from adapters.canonical import Json, Usage
from adapters.dialect import CostOf
from adapters.dialects.openai_shared.choices import finish_of, said_in, whole_answer
from adapters.dialects.openai_shared.usage import decode_usage, usage_elsewhere
from adapters.dialects.shared.lenient import word

_USAGE_OBJECT = re.compile(rb'"usage"\s*:\s*\{\s*')


class ChatWatch(AnswerFacts):
    """A chat's answer that passes through, and its bill spliced into the bytes."""

    def __init__(self, cost_of: CostOf) -> None:
        super().__init__()
        self._ended: set[int] = set()
        self.tier: object = None
        self._cost_of = cost_of

    @property
    def ended(self) -> int:
        return len(self._ended)

    def name(self, obj: dict[str, Any]) -> None:
        if self.id is None:
            self.id = word(obj.get("id"))
        if self.model is None:
            self.model = word(obj.get("model"))
        tier = obj.get("service_tier")
        if tier is not None:
            self.tier = tier

    def bill(self, raw: bytes, usage: dict[str, Any], counted: Usage) -> bytes:
        """Records the counts; returns `raw` with `cost` added to its usage object, or corrected in it."""
        if self.tier is not None:
            counted.tier = tier_of(self.tier)
        self.usage = counted if self.usage is None else merged(self.usage, counted)
        cost = self._cost_of(self.usage)
        if cost is None:
            cost = self.usage.cost_usd
        if usage.get("cost") == cost:
            return raw
        at = _usage_position(raw, usage)
        if at is None:
            return raw
        if "cost" in usage:
            return _with_usage(raw, at, {**usage, "cost": cost})
        comma = b"," if usage else b""
        return b"".join((raw[:at], b'"cost":', orjson.dumps(cost), comma, raw[at:]))


class ChatBodyTap(ChatWatch):
    """Holds a whole answer back: its status is believed only when its body is an answer."""

    def __init__(
        self,
        *,
        cost_of: CostOf,
        read: Callable[[bytes], Json] = whole_answer,
        count: Callable[[Json], Usage] = decode_usage,
    ) -> None:
        """`read` parses a body and raises ProviderError for what is no answer, `count` decodes its usage."""
        super().__init__(cost_of)
        self._read = read
        self._count = count
        self._body = HeldBody()

    @property
    def held(self) -> bool:
        return True

    def feed(self, data: bytes) -> bytes:
        self._body.add(data)
        return b""

    def close(self) -> bytes:
        body = lenient_json.utf8(self._body.whole())
        obj = self._read(body)
        self.name(obj)
        choices = obj.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self.finish = finish_of(choice) or self.finish
        self.content = self.done = True
        usage = obj.get("usage")
        if not isinstance(usage, dict):
            self.said = said_in(choices)
            elsewhere = usage_elsewhere(obj)
            if elsewhere is not None:
                self.usage = self._count(elsewhere)
                self.usage.tier = tier_of(self.tier)
            return body
        counted = self._count(usage)
        if not counted.output:
            self.said = said_in(choices)
        return self.bill(body, usage, counted)


def _with_usage(raw: bytes, at: int, usage: Json) -> bytes:
    """Returns `raw` with another usage object in place of the one whose first member begins at `at`."""
    start = raw.rindex(b"{", 0, at)
    text = raw[start:].decode("utf-8", "surrogateescape")
    _, length = json.JSONDecoder().raw_decode(text)
    end = start + len(text[:length].encode("utf-8", "surrogateescape"))
    return b"".join((raw[:start], orjson.dumps(usage), raw[end:]))


def _usage_position(raw: bytes, usage: dict[str, Any]) -> int | None:
    """Returns where the first member of the answer's own usage object begins."""
    only = raw.rfind(b'"usage"')
    if raw.find(b'"usage"', 0, only) < 0:
        plain = _USAGE_OBJECT.match(raw, only)
        return plain.end() if plain else None
    positions = [match.end() for match in _USAGE_OBJECT.finditer(raw)]
    if len(positions) <= 1:
        return positions[0] if positions else None
    # Vendors nest further objects of that name: ours is the last that reads the same.
    text = raw.decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    for match in reversed(list(re.finditer(r'"usage"\s*:\s*(?=\{)', text))):
        try:
            value, _ = decoder.raw_decode(text, match.end())
        except json.JSONDecodeError:
            continue
        if value == usage:
            start = len(text[: match.end()].encode())
            inner = re.compile(rb"\{\s*").match(raw, start)
            return inner.end() if inner else None
    return None
