"""Anthropic Messages: watching answers that pass through."""

from __future__ import annotations

import re

from adapters.canonical import Json
from adapters.dialect import CostOf
from adapters.dialects.anthropic_errors import error_of
from adapters.dialects.anthropic_usage import FINISH, Counters
from adapters.dialects.event_tap import BodyTap, EventTap
from adapters.dialects.loose import word


class StreamTap(EventTap):
    end_mark = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    deltas = re.compile(rb'event: ?content_block_delta\ndata: ?\{"type": ?"content_block_delta",')

    def __init__(self, cost_of: CostOf) -> None:
        super().__init__(cost_of)
        self._counters = Counters()

    def is_telling(self, data: bytes) -> bool:
        # A quote inside a JSON string is escaped, so these can only be the events' own types.
        return (
            b'"message_' in data
            or b'"error"' in data
            or (b'"type": "' in data and b'"content_block_' not in data)
        )

    def event(self, raw: Json) -> bool:
        match raw.get("type"):
            case "message_start":
                message = raw.get("message") or {}
                self.id, self.model = word(message.get("id")), word(message.get("model"))
                self._counters.add(message.get("usage"))
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
                    self.finish = FINISH.get(reason, "stop")
                return self.price(self._counters.usage(), usage)
            case "message_stop":
                self.done = True
            case "error":
                raise error_of(raw)
            case _:
                pass
        return False


class AnswerTap(BodyTap):
    def answer(self, raw: Json) -> bool:
        if raw.get("type") == "error" or "content" not in raw:
            raise error_of(raw, 200)
        self.id, self.model = word(raw.get("id")), word(raw.get("model"))
        if raw.get("stop_reason") is not None:
            self.finish = FINISH.get(raw["stop_reason"], "stop")
        counters = Counters()
        counters.add(raw.get("usage"))
        return self.price(counters.usage(), raw.get("usage"))
