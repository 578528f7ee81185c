"""OpenAI Responses: watching answers that pass through."""

from __future__ import annotations

import re

from adapters.billing.counts import size_of
from adapters.canonical import Json
from adapters.dialects.responses.decode_answer import check, counted, finish_of
from adapters.dialects.shared.event_tap import BodyTap, EventTap
from adapters.dialects.shared.lenient import word
from adapters.dialects.shared.no_answer import no_answer

_CONTENT = (
    "response.output_text.",
    "response.function_call_arguments.",
    "response.reasoning",
    "response.refusal.",
)


class ResponsesStreamTap(EventTap):
    member = "type"
    deltas = re.compile(
        rb"event: ?(response\.(?:output_text|function_call_arguments|reasoning[a-z_]*|refusal)\.delta)\n"
        rb'data: ?\{"type": ?"\1",'
    )
    spoken = re.compile(rb'"delta": ?"((?:[^"\\]++|\\.)*+)"')

    def is_telling(self, data: bytes) -> bool:
        # A quote inside a JSON string is escaped, so these can only be keys, and ends of types. An event that ends in
        # `.done` repeats the content of its deltas.
        return b'"response"' in data or b'"error"' in data or b'.done"' in data or b'.added"' in data

    def said_in(self, raw: Json) -> int:
        delta = raw.get("delta")
        return size_of(delta) if isinstance(delta, str) else 0

    def event(self, raw: Json) -> bool:
        name = raw.get("type")
        if not isinstance(name, str):
            return False
        if name.startswith(_CONTENT):
            self.content = True
            return False
        if name in {"error", "response.failed", "response.error"}:
            raise no_answer(raw.get("response") or raw)
        if name == "response.output_item.added" and (raw.get("item") or {}).get("type") == "function_call":
            self.content = True
        response = raw.get("response")
        if not isinstance(response, dict):
            return False
        self.id = word(response.get("id")) or self.id
        self.model = word(response.get("model")) or self.model
        if name not in {"response.completed", "response.incomplete"}:
            return False
        check(response, spoke=self.content)
        self.done = self.content = True
        return _note(self, response)


class ResponsesAnswerTap(BodyTap):
    def answer(self, raw: Json) -> bool:
        check(raw)
        self.id, self.model = word(raw.get("id")), word(raw.get("model"))
        self.said = sum(_said_by(item) for item in raw["output"])
        return _note(self, raw)


def _note(tap: ResponsesStreamTap | ResponsesAnswerTap, response: Json) -> bool:
    calls = any(item.get("type") == "function_call" for item in response.get("output") or ())
    tap.finish = finish_of(response, calls=calls).reason
    usage = response.get("usage")
    return tap.price(counted(response, usage), usage) if isinstance(usage, dict) else False


def _said_by(item: Json) -> int:
    """Returns the bytes of content in an item of the output: its texts, or a call's arguments."""
    size = sum(size_of(value) for name in ("arguments", "input") if isinstance(value := item.get(name), str))
    for part in (*(item.get("content") or ()), *(item.get("summary") or ())):
        size += sum(
            size_of(value) for name in ("text", "refusal") if isinstance(value := part.get(name), str)
        )
    return size
