"""Anthropic Messages: watching answers that pass through."""

from __future__ import annotations

import re
from typing import Any

import orjson

from adapters.billing.counts import size_of
from adapters.canonical import Json
from adapters.dialect import CostOf
from adapters.dialects.anthropic.decode_answer import check
from adapters.dialects.anthropic.errors import error_of
from adapters.dialects.anthropic.usage import FINISH, Counters
from adapters.dialects.shared.event_tap import BodyTap, EventTap
from adapters.dialects.shared.lenient import word
from adapters.dialects.shared.no_answer import ended_in_error

_SPOKEN = ("text", "thinking", "partial_json")


class AnthropicStreamTap(EventTap):
    end_mark = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    member = "type"
    deltas = re.compile(
        rb'event: ?content_block_delta\ndata: ?\{"type": ?"content_block_delta",'
        rb'(?: ?"index": ?\d+, ?"delta": ?\{"type": ?"\w+",)?'
    )
    spoken = re.compile(rb'"(?:text|thinking|partial_json)": ?"((?:[^"\\]++|\\.)*+)"')

    def __init__(self, cost_of: CostOf) -> None:
        super().__init__(cost_of)
        self._counters = Counters()

    def is_telling(self, data: bytes) -> bool:
        # A quote inside a JSON string is escaped, so these can only be the events' own types.
        return (
            b'"message_' in data
            or b'"content_block_st' in data
            or b'"error"' in data
            or (b'"type": "' in data and b'"content_block_' not in data)
        )

    def said_in(self, raw: Json) -> int:
        return said_by(raw.get("delta") or raw.get("content_block"))

    def event(self, raw: Json) -> bool:
        match raw.get("type"):
            case "message_start":
                message = raw.get("message") or {}
                self.id, self.model = word(message.get("id")), word(message.get("model"))
                self._counters.begin(message.get("usage"))
                self.usage = self._counters.usage()
            case "content_block_start":
                block = raw.get("content_block") or {}
                self.content |= block.get("type") not in {"text", "thinking"} or bool(block.get("text"))
            case "content_block_delta":
                self.content = True
            case "message_delta":
                usage = raw.get("usage")
                self._counters.add(usage)
                reason = (raw.get("delta") or {}).get("stop_reason")
                if reason is not None:
                    self.finish = _finish(reason, raw)
                return self.price(self._counters.usage(), usage)
            case "message_stop":
                self.done = True
            case "error":
                raise error_of(raw)
            case _:
                pass
        return False


class AnthropicAnswerTap(BodyTap):
    def answer(self, raw: Json) -> bool:
        check(raw)
        self.said = sum(map(said_by, raw["content"]))
        self.id, self.model = word(raw.get("id")), word(raw.get("model"))
        if raw.get("stop_reason") is not None:
            self.finish = _finish(raw["stop_reason"], raw)
        counters = Counters()
        counters.add(raw.get("usage"))
        return self.price(counters.usage(), raw.get("usage"))


def _finish(reason: str, raw: Json) -> str:
    if reason == "error":  # no word of the API, but of servers like it
        raise ended_in_error(reason, raw)
    return FINISH.get(reason, "stop")


def said_by(block: Any) -> int:
    """Returns the bytes of content in a block, or in a piece of one."""
    if not isinstance(block, dict):
        return 0
    size = sum(size_of(value) for name in _SPOKEN if isinstance(value := block.get(name), str))
    return size + (len(orjson.dumps(block["input"])) if block.get("input") else 0)
