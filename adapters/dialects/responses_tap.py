"""OpenAI Responses: watching answers that pass through."""

from __future__ import annotations

import re

from adapters.canonical import Json
from adapters.dialects.event_tap import BodyTap, EventTap
from adapters.dialects.loose import word
from adapters.dialects.openai_errors import error_of
from adapters.dialects.openai_usage import decode_usage
from adapters.dialects.responses_answer import check, finish_of

_CONTENT = (
    "response.output_text.",
    "response.function_call_arguments.",
    "response.reasoning",
    "response.refusal.",
)


class StreamTap(EventTap):
    deltas = re.compile(
        rb"event: ?(response\.(?:output_text|function_call_arguments|reasoning[a-z_]*|refusal)\.delta)\n"
        rb'data: ?\{"type": ?"\1",'
    )

    def is_telling(self, data: bytes) -> bool:
        # A quote inside a JSON string is escaped, so these can only be keys.
        return b'"response":' in data or b'"error"' in data

    def event(self, raw: Json) -> bool:
        name = raw.get("type")
        if not isinstance(name, str):
            return False
        if name.startswith(_CONTENT):
            self.content = True
            return False
        if name in {"error", "response.failed"}:
            raise error_of(raw.get("response") or (raw if "error" in raw else {"error": raw}), None)
        if name == "response.output_item.added" and (raw.get("item") or {}).get("type") == "function_call":
            self.content = True
        response = raw.get("response")
        if not isinstance(response, dict):
            return False
        self.id = word(response.get("id")) or self.id
        self.model = word(response.get("model")) or self.model
        if name not in {"response.completed", "response.incomplete"}:
            return False
        self.done = self.content = True
        return _note(self, response)


class AnswerTap(BodyTap):
    def answer(self, raw: Json) -> bool:
        check(raw)
        self.id, self.model = word(raw.get("id")), word(raw.get("model"))
        return _note(self, raw)


def _note(tap: StreamTap | AnswerTap, response: Json) -> bool:
    calls = any(item.get("type") == "function_call" for item in response.get("output") or ())
    tap.finish = finish_of(response, calls=calls).reason
    usage = response.get("usage")
    return tap.price(decode_usage(usage), usage) if isinstance(usage, dict) else False
